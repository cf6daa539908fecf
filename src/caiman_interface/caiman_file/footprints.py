"""Spatial footprints: which pixels a component covers, and with which weight.

CaImAn stores all footprints in one matrix of (pixels, components), whose pixels are the frame flattened in Fortran
order: ``pixel = row + rows * (column + columns * plane)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import CaimanFileError
from .matrices import OddWeights, StoredMatrix
from .omissions import UnusableFieldError

if TYPE_CHECKING:
    from scipy.sparse import csc_array


@dataclass(frozen=True)
class PixelTable:
    """The pixels of many footprints, one after the other.

    Attributes
    ----------
    coordinates : tuple of arrays of uint32
        One array per axis of the frame, in the order of NWB's masks: x (the column), y (the row) and, in a
        volume, z (the plane).
    weights : array
        Weight of each pixel, in the file's dtype; never 0, but possibly NaN.
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
    stored : StoredMatrix
        The matrix of (pixels, components).
    frame_shape : tuple of int
        (rows, columns) or (rows, columns, planes).

    Attributes
    ----------
    frame_shape : tuple of int
        (rows, columns) or (rows, columns, planes).
    stored_dense : bool
        Whether the matrix is stored dense in the file.

    Raises
    ------
    UnusableFieldError
        If the matrix and the frame have different numbers of pixels.
    """

    def __init__(self, stored: StoredMatrix, frame_shape: tuple[int, ...]) -> None:
        self._stored = stored
        self._whole: Footprints | None = None  # of which a selection shows some columns
        self._columns = np.arange(stored.shape[1])
        self.frame_shape = frame_shape
        self.stored_dense = stored.is_dense
        if stored.shape[0] != math.prod(frame_shape):
            message = f"covers {stored.shape[0]} pixels, the frame {frame_shape} has {math.prod(frame_shape)}"
            raise UnusableFieldError(message)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(components={len(self)}, frame_shape={self.frame_shape})"

    def select(self, columns: NDArray[np.intp]) -> Footprints:
        """Narrow to some footprints, by position and in this order; the file is read once for all selections."""
        narrowed = Footprints(self._stored, self.frame_shape)
        narrowed._whole = self._whole or self
        narrowed._columns = self._columns[columns]
        return narrowed

    def unshared(self) -> Footprints:
        """Return the same footprints with a separate matrix, whose memory is free when they are deleted.

        A matrix that these footprints have read already is shared.
        """
        whole = self._whole or self
        copy = Footprints(self._stored, self.frame_shape)
        if "matrix" in vars(whole):
            vars(copy)["matrix"] = whole.matrix
        return copy if self._whole is None else copy.select(self._columns)

    @cached_property
    def matrix(self) -> csc_array[Any]:
        """The footprints as a (pixels, components) matrix: row indices in the order of the file, no explicit zeros.

        NaN and infinite weights of the file are kept.

        Raises
        ------
        CaimanFileError
            If the matrix contradicts itself.
        """
        if self._whole is None:
            return self._read()
        whole = self._whole.matrix
        # A selection of everything shares the arrays, which take most of the memory of a conversion.
        is_everything = np.array_equal(self._columns, np.arange(whole.shape[1]))
        return whole if is_everything else whole[:, self._columns]

    def _read(self) -> csc_array[Any]:
        try:
            return self._stored.read()
        except UnusableFieldError as error:
            raise CaimanFileError(self._stored.file_path, str(error), place=self._stored.place) from error

    @property
    def odd_weights(self) -> OddWeights:
        """The numbers of weights in the file, of all its components, that are not finite or exceed single precision."""
        return self._stored.odd_weights

    def pixels(self) -> PixelTable:
        """Return all pixels of all footprints in one pass, without a loop over them."""
        matrix = self.matrix
        return PixelTable(
            coordinates=self.coordinates(),
            weights=matrix.data,
            ends=matrix.indptr[1:].astype(np.int64),
        )

    def coordinates(self, part: slice = slice(None)) -> tuple[NDArray[np.uint32], ...]:
        """Return the coordinates in `pixels`, or a part of them: x, y and, in a volume, z."""
        return _unravel(self.matrix.indices[part], self.frame_shape)

    def image(self, position: int) -> NDArray[Any]:
        """Return one footprint as a dense image of the frame's shape (rows, columns[, planes])."""
        return np.asarray(self.select(np.array([position])).images()[..., 0])

    def images(self) -> NDArray[Any]:
        """Return all footprints as dense images, of shape (rows, columns[, planes], components)."""
        # In Fortran order the images are the columns of the matrix, so that nothing is copied.
        dense = self.matrix.toarray(order="F")
        return np.asarray(dense.reshape((*self.frame_shape, len(self)), order="F"))

    def total(self) -> NDArray[Any]:
        """Return the sum of all footprints, of shape (rows, columns[, planes]).

        A dense matrix is summed as it is stored, so that the sum is rounded as in CaImAn's ``b.sum(axis=1)``.
        """
        if self.stored_dense:
            dense = self._stored.read_dense()
            summed = (dense if self._whole is None else dense[:, self._columns]).sum(axis=1)
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
        weights = self.matrix.astype(np.float64, copy=False)
        axes = _unravel(np.arange(weights.shape[0]), self.frame_shape)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            moments = [weights.T @ axis.astype(np.float64) for axis in axes]
            centres: NDArray[np.float64] = np.stack(moments, axis=1) / weights.sum(axis=0)[:, np.newaxis]
        return centres


def _unravel(pixels: NDArray[Any], frame_shape: tuple[int, ...]) -> tuple[NDArray[np.uint32], ...]:
    """Translate Fortran-order pixel numbers to x (column), y (row) and z (plane)."""
    rows, columns, *_ = frame_shape
    rest = pixels // rows
    row = pixels - rest * rows  # faster than np.divmod
    if len(frame_shape) == 2:  # noqa: PLR2004 (rows, columns)
        return rest.astype(np.uint32), row.astype(np.uint32)
    plane = rest // columns
    column = rest - plane * columns
    return column.astype(np.uint32), row.astype(np.uint32), plane.astype(np.uint32)
