"""Matrices as CaImAn stores them: dense datasets, or sparse groups compressed by columns.

Whatever form a sparse matrix has in memory, CaImAn saves its columns (``item.tocsc()``), also those of the ring model.
The row indices of a column are often unsorted, and explicit zeros occur; the zeros are removed when a matrix is read.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from .encoding import Node, check_is_stored, describe, is_numeric, is_sparse
from .groups import place_of, read, reading
from .omissions import UnusableFieldError

if TYPE_CHECKING:
    from scipy.sparse import csc_array

_PARTS = ("data", "indices", "indptr")
_MATRIX_DIMENSIONS = 2
_BLOCK_BYTES = 2**20
_GREATEST_SINGLE = float(np.finfo(np.float32).max)


class OddWeights(NamedTuple):
    """Numbers of weights that deserve a warning."""

    not_finite: int
    too_large: int


class StoredMatrix:
    """A matrix in the file, whose values are not read until needed.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        The sparse group or the dense dataset. A dataset of one dimension is one column.
    file_path : Path
        For messages.

    Attributes
    ----------
    shape : tuple of int
        (rows, columns).
    is_dense : bool
        Whether it is stored dense.
    place : str
        Its path in the file.

    Raises
    ------
    UnusableFieldError
        If it is not a matrix, or its parts do not fit together.
    """

    def __init__(self, node: Node, file_path: Path) -> None:
        self.file_path = file_path
        self.place = place_of(node)
        self._node = node
        self.is_dense = isinstance(node, h5py.Dataset)
        with reading(node, file_path, self.place):
            self._parts: dict[str, h5py.Dataset] = {} if self.is_dense else _sparse_parts(node)
            self.shape: tuple[int, int] = _dense_shape(node) if self.is_dense else self._read_shape()

    @classmethod
    def checked(cls, node: Node, file_path: Path) -> Self:
        """Return a matrix after checking the indices of a sparse one, since scipy does not.

        Raises
        ------
        UnusableFieldError
            If it is not a matrix, or its parts contradict each other.
        """
        matrix = cls(node, file_path)
        if not matrix.is_dense:
            indices, indptr = (read(matrix._parts[name], file_path) for name in ("indices", "indptr"))
            _check_parts(indices, indptr, rows=matrix.shape[0])
        return matrix

    def read_dense(self) -> NDArray[Any]:
        """Read a matrix that is stored dense, as it is."""
        values: NDArray[Any] = read(self._node, self.file_path)
        return values.reshape(self.shape)

    def read(self) -> csc_array[Any]:
        """Read the matrix compressed by columns, in the order of the file and without explicit zeros.

        The row indices of a column keep their order, since sums over them are rounded accordingly.

        Raises
        ------
        UnusableFieldError
            If its parts contradict each other.
        """
        from scipy.sparse import csc_array

        if self.is_dense:
            return csc_array(_for_scipy(self.read_dense()))
        data, indices, indptr = (_for_scipy(read(part, self.file_path)) for part in self._parts.values())
        _check_parts(indices, indptr, rows=self.shape[0])
        matrix = csc_array((data, indices, indptr), shape=self.shape)
        if _has_duplicates(matrix):
            matrix.sum_duplicates()  # sorts the row indices of each column, and its values with them
        if not np.all(matrix.data):
            matrix.eliminate_zeros()
        return matrix

    @cached_property
    def odd_weights(self) -> OddWeights:
        """The numbers of weights that are not finite, and that single precision cannot hold."""
        stored = self._node if self.is_dense else self._parts["data"]
        width = int(stored.dtype.itemsize) * (stored.shape[1] if stored.ndim > 1 else 1)
        step = max(1, _BLOCK_BYTES // max(width, 1))
        not_finite = too_large = 0
        for start in range(0, stored.shape[0], step):
            sizes = np.abs(read(stored, self.file_path, slice(start, start + step)))
            if float(np.max(sizes, initial=0)) <= _GREATEST_SINGLE:
                continue
            sizes = sizes.astype(np.float64)
            not_finite += int(np.count_nonzero(~np.isfinite(sizes)))
            too_large += int(np.count_nonzero(np.isfinite(sizes) & (sizes > _GREATEST_SINGLE)))
        return OddWeights(not_finite, too_large)

    def _read_shape(self) -> tuple[int, int]:
        """Read the shape of a sparse matrix, and compare the lengths of its parts with it."""
        rows, columns = (int(length) for length in read(self._node["shape"], self.file_path))
        lengths = {name: len(part) for name, part in self._parts.items()}
        fits = lengths["data"] == lengths["indices"] and lengths["indptr"] == columns + 1
        if rows < 0 or columns < 0 or not fits:
            found = ", ".join(f"{length} {name}" for name, length in lengths.items())
            message = (
                f"the parts of the sparse matrix contradict each other: {found} for a shape of ({rows}, {columns})"
            )
            raise UnusableFieldError(message)
        return rows, columns


def _dense_shape(node: h5py.Dataset) -> tuple[int, int]:
    if not is_numeric(node) or node.ndim not in {1, _MATRIX_DIMENSIONS}:
        message = f"is {describe(node)}, not a matrix of numbers"
        raise UnusableFieldError(message)
    check_is_stored(node)
    return node.shape if node.ndim == _MATRIX_DIMENSIONS else (node.shape[0], 1)


def _sparse_parts(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """Return the parts of a sparse matrix, after checking their types and dimensions."""
    if not is_sparse(group):
        message = f"is {describe(group)}, not a sparse matrix (data, indices, indptr and shape)"
        raise UnusableFieldError(message)
    for name in (*_PARTS, "shape"):
        part = group[name]
        kinds = "fiub" if name == "data" else "iu"
        usable = isinstance(part, h5py.Dataset) and part.ndim == 1 and part.dtype.kind in kinds
        if not usable or (name == "shape" and part.shape != (_MATRIX_DIMENSIONS,)):
            message = f"'{name}' of the sparse matrix is {describe(part)}"
            raise UnusableFieldError(message)
        check_is_stored(part)
    return {name: group[name] for name in _PARTS}


def _check_parts(indices: NDArray[Any], indptr: NDArray[Any], *, rows: int) -> None:
    agree = (
        indptr[0] == 0
        and indptr[-1] == len(indices)
        and np.all(indptr[1:] >= indptr[:-1])
        and (len(indices) == 0 or (indices.min() >= 0 and indices.max() < rows))
    )
    if not agree:
        message = "row indices are outside of the sparse matrix, or the bounds of its columns do not increase"
        raise UnusableFieldError(message)


def _has_duplicates(matrix: csc_array[Any]) -> bool:
    """Return whether a column contains a row index more than once."""
    from scipy.sparse import csc_array

    if matrix.has_canonical_format:  # its row indices rise, so that none occurs twice
        return False
    parts = (np.ones(matrix.nnz, dtype=np.int8), matrix.indices.copy(), matrix.indptr.copy())
    pattern = csc_array(parts, shape=matrix.shape)
    pattern.sum_duplicates()
    return bool(pattern.nnz < matrix.nnz)


def _for_scipy(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in a type that scipy's sparse matrices support: native byte order, no half precision, no bool."""
    native = values.dtype.newbyteorder("=")
    return values.astype(np.float32 if native == np.float16 or native.kind == "b" else native, copy=False)
