"""Footprints as mask columns of an NWB table, computed for the whole table at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from numpy.typing import NDArray
from pynwb.core import VectorData, VectorIndex

from caiman_interface.caiman_file import Footprints
from caiman_interface.writer.record_rows import RecordRows

from .mask_correction import parts, weight_correction
from .vocabulary import MASK_CORRECTION_ENDING, MASK_CORRECTIONS, MASKS

_VOLUME = 3
# Dense images of footprints are mostly zeros and are therefore created a few megabytes at a time.
_IMAGE_CHUNK_BYTES = 4_000_000
_IMAGE_BUFFER_GB = 0.1


def sparse_mask_columns(footprints: Footprints, weight: str, *, with_correction: bool = True) -> list[VectorData]:
    """Return a ragged ``pixel_mask`` or, for a volume, ``voxel_mask`` column, with its index.

    x is the column, y the row and z the plane, as NWB defines them. Weights are float32, the type that NWB's schema
    requires. If CaImAn's weights are more precise, a second column contains the difference, so that both columns
    together are exact, see `weight_correction`. The pixels of a ROI are in the order of the CaImAn file.

    Parameters
    ----------
    footprints : Footprints
        The footprints.
    weight : str
        CaImAn's name of the footprints.
    with_correction : bool
        Whether to add the column of corrections.
    """
    matrix = footprints.matrix
    axes = ("x", "y", "z")[: len(footprints.frame_shape)]
    rows = np.empty(matrix.nnz, dtype=[*((axis, np.uint32) for axis in axes), ("weight", np.float32)])
    for part in parts(len(rows)):
        for axis, values in zip(axes, footprints.coordinates(part), strict=True):
            rows[axis][part] = values
        with np.errstate(over="ignore"):
            rows["weight"][part] = matrix.data[part]
    ends = matrix.indptr[1:].astype(np.uint64)
    name = "voxel_mask" if len(axes) == _VOLUME else "pixel_mask"
    columns = _ragged(name, MASKS[name].format(weight=weight), RecordRows.of(rows), ends)
    correction = weight_correction(matrix.data, rows["weight"]) if with_correction else None
    if correction is None:
        return columns
    text = MASK_CORRECTIONS[correction.dtype.name].format(name=name)
    return [*columns, *_ragged(name + MASK_CORRECTION_ENDING, text, RecordRows.of(correction), ends)]


def _ragged(name: str, description: str, values: Any, ends: NDArray[np.uint64]) -> list[VectorData]:
    column = VectorData(name=name, description=description, data=values)
    return [column, VectorIndex(name=f"{name}_index", data=ends, target=column)]


def dense_mask_columns(footprints: Footprints, weight: str, *, with_correction: bool = True) -> list[VectorData]:
    """Return an ``image_mask`` column of shape (rois, x, y[, z]), computed while it is written."""
    images = ImageMasks(footprints, dtype=None if with_correction else np.dtype(np.float32))
    volume = len(footprints.frame_shape) == _VOLUME
    description = MASKS["image_mask"].format(z=", z" if volume else "", weight=weight)
    return [VectorData(name="image_mask", description=description, data=images.iterator())]


class ImageMasks:
    """Footprints as a lazy array of images, of shape (rois, x, y[, z]): x is the column, y the row.

    Parameters
    ----------
    footprints : Footprints
        The footprints; at least one.
    dtype : numpy.dtype, optional
        Type of the weights; by default one that represents CaImAn's weights exactly.
    """

    parallel_read = True

    def __init__(self, footprints: Footprints, dtype: np.dtype[Any] | None = None) -> None:
        self._footprints = footprints
        self.dtype = weight_dtype(footprints.matrix.dtype) if dtype is None else dtype
        rows, columns, *planes = footprints.frame_shape
        self.shape = (len(footprints), columns, rows, *planes)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        first, *within = key if isinstance(key, tuple) else (key,)
        rois = np.atleast_1d(np.arange(self.shape[0])[first])
        images = self._footprints.select(rois).images()  # (rows, columns[, planes], rois)
        ordered: NDArray[Any] = np.moveaxis(images, -1, 0).swapaxes(1, 2).astype(self.dtype)
        is_one = isinstance(first, int | np.integer)
        selection: tuple[Any, ...] = (0 if is_one else slice(None), *within)
        selected: NDArray[Any] = ordered[selection]
        return selected

    def iterator(self) -> SliceableDataChunkIterator:
        """Return an iterator from which hdmf writes a few images at a time."""
        image_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        rois = max(1, min(self.shape[0], _IMAGE_CHUNK_BYTES // image_bytes))
        return _ColumnIterator(
            data=self, chunk_shape=(rois, *self.shape[1:]), buffer_gb=max(_IMAGE_BUFFER_GB, 1e-9 * rois * image_bytes)
        )


class _ColumnIterator(SliceableDataChunkIterator):  # type: ignore[misc]
    """An iterator that can be a column of a table: iterating over it yields its rows, any number of times.

    NeuroConv iterates over the rows of a column, once to inspect the values and once to write them; hdmf writes the
    blocks that `next` returns.
    """

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self.data[row] for row in range(len(self.data)))


def sparse_is_smaller(footprints: Footprints) -> bool:
    """Return whether sparse masks take less space than images.

    A pixel takes two or three coordinates of 4 bytes and a weight in a sparse mask, but only the weight in an image.
    Footprints that cover most of the frame, such as background components, are therefore smaller as images.
    """
    weight_bytes = weight_dtype(footprints.matrix.dtype).itemsize
    sparse_bytes = footprints.matrix.nnz * (4 * len(footprints.frame_shape) + weight_bytes)
    image_bytes = len(footprints) * int(np.prod(footprints.frame_shape)) * weight_bytes
    return bool(sparse_bytes <= image_bytes)


def weight_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of weights in image masks: float32, or float64 if float32 cannot represent the values."""
    return np.dtype(np.float32) if np.can_cast(dtype, np.float32) else np.dtype(np.float64)
