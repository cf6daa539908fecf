"""Iterators over nothing: they have the type and the shape of data, so that hdmf allocates a dataset for these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from hdmf.data_utils import AbstractDataChunkIterator, GenericDataChunkIterator
from numpy.typing import NDArray

from .regions import Region, Shape


class ArrayStandIn(AbstractDataChunkIterator):  # type: ignore[misc]  # hdmf is untyped
    """An iterator over nothing, with the type and the shape of an array.

    Parameters
    ----------
    array : numpy.ndarray
        The array to replace.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self.shape = array.shape
        self.ndim = array.ndim
        self._dtype = array.dtype

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise StopIteration

    def __len__(self) -> int:
        return int(self.shape[0])

    def recommended_chunk_shape(self) -> None:
        """Leave the chunks to the settings of the dataset."""

    def recommended_data_shape(self) -> Shape:
        """Return the shape of the array."""
        return self.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array."""
        return self._dtype

    @property
    def maxshape(self) -> Shape:
        """Shape of the array, which does not grow."""
        return self.shape


class IteratorStandIn(GenericDataChunkIterator):  # type: ignore[misc]  # hdmf is untyped
    """An iterator over nothing, with the type, the shape and the chunks of another iterator.

    Parameters
    ----------
    iterator : GenericDataChunkIterator
        The array to replace.
    """

    def __init__(self, iterator: GenericDataChunkIterator) -> None:
        self._iterator = iterator
        super().__init__(chunk_shape=tuple(iterator.chunk_shape), buffer_shape=tuple(iterator.buffer_shape))

    def __next__(self) -> Any:
        raise StopIteration

    def _get_data(self, selection: Region) -> NDArray[Any]:
        return np.empty([0 for _ in selection], dtype=self._get_dtype())

    def _get_maxshape(self) -> Shape:
        return tuple(self._iterator.maxshape)

    def _get_dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(self._iterator.dtype)
        return dtype
