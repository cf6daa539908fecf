"""The traces of the strongest components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import ReportData, ShownTrace
from .map_panel import look_of, round_length
from .style import FAINT_INK, INK, RAW_TRACE, ComponentStyle

_ROW_HEIGHT = 0.86
_LEAST_ROWS = 4
_BARS_IN_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)


def draw_traces(axes: Any, data: ReportData) -> None:
    """Draw raw traces with the denoised ones over them, one below the other, with a bar of time."""
    axes.set_axis_off()
    if not data.traces:
        axes.text(0.5, 0.5, _why_none(data), transform=axes.transAxes, ha="center", color=FAINT_INK, fontsize=11)
        return
    frames = np.arange(len(data.shown_frames))
    for row, trace in enumerate(data.traces):
        _draw_row(axes, data, trace, frames, -float(row))
    last = max(1, len(frames) - 1)
    axes.set_xlim(0, last)
    # A few traces are not stretched over the whole height.
    axes.set_ylim(1.02 - max(len(data.traces), _LEAST_ROWS) - 0.48, 1.02)
    _draw_time_bar(axes, data)


def heading(data: ReportData) -> str:
    """Say how many of the components are shown."""
    shown, count = len(data.traces), data.analysis.count
    number = f"{shown} of {count:,}" if shown < count else f"all {shown}"
    return f"Strongest components: {number}" if data.traces else "Strongest components"


def caption(data: ReportData) -> str:
    """Say in which order the components stand, and what the traces are."""
    if not data.traces:
        return ""
    analysis = data.analysis
    strength = "SNR" if "snr" in analysis.metrics else "peak over noise"
    has_both_kinds = 0 < analysis.num_accepted < analysis.count
    order = f"by {strength}{', accepted first' if has_both_kinds else ''}"
    parts = {"raw": "raw in grey", "denoised": "denoised in colour"}
    shown = [words for name, words in parts.items() if getattr(data.traces[0], name) is not None]
    return f"{order}; {', '.join(shown)}; each on its own scale"


def _why_none(data: ReportData) -> str:
    if data.analysis.count:
        return "The file holds no traces."
    discarded = data.analysis.discarded
    return "There are no components" + ("." if discarded is None else f"; {discarded.count:,} were discarded.")


def _draw_row(axes: Any, data: ReportData, trace: ShownTrace, frames: NDArray[np.intp], bottom: float) -> None:
    look = look_of(data.analysis, trace.position)
    low, high = _range(trace)
    for values, color, width in ((trace.raw, RAW_TRACE, 0.8), (trace.denoised, look.on_paper, 1.2)):
        if values is not None:
            axes.plot(frames, bottom + (values - low) / (high - low) * _ROW_HEIGHT, color=color, linewidth=width)
    _label_row(axes, data, trace, look, bottom)


def _range(trace: ShownTrace) -> tuple[float, float]:
    values = np.concatenate([values for values in (trace.raw, trace.denoised) if values is not None])
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def _label_row(axes: Any, data: ReportData, trace: ShownTrace, look: ComponentStyle, bottom: float) -> None:
    analysis = data.analysis
    middle = bottom + 0.3 * _ROW_HEIGHT
    side = axes.get_yaxis_transform()
    number = str(analysis.ids[trace.position])
    axes.text(-0.012, middle, number, transform=side, ha="right", va="center", color=look.on_paper, fontweight="bold")
    if "snr" in analysis.metrics:
        ratio = float(analysis.metrics["snr"][trace.position])
        axes.text(
            1.012, middle, f"SNR {ratio:.1f}", transform=side, ha="left", va="center", color=FAINT_INK, fontsize=8
        )


def _draw_time_bar(axes: Any, data: ReportData) -> None:
    rate, shown = data.analysis.sampling_frequency, len(data.shown_frames)
    if rate is None:
        length = round_length(max(1.0, shown / 6))
        text = f"{length:g} frames"
    else:
        seconds = max((bar for bar in _BARS_IN_SECONDS if bar <= shown / rate / 5), default=shown / rate)
        length = seconds * rate
        text = f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min"  # noqa: PLR2004 (seconds in a minute)
    place = -len(data.traces) + 1 - 0.3
    axes.plot([0, length], [place, place], color=INK, linewidth=2.5, solid_capstyle="butt", clip_on=False)
    frames = data.shown_frames
    if len(frames) < (data.analysis.num_frames or 0):
        text += f"   (the most active stretch: frames {frames.start:,} to {frames.stop - 1:,})"
    axes.annotate(text, (length, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
