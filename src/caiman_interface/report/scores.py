"""The quality scores by which CaImAn judges components, and the thresholds of its evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .data import ReportData

_BINS = (12, 40)


@dataclass(frozen=True)
class Score:
    """One quality score.

    Attributes
    ----------
    metric : str
        Its key in the metrics.
    title : str
    accept, reject : str
        CaImAn's parameters: a value above `accept` in any score accepts a component, one below `reject` rejects it.
    span : tuple of float or None
        The range of values that the score can have, where it has one.
    """

    metric: str
    title: str
    accept: str
    reject: str
    span: tuple[float, float] | None


SCORES = (
    Score("snr", "SNR", "min_SNR", "SNR_lowest", None),
    Score("r_values", "Spatial correlation r", "rval_thr", "rval_lowest", (0.0, 1.0)),
    Score("cnn_preds", "CNN score", "min_cnn_thr", "cnn_lowest", (0.0, 1.0)),
)


def thresholds(data: ReportData, score: Score) -> dict[str, float]:
    """Return CaImAn's thresholds of a score by parameter, those that are set."""
    found = {name: data.parameter("quality", name) for name in (score.accept, score.reject)}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def values_by_status(data: ReportData, score: Score) -> dict[str, NDArray[np.float64]]:
    """Return the finite values of a score by the status of the components."""
    found: dict[str, NDArray[np.float64]] = {}
    for group in (data.components, data.discarded):
        if group is None or score.metric not in group.metrics:
            continue
        values, statuses = np.asarray(group.metrics[score.metric], dtype=np.float64), np.array(group.statuses)
        for status in np.unique(statuses):
            chosen = values[(statuses == status) & np.isfinite(values)]
            if chosen.size:
                found[str(status)] = chosen
    return found


def bin_edges(values: NDArray[np.float64], score: Score, accept: float | None) -> NDArray[np.float64]:
    """Return the edges of a histogram's bars; a few outliers of a score without bounds lie beyond the last one."""
    bins = int(np.clip(2 * np.sqrt(len(values)), *_BINS))
    low, high = float(values.min()), float(values.max())
    if score.span is not None:
        low, high = min(score.span[0], low), max(score.span[1], high)
    else:
        usual = max(3 * float(np.percentile(values, 75)), 1.5 * (accept or 0.0))
        low, high = min(0.0, low), min(high, usual) if usual > 0 else high
    return np.linspace(low, high if high > low else low + 1, bins + 1)
