"""Lazy views of traces: (frames, ROIs) arrays that read from the file only what is indexed."""

from __future__ import annotations

from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .rows import PAGE_BYTES, Rows, runs

AxisKey: TypeAlias = "int | np.integer[Any] | slice | list[int] | list[bool] | NDArray[Any]"


class Trace:
    """A lazy (frames, ROIs) array, indexed like numpy's.

    Integers, slices, index lists and boolean masks, one per axis, select as in numpy, except that index lists on both
    axes select every combination of the two. Only the selected values are read, and gaps shorter than a page. Several
    threads can read at a time.

    Parameters
    ----------
    rows : Rows
        The source of the values, (components, frames).
    frames : range, optional
        The frames that this view shows; all by default.
    rois : array of int, optional
        The components that this view shows, in this order; all by default.

    Attributes
    ----------
    shape : tuple of int
        (frames, ROIs).
    ndim : int
        2.
    dtype : numpy.dtype
        That of the file.
    parallel_read : bool
        True: threads that read do not wait for each other.
    """

    parallel_read = True
    ndim = 2

    def __init__(self, rows: Rows, *, frames: range | None = None, rois: NDArray[np.intp] | None = None) -> None:
        self._rows = rows
        self._frames = range(rows.shape[1]) if frames is None else frames
        self._rois = np.arange(rows.shape[0]) if rois is None else rois
        self.shape = (len(self._frames), len(self._rois))
        self.dtype = rows.dtype

    @property
    def size(self) -> int:
        """Number of values."""
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self) -> int:
        """Size of all values in memory, in bytes."""
        return self.size * int(self.dtype.itemsize)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(frames={self.shape[0]}, rois={self.shape[1]}, dtype={self.dtype})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            message = "A trace is stored in a file: an array of it is always a copy."
            raise ValueError(message)
        return np.asarray(self[:, :], dtype=dtype)

    def select(self, *, frames: slice | None = None, rois: Any = None) -> Trace:
        """Narrow the view without reading.

        Parameters
        ----------
        frames : slice, optional
            The frames to keep, counted within this view.
        rois : array of int, list of int, boolean mask or slice, optional
            The ROIs to keep, in this order, counted within this view.

        Returns
        -------
        Trace
            A view of the same file.

        Raises
        ------
        IndexError
            If a ROI is out of range.
        """
        kept = self._rois
        if rois is not None:
            positions, back = _wanted(rois, self.shape[1], axis="ROIs")
            kept = np.ravel(self._rois[positions][back])
        return Trace(self._rows, frames=self._frames if frames is None else self._frames[frames], rois=kept)

    def __getitem__(self, key: Any) -> Any:
        frame_key, roi_key = _split_key(key)
        frames, local_frames = _wanted(frame_key, self.shape[0], axis="frames")
        rois, local_rois = _wanted(roi_key, self.shape[1], axis="ROIs")
        return self._block(frames, rois).T[local_frames, local_rois]

    def _block(self, frames: NDArray[np.intp], rois: NDArray[np.intp]) -> NDArray[Any]:
        """Read the (ROIs, frames) block at increasing positions of this view."""
        columns = self._frames.start + self._frames.step * frames
        if self._frames.step < 0:
            return _read_block(self._rows, self._rois[rois], columns[::-1])[:, ::-1]
        return _read_block(self._rows, self._rois[rois], columns)


def _read_block(rows: Rows, wanted: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
    """Read some rows, in any order, at increasing columns."""
    if np.any(wanted[1:] <= wanted[:-1]):
        rising, back = np.unique(wanted, return_inverse=True)
        return _read_block(rows, rising, columns)[back]
    parts = list(runs(columns, gap=max(1, PAGE_BYTES // rows.dtype.itemsize)))
    if len(parts) == 1 and len(columns) == columns[-1] + 1 - columns[0]:
        return rows.read(wanted, int(columns[0]), int(columns[-1]) + 1)
    block = np.empty((len(wanted), len(columns)), dtype=rows.dtype)
    for first, last in parts:
        start = int(columns[first])
        part = rows.read(wanted, start, int(columns[last - 1]) + 1)
        block[:, first:last] = part[:, columns[first:last] - start]
    return block


def _split_key(key: Any) -> tuple[AxisKey, AxisKey]:
    """Complete an index to one key per axis."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(item is None for item in keys):
        message = "A trace cannot be indexed with None; read it first, then add axes to the array."
        raise IndexError(message)
    ellipses = [place for place, item in enumerate(keys) if isinstance(item, EllipsisType)]
    if len(ellipses) > 1:
        message = "An index can contain only one ellipsis ('...')."
        raise IndexError(message)
    if ellipses:
        missing = 2 - (len(keys) - 1)
        keys[ellipses[0] : ellipses[0] + 1] = [slice(None)] * max(missing, 0)
    if len(keys) > 2:  # noqa: PLR2004 (frames and ROIs)
        message = f"A trace has 2 axes (frames, ROIs), but {len(keys)} were indexed."
        raise IndexError(message)
    keys += [slice(None)] * (2 - len(keys))
    return keys[0], keys[1]


def _wanted(key: AxisKey, length: int, *, axis: str) -> tuple[NDArray[np.intp], Any]:
    """Return the sorted positions to read along one axis, and the key that selects from the result."""
    if isinstance(key, slice):
        positions = np.arange(*key.indices(length))
        backwards = len(positions) > 1 and positions[0] > positions[-1]
        return (positions[::-1], slice(None, None, -1)) if backwards else (positions, slice(None))
    index = np.asarray(key)
    if index.size == 0 and index.dtype.kind == "f":  # an empty list
        index = index.astype(np.intp)
    if index.dtype.kind == "b":
        if index.shape != (length,):
            message = f"A boolean mask of shape {index.shape} cannot select from {length} {axis}."
            raise IndexError(message)
        index = np.flatnonzero(index)
    if index.dtype.kind not in "iu":
        message = f"{axis} are selected by integers, slices, lists of them or boolean masks, not by {key!r}."
        raise IndexError(message)
    out_of_range = (index < -length) | (index >= length)
    if np.any(out_of_range):
        message = f"Index {index[out_of_range].ravel()[0]} is out of range for {length} {axis}."
        raise IndexError(message)
    positions, back = np.unique(np.where(index < 0, index + length, index), return_inverse=True)
    return positions, int(back.reshape(())) if index.ndim == 0 else back.reshape(index.shape)
