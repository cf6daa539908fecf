"""CaImAn's dialect of HDF5: how it writes None, text, numbers and sparse matrices.

CaImAn saves the ``__dict__`` of its objects recursively (``recursively_save_dict_contents_to_group`` in
``caiman/utils/utils.py``). ``None`` becomes the text ``NoneType``, strings are attributes of the parent group
from release 1.9.9 on and scalar datasets before, and a sparse matrix is a group of ``data``, ``indices``,
``indptr`` and ``shape``. This is the only module that knows about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from .omissions import UnusableFieldError

_NONE_TEXT = "NoneType"
_SPARSE_MEMBERS = ("data", "indices", "indptr", "shape")
_NUMBER_KINDS = "fiub"
_DOUBLE_BYTES = 8

# A dataset that declares more than this, but occupies far less than even compressed zeros do, is damaged.
_CHECKED_BYTES = 2**26
_GREATEST_COMPRESSION = 5000

# CaImAn nests parameters three groups deep.
DEEPEST_NESTING = 8
# More values than this in one parameter mean that groups are linked to from many places.
_MOST_VALUES = 2_000

Node: TypeAlias = "h5py.Group | h5py.Dataset"


def text_of(value: Any) -> str:
    """Decode what h5py returns for a string (``bytes``, ``str`` or a numpy scalar of them).

    Bytes that are not UTF-8, and null characters, which NWB cannot hold, become U+FFFD.
    """
    stored = value if isinstance(value, bytes) else str(value).encode("utf-8", errors="surrogateescape")
    return stored.decode("utf-8", errors="replace").replace("\0", "\ufffd")


def is_name(name: Any) -> bool:
    """Return whether a member or attribute has a name that can be looked up: UTF-8 text, and not a path."""
    return isinstance(name, str) and name.isprintable() and "/" not in name and name != "."


def is_absent(node: Any, *, ndim: int = 0) -> bool:
    """Return whether CaImAn had no value here.

    Parameters
    ----------
    node : h5py.Group, h5py.Dataset, attribute value or None
        What is stored in the file; None where the key is missing.
    ndim : int
        The number of dimensions of a real value. Where an array is expected, CaImAn writes a scalar
        (``g`` as 0.0) or an empty list of fewer dimensions (``(0,)``) when it has none.
    """
    if node is None:
        return True
    if isinstance(node, h5py.Group):
        return len(node) == 0 and len(node.attrs) == 0
    if isinstance(node, h5py.Dataset):
        if node.shape is None:  # HDF5's own null dataspace
            return True
        if node.ndim < ndim and (node.size == 0 or _is_zero(node)):
            return True
        return _is_none_text(node)
    return isinstance(node, h5py.Empty) or (isinstance(node, str | bytes) and text_of(node) == _NONE_TEXT)


def _is_none_text(node: h5py.Dataset) -> bool:
    return node.ndim == 0 and node.dtype.kind in "OS" and text_of(node[()]) == _NONE_TEXT


def _is_zero(node: h5py.Dataset) -> bool:
    return node.ndim == 0 and is_numeric(node) and bool(node[()] == 0)


def is_numeric(node: Any) -> bool:
    """Return whether a node is a dataset of real numbers."""
    return isinstance(node, h5py.Dataset) and node.dtype.kind in _NUMBER_KINDS


def is_sparse(node: Any) -> bool:
    """Return whether a node is a compressed sparse matrix."""
    return isinstance(node, h5py.Group) and all(member in node for member in _SPARSE_MEMBERS)


def describe(node: Any) -> str:
    """Describe a node of the file in a few words, for messages."""
    if isinstance(node, h5py.Dataset):
        return f"a dataset of shape {node.shape} and type {node.dtype}"
    if is_absent(node):
        return "nothing" if node is None else f"'{_NONE_TEXT}' or an empty group"
    if isinstance(node, h5py.Group):
        return f"a group of {', '.join(list(node)[:6])}"
    return repr(node)


def usable_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which values are read: that of the file, but double for extended precision.

    NWB and Zarr have no extended precision, and numpy's depends on the machine.
    """
    if dtype.kind == "f" and dtype.itemsize > _DOUBLE_BYTES:
        return np.dtype(np.float64)
    return dtype


def check_is_stored(dataset: h5py.Dataset) -> None:
    """Check that the values that a dataset declares exist, so that reading them does not exhaust the memory.

    Raises
    ------
    UnusableFieldError
        If the file contains nearly none of them, or they are in another file that cannot be read.
    """
    if dataset.shape is None:
        return
    if dataset.is_virtual or dataset.external is not None:
        _check_other_files(dataset)
        return
    declared = int(dataset.size) * dataset.dtype.itemsize
    if declared > _CHECKED_BYTES and declared > _GREATEST_COMPRESSION * dataset.id.get_storage_size():
        message = f"declares {int(dataset.size)} values, of which the file stores nearly none"
        raise UnusableFieldError(message)


def _check_other_files(dataset: h5py.Dataset) -> None:
    """Check that the files with the values of a dataset exist: HDF5 replaces those of a virtual one by zeros."""
    names = [source.file_name for source in dataset.virtual_sources()] if dataset.is_virtual else []
    folder = Path(dataset.file.filename).parent
    missing = [name for name in names if name != "." and not (folder / name).exists() and not Path(name).exists()]
    if dataset.external is not None:
        try:
            _ = dataset[(slice(1),) * dataset.ndim]
        except OSError:
            missing = [name for name, *_ in dataset.external]
    if missing:
        message = f"is stored in the file '{missing[0]}', which cannot be read"
        raise UnusableFieldError(message)


def numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Convert numbers that CaImAn saved as text (``b'-290.4356841223353'``) to float64; return others unchanged.

    A component without a value (the text ``None``) becomes NaN.

    Raises
    ------
    ValueError
        If a text is not a number.
    """
    if values.dtype.kind in _NUMBER_KINDS:
        return values
    if values.dtype.kind == "S":
        with suppress(ValueError):  # not one of the texts that only CaImAn reads as numbers
            return values.astype(np.float64)
    return np.array([_number(text_of(value)) for value in values.ravel()], dtype=np.float64).reshape(values.shape)


def _number(text: str) -> float:
    """Parse one number; arrays of one element were saved as ``[0.5]``."""
    inner = text.strip().strip("[]").strip()
    return float("nan") if inner in {"None", _NONE_TEXT} else float(inner)


def read_value(node: Any) -> Any:
    """Read one value as plain Python.

    Returns
    -------
    None, bool, int, float, str, numeric array, list of str or dict
        Complex numbers and what has no plain form are returned as text.

    Raises
    ------
    UnusableFieldError
        If groups are nested too deep to be CaImAn's, contain themselves, or contain names that are not text.
    """
    return _read_nested(node, depth=0, numbers_of_values=count())


def _read_nested(node: Any, *, depth: int, numbers_of_values: Iterator[int]) -> Any:
    if next(numbers_of_values) > _MOST_VALUES:
        message = f"contains more than {_MOST_VALUES} values"
        raise UnusableFieldError(message)
    if depth > DEEPEST_NESTING:
        message = f"is nested more than {DEEPEST_NESTING} groups deep, or contains itself"
        raise UnusableFieldError(message)
    if isinstance(node, h5py.Datatype):
        message = "is a named data type, not a value"
        raise UnusableFieldError(message)
    if isinstance(node, h5py.Dataset):
        check_is_stored(node)
        node = node[()]
    if is_absent(node):
        return None
    if isinstance(node, h5py.Group):
        members = {**dict(node.attrs), **{name: node[name] for name in node}}
        if not all(map(is_name, members)):
            message = "contains a name that is not plain text"
            raise UnusableFieldError(message)
        return {
            name: _read_nested(members[name], depth=depth + 1, numbers_of_values=numbers_of_values)
            for name in sorted(members)
        }
    return _python_value(node)


def json_value(value: Any) -> Any:
    """Return a value from `read_value` with arrays as lists."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _python_value(value: Any) -> Any:
    """Convert a value that h5py returned to plain Python."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _NUMBER_KINDS:
            return [text_of(item) for item in value.ravel()]
        value = value.astype(usable_dtype(value.dtype), copy=False)
        return value if value.ndim else value.item()
    if isinstance(value, np.generic) and value.dtype.kind in _NUMBER_KINDS:
        return value.astype(usable_dtype(value.dtype)).item()
    return text_of(value)
