"""The bytes of HDF5 chunks, made as the filters of their dataset would make them."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .deflate import deflated
from .regions import Shape

_SHUFFLE, _DEFLATE = h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE
_SHUFFLED_BYTES = 2**18
_KNOWN_PIPELINES = {(), (_DEFLATE,), (_SHUFFLE,), (_SHUFFLE, _DEFLATE)}


@dataclass(frozen=True)
class ChunkEncoding:
    """How the chunks of one dataset become bytes.

    Attributes
    ----------
    dtype : numpy.dtype
        Type of the values in the file.
    chunks : tuple of int
        Shape of a chunk.
    shuffle : bool
        Whether the bytes are shuffled: all first bytes of the values, then all second bytes, and so on.
    level : int or None
        Level of the deflate filter; None without this filter.
    """

    dtype: np.dtype[Any]
    chunks: Shape
    shuffle: bool
    level: int | None

    @classmethod
    def of(cls, dataset: h5py.Dataset, source_dtype: np.dtype[Any]) -> ChunkEncoding | None:
        """Return the encoding that a dataset asks for.

        Parameters
        ----------
        dataset : h5py.Dataset
            An allocated dataset.
        source_dtype : numpy.dtype
            Type of the values to write.

        Returns
        -------
        ChunkEncoding or None
            None if the dataset must be left to HDF5: it has no chunks or other filters, or needs a conversion of the
            values that could lose information.
        """
        plist = dataset.id.get_create_plist()
        filters = [plist.get_filter(index) for index in range(plist.get_nfilters())]
        codes = tuple(code for code, *_ in filters)
        if dataset.chunks is None or codes not in _KNOWN_PIPELINES or not _is_plain(dataset.dtype):
            return None
        # numpy pairs the fields of records by position, HDF5 by name.
        if source_dtype.names != dataset.dtype.names or not np.can_cast(source_dtype, dataset.dtype, "safe"):
            return None
        levels = [values[0] for code, _, values, _ in filters if code == _DEFLATE]
        return cls(dataset.dtype, dataset.chunks, shuffle=_SHUFFLE in codes, level=levels[0] if levels else None)

    def encode(self, values: NDArray[Any]) -> bytes | NDArray[np.uint8]:
        """Return the bytes of one chunk.

        Parameters
        ----------
        values : array
            The values of the chunk; smaller than a chunk at the edges of the dataset. Chunks are always stored whole,
            so the rest is filled with zeros.
        """
        planes = self._shuffled(values) if self.shuffle else self._padded(values).reshape(1, -1).view(np.uint8)
        if self.level is None:
            raw: NDArray[np.uint8] = planes.reshape(-1).copy()
            return raw
        return deflated(planes, self.level)

    def _shuffled(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the bytes of a chunk as planes: an array of shape (bytes of a value, values of a chunk)."""
        row = math.prod(self.chunks[1:])
        planes = _scratch("planes", (self.dtype.itemsize, self.chunks[0] * row), np.dtype(np.uint8))
        # In pieces that stay in the cache of a processor between copying the values and separating their bytes.
        step = max(1, _SHUFFLED_BYTES // (row * self.dtype.itemsize))
        for start in range(0, self.chunks[0], step):
            stop = min(start + step, self.chunks[0])
            piece = self._padded(values[start:stop], stop - start)
            planes[:, start * row : stop * row] = piece.reshape(-1, 1).view(np.uint8).T
        return planes

    def _padded(self, values: NDArray[Any], rows: int | None = None) -> NDArray[Any]:
        """Return a chunk, or `rows` rows of it, contiguous in this thread's memory and filled up with zeros."""
        shape = (self.chunks[0] if rows is None else rows, *self.chunks[1:])
        padded = _scratch("padded", shape, self.dtype)
        if values.shape != shape:
            padded[...] = np.zeros((), dtype=self.dtype)
        padded[tuple(slice(length) for length in values.shape)] = values
        return padded


def _is_plain(dtype: np.dtype[Any]) -> bool:
    """Return whether values have the same bytes in memory and in the file: numbers, booleans, records of them."""
    if dtype.names is not None:
        return all(_is_plain(dtype[name]) for name in dtype.names)
    return dtype.kind in "biufc" and dtype.subdtype is None


# Memory that is allocated for every chunk is requested from the system each time, which stalls the other threads.
_thread_memory = threading.local()


def _scratch(use: str, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return this thread's array for one use, with arbitrary content."""
    array: NDArray[Any] | None = getattr(_thread_memory, use, None)
    if array is None or array.shape != shape or array.dtype != dtype:
        array = np.zeros(shape, dtype=dtype)
        setattr(_thread_memory, use, array)
    return array
