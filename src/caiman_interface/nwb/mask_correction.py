"""Exact weights of sparse masks: the difference between CaImAn's float64 and NWB's float32 values.

Both numbers differ in the last 29 of 64 bits. As integers, their bits differ by less than 2**28, which takes half the
space of a difference in float64 and less time to compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Temporary arrays of this many pixels fit into the processor's cache.
_PIXELS_AT_A_TIME = 2**15


def weight_correction(weights: NDArray[Any], rounded: NDArray[np.float32]) -> NDArray[Any] | None:
    """Return the corrections of weights that were rounded to float32, see `exact_weights`.

    Parameters
    ----------
    weights : array
        CaImAn's weights.
    rounded : array of float32
        The weights in the mask.

    Returns
    -------
    array of int32, array of float64 or None
        int32 unless a weight is too small or too large for float32; None if all corrections are 0.
    """
    if np.can_cast(weights.dtype, np.float32):
        return None
    units = np.empty(len(weights), dtype=np.int32)
    for part in parts(len(weights)):
        exact = weights[part].astype(np.float64, copy=False)
        difference = exact.view(np.int64) - rounded[part].astype(np.float64).view(np.int64)
        units[part] = difference
        if not np.array_equal(units[part], difference):
            return _float_correction(weights.astype(np.float64, copy=False), rounded)
    return units if np.any(units) else None


def _float_correction(exact: NDArray[np.float64], rounded: NDArray[np.float32]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(rounded), exact - rounded, exact)


def exact_weights(rounded: NDArray[np.float32], correction: NDArray[Any]) -> NDArray[np.float64]:
    """Return CaImAn's weights from the weights of a sparse mask and their corrections.

    Parameters
    ----------
    rounded : array of float32
        The weights of the mask.
    correction : array of int32 or float64
        int32: by how many units in the last place of float64 the exact weights are farther from 0. float64: the
        differences, or the exact weights where the rounded ones are not finite.
    """
    weights = rounded.astype(np.float64)
    if correction.dtype.kind == "i":
        exact: NDArray[np.float64] = (weights.view(np.int64) + correction).view(np.float64)
        return exact
    return np.where(np.isfinite(weights), weights + correction, correction)


def parts(length: int) -> Iterator[slice]:
    """Split a number of pixels into parts whose temporary arrays are small."""
    return (slice(start, start + _PIXELS_AT_A_TIME) for start in range(0, length, _PIXELS_AT_A_TIME))
