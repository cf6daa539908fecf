"""Values of a CaImAn file, read with h5py and scipy alone.

`verify` compares the NWB file with these values, so that an error of the code that reads CaImAn files for a conversion,
or of the code that writes NWB files, cannot hide: nothing here is shared with either.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .lazy_arrays import held_dtype

if TYPE_CHECKING:
    from scipy.sparse import csc_array

_NONE = "NoneType"
_SPARSE = ("data", "indices", "indptr", "shape")
# A dataset that declares more bytes than this, of which the file stores less than a thousandth, was never written.
_CHECKED_BYTES = 2**26
_GREATEST_COMPRESSION = 5000
# More groups within groups, or more members, than this are not CaImAn's.
DEEPEST = 16
MOST_MEMBERS = 5_000
UNREADABLE = (AttributeError, KeyError, MemoryError, OSError, OverflowError, RuntimeError, TypeError, ValueError)


def node_at(group: h5py.Group | None, path: str) -> Any | None:
    """Return a dataset or group with values; None if it is absent, None in CaImAn, or cannot be read."""
    try:
        node = None if group is None else group.get(path)
        if node is None or isinstance(node, h5py.Datatype):
            return None
        if isinstance(node, h5py.Dataset):
            _ = node.dtype
            if _is_only_declared(node):
                return None
        return None if _is_none(node) else node
    except UNREADABLE:
        return None


def is_given(group: h5py.Group | None, name: str, ndim: int) -> bool:
    """Return whether a member has a value, usable or not.

    Where CaImAn has no array of `ndim` dimensions, it stores None, or a zero or an empty list of fewer dimensions.
    """
    if group is None:
        return False
    try:
        if name not in group:
            return group.get(name, getlink=True) is not None or name in list(group)
        node = group[name]
        if isinstance(node, h5py.Dataset) and node.shape is not None and node.ndim < ndim:
            is_zero = node.size == 0 or (node.shape == () and node.dtype.kind in "biuf" and bool(node[()] == 0))
            return not is_zero and node_at(group, name) is not None
        return not isinstance(node, h5py.Dataset | h5py.Group) or not _is_none(node)
    except UNREADABLE:  # a damaged value, or a link to a file that is gone
        return True


def _is_none(node: h5py.Dataset | h5py.Group) -> bool:
    """Return whether CaImAn's None is stored: its name as a text, or nothing at all."""
    if isinstance(node, h5py.Group):
        return not len(node) and not len(node.attrs)
    return node.shape is None or (node.shape == () and node.dtype.kind in "OS" and text(node[()]) == _NONE)


def _is_only_declared(dataset: h5py.Dataset) -> bool:
    """Return whether a dataset declares values that do not exist: nearly none is stored, or another file is missing."""
    if dataset.shape is None:
        return False
    if dataset.external is not None:
        _ = dataset[(slice(1),) * dataset.ndim]  # an error where the other file is missing
        return False
    if dataset.is_virtual:
        folder = Path(dataset.file.filename).parent
        names = {source.file_name for source in dataset.virtual_sources()} - {"."}
        return not all((folder / name).exists() or Path(name).exists() for name in names)
    declared = int(dataset.size) * dataset.dtype.itemsize
    return bool(declared > _CHECKED_BYTES and declared > _GREATEST_COMPRESSION * dataset.id.get_storage_size())


def array_at(group: h5py.Group | None, path: str, ndim: int) -> h5py.Dataset | None:
    """Return a dataset of numbers with so many dimensions, unread."""
    node = node_at(group, path)
    is_array = isinstance(node, h5py.Dataset) and node.ndim == ndim and node.dtype.kind in "biuf"
    return node if is_array else None


def numbers_at(group: h5py.Group | None, path: str) -> NDArray[Any] | None:
    """Read numbers, which CaImAn may have saved as text such as ``b'-290.4'``; None if there are none."""
    node = node_at(group, path)
    if not isinstance(node, h5py.Dataset):
        return None
    try:
        values = np.asarray(node[()])
        if values.dtype.kind in "biuf":
            return values if values.dtype.kind == "b" else values.astype(held_dtype(values.dtype), copy=False)
        texts = [text(value).strip().strip("[]").strip() for value in values.ravel()]
        found = [np.nan if item in {"None", _NONE} else float(item) for item in texts]
    except UNREADABLE:
        return None
    return np.asarray(found, dtype=np.float64).reshape(values.shape)


def column_at(group: h5py.Group | None, field: str, count: int) -> tuple[NDArray[Any] | None, str]:
    """Read a number per component, or for ``g`` a row of numbers; None, and why, where they are of other components."""
    node = node_at(group, field)
    if not isinstance(node, h5py.Dataset) or node.ndim == 0 or node.dtype.kind not in "biufOS":
        return None, ""
    if node.shape[0] != count:
        return None, f"{field} covers {node.shape[0]} components, the file has {count}" if node.size else ""
    width = math.prod(node.shape[1:])
    if width != 1 and (field != "g" or node.ndim != 2):  # noqa: PLR2004 (components, values)
        return None, f"{field} has shape {node.shape}, not one value per component"
    values = numbers_at(group, field)
    if values is None or (count and (not values.size or (node.dtype.kind in "OS" and np.all(np.isnan(values))))):
        return None, ""
    return values.reshape((count, width) if field == "g" else (count,)), ""


def scalar_at(group: h5py.Group | None, path: str) -> float | None:
    """Read one number, which may be an array of length one."""
    values = numbers_at(group, path)
    return float(values.ravel()[0]) if values is not None and values.size == 1 else None


def matrix_at(group: h5py.Group | None, path: str) -> csc_array[Any] | None:
    """Read a matrix by columns, with the pixels of a column in the order of the file and without zeros."""
    try:
        return _read_matrix(node_at(group, path))
    except UNREADABLE:
        return None


def _read_matrix(node: Any | None) -> csc_array[Any] | None:
    from scipy.sparse import csc_array

    if isinstance(node, h5py.Dataset):
        values = _weights(node)
        matrix = None if values is None else csc_array(values[:, np.newaxis] if values.ndim == 1 else values)
    else:
        parts = _sparse_parts(node)
        matrix = None if parts is None else csc_array(parts[:3], shape=parts[3])
    if matrix is None:
        return None
    matrix.check_format(full_check=True)
    pattern = csc_array((np.ones(matrix.nnz, np.int8), matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)
    pattern.sum_duplicates()
    if pattern.nnz < matrix.nnz:
        matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _weights(dataset: h5py.Dataset) -> NDArray[Any] | None:
    """Read numbers in a type that sparse matrices have; None if they are not numbers in a vector or a matrix."""
    if dataset.dtype.kind not in "biuf" or not 1 <= dataset.ndim <= 2:  # noqa: PLR2004 (pixels, components)
        return None
    dtype = np.dtype(np.float32) if dataset.dtype == np.float16 or dataset.dtype.kind == "b" else dataset.dtype
    return np.asarray(dataset[()].astype(held_dtype(dtype), copy=False))


def _sparse_parts(node: Any | None) -> tuple[Any, Any, Any, tuple[int, int]] | None:
    """Read data, indices, indptr and shape of a sparse matrix; None if it is not one."""
    members = {name: node_at(node, name) for name in _SPARSE} if isinstance(node, h5py.Group) else {}
    if not members or not all(isinstance(one, h5py.Dataset) and one.ndim == 1 for one in members.values()):
        return None
    values = {name: _weights(one) for name, one in members.items()}
    data, indices, indptr, shape = (values[name] for name in ("data", "indices", "indptr", "shape"))
    if data is None or indices is None or indptr is None or shape is None or len(shape) != 2:  # noqa: PLR2004 (axes)
        return None
    if any(part.dtype.kind not in "iu" for part in (indices, indptr, shape)):
        return None
    return data, indices, indptr, (int(shape[0]), int(shape[1]))


def matrix_shape_at(group: h5py.Group | None, path: str) -> tuple[int, int] | None:
    """Return the shape of a matrix without reading its values; None if there is none."""
    node = node_at(group, path)
    if isinstance(node, h5py.Dataset):
        is_matrix = node.dtype.kind in "biuf" and node.ndim in {1, 2}
        return (int(node.shape[0]), int(node.shape[1]) if node.ndim > 1 else 1) if is_matrix else None
    shape = numbers_at(node, "shape") if node is not None and set(node) >= set(_SPARSE) else None
    return None if shape is None or shape.shape != (2,) else (int(shape[0]), int(shape[1]))


def row_sums_at(group: h5py.Group, path: str) -> NDArray[Any] | None:
    """Return the sum over the columns of a matrix."""
    node = node_at(group, path)
    if isinstance(node, h5py.Dataset):
        if node.dtype.kind not in "biuf" or not 1 <= node.ndim <= 2:  # noqa: PLR2004 (pixels, components)
            return None
        values = node[()].astype(held_dtype(node.dtype), copy=False)
        return values if values.ndim == 1 else np.asarray(values.sum(axis=1))
    matrix = matrix_at(group, path)
    return None if matrix is None else np.asarray(matrix.sum(axis=1)).ravel()


def text(value: Any) -> str:
    """Decode a text; what is not UTF-8, and null characters, become U+FFFD."""
    stored = value if isinstance(value, bytes) else str(value).encode("utf-8", errors="surrogateescape")
    return stored.decode("utf-8", errors="replace").replace("\0", "\ufffd")


def text_at(group: h5py.Group | None, name: str) -> str | None:
    """Read a text, which is an attribute or, before CaImAn 1.9.9, a dataset; None where there is none."""
    node = node_at(group, name)
    try:
        if isinstance(node, h5py.Dataset):
            stored = node[()] if node.shape == () else None
        else:
            stored = None if group is None else group.attrs.get(name)
    except UNREADABLE:
        return None
    return text(stored) if isinstance(stored, str | bytes) else None


def named(group: h5py.Group | h5py.AttributeManager) -> Iterator[str]:
    """Yield the names of members or attributes that are plain text, and not paths; the others cannot be looked up."""
    try:
        names = list(group)  # at once: in a damaged file h5py's iterator may end when a member is opened meanwhile
    except UNREADABLE:
        names = []
    for name in names:
        if isinstance(name, str) and name.isprintable() and "/" not in name and name != ".":
            yield name


def address_of(group: h5py.Group, above: frozenset[int]) -> int:
    """Return where a group is in the file, or, where that is damaged, a number that none of those above it has."""
    try:
        return int(h5py.h5o.get_info(group.id).addr)
    except UNREADABLE:
        return -1 - len(above)


def plain(value: Any) -> Any:
    """Return a parameter as JSON can hold it: None, a truth value, a number, a text, or lists of them."""
    if isinstance(value, h5py.Dataset):
        value = None if value.shape is None else value[()]
    if value is None or isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        return [text(item) for item in value.ravel()]
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        held = value.dtype if value.dtype.kind == "b" else held_dtype(value.dtype)
        return value.astype(held).tolist()
    if isinstance(value, np.ndarray):  # complex numbers, which JSON does not have
        return [str(item) for item in value.ravel()]
    decoded = text(value)
    return None if decoded == _NONE else decoded


def parameters_in(group: h5py.Group, start: str, skipped: Container[str]) -> Iterator[tuple[str, Any]]:
    """Yield the parameters below a group, whose path is `start`, by their path from there, with plain values.

    The groups `skipped`, by their path in the file, and what cannot be read are passed over.
    """
    for path, value in _values_below(group, start, skipped, frozenset(), itertools.count()):
        yield path.removeprefix(start), value


def _values_below(
    group: h5py.Group, start: str, skipped: Container[str], above: frozenset[int], visited: Iterator[int]
) -> Iterator[tuple[str, Any]]:
    address = address_of(group, above)
    if address in above or len(above) > DEEPEST:  # a group that contains itself, or that CaImAn does not write
        return
    for name in named(group.attrs):
        with suppress(*UNREADABLE):
            yield start + name, plain(group.attrs[name])
    for name in named(group):
        if next(visited) > MOST_MEMBERS:
            return
        node = group.get(name) if is_readable(group, name) else None
        if isinstance(node, h5py.Group) and start + name not in skipped:
            yield from _values_below(node, f"{start}{name}/", skipped, above | {address}, visited)
        elif isinstance(node, h5py.Dataset):
            yield start + name, plain(node)


def is_readable(group: h5py.Group, name: str) -> bool:
    """Return whether a member is a group, or a dataset whose values can be read."""
    try:
        node = group.get(name)
        if not isinstance(node, h5py.Dataset):
            return isinstance(node, h5py.Group)
        if node.shape is None:
            return True
        if _is_only_declared(node):
            return False
        _ = node[()]
    except UNREADABLE:
        return False
    return True


def is_same_json(one: str, other: Any) -> bool:
    """Return whether a JSON text has the value of another object, where NaN equals NaN."""
    try:
        return json.dumps(json.loads(one)) == json.dumps(other)
    except (TypeError, ValueError):
        return False
