"""Spatial footprints: which pixels a component covers, and with which weight.

CaImAn keeps all footprints in one matrix of (pixels, components), sparse by columns, whose pixels are the frame
flattened in Fortran order: ``pixel = row + rows * (column + columns * plane)``. The row indices of a column are
often unsorted, and explicit zeros occur; here both are put right once, for the whole matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import Node, describe, is_sparse
from .errors import CaimanFileError

if TYPE_CHECKING:
    from scipy.sparse import csc_array

_MATRIX_DIMENSIONS = 2


@dataclass(frozen=True)
class PixelTable:
    """The pixels of many footprints, one after the other.

    Attributes
    ----------
    coordinates : tuple of arrays of uint32
        One array per axis of the frame, in the order of NWB's masks: x (the column), y (the row) and, in a
        volume, z (the plane).
    weights : array
        Weight of each pixel, in the file's dtype.
    ends : array of int64
        Where each footprint ends in these arrays; the first begins at 0.
    """

    coordinates: tuple[NDArray[np.uint32], ...]
    weights: NDArray[Any]
    ends: NDArray[np.int64]


class Footprints:
    """The footprints of some components, read when first used.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        The sparse group or the dense (pixels, components) dataset.
    frame_shape : tuple of int
        (rows, columns) or (rows, columns, planes).
    file_path : Path
        For messages.
    columns : array of int, optional
        The components to show, in this order; all by default.
    """

    def __init__(
        self,
        node: Node,
        frame_shape: tuple[int, ...],
        file_path: Path,
        columns: NDArray[np.intp] | None = None,
    ) -> None:
        self._node = node
        self._file_path = file_path
        self._columns = columns
        self.frame_shape = frame_shape
        self.stored_dense = isinstance(node, h5py.Dataset)

    def __len__(self) -> int:
        return matrix_shape(self._node, self._file_path)[1] if self._columns is None else len(self._columns)

    def select(self, columns: NDArray[np.intp]) -> Footprints:
        """Narrow to some footprints, by position; what was read already is shared."""
        kept = columns if self._columns is None else self._columns[columns]
        narrowed = Footprints(self._node, self.frame_shape, self._file_path, kept)
        if "matrix" in self.__dict__:
            narrowed.__dict__["matrix"] = self.matrix[:, columns]
        return narrowed

    @cached_property
    def matrix(self) -> csc_array[Any]:
        """The footprints as a (pixels, components) matrix: indices sorted, no explicit zeros.

        Raises
        ------
        CaimanFileError
            If the matrix contradicts itself or holds weights that are not finite.
        """
        matrix = read_matrix(self._node, self._file_path)
        return matrix if self._columns is None else matrix[:, self._columns]

    def pixels(self) -> PixelTable:
        """Return all pixels of all footprints in one pass, without a loop over them."""
        matrix = self.matrix
        return PixelTable(
            coordinates=_unravel(matrix.indices, self.frame_shape),
            weights=matrix.data,
            ends=matrix.indptr[1:].astype(np.int64),
        )

    def image(self, position: int) -> NDArray[Any]:
        """Return one footprint as a dense image of the frame's shape (rows, columns[, planes])."""
        column = self.matrix[:, [position]].toarray()
        return np.asarray(column.reshape(self.frame_shape, order="F"))

    def images(self) -> NDArray[Any]:
        """Return all footprints as dense images, of shape (rows, columns[, planes], components)."""
        dense = self.matrix.toarray()
        return np.asarray(dense.reshape((*self.frame_shape, dense.shape[1]), order="F"))

    def total(self) -> NDArray[Any]:
        """Return the sum of all footprints, of shape (rows, columns[, planes]).

        A dense matrix is summed as it lies in the file, so that the sum has the rounding that a user gets
        from ``b.sum(axis=1)``.
        """
        if isinstance(self._node, h5py.Dataset):
            dense = self._node[()] if self._columns is None else self._node[()][:, self._columns]
            summed = dense.sum(axis=1)
        else:
            summed = np.asarray(self.matrix.sum(axis=1)).ravel()
        return np.asarray(summed.reshape(self.frame_shape, order="F"))

    def centroids(self) -> NDArray[np.float64]:
        """Return the weighted centre of each footprint, in pixels.

        Returns
        -------
        array of float64
            Shape (components, 2 or 3): x (column), y (row) and, in a volume, z (plane), counted from 0 at the
            centre of the first pixel. NaN where a footprint is empty.

        Notes
        -----
        The same numbers as ``caiman.base.rois.com``, whose axes are (row, column[, plane]).
        """
        matrix = self.matrix
        weights = matrix.data.astype(np.float64)
        owner = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
        count = matrix.shape[1]
        mass = np.bincount(owner, weights=weights, minlength=count)
        moments = [
            np.bincount(owner, weights=weights * axis, minlength=count)
            for axis in _unravel(matrix.indices, self.frame_shape)
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.stack(moments, axis=1) / mass[:, np.newaxis]


def matrix_shape(node: Node, file_path: Path) -> tuple[int, int]:
    """Return (pixels, components) of a matrix, dense or sparse, without reading its values."""
    if isinstance(node, h5py.Dataset) and node.ndim == _MATRIX_DIMENSIONS:
        pixels, count = node.shape
        return pixels, count
    if is_sparse(node) and node["shape"].shape == (_MATRIX_DIMENSIONS,):
        rows, columns = (int(length) for length in node["shape"][()])
        return rows, columns
    raise CaimanFileError(
        file_path,
        "this is no matrix of footprints",
        place=node.name.lstrip("/"),
        found=describe(node),
        expected="a group of data, indices, indptr and shape, or a dataset of (pixels, components)",
        remedy="Save the results again with CaImAn after the fit",
    )


def read_matrix(node: Node, file_path: Path) -> csc_array[Any]:
    """Read a matrix compressed by columns, with sorted indices and without explicit zeros."""
    from scipy.sparse import csc_array

    shape = matrix_shape(node, file_path)
    if isinstance(node, h5py.Dataset):
        matrix = csc_array(node[()])
    else:
        data, indices, indptr = (node[member][()] for member in ("data", "indices", "indptr"))
        _check_compressed(data, indices, indptr, lines=shape[1], length=shape[0], node=node, file_path=file_path)
        matrix = csc_array((data, indices, indptr), shape=shape)
    if not np.all(np.isfinite(matrix.data)):
        raise CaimanFileError(
            file_path,
            "a footprint holds weights that are not finite",
            place=node.name.lstrip("/"),
            found=f"{np.count_nonzero(~np.isfinite(matrix.data))} NaN or infinite weights",
            expected="finite numbers",
            remedy="Run CaImAn's fit again: a movie with NaN pixels gives such footprints",
        )
    matrix.sum_duplicates()  # sorts the indices of each column, and its weights with them
    matrix.eliminate_zeros()
    return matrix


def _check_compressed(
    data: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    *,
    lines: int,
    length: int,
    node: Node,
    file_path: Path,
) -> None:
    """Check that the three arrays of a compressed matrix agree, since scipy believes them."""
    agree = (
        data.shape == indices.shape
        and data.ndim == 1
        and indptr.shape == (lines + 1,)
        and int(indptr[0]) == 0
        and int(indptr[-1]) == len(data)
        and bool(np.all(np.diff(indptr) >= 0))
        and (len(indices) == 0 or (int(indices.min()) >= 0 and int(indices.max()) < length))
    )
    if not agree:
        raise CaimanFileError(
            file_path,
            "the parts of a sparse matrix contradict each other",
            place=node.name.lstrip("/"),
            found=f"data {data.shape}, indices {indices.shape}, indptr {indptr.shape} for {lines} lines of {length}",
            expected=f"indptr of {lines + 1} rising numbers, indices from 0 to {length - 1}",
            remedy="The file is damaged: save the results again with CaImAn",
        )


def read_ring_model(node: Node, file_path: Path) -> Any:
    """Read the ring model W of CNMF-E, which CaImAn keeps compressed by rows, as a scipy ``csr_array``."""
    from scipy.sparse import csr_array

    shape = matrix_shape(node, file_path)
    if isinstance(node, h5py.Dataset):
        return csr_array(node[()])
    data, indices, indptr = (node[member][()] for member in ("data", "indices", "indptr"))
    _check_compressed(data, indices, indptr, lines=shape[0], length=shape[1], node=node, file_path=file_path)
    return csr_array((data, indices, indptr), shape=shape)


def check_frame_shape(pixels: int, frame_shape: tuple[int, ...]) -> bool:
    """Tell whether a frame has this many pixels."""
    return math.prod(frame_shape) == pixels


def _unravel(pixels: NDArray[Any], frame_shape: tuple[int, ...]) -> tuple[NDArray[np.uint32], ...]:
    """Translate Fortran-order pixel numbers to x (column), y (row) and z (plane)."""
    row, column, *plane = np.unravel_index(pixels.astype(np.int64), frame_shape, order="F")
    return tuple(axis.astype(np.uint32) for axis in (column, row, *plane))
