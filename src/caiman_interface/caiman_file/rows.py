"""Rows of traces: (components, frames) matrices, read in blocks when needed.

CaImAn stores a trace contiguous and uncompressed, so a block can be read from its offset in the file, without h5py's
global lock (threads read in parallel) and without a copy. h5py reads datasets that are stored in another way or in
another file.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import usable_dtype
from .errors import CaimanFileError
from .groups import closed_file_error, read
from .omissions import UnusableFieldError

# A gap shorter than a page of the operating system costs more to skip than to read.
PAGE_BYTES = 4096
# Bytes read at a time where only a part of each row is wanted: fits into the processor's cache.
_SCRATCH_BYTES = 2**20


class FileBytes:
    """The bytes of one open HDF5 file, which threads can read in parallel.

    Parameters
    ----------
    file_path : Path
        The file to read.
    file : h5py.File
        The same file, open.

    Raises
    ------
    OSError
        If the path now leads to another file.

    Notes
    -----
    The descriptor is closed by `close`, or with the object when it is deleted.
    """

    def __init__(self, file_path: Path, file: h5py.File) -> None:
        self.file_path = file_path
        self._file_number = h5py.h5o.get_info(file.id).fileno
        descriptor = os.open(file_path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._descriptor = descriptor
        self._finalizer = weakref.finalize(self, os.close, descriptor)
        if not os.path.samestat(os.fstat(descriptor), os.fstat(file.id.get_vfd_handle())):
            self.close()
            message = f"{file_path} was replaced while it was opened"
            raise OSError(message)

    @classmethod
    def of(cls, file_path: Path, file: h5py.File) -> FileBytes | None:
        """Return the bytes of a file; None where only h5py can read it, as on Windows."""
        if not hasattr(os, "preadv") or file.driver != "sec2" or file.userblock_size:
            return None
        return cls(file_path, file)

    def contains(self, dataset: h5py.Dataset) -> bool:
        """Return whether a dataset is stored in this file, rather than in the target of an external link."""
        try:
            return bool(h5py.h5o.get_info(dataset.id).fileno == self._file_number)
        except RuntimeError:  # the header of the dataset is damaged
            return False

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
    """A (components, frames) matrix that reads blocks when needed."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def read(self, rows: NDArray[np.intp], start: int, stop: int) -> NDArray[Any]:
        """Read frames `start` to `stop` of the components `rows` (increasing): shape (len(rows), stop - start)."""


class DatasetRows:
    """The rows of a dataset, read from the bytes of the file if they are stored uncompressed in row order.

    Parameters
    ----------
    dataset : h5py.Dataset
        Shape (components, frames), or (frames,) for one component.
    file_path : Path
        For messages.
    file_bytes : FileBytes or None
        The same file; None where the system has no positioned reads.
    """

    def __init__(self, dataset: h5py.Dataset, file_path: Path, file_bytes: FileBytes | None) -> None:
        self._dataset = dataset
        self._file_path = file_path
        self._plain = None if file_bytes is None else _plain_rows(dataset, file_bytes)
        self.shape: tuple[int, int] = dataset.shape if dataset.ndim > 1 else (1, dataset.shape[0])
        self._is_flat = dataset.ndim == 1
        self.dtype: np.dtype[Any] = usable_dtype(dataset.dtype)

    def read(self, rows: NDArray[np.intp], start: int, stop: int) -> NDArray[Any]:
        """Read frames `start` to `stop` of the components `rows` (increasing)."""
        block = np.empty((len(rows), stop - start), dtype=self.dtype)
        if block.size == 0:
            return block
        if self._plain is not None:
            self._plain.read_into(block, rows, start)
            return block
        for first, last in runs(rows, gap=1):
            lines = slice(int(rows[first]), int(rows[last - 1]) + 1)
            where = slice(start, stop) if self._is_flat else (lines, slice(start, stop))
            block[first:last] = read(self._dataset, self._file_path, where)
        return block


@dataclass(frozen=True)
class _PlainRows:
    """Rows that are stored contiguously from `offset` on, in the layout of an array in memory."""

    file_bytes: FileBytes
    offset: int
    length: int
    dtype: np.dtype[Any]

    def read_into(self, block: NDArray[Any], rows: NDArray[np.intp], start: int) -> None:
        """Fill a block with the values of `rows` (increasing) from column `start` on."""
        left_out = (self.length - block.shape[1]) * self.dtype.itemsize
        if len(rows) > 1 and 0 < left_out <= PAGE_BYTES:
            self._read_whole_rows_for(block, rows, start)
            return
        target = block.reshape(-1).view(np.uint8).data
        row_bytes = block.shape[1] * self.dtype.itemsize
        # Whole rows that follow each other in the file are read at once.
        for first, last in runs(rows, gap=0 if left_out else 1):
            place = self.offset + (int(rows[first]) * self.length + start) * self.dtype.itemsize
            self.file_bytes.read_into(target[first * row_bytes : last * row_bytes], place)

    def _read_whole_rows_for(self, block: NDArray[Any], rows: NDArray[np.intp], start: int) -> None:
        """Read whole rows in few steps, and copy the part that is wanted."""
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
        with np.errstate(invalid="ignore", over="ignore"):  # infinite values are added as they are
            if total.dtype == self.dtype:
                total += other
                return total
            return np.asarray(total + other)


class LastColumns:
    """The last columns of a matrix of rows: the last of several passes over a movie."""

    def __init__(self, rows: Rows, count: int) -> None:
        self._rows = rows
        self._first = rows.shape[1] - count
        self.shape = (rows.shape[0], count)
        self.dtype = rows.dtype

    def read(self, rows: NDArray[np.intp], start: int, stop: int) -> NDArray[Any]:
        """Read frames `start` to `stop`, counted from the first of these columns."""
        return self._rows.read(rows, self._first + start, self._first + stop)


def of_frames(rows: Rows, num_frames: int | None, *, allow_passes: bool) -> Rows:
    """Return the rows of a trace over all frames.

    Parameters
    ----------
    rows : Rows
        The stored trace.
    num_frames : int or None
        Number of frames of the file.
    allow_passes : bool
        Whether only the last of several passes over the movie (``epochs``) is kept.

    Raises
    ------
    UnusableFieldError
        If it covers another number of frames.
    """
    length = rows.shape[1]
    if num_frames is None or length == num_frames:
        return rows
    if allow_passes and num_frames and length > num_frames and length % num_frames == 0:
        return LastColumns(rows, num_frames)
    message = f"covers {length} frames, the other traces have {num_frames}"
    raise UnusableFieldError(message)


def has_values(rows: Rows) -> bool:
    """Return whether any value is not zero."""
    return any(np.any(rows.read(np.array([row]), 0, rows.shape[1])) for row in range(rows.shape[0]))


def _plain_rows(dataset: h5py.Dataset, file_bytes: FileBytes) -> _PlainRows | None:
    """Return the rows as they are stored; None if their layout differs from that of an array in memory."""
    stored_type = dataset.id.get_type()
    plain = (
        file_bytes.contains(dataset)
        and dataset.chunks is None
        and dataset.external is None
        and not dataset.is_virtual
        and stored_type == h5py.h5t.py_create(dataset.dtype, logical=True)
        and usable_dtype(dataset.dtype) == dataset.dtype
    )
    offset = dataset.id.get_offset() if plain else None
    return None if offset is None else _PlainRows(file_bytes, offset, dataset.shape[-1], dataset.dtype)


def runs(positions: NDArray[np.intp], *, gap: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds (first, last) of runs in increasing positions whose neighbours are at most `gap` apart."""
    if len(positions) == 0:
        return
    breaks = np.flatnonzero(np.diff(positions) > gap) + 1
    yield from pairwise([0, *breaks.tolist(), len(positions)])
