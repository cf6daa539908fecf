"""Values of a CaImAn file against those of an NWB file, bit for bit and block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from hdmf.query import HDMFDataset
from numpy.typing import NDArray
from pynwb.core import VectorIndex

from caiman_interface.writer.regions import blocks, grown

if TYPE_CHECKING:
    from scipy.sparse import csc_array

# What is in memory at a time, of each of the two.
_BLOCK_BYTES = 16 * 2**20


def difference(expected: Any, found: Any, axes: Sequence[str]) -> str | None:
    """Return in which values two arrays differ.

    Parameters
    ----------
    expected : array
        What CaImAn saved. As of `found`, only the blocks that are compared at a time are read.
    found : array
        What the NWB file contains: an array, an HDF5 dataset or a Zarr array.
    axes : sequence of str
        What is counted along each axis, such as "frame".

    Returns
    -------
    str or None
        None where all values are equal: integers and text exactly, numbers with a point bit for bit. Only of NaN is
        there one kind.
    """
    if tuple(expected.shape) != tuple(found.shape):
        return f"shape {tuple(expected.shape)} in CaImAn, {tuple(found.shape)} in the NWB file"
    expected_type, found_type = _native(expected.dtype), _native(found.dtype)
    if expected_type != found_type:
        return f"type {expected_type} in CaImAn, {found_type} in the NWB file"
    unit = getattr(found, "chunks", None) or (1,) * len(found.shape)
    step = grown(unit, found.shape, _BLOCK_BYTES // expected_type.itemsize)
    count, first = 0, ""
    for block in blocks(found.shape, step):
        ours = np.asarray(expected[block]).astype(expected_type, copy=False)
        theirs = np.asarray(found[block]).astype(found_type, copy=False)
        places = np.argwhere(unequal(ours, theirs))
        if len(places) and not count:
            place = tuple(places[0])
            where = [axis.start + step for axis, step in zip(block, place, strict=True)]
            named = ", ".join(f"{name} {number}" for name, number in zip(axes, where, strict=False))
            first = f"at {named}: {shown(ours[place])} in CaImAn, {shown(theirs[place])} in the NWB file"
        count += len(places)
    return f"{count} of {int(np.prod(found.shape))} values, the first {first}" if count else None


def mask_difference(matrix: csc_array[Any], frame_shape: tuple[int, ...], column: VectorIndex) -> str | None:
    """Return in which pixels footprints and a ragged mask column differ, or None.

    Parameters
    ----------
    matrix : csc_array
        The footprints, (pixels, ROIs), whose pixels are the frame flattened in Fortran order.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    column : VectorIndex
        The masks: x is the column of a pixel, y its row, z its plane; the weights are float32.
    """
    ends = np.asarray(column.data[:]).astype(np.int64)
    expected_ends = matrix.indptr[1:].astype(np.int64)
    if not np.array_equal(ends, expected_ends):
        if len(ends) != len(expected_ends):
            return f"{len(expected_ends)} masks in CaImAn, {len(ends)} in the NWB file"
        row = int(np.flatnonzero(ends != expected_ends)[0])
        ours, theirs = (int(np.diff(these, prepend=0)[row]) for these in (expected_ends, ends))
        return f"row {row} has {ours} pixels in CaImAn, {theirs} in the NWB file"
    stored = column.target.data
    stored = stored.dataset if isinstance(stored, HDMFDataset) else stored  # hdmf looks for references in each row
    if len(stored) != matrix.nnz:
        return f"{matrix.nnz} pixels in CaImAn, {len(stored)} in the NWB file"
    differing = _pixel_difference(matrix, frame_shape, stored)
    if differing is None or np.all(matrix.indices[1:] > matrix.indices[:-1]):
        return differing
    ordered = matrix.sorted_indices()  # the order of pixels in files of version 0.1
    return differing if _pixel_difference(ordered, frame_shape, stored) else None


def _pixel_difference(matrix: csc_array[Any], frame_shape: tuple[int, ...], stored: Any) -> str | None:
    rows, columns, *_ = frame_shape
    pixels = matrix.indices.astype(np.int64)
    fields = {"x": pixels // rows % columns, "y": pixels % rows, "z": pixels // (rows * columns)}
    if len(frame_shape) == 2:  # noqa: PLR2004 (rows, columns)
        del fields["z"]
    with np.errstate(over="ignore"):
        expected = {name: values.astype(np.uint32) for name, values in fields.items()}
        expected["weight"] = matrix.data.astype(np.float32)
    if stored.dtype.names is None or set(stored.dtype.names) != set(expected):
        return f"the fields are {', '.join(expected)} from CaImAn, {stored.dtype} in the NWB file"
    step = max(1, _BLOCK_BYTES // stored.dtype.itemsize)
    for start in range(0, len(stored), step):
        part = slice(start, start + step)
        block = stored[part]
        for name, values in expected.items():
            found = difference(values[part], block[name], ("pixel",))
            if found is not None:
                return f"{name} of {found} (pixels from {start} on)"
    return None


def unequal(expected: NDArray[Any], found: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each of two arrays' values, of the same type and shape, whether they differ."""
    if expected.dtype.kind != "f":
        return np.asarray(expected != found)
    bits = np.dtype(f"u{expected.dtype.itemsize}")
    differ = np.ascontiguousarray(expected).view(bits) != np.ascontiguousarray(found).view(bits)
    return np.asarray(differ & ~(np.isnan(expected) & np.isnan(found)))


def text_difference(expected: Sequence[str], found: Sequence[str], what: str) -> str | None:
    """Return which of two lists of texts differ; None if they are equal."""
    if len(expected) != len(found):
        return f"{len(expected)} in CaImAn, {len(found)} in the NWB file"
    pairs = enumerate(zip(expected, found, strict=True))
    differing = [(place, ours, theirs) for place, (ours, theirs) in pairs if ours != theirs]
    if not differing:
        return None
    place, ours, theirs = differing[0]
    first = f"{what} {place}: {ours!r} in CaImAn, {theirs!r} in the NWB file"
    return f"{len(differing)} of {len(expected)} texts, the first {first}"


def shown(value: Any) -> str:
    """Show a value with all its digits."""
    return repr(value.item()) if isinstance(value, np.generic) else repr(value)


def _native(dtype: Any) -> np.dtype[Any]:
    """Return a type in this machine's byte order."""
    native: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    return native
