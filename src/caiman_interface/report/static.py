"""The report as one picture: the field of view, example traces and quality scores, drawn with matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contours import flattened, outlines
from .data import ComponentSet, ReportData
from .facts import facts_line, parameter_line, value_text
from .scores import SCORES, Score, bin_edges, thresholds, values_by_status
from .style import FAINT_INK, INK, RAW_TRACE, RC_PARAMS, STYLES

SHOWN_TRACES = 12
_SHOWN_REJECTED = 3

SHOWN_FRAMES = 3000
"""Number of frames of a trace that are drawn: with more, single transients cannot be distinguished."""

_MANY_CONTOURS = 400
"""From this number of contours on, they are one image in vector formats, so that files stay small and open quickly."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the report's style, independently of the user's settings.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        message = 'A picture needs matplotlib. Install it with: pip install "caiman-interface[report]"'
        raise ImportError(message) from error
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC_PARAMS)  # type: ignore[arg-type, unused-ignore]
        yield


def draw(data: ReportData, title: str) -> Any:
    """Draw a report; its traces have to be readable.

    Parameters
    ----------
    data : ReportData
        Open results.
    title : str
        The heading.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    examples = choose_examples(data)
    rows = [f"trace{number}" for number in range(max(1, len(examples)))]
    figure = Figure(figsize=(15, 8), dpi=150, layout="constrained")
    layout: Any = figure.get_layout_engine()
    layout.set(h_pad=0.01, hspace=0, wspace=0.08, rect=(0.005, 0.01, 0.965, 0.98))
    FigureCanvasAgg(figure)
    scores = [score.metric for score in SCORES]
    mosaic: list[Any] = [["map", *([row] * len(scores))] for row in [*rows, "time"]] + [["map", *scores]]
    heights = [*[3 / len(rows)] * len(rows), 0.2, 1]
    axes: Any = figure.subplot_mosaic(mosaic, width_ratios=[3, 1, 1, 1], height_ratios=heights)
    heading = figure.suptitle("\n".join(textwrap.wrap(title, 110)), fontsize=15, fontweight="bold", x=0.01, ha="left")
    footer = figure.supxlabel(
        f"{facts_line(data)}\n{parameter_line(data)}", fontsize=8, color=FAINT_INK, x=0.01, ha="left"
    )
    draw_map(axes["map"], data, labelled=examples)
    draw_traces([axes[row] for row in [*rows, "time"]], data, examples)
    for score in SCORES:
        draw_score(axes[score.metric], data, score)
    _fix_layout(figure, [heading, footer])
    return figure


def _fix_layout(figure: Any, texts: list[Any]) -> None:
    """Compute the layout once and round it.

    The last bits of the solver's result depend on addresses in memory, and matplotlib derives names in an SVG from
    positions: without rounding, the same results would not always give the same bytes.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position([round(length, 6) for length in axes.get_position(original=True).bounds])
    for text in texts:
        text.set_position([round(length, 6) for length in text.get_position()])


def draw_map(axes: Any, data: ReportData, *, labelled: list[int]) -> None:
    """Draw the contours of all components over the best image, seen along z, and the numbers of some of them."""
    from matplotlib.patheffects import withStroke

    name, image = data.backdrop()
    flat = image.max(axis=2) if image.ndim > 2 else image  # noqa: PLR2004 (a volume)
    low, high = contrast(flat)
    rows, columns = data.frame_shape[:2]
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    across, down = data.pixel_size or (1.0, 1.0)
    axes.imshow(flat, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="nearest", aspect=down / across)
    for group in (data.discarded, data.components):
        if group is not None:
            _draw_contours(axes, data, group)
    for position in labelled:
        status = data.components.statuses[position]
        axes.annotate(
            str(data.components.ids[position]),
            data.components.centroids[position, :2],
            color=STYLES[status].on_image,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=2.2, foreground="black")],
        )
    volume = ", maximum over planes" if data.is_volumetric else ""
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel=f"{name}{volume}", xticks=[], yticks=[])
    axes.legend(handles=_legend(data), loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=10)
    _add_length_bar(axes, data)


def choose_examples(data: ReportData) -> list[int]:
    """Choose whose traces to draw: the strongest accepted, the weakest accepted and the strongest rejected."""
    if not data.components.traces:
        return []
    ranking = data.ranking()
    is_rejected = np.array([status == "rejected" for status in data.components.statuses], dtype=bool)
    good, bad = ranking[~is_rejected[ranking]].tolist(), ranking[is_rejected[ranking]].tolist()
    num_bad = min(len(bad), max(_SHOWN_REJECTED, SHOWN_TRACES - len(good)))
    num_good = min(len(good), SHOWN_TRACES - num_bad)
    weakest = good[-1:] if num_good else []
    return [*good[: max(0, num_good - 1)], *weakest, *bad[:num_bad]]


def draw_traces(axes: list[Any], data: ReportData, examples: list[int]) -> None:
    """Draw raw traces with the denoised ones over them, each with a bar of its amplitude; the last axes scale time."""
    for one in axes:
        one.axis("off")
    traces = {name: _columns(data.components.traces[name], examples) for name in _shown(data)}
    if not traces or not examples:
        reason = "This file has no traces." if data.components.count else "There are no components."
        axes[0].text(0.5, 0.5, reason, ha="center", color=FAINT_INK, fontsize=11)
        return
    frames = most_active(next(reversed(traces.values())))
    times = data.times(np.arange(frames.start, frames.stop))
    for row, (one, position) in enumerate(zip(axes[:-1], examples, strict=True)):
        look = STYLES[data.components.statuses[position]]
        values = {name: columns[frames.start : frames.stop, row] for name, columns in traces.items()}
        for name, trace in values.items():
            is_raw = name == "raw"
            color = RAW_TRACE if is_raw else look.on_paper
            one.plot(times, trace, color=color, linewidth=0.6 if is_raw else 1.1, alpha=1 if is_raw else 0.85)
        one.set_xlim(times[0], times[-1] if len(times) > 1 else times[0] + 1)
        _label_trace(one, data, position)
        _add_amplitude_bar(one, np.concatenate(list(values.values())))
    axes[0].set_title(_traces_title(data, len(examples), list(traces), frames))
    _add_time_bar(axes[-1], data, times)


def draw_score(axes: Any, data: ReportData, score: Score) -> None:
    """Draw the histogram of one score, stacked by status, with CaImAn's thresholds."""
    groups = values_by_status(data, score)
    limits = thresholds(data, score)
    axes.set_title(score.title, pad=9)
    if not groups:
        axes.text(0.5, 0.5, "not computed", transform=axes.transAxes, ha="center", color=FAINT_INK)
        axes.set(xticks=[], yticks=[])
        return
    edges = bin_edges(np.concatenate(list(groups.values())), score, limits.get(score.accept))
    axes.hist(
        [np.clip(values, edges[0], edges[-1]) for values in groups.values()],
        bins=edges,
        stacked=True,
        color=[STYLES[status].on_paper for status in groups],
        edgecolor="white",
        linewidth=0.5,
    )
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylabel("components")
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=5)
    for name, value in limits.items():
        if edges[0] <= value <= edges[-1]:
            axes.axvline(value, color=INK, linewidth=1.3, linestyle="solid" if name == score.accept else "dashed")
    axes.set_xlabel("   ".join(f"{name} {value_text(value)}" for name, value in limits.items()), fontsize=7.5)


def contrast(image: NDArray[Any]) -> tuple[float, float]:
    """Return the values that become black and white, so that a few bright pixels do not darken all others."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99.7])
    return (float(low), float(high)) if low < high else (float(finite.min()), float(finite.max()) + 1e-12)


def most_active(traces: NDArray[np.float64]) -> range:
    """Return the `SHOWN_FRAMES` frames in which most happens; all frames if there are no more."""
    frames = len(traces)
    if frames <= SHOWN_FRAMES:
        return range(frames)
    height = np.nan_to_num(traces - np.nanmedian(traces, axis=0))
    activity = (height / np.maximum(height.max(axis=0), np.finfo(float).tiny)).sum(axis=1)
    running = np.concatenate([[0.0], np.cumsum(activity)])
    start = int(np.argmax(running[SHOWN_FRAMES:] - running[:-SHOWN_FRAMES]))
    return range(start, start + SHOWN_FRAMES)


def round_length(about: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not longer than `about`."""
    power = 10.0 ** np.floor(np.log10(about))
    return float(max(step * power for step in (1, 2, 5) if step * power <= about * (1 + 1e-9)))


def _shown(data: ReportData) -> list[str]:
    available = data.components.traces
    return [name for name in ("raw", "denoised") if name in available] or list(available)[:1]


def _columns(trace: Any, positions: list[int]) -> NDArray[np.float64]:
    """Read some columns; HDF5 reads in rising order only."""
    rising, back = np.unique(np.array(positions, dtype=np.intp), return_inverse=True)
    return np.asarray(trace[:, rising.tolist()], dtype=np.float64)[:, back]


def _draw_contours(axes: Any, data: ReportData, group: ComponentSet) -> None:
    from matplotlib.collections import LineCollection

    flat = outlines(flattened(group.footprints, data.frame_shape), data.frame_shape[:2])
    width = float(np.clip(14 / np.sqrt(max(1, group.count)), 0.55, 1.5))
    for status in dict.fromkeys(sorted(group.statuses, reverse=True)):
        look = STYLES[status]
        chosen = [planes for planes, its in zip(flat, group.statuses, strict=True) if its == status]
        lines = LineCollection(
            [line for planes in chosen for line in planes.get(0, [])],
            colors=look.on_image,
            linewidths=width,
            linestyles=look.line,
            rasterized=group.count > _MANY_CONTOURS,
            label=status,
        )
        axes.add_collection(lines, autolim=False)


def _legend(data: ReportData) -> list[Any]:
    from matplotlib.lines import Line2D

    looks: dict[str, Any] = {status: {"color": look.on_paper, "ls": look.line} for status, look in STYLES.items()}
    return [Line2D([], [], label=f"{count:,} {status}", **looks[status]) for status, count in data.tally().items()]


def _add_length_bar(axes: Any, data: ReportData) -> None:
    if data.pixel_size is None:
        return
    columns, across = data.frame_shape[1], data.pixel_size[0]
    length = round_length(columns * across / 5)
    bar = _size_bar(axes, length / across, f"{length:g} µm", loc="lower right", color="white", thickness=columns / 150)
    bar.patch.set(facecolor="black", alpha=0.6, linewidth=0)
    axes.add_artist(bar)


def _add_amplitude_bar(axes: Any, values: NDArray[np.float64]) -> None:
    finite = values[np.isfinite(values)]
    height = float(finite.max() - finite.min()) if finite.size else 0.0
    if height > 0:
        length = round_length(height / 2)
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "bbox_transform": axes.transAxes}
        axes.add_artist(_size_bar(axes, 0, f"{length:g}", thickness=length, **place)).set_in_layout(False)


def _add_time_bar(axes: Any, data: ReportData, times: NDArray[np.float64]) -> None:
    length = round_length(max(float(times[-1] - times[0]), 1e-9) / 5)
    label = f"{length:g} {'s' if data.has_time else 'frames'}"
    axes.set_xlim(times[0], times[-1] if len(times) > 1 else times[0] + 1)
    axes.add_artist(_size_bar(axes, length, label, loc="upper left"))


def _size_bar(axes: Any, length: float, label: str, *, color: str = INK, thickness: float = 0, **place: Any) -> Any:
    """Return a bar of `length` in x and `thickness` in y, in units of the data."""
    from matplotlib.font_manager import FontProperties
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    return AnchoredSizeBar(
        axes.transData,
        length,
        label,
        frameon=color != INK,
        color=color,
        size_vertical=thickness,
        pad=0.2,
        sep=3,
        fontproperties=FontProperties(size=8),
        **place,
    )


def _label_trace(axes: Any, data: ReportData, position: int) -> None:
    components = data.components
    side: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "center", "in_layout": False}
    color = STYLES[components.statuses[position]].on_paper
    axes.text(-0.08, 0.4, str(components.ids[position]), color=color, fontweight="bold", **side)
    if "snr" in components.metrics:
        text = f"SNR {components.metrics['snr'][position]:.1f}"
        axes.text(-0.008, 0.4, text, color=FAINT_INK, fontsize=7.5, **side)


def _traces_title(data: ReportData, count: int, shown: list[str], frames: range) -> str:
    order = "SNR" if "snr" in data.components.metrics else "peak over noise"
    parts = {"raw": "raw in grey", "denoised": "denoised in colour"}
    what = ", ".join(parts.get(name, name) for name in shown)
    stretch = f"; frames {frames.start:,} to {frames.stop - 1:,}" if len(frames) < (data.num_frames or 0) else ""
    return (
        f"{count} of {data.components.count:,} components by {order}, with the weakest accepted one\n"
        f"{what}; bars give the amplitude in the units of the file{stretch}"
    )
