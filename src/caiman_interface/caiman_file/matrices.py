"""Matrices as CaImAn stores them: dense datasets, or sparse groups compressed by columns.

Whatever form a sparse matrix has in memory, CaImAn saves its columns (``item.tocsc()``), of the ring model too. The
row indices of a column are often unsorted, and explicit zeros occur; the zeros are removed when a matrix is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import Node, describe, is_numeric, is_sparse, place_of, read, reading
from .errors import CaimanFileError

if TYPE_CHECKING:
    from scipy.sparse import csc_array

_PARTS = ("data", "indices", "indptr")
_MATRIX_DIMENSIONS = 2


class StoredMatrix:
    """A matrix in the file, whose values are not read until asked for.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        The sparse group or the dense dataset.
    file_path : Path
        For messages.

    Attributes
    ----------
    shape : tuple of int
        (rows, columns).
    is_dense : bool
        Whether it is stored dense.
    place : str
        Where it stands in the file.

    Raises
    ------
    CaimanFileError
        If it is no matrix, or its parts do not fit together.
    """

    def __init__(self, node: Node, file_path: Path) -> None:
        self.file_path = file_path
        self.place = place_of(node)
        self._node = node
        self.is_dense = isinstance(node, h5py.Dataset)
        with reading(node, file_path, self.place):
            usable = is_numeric(node) and node.ndim == _MATRIX_DIMENSIONS if self.is_dense else _has_parts(node)
        if not usable:
            raise self.error(
                "this is no matrix",
                found=describe(node),
                expected="a group of data, indices, indptr and shape, or a dataset of two dimensions of numbers",
                remedy="Save the results again with CaImAn after the fit",
            )
        self._parts: dict[str, h5py.Dataset] = {} if self.is_dense else {name: node[name] for name in _PARTS}
        self.shape: tuple[int, int] = node.shape if self.is_dense else self._read_shape()

    def read_dense(self) -> NDArray[Any]:
        """Read a matrix that is stored dense, as it is.

        Raises
        ------
        CaimanFileError
            If it holds values that are not finite.
        """
        values: NDArray[Any] = read(self._node, self.file_path)
        self._check_finite(values)
        return values

    def read(self) -> csc_array[Any]:
        """Read the matrix compressed by columns, in the order of the file and without explicit zeros.

        The row indices of a column keep their order, since sums over them are rounded accordingly.

        Raises
        ------
        CaimanFileError
            If it contradicts itself or holds values that are not finite.
        """
        from scipy.sparse import csc_array

        if self.is_dense:
            return csc_array(_for_scipy(self.read_dense()))
        data, indices, indptr = (_for_scipy(read(part, self.file_path)) for part in self._parts.values())
        if not _compressed_parts_agree(indices, indptr, rows=self.shape[0]):
            raise self._contradiction("row indices outside of the matrix, or bounds of columns that do not rise")
        self._check_finite(data)
        matrix = csc_array((data, indices, indptr), shape=self.shape)
        if _has_duplicates(matrix):
            matrix.sum_duplicates()  # sorts the row indices of each column, and its values with them
        matrix.eliminate_zeros()
        return matrix

    def error(self, problem: str, *, found: str, expected: str, remedy: str) -> CaimanFileError:
        """Compose the error for this matrix."""
        return CaimanFileError(self.file_path, problem, place=self.place, found=found, expected=expected, remedy=remedy)

    def _read_shape(self) -> tuple[int, int]:
        """Read the shape of a sparse matrix, and check the lengths of its parts against it."""
        rows, columns = (int(length) for length in read(self._node["shape"], self.file_path))
        lengths = {name: len(part) for name, part in self._parts.items()}
        fits = lengths["data"] == lengths["indices"] and lengths["indptr"] == columns + 1
        if rows < 0 or columns < 0 or not fits:
            lengths_found = ", ".join(f"{length} {name}" for name, length in lengths.items())
            raise self._contradiction(f"{lengths_found} for a shape of ({rows}, {columns})")
        return rows, columns

    def _contradiction(self, found: str) -> CaimanFileError:
        return self.error(
            "the parts of a sparse matrix contradict each other",
            found=found,
            expected="as many indices as data, and for each column the bounds of its part",
            remedy="The file is damaged: save the results again with CaImAn",
        )

    def _check_finite(self, values: NDArray[Any]) -> None:
        odd = np.count_nonzero(~np.isfinite(values))
        if odd:
            raise self.error(
                "a spatial component holds weights that are not finite",
                found=f"{odd} NaN or infinite weights",
                expected="finite numbers",
                remedy="Run CaImAn's fit again: a movie with NaN pixels gives such components",
            )


def _has_parts(group: h5py.Group) -> bool:
    """Tell whether a group holds the parts of a sparse matrix, by their types and dimensions."""
    if not is_sparse(group):
        return False
    parts = {name: group[name] for name in (*_PARTS, "shape")}
    return (
        all(is_numeric(part) and part.ndim == 1 for part in parts.values())
        and all(parts[name].dtype.kind in "iu" for name in ("indices", "indptr", "shape"))
        and parts["shape"].shape == (_MATRIX_DIMENSIONS,)
    )


def _compressed_parts_agree(indices: NDArray[Any], indptr: NDArray[Any], *, rows: int) -> bool:
    """Check the values of a compressed matrix, since scipy believes them."""
    return bool(
        indptr[0] == 0
        and indptr[-1] == len(indices)
        and np.all(indptr[1:] >= indptr[:-1])
        and (len(indices) == 0 or (indices.min() >= 0 and indices.max() < rows))
    )


def _has_duplicates(matrix: csc_array[Any]) -> bool:
    """Return whether a column contains a row index more than once."""
    from scipy.sparse import csc_array

    parts = (np.ones(matrix.nnz, dtype=np.int8), matrix.indices.copy(), matrix.indptr.copy())
    pattern = csc_array(parts, shape=matrix.shape)
    pattern.sum_duplicates()
    return bool(pattern.nnz < matrix.nnz)


def _for_scipy(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in a type that scipy's sparse matrices take: of this machine's byte order, no half precision."""
    native = values.dtype.newbyteorder("=")
    return values.astype(np.float32 if native == np.float16 else native, copy=False)
