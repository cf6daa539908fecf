"""CaImAn's dialect of HDF5: how it writes None, text, numbers and sparse matrices.

CaImAn saves the ``__dict__`` of its objects recursively (``recursively_save_dict_contents_to_group`` in
``caiman/utils/utils.py``). ``None`` becomes the text ``NoneType``, strings are attributes of the parent group
from release 1.9.9 on and scalar datasets before, and a sparse matrix is a group of ``data``, ``indices``,
``indptr`` and ``shape``. This module alone knows that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from .errors import CaimanFileError

_NONE_TEXT = "NoneType"
_SPARSE_MEMBERS = ("data", "indices", "indptr", "shape")

Node: TypeAlias = "h5py.Group | h5py.Dataset"


def text_of(value: Any) -> str:
    """Decode what h5py returns for a string (``bytes``, ``str`` or a numpy scalar of them)."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def is_absent(node: Any, *, ndim: int = 0) -> bool:
    """Decide whether CaImAn had no value here: the one place where that is decided.

    Parameters
    ----------
    node : h5py.Group, h5py.Dataset, attribute value or None
        What stands in the file; None where the key is missing.
    ndim : int
        The number of dimensions that a real value has. Where an array is expected, CaImAn writes a scalar
        (``g`` as 0.0) or an empty list of fewer dimensions (``(0,)``) when it has none.
    """
    if node is None:
        return True
    if isinstance(node, h5py.Group):
        return len(node) == 0 and len(node.attrs) == 0
    if isinstance(node, h5py.Dataset):
        if node.shape is None:  # HDF5's own null dataspace
            return True
        if node.ndim < ndim and node.size <= 1:
            return True
        return node.ndim == 0 and node.dtype.kind in "OS" and text_of(node[()]) == _NONE_TEXT
    return isinstance(node, str | bytes) and text_of(node) == _NONE_TEXT


def find(group: h5py.Group, name: str, *, ndim: int = 0) -> Node | None:
    """Return the member `name` of `group`, or None where it is absent."""
    node = group.get(name)
    return None if is_absent(node, ndim=ndim) else node


def require_group(group: h5py.Group, name: str, *, file_path: Path, remedy: str) -> h5py.Group:
    """Return a subgroup, or raise a `CaimanFileError` that lists what stands there instead."""
    node = group.get(name)
    if not isinstance(node, h5py.Group):
        raise CaimanFileError(
            file_path,
            f"there is no group '{name}'",
            place=group.name,
            found=", ".join(list(group)[:12]) or "nothing",
            expected=f"a group '{name}', as CaImAn's `save` writes",
            remedy=remedy,
        )
    return node


def find_array(group: h5py.Group, name: str, *, ndim: int, file_path: Path) -> h5py.Dataset | None:
    """Return a numeric dataset of `ndim` dimensions, unread, or None where it is absent."""
    node = find(group, name, ndim=ndim)
    if node is None:
        return None
    if not isinstance(node, h5py.Dataset) or node.ndim != ndim or node.dtype.kind not in "fiub":
        raise CaimanFileError(
            file_path,
            f"'{name}' is not an array of {ndim} dimension(s) of numbers",
            place=f"{group.name}/{name}".lstrip("/"),
            found=describe(node),
            expected=f"a numeric dataset with {ndim} dimension(s), or 'NoneType'",
            remedy="Save the results again with CaImAn",
        )
    return node


def describe(node: Any) -> str:
    """Say in a few words what a node of the file is, for messages."""
    if node is None:
        return "nothing"
    if isinstance(node, h5py.Group):
        return f"a group of {', '.join(list(node)[:6]) or 'nothing'}"
    if isinstance(node, h5py.Dataset):
        return f"a dataset of shape {node.shape} and type {node.dtype}"
    return repr(node)


def is_sparse(node: Node | None) -> bool:
    """Tell whether a node is a compressed sparse matrix."""
    return isinstance(node, h5py.Group) and all(member in node for member in _SPARSE_MEMBERS)


def numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Turn numbers that CaImAn saved as text (``b'-290.4356841223353'``) into float64; leave others alone.

    A component without a value (the text ``None``) becomes NaN.

    Raises
    ------
    ValueError
        If a text is no number.
    """
    if values.dtype.kind in "fiub":
        return values
    return np.array([_number(text_of(value)) for value in values.ravel()], dtype=np.float64).reshape(values.shape)


def _number(text: str) -> float:
    """Read one number; arrays of one element were saved as ``[0.5]``."""
    inner = text.strip().strip("[]").strip()
    return float("nan") if inner in {"None", _NONE_TEXT} else float(inner)


def read_value(node: Any) -> Any:
    """Read one value as plain Python: None, bool, int, float, str, a numeric array or a list of str."""
    if is_absent(node):
        return None
    if isinstance(node, h5py.Group):
        return read_mapping(node)
    value = node[()] if isinstance(node, h5py.Dataset) else node
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        return [text_of(item) for item in value.ravel()]
    if isinstance(value, np.ndarray):
        return value if value.ndim else value.item()
    if isinstance(value, np.generic) and value.dtype.kind in "fiub":
        return value.item()
    return text_of(value)


def read_mapping(group: h5py.Group) -> dict[str, Any]:
    """Read a group of parameters: its datasets, its subgroups and its attributes (text from 1.9.9 on)."""
    members: Mapping[str, Any] = {**dict(group.attrs.items()), **dict(group.items())}
    return {name: read_value(members[name]) for name in sorted(members)}
