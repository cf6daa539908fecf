"""The histograms, filters and table of all components on the interactive page."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import (
    CDSView,
    ColumnDataSource,
    DataTable,
    Div,
    NumberFormatter,
    RadioButtonGroup,
    RangeSlider,
    Span,
    StringFormatter,
    TableColumn,
)
from bokeh.plotting import figure

from .data import ReportData
from .page_data import PageData
from .page_style import METRIC_LABELS, STRETCH, Part, make_quiet
from .scores import SCORES, Score, bin_edges, thresholds, values_by_status
from .style import INK, STYLES

_TABLE_METRICS = ("snr", "r_values", "cnn_preds", "eccentricity")


def scores(data: ReportData, page: PageData) -> Part:
    """Return a histogram with CaImAn's thresholds and a filter for each score in the file."""
    computed = [score for score in SCORES if np.isfinite(page.columns.get(score.metric, np.array(np.nan))).any()]
    panels, sliders, marks = [], [], []
    for score in computed:
        plot, marked = _histogram(data, score)
        values = page.columns[score.metric]
        low, high = (float(limit(values[np.isfinite(values)])) for limit in (np.min, np.max))
        low, high = np.floor(low * 100) / 100, np.ceil(high * 100) / 100
        high = high if high > low else low + 0.01
        slider = RangeSlider(
            title=score.title, start=low, end=high, value=(low, high), step=0.01, sizing_mode=STRETCH,
            margin=(0, 24, 10, 24), name=f"filter_{score.metric}",
        )  # fmt: skip
        panels.append(column(plot, slider, sizing_mode=STRETCH))
        sliders.append(slider)
        marks.append(marked)
    root = row(*panels, sizing_mode=STRETCH) if panels else Div(text="<p>CaImAn computed no quality scores.</p>")
    return {"scores": root}, {
        "score_sliders": sliders,
        "score_marks": marks,
        "score_columns": [score.metric for score in computed],
    }


def _histogram(data: ReportData, score: Score) -> tuple[Any, ColumnDataSource]:
    limits = thresholds(data, score)
    told = ", ".join(f"{name} {value:g}" for name, value in limits.items())
    plot = figure(
        height=155, sizing_mode=STRETCH, title=f"{score.title}\n{told}", tools="", toolbar_location=None,
    )  # fmt: skip
    groups = values_by_status(data, score)
    edges = bin_edges(np.concatenate(list(groups.values())), score, limits.get(score.accept))
    bottom = np.zeros(len(edges) - 1)
    for status, values in groups.items():
        top = bottom + np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
        plot.quad(
            left=edges[:-1], right=edges[1:], bottom=bottom, top=top, line_color="white", line_width=0.5,
            fill_color=STYLES[status].on_paper,
        )  # fmt: skip
        bottom = top
    for name, value in limits.items():
        dash = "solid" if name == score.accept else "dashed"
        plot.add_layout(Span(location=value, dimension="height", line_color=INK, line_dash=dash, line_width=1.5))
    marked = ColumnDataSource({"x": [], "y": [], "color": []})
    plot.scatter(
        "x", "y", source=marked, marker="inverted_triangle", size=13, fill_color="color", line_color="white"
    )  # fmt: skip
    plot.yaxis.axis_label = "components"
    make_quiet(plot)
    return plot, marked


def status_filter(data: ReportData, page: PageData) -> Part:
    """Return the buttons that choose components by status."""
    statuses = list(data.tally())
    manual = ["manual"] if any(page.columns["manual"]) else []
    values = ["all", *(statuses if len(statuses) > 1 else [s for s in statuses if s == "accepted"]), *manual]
    labels = [value.capitalize() for value in values]
    buttons = RadioButtonGroup(labels=labels, active=0, name="status")
    counts = Div(text="", name="counts")
    return {"filters": row(buttons, counts)}, {"status_buttons": buttons, "status_values": values, "counts": counts}


def table(page: PageData, source: ColumnDataSource, view: CDSView) -> Part:
    """Return the table of all components."""
    number, precise, text = NumberFormatter(format="0"), NumberFormatter(format="0.000"), StringFormatter()
    one_digit = NumberFormatter(format="0.0")
    columns = [("id", "Component", number), ("status", "Status", text)]
    columns += [("manual", "Manually", text)] if any(page.columns["manual"]) else []
    columns += [(name, METRIC_LABELS[name], precise) for name in _TABLE_METRICS if name in page.columns]
    columns += [(name, f"{name} (pixels)", one_digit) for name in ("x", "y")]
    columns += [("plane", "plane", one_digit)] if "plane" in page.columns else []
    columns += [("pixels", "Pixels", number)]
    table = DataTable(
        source=source,
        view=view,
        columns=[TableColumn(field=name, title=title, formatter=formatter) for name, title, formatter in columns],
        index_position=None,
        height=320,
        reorderable=False,
        sizing_mode=STRETCH,
        name="table",
    )
    return {"table": table}, {}
