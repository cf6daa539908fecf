"""Arrays whose values are read, added or rearranged block by block, as they are compared."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray


def held_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that a NWB file has for values of a type: 0 and 1 for truth values, at most 64 bits."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize > np.dtype(np.float64).itemsize:
        return np.dtype(np.float64)
    native: np.dtype[Any] = dtype.newbyteorder("=")
    return native


class Transposed:
    """Some rows of a (components, frames) dataset as a lazy (frames, components) array.

    Parameters
    ----------
    dataset : h5py.Dataset
        Shape (components, frames).
    rows : array of int
        The components, in this order.
    frames : slice
        The frames.
    """

    def __init__(self, dataset: h5py.Dataset, rows: NDArray[np.intp], frames: slice) -> None:
        self._dataset = dataset
        self._rows = rows
        self._first = frames.start
        self.shape = (frames.stop - frames.start, len(rows))
        self.dtype = held_dtype(dataset.dtype)

    def __getitem__(self, block: tuple[slice, slice]) -> NDArray[Any]:
        frames, columns = block
        rows = self._rows[columns]
        if len(rows) == 0:
            return np.empty((frames.stop - frames.start, 0), dtype=self.dtype)
        low, high = int(rows.min()), int(rows.max()) + 1
        values = self._dataset[low:high, self._first + frames.start : self._first + frames.stop]
        return np.asarray(values[rows - low].T.astype(self.dtype))


class Sum:
    """The sum of two lazy arrays."""

    def __init__(self, one: Transposed, other: Transposed) -> None:
        self._parts = one, other
        self.shape = one.shape
        self.dtype = np.result_type(one.dtype, other.dtype)

    def __getitem__(self, block: tuple[slice, slice]) -> NDArray[Any]:
        one, other = (part[block] for part in self._parts)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(one + other)


class Correction:
    """What a correction of rounding must be, block by block."""

    def __init__(self, denoised: Transposed, residual: Transposed) -> None:
        self._parts = denoised, residual
        self.shape = denoised.shape
        self.dtype = np.result_type(denoised.dtype, residual.dtype)

    def __getitem__(self, block: tuple[slice, slice]) -> NDArray[Any]:
        denoised, residual = (part[block].astype(self.dtype) for part in self._parts)
        with np.errstate(invalid="ignore", over="ignore"):
            rounded = (denoised + residual) - denoised
            correction = np.where(np.isfinite(rounded), residual - rounded, residual)
            restored = np.where(np.isfinite(rounded), rounded + correction, correction)
        # A correction that does not restore the residual is not equal to anything.
        return np.where((restored == residual) | np.isnan(residual), correction, np.nan).astype(self.dtype)


class OneRow:
    """A dataset of one dimension as one row."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset
        self.shape = (1, dataset.shape[0])
        self.dtype = dataset.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        rows, frames = key
        return np.asarray(self._dataset[frames])[np.newaxis][rows]
