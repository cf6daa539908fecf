"""What the parallel writer reads from: the data of in-memory NWB objects, block by block."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from hdmf.data_utils import GenericDataChunkIterator
from numpy.typing import NDArray

from caiman_interface._compat.hdmf import read_block
from caiman_interface._compat.neuroconv import slices_its_data

from .regions import Region, Shape, grown, shrunk

# Bytes that are read at a time if only one thread can read. Some readers open their file for each block, so that
# small blocks cost time; the memory of larger blocks is requested from the system each time, which costs more.
_BLOCK_BYTES = 28 * 2**20


class ArraySource:
    """An array in memory or mapped from a file.

    Parameters
    ----------
    array : array
        Its values.
    """

    parallel = True

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.shape: Shape = array.shape
        self.dtype: np.dtype[Any] = array.dtype

    def read(self, region: Region) -> NDArray[Any]:
        """Return a view of the array."""
        return self._array[region]

    def block_shape(self, chunks: Shape) -> Shape:
        """Return a multiple of the chunks of a few megabytes."""
        return grown(chunks, self.shape, _BLOCK_BYTES // self.dtype.itemsize)


class IteratorSource:
    """An iterator over a lazy array.

    The buffers of the iterator itself have up to a gigabyte. Here, smaller parts are read, and the iterator is not
    consumed.

    Parameters
    ----------
    iterator : GenericDataChunkIterator
        Any of hdmf's and NeuroConv's iterators that know their shape.
    """

    def __init__(self, iterator: GenericDataChunkIterator) -> None:
        self._iterator = iterator
        self.shape: Shape = tuple(iterator.maxshape)
        self.dtype: np.dtype[Any] = np.dtype(iterator.dtype)
        # Any part of a sliceable array can be read; other iterators may rely on being read in order.
        self._any_part = slices_its_data(iterator)
        self.parallel = self._any_part and _reads_in_parallel(iterator.data)
        self._values_read = 0
        self._bar_lock = threading.Lock()

    def read(self, region: Region) -> NDArray[Any]:
        """Read a region, and advance the progress bar of the iterator if it shows one."""
        values = np.asarray(read_block(self._iterator, region))
        if self._iterator.display_progress:
            self._advance_bar(values.size)
        return values

    def block_shape(self, chunks: Shape) -> Shape:
        """Return the buffer of the iterator, cut to a few megabytes; along frames only if it must be read in order."""
        size = _BLOCK_BYTES // self.dtype.itemsize
        axes = range(len(self.shape)) if self._any_part else (0,)
        return shrunk(_aligned(self._iterator.buffer_shape, chunks, self.shape), chunks, size, axes=axes)

    def _advance_bar(self, count: int) -> None:
        """Advance NeuroConv's progress bar, which counts the buffers of the iterator."""
        buffers, size = self._iterator.num_buffers, math.prod(self.shape)
        with self._bar_lock:
            before = buffers * self._values_read // size
            self._values_read += count
            self._iterator.progress_bar.update(n=buffers * self._values_read // size - before)


class RowsSource:
    """Records in memory as a list of tuples.

    Parameters
    ----------
    rows : sequence of tuple
        The records.
    dtype : numpy.dtype
        Type of the records in the file.
    """

    parallel = False

    def __init__(self, rows: Sequence[Any], dtype: np.dtype[Any]) -> None:
        self._rows = rows
        self.shape: Shape = (len(rows),)
        self.dtype = dtype

    def read(self, region: Region) -> NDArray[Any]:
        """Convert some rows."""
        return np.array([tuple(row) for row in self._rows[region[0]]], dtype=self.dtype)

    def block_shape(self, chunks: Shape) -> Shape:
        """Return the shape of one chunk."""
        return chunks


def _reads_in_parallel(data: Any) -> bool:
    """Return whether several threads may slice data at once: numpy arrays, and what has ``parallel_read``."""
    return isinstance(data, np.ndarray) or bool(getattr(data, "parallel_read", False))


def _aligned(block: Shape, chunks: Shape, shape: Shape) -> Shape:
    """Round a block up to whole chunks along each axis; a block that covers an axis may exceed it."""
    return tuple(
        length if length >= whole else step * -(-length // step)
        for length, step, whole in zip(block, chunks, shape, strict=True)
    )
