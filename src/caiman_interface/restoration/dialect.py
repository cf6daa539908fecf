"""Write values to HDF5 as CaImAn's ``save_dict_to_hdf5`` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

_NONE_TEXT = "NoneType"


class SparseParts(NamedTuple):
    """A sparse matrix compressed by columns, with its entries in the order in which they are to be written."""

    data: NDArray[Any]
    indices: NDArray[Any]
    indptr: NDArray[Any]
    shape: tuple[int, int]


class Block(NamedTuple):
    """The values of some frames, of shape (components, frames)."""

    start: int
    values: NDArray[Any]


class DialectWriter:
    """Writes values at paths of a file.

    Parameters
    ----------
    file : h5py.File
        The file, open for writing. Datasets are contiguous and uncompressed, as CaImAn's are.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def none(self, path: str) -> None:
        """Write None."""
        self._file[path] = _NONE_TEXT

    def text(self, path: str, value: str, *, as_attribute: bool) -> None:
        """Write a text: an attribute of its group since CaImAn 1.9.9, a scalar dataset before."""
        if not as_attribute:
            self._file[path] = value
            return
        group, _, name = path.rpartition("/")
        self._file.require_group(group or "/").attrs[name] = value

    def array(self, path: str, values: Any, dtype: str) -> None:
        """Write an array or a number; `dtype` is a name such as ``float64``, ``S32`` or ``str``."""
        if dtype == "str":
            self._file.create_dataset(path, data=np.asarray(values, dtype=object), dtype=h5py.string_dtype())
        else:
            self._file.create_dataset(path, data=np.asarray(values).astype(dtype))

    def empty(self, path: str, shape: Sequence[int], dtype: str) -> None:
        """Write an array without elements."""
        self._file.create_dataset(path, shape=tuple(shape), dtype=dtype)

    def group(self, path: str) -> None:
        """Write a group without members."""
        self._file.require_group(path)

    def sparse(self, path: str, matrix: SparseParts, dtypes: dict[str, str]) -> None:
        """Write a sparse matrix as a group of its parts, each with its dtype."""
        for name, values in zip(matrix._fields, matrix, strict=True):
            self._file.create_dataset(f"{path}/{name}", data=np.asarray(values).astype(dtypes[name]))

    def blocks(self, path: str, blocks: Iterable[Block], shape: tuple[int, int], dtype: str) -> None:
        """Write a (components, frames) array block by block, so that memory does not grow with the frames."""
        dataset = self._file.create_dataset(path, shape=shape, dtype=dtype)
        for start, values in blocks:
            dataset[:, start : start + values.shape[1]] = values

    def copy(self, source: str, path: str) -> None:
        """Write the values of another path, a second time."""
        self._file.copy(source, path)
