"""The traces, the footprint and the metrics of the selected components on the interactive page."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, Div, LinearColorMapper, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from .data import ReportData
from .page_data import PageData
from .page_style import METRIC_LABELS, STRETCH, Part, make_quiet

_FOOTPRINT_SIDE = 170

# The trace panels: title, unit, and the traces in the order in which they are drawn.
_PANELS = (
    ("Fluorescence: raw (thin) and denoised", "a.u.", ("raw", "denoised")),
    ("ΔF/F", "ΔF/F", ("dff", "dff_denoised")),
    ("Deconvolved", "a.u.", ("deconvolved",)),
    ("Deconvolved ΔF/F", "ΔF/F", ("dff_deconvolved",)),
)


def traces(data: ReportData, page: PageData) -> Part:
    """Return the panels of traces on one time axis, the selected footprint and the metrics of the selection."""
    times = data.times(page.binning.positions())
    names = list(page.traces)
    panels = [panel for panel in _PANELS if any(name in names for name in panel[2])]
    x_range = _time_range(times)
    plots = [_trace_plot(*panel, x_range=x_range) for panel in panels]
    if plots:
        plots[-1].xaxis.axis_label = "time (s)" if data.has_time else "frame"
    footprint = _footprint_plot()
    details = Div(text="", name="details", sizing_mode=STRETCH, styles={"min-height": "120px"})
    boxes = np.array([(crop.left, crop.top, crop.width, crop.height) for crop in page.crops], dtype=np.int32)
    arguments = {
        "times": times, "trace_names": names,
        "trace_codes": [trace.codes for trace in page.traces.values()],
        "trace_low": [trace.low for trace in page.traces.values()],
        "trace_high": [trace.high for trace in page.traces.values()],
        "panel_sources": [plot.renderers[0].data_source for plot in plots],
        "panel_ranges": [plot.y_range for plot in plots],
        "panel_traces": [[names.index(name) for name in drawn if name in names] for _, _, drawn in panels],
        "footprint_source": footprint.renderers[0].data_source,
        "footprint_x": footprint.x_range, "footprint_y": footprint.y_range,
        "crops": [crop.image for crop in page.crops], "crop_boxes": boxes.ravel(), "details": details,
        "detail_columns": [name for name in METRIC_LABELS if name in page.columns],
        "detail_labels": [label for name, label in METRIC_LABELS.items() if name in page.columns],
    }  # fmt: skip
    below = plots or [Div(text="This file has no traces.")]
    roots = {
        "details": row(footprint, details, sizing_mode=STRETCH),
        "traces": column(*below, sizing_mode=STRETCH, name="traces"),
    }
    return roots, arguments


def _time_range(times: NDArray[np.float64]) -> Range1d:
    end = float(times[-1]) if len(times) > 1 else 1.0
    return Range1d(0.0, end, bounds=(0.0, end))


def _trace_plot(title: str, unit: str, drawn: tuple[str, ...], *, x_range: Range1d) -> Any:
    plot = figure(
        height=210 if "raw" in drawn else 150,
        sizing_mode=STRETCH,
        x_range=x_range,
        y_range=Range1d(0, 1),
        title=title,
        tools=["xpan", "xwheel_zoom", "box_zoom", "reset", "save"],
        active_scroll="xwheel_zoom",
        toolbar_location="right",
    )
    lines = ColumnDataSource({"xs": [], "ys": [], "color": [], "alpha": [], "width": []}, name=title)
    plot.multi_line("xs", "ys", source=lines, line_color="color", line_alpha="alpha", line_width="width")
    plot.yaxis.axis_label = unit
    make_quiet(plot)
    return plot


def _footprint_plot() -> Any:
    plot = figure(
        width=_FOOTPRINT_SIDE, height=_FOOTPRINT_SIDE, x_range=Range1d(0, 1), y_range=Range1d(1, 0), title="Footprint",
        tools="", toolbar_location=None,
    )  # fmt: skip
    source = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []}, name="footprint")
    viridis = LinearColorMapper(palette="Viridis256", low=0, high=255)
    plot.image("image", "x", "y", "dw", "dh", source=source, color_mapper=viridis)
    plot.axis.visible = False
    plot.grid.visible = False
    plot.background_fill_color = "#440154"
    return plot
