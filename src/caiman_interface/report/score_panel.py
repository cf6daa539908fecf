"""Histograms of CaImAn's quality scores, with the thresholds of its evaluation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .data import ReportData
from .facts import value_text
from .map_panel import kinds
from .style import DISCARDED, FAINT_INK, INK, ComponentStyle

_BINS = (12, 40)


class Score(NamedTuple):
    """One of the scores by which CaImAn judges components.

    Attributes
    ----------
    metric : str
        Its key in the metrics.
    title : str
    accept, reject : str
        CaImAn's parameters: a component above `accept` in any score is accepted, one below `reject` in any rejected.
    span : tuple of float or None
        The range of values that the score can have, where it has one.
    """

    metric: str
    title: str
    accept: str
    reject: str
    span: tuple[float, float] | None


SCORES = (
    Score("snr", "Signal-to-noise ratio", "min_SNR", "SNR_lowest", None),
    Score("r_values", "Spatial correlation r", "rval_thr", "rval_lowest", (0.0, 1.0)),
    Score("cnn_preds", "CNN score", "min_cnn_thr", "cnn_lowest", (0.0, 1.0)),
)


_CAPTION = "one score above its solid line is enough to accept, one below its dashed line is enough to reject"


def caption(data: ReportData) -> str:
    """Say what the lines in the histograms mean, if there are any."""
    return _CAPTION if any(_groups(data, score) for score in SCORES) else ""


def draw_score(axes: Any, data: ReportData, score: Score) -> None:
    """Draw the histogram of one score, stacked by what became of the components."""
    axes.set_title(score.title, pad=26, fontsize=9.5, fontweight="normal")
    groups = _groups(data, score)
    values = np.concatenate([values for _, values in groups]) if groups else np.zeros(0)
    if not values.size:
        _say_absent(axes, score.metric in data.analysis.metrics)
        return
    edges, overflow = _edges(values, score, data)
    colors = [look.on_paper for look, _ in groups]
    clipped = [np.clip(values, edges[0], edges[-1]) for _, values in groups]
    _, _, bars = axes.hist(clipped, bins=edges, stacked=True, color=colors, edgecolor="white", linewidth=0.6)
    for (look, _), container in zip(groups, bars if len(groups) > 1 else [bars], strict=True):
        for bar in container:
            bar.set_hatch(look.hatch)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylabel("components", color=FAINT_INK, fontsize=8)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.locator_params(axis="y", nbins=4)
    if overflow:
        axes.set_xlabel(f"last bar: {edges[-1]:.3g} and more", color=FAINT_INK, fontsize=8)
    _draw_threshold(axes, data, score.accept, row=1, style="solid")
    _draw_threshold(axes, data, score.reject, row=0, style=(0, (4, 2)))


def _groups(data: ReportData, score: Score) -> list[tuple[ComponentStyle, NDArray[Any]]]:
    """Return the finite values of each kind of components."""
    analysis = data.analysis
    groups = []
    if score.metric in analysis.metrics:
        values = analysis.metrics[score.metric]
        groups = [(look, values[members]) for look, members in kinds(analysis)]
    if analysis.discarded is not None and score.metric in analysis.discarded.metrics:
        groups.append((DISCARDED, analysis.discarded.metrics[score.metric]))
    finite = [(look, values[np.isfinite(values)]) for look, values in groups]
    return [(look, values) for look, values in finite if values.size]


def _edges(values: NDArray[Any], score: Score, data: ReportData) -> tuple[NDArray[np.float64], bool]:
    """Return the edges of the bars, and whether the last one holds what lies beyond."""
    bins = int(np.clip(2 * np.sqrt(len(values)), *_BINS))
    if score.span is not None:
        low, high = min(score.span[0], float(values.min())), max(score.span[1], float(values.max()))
        return np.linspace(low, high, bins + 1), False
    top, usual = float(values.max()), 3 * float(np.percentile(values, 75))
    threshold = data.analysis.parameter("quality", score.accept)
    beyond = max(usual, 1.5 * threshold if isinstance(threshold, int | float) else 0.0)
    high = beyond if top > beyond > 0 else top
    low = min(0.0, float(values.min()))
    return np.linspace(low, high if high > low else low + 1, bins + 1), high < top


def _draw_threshold(axes: Any, data: ReportData, name: str, *, row: int, style: Any) -> None:
    """Draw a threshold with its name above; one that lies off the scale is named at that edge."""
    value = data.analysis.parameter("quality", name)
    if not isinstance(value, int | float):
        return
    low, high = axes.get_xlim()
    inside = low <= value <= high
    if inside:
        axes.axvline(value, color=INK, linewidth=1.4, linestyle=style, ymax=1.0)
    at = float(np.clip((value - low) / (high - low), 0, 1))
    arrow = "" if inside else ("← " if value < low else "→ ")
    axes.annotate(
        f"{arrow}{name} {value_text(value)}",
        (at, 1),
        xycoords="axes fraction",
        xytext=(0, 3 + 10.5 * row),
        textcoords="offset points",
        ha="left" if at < 0.34 else "right" if at > 0.66 else "center",  # noqa: PLR2004 (thirds of the panel)
        fontsize=7.5,
        color=INK,
    )


def _say_absent(axes: Any, is_computed: bool) -> None:
    axes.text(
        0.5,
        0.5,
        "no values" if is_computed else "not computed",
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=FAINT_INK,
        fontsize=10,
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(edgecolor="#dddddd", visible=True)
