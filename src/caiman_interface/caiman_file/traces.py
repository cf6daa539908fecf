"""Lazy views of traces: (frames, ROIs) arrays that read from the file only what is asked for.

CaImAn stores a trace as (components, frames), contiguous and uncompressed, so a block can be read straight
from its place in the file: without h5py's global lock (threads read in parallel) and without a copy. Where the
dataset is stored in another way, h5py reads it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import EllipsisType
from typing import Any, Protocol, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import closed_file_error, read
from .errors import CaimanFileError

AxisKey: TypeAlias = "int | np.integer[Any] | slice | list[int] | list[bool] | NDArray[Any]"

# A gap shorter than a page of the operating system costs more to skip than to read.
_PAGE_BYTES = 4096
# What is read at a time of rows that are not wanted whole: it stays in the processor's cache.
_SCRATCH_BYTES = 2**20


class FileBytes:
    """The bytes of one file, read at any place by any thread.

    Parameters
    ----------
    file_path : Path
        The file to read.

    Notes
    -----
    The descriptor is closed by `close`, or with the object when it is dropped.
    """

    def __init__(self, file_path: Path) -> None:
        self.file_path = file_path
        descriptor = os.open(file_path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._descriptor = descriptor
        self._finalizer = weakref.finalize(self, os.close, descriptor)

    def close(self) -> None:
        """Close the file; reading from it raises ValueError from then on."""
        self._finalizer()

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill `buffer` with the bytes of the file from `offset` on.

        Raises
        ------
        CaimanFileError
            If the file ends before the buffer is full.
        ValueError
            If the file was closed.
        """
        if not self._finalizer.alive:
            raise closed_file_error(self.file_path)
        done = 0
        while done < len(buffer):
            count = os.preadv(self._descriptor, [buffer[done:]], offset + done)
            if count == 0:
                raise CaimanFileError(
                    self.file_path,
                    "the file ends in the middle of a trace",
                    found=f"its end at byte {offset + done}",
                    expected=f"at least {offset + len(buffer)} bytes",
                    remedy="The copy is incomplete: copy the file again",
                )
            done += count


class Rows(Protocol):
    """A (components, frames) matrix that reads blocks on demand."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def read(self, rows: NDArray[np.intp], start: int, stop: int) -> NDArray[Any]:
        """Read frames `start` to `stop` of the components `rows` (rising): shape (len(rows), stop - start)."""


class DatasetRows:
    """The rows of a dataset, straight from the bytes of the file where it is stored plainly.

    Parameters
    ----------
    dataset : h5py.Dataset
        Shape (components, frames).
    file_path : Path
        For messages.
    file_bytes : FileBytes or None
        The same file; None where the system has no positioned reads.
    """

    def __init__(self, dataset: h5py.Dataset, file_path: Path, file_bytes: FileBytes | None) -> None:
        self._dataset = dataset
        self._file_path = file_path
        self._plain = None if file_bytes is None else _plain_rows(dataset, file_bytes)
        self.shape: tuple[int, int] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype

    def read(self, rows: NDArray[np.intp], start: int, stop: int) -> NDArray[Any]:
        """Read frames `start` to `stop` of the components `rows` (rising)."""
        block = np.empty((len(rows), stop - start), dtype=self.dtype)
        if block.size == 0:
            return block
        if self._plain is not None:
            self._plain.read_into(block, rows, start)
            return block
        for first, last in _runs(rows, gap=1):
            lines = slice(int(rows[first]), int(rows[last - 1]) + 1)
            block[first:last] = read(self._dataset, self._file_path, (lines, slice(start, stop)))
        return block


@dataclass(frozen=True)
class _PlainRows:
    """Rows that stand in a file one after the other, from `offset` on, as they do in memory."""

    file_bytes: FileBytes
    offset: int
    length: int
    dtype: np.dtype[Any]

    def read_into(self, block: NDArray[Any], rows: NDArray[np.intp], start: int) -> None:
        """Fill a block with the values of `rows` (rising) from column `start` on."""
        left_out = (self.length - block.shape[1]) * self.dtype.itemsize
        if len(rows) > 1 and 0 < left_out <= _PAGE_BYTES:
            self._read_whole_rows_for(block, rows, start)
            return
        target = block.reshape(-1).view(np.uint8).data
        row_bytes = block.shape[1] * self.dtype.itemsize
        # Whole rows that follow each other in the file are read at once.
        for first, last in _runs(rows, gap=0 if left_out else 1):
            place = self.offset + (int(rows[first]) * self.length + start) * self.dtype.itemsize
            self.file_bytes.read_into(target[first * row_bytes : last * row_bytes], place)

    def _read_whole_rows_for(self, block: NDArray[Any], rows: NDArray[np.intp], start: int) -> None:
        """Read more than is asked for, in fewer steps, and copy what is asked for."""
        step = max(1, _SCRATCH_BYTES // (self.length * self.dtype.itemsize))
        scratch = np.empty((min(step, len(rows)), self.length), dtype=self.dtype)
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            self.read_into(scratch[: len(part)], part, 0)
            block[first : first + step] = scratch[: len(part), start : start + block.shape[1]]


class SumRows:
    """The sum of two matrices of rows of the same shape, block by block: fluorescence is ``C + YrA``."""

    def __init__(self, first: Rows, second: Rows) -> None:
        self._first = first
        self._second = second
        self.shape = first.shape
        self.dtype = np.result_type(first.dtype, second.dtype)

    def read(self, rows: NDArray[np.intp], start: int, stop: int) -> NDArray[Any]:
        """Read the same block of both and add them."""
        total: NDArray[Any] = self._first.read(rows, start, stop)
        other = self._second.read(rows, start, stop)
        with np.errstate(invalid="ignore", over="ignore"):  # of infinite values the sum is what it is
            if total.dtype == self.dtype:
                total += other
                return total
            return np.asarray(total + other)


class Trace:
    """A lazy (frames, ROIs) array, indexed like numpy's.

    Integers, slices, index lists and boolean masks, one per axis, select as they do on a numpy array. What is
    selected is read, and no more but for gaps shorter than a page; index lists on both axes, which numpy pairs,
    read every combination of the two. Reading is safe from several threads.

    Parameters
    ----------
    rows : Rows
        Where the values come from, as (components, frames).
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
        """Size of the values in bytes, were they in memory."""
        return self.size * int(self.dtype.itemsize)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(frames={self.shape[0]}, rois={self.shape[1]}, dtype={self.dtype})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            message = "A trace stands in a file: an array of it is always a copy."
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
        """Read the (ROIs, frames) block at rising positions of this view."""
        columns = self._frames.start + self._frames.step * frames
        if self._frames.step < 0:
            return _read_block(self._rows, self._rois[rois], columns[::-1])[:, ::-1]
        return _read_block(self._rows, self._rois[rois], columns)


def _read_block(rows: Rows, wanted: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
    """Read some rows, in any order, at rising columns."""
    if np.any(wanted[1:] <= wanted[:-1]):
        rising, back = np.unique(wanted, return_inverse=True)
        return _read_block(rows, rising, columns)[back]
    runs = list(_runs(columns, gap=max(1, _PAGE_BYTES // rows.dtype.itemsize)))
    if len(runs) == 1 and len(columns) == columns[-1] + 1 - columns[0]:
        return rows.read(wanted, int(columns[0]), int(columns[-1]) + 1)
    block = np.empty((len(wanted), len(columns)), dtype=rows.dtype)
    for first, last in runs:
        start = int(columns[first])
        part = rows.read(wanted, start, int(columns[last - 1]) + 1)
        block[:, first:last] = part[:, columns[first:last] - start]
    return block


def _plain_rows(dataset: h5py.Dataset, file_bytes: FileBytes) -> _PlainRows | None:
    """Return the rows as they stand in the file, or None where they do not stand there as they are in memory."""
    stored_type = dataset.id.get_type()
    plain = (
        dataset.chunks is None
        and dataset.external is None
        and not dataset.is_virtual
        and stored_type == h5py.h5t.py_create(dataset.dtype, logical=True)
        and dataset.file.userblock_size == 0
        and dataset.file.driver in {"sec2", "stdio"}
    )
    offset = dataset.id.get_offset() if plain else None
    return None if offset is None else _PlainRows(file_bytes, offset, dataset.shape[1], dataset.dtype)


def _runs(positions: NDArray[np.intp], *, gap: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) bounds of runs in rising positions whose neighbours are at most `gap` apart."""
    if len(positions) == 0:
        return
    breaks = np.flatnonzero(np.diff(positions) > gap) + 1
    yield from pairwise([0, *breaks.tolist(), len(positions)])


def _split_key(key: Any) -> tuple[AxisKey, AxisKey]:
    """Complete an index to one key per axis."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(item is None for item in keys):
        message = "A trace cannot be indexed with None; read it first, then add axes to the array."
        raise IndexError(message)
    ellipses = [place for place, item in enumerate(keys) if isinstance(item, EllipsisType)]
    if len(ellipses) > 1:
        message = "An index can hold one ellipsis ('...')."
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
    """Translate one axis' key to the sorted positions to read, and the key to apply to what was read."""
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
