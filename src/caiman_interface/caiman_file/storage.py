"""How each value of a CaImAn file is stored, so that the file can be written again from its converted values.

Converted values alone do not show whether CaImAn had None or an empty array, which dtype an array had, or whether a
text was an attribute (CaImAn 1.9.9 and later) or a dataset. `describe_storage` records that as plain
values for JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import (
    DEEPEST_NESTING,
    check_is_stored,
    is_absent,
    is_name,
    is_numeric,
    is_sparse,
    json_value,
    read_value,
    text_of,
    usable_dtype,
)
from .groups import DAMAGE
from .omissions import UnusableFieldError

# Numbers that CaImAn writes as text: one per component.
_NUMBERS_AS_TEXT = ("bl", "c1", "lam", "neurons_sn")
# Lists of components, in the order in which CaImAn's functions or a user arranged them.
_LISTS = ("idx_components", "idx_components_bad", "accepted_list", "rejected_list")
_SHAPES = ("dims",)
# More explicit zeros than this are not recorded, because they would take too much space as text.
_MOST_ZEROS = 20_000
_BLOCK_BYTES = 2**20
_PARAMETERS = "params/"
# Far more members than CaImAn writes; groups that are linked to from many places have any number of paths.
_MOST_MEMBERS = 2_000


def describe_storage(file: h5py.File) -> dict[str, Any]:
    """Return how each value is stored, by its path in the file.

    Parameters
    ----------
    file : h5py.File
        The open CaImAn file.

    Returns
    -------
    dict
        For each path one of

        - None: the value was None;
        - ``["attribute"]``: a text, as an attribute;
        - ``["text"]``: a text, as a scalar dataset;
        - ``[dtype, shape]``: an array; ``S32`` is text of 32 bytes, ``str`` text of any length;
        - ``[dtype, shape, values]``: a number or a small array, with its values;
        - ``["sparse", shape, parts]``: a sparse matrix with the dtypes of its parts, its number of entries (``nnz``)
          and its explicit ``zeros`` (of footprints: positions among the entries, rows and columns);
        - ``["=", path]``: the same values as at another path.

        Parameters (``params/…``) that are stored in the usual way, see `usual_storage`, are left out.
    """
    described: dict[str, Any] = {}
    for path, node in _members(file, "", depth=0, visited=count()):
        with suppress(UnusableFieldError, *DAMAGE):  # an unreadable value is not restored
            entry = _entry(path, node)
            name = path.removeprefix(_PARAMETERS)
            if name == path or entry != usual_storage(json_value(read_value(node))):
                described[path] = entry
    for group in ("estimates", "estimates/discarded_components"):
        with suppress(UnusableFieldError, *DAMAGE):
            if _are_equal(file.get(f"{group}/R"), file.get(f"{group}/YrA")):
                described[f"{group}/R"] = ["=", f"{group}/YrA"]
    return described


def usual_storage(value: Any) -> Any:
    """Return how the current release of CaImAn stores a parameter with this value.

    Parameters
    ----------
    value : Any
        None, a bool, a number, a text or a (nested) list of numbers or of texts.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return ["attribute"]
    array = text_array(value) if is_texts(value) else np.array(value)
    return [_dtype_name(array.dtype), list(array.shape)]


def is_texts(value: Any) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def text_array(texts: list[str]) -> NDArray[np.bytes_]:
    """Return texts as the array of bytes that CaImAn makes of them."""
    return np.array([text.encode() for text in texts], dtype=np.bytes_)


def number_text(number: float) -> str:
    """Return a number as CaImAn writes it as text."""
    return repr(float(number))


def _members(group: h5py.Group, start: str, *, depth: int, visited: Iterator[int]) -> Iterator[tuple[str, Any]]:
    """Yield the path and the node or attribute value of everything that has a readable value."""
    for name in filter(is_name, group.attrs):
        with suppress(*DAMAGE):
            yield f"{start}{name}", group.attrs[name]
    for name in filter(is_name, group):
        if next(visited) > _MOST_MEMBERS:
            return
        path, node = f"{start}{name}", None
        with suppress(*DAMAGE):
            node = group[name]
        if isinstance(node, h5py.Group) and len(node) and not is_sparse(node):
            if depth < DEEPEST_NESTING:  # a group can contain itself
                yield from _members(node, f"{path}/", depth=depth + 1, visited=visited)
        elif isinstance(node, h5py.Group | h5py.Dataset):
            yield path, node


def _entry(path: str, node: Any) -> Any:
    if is_sparse(node):
        return _sparse_entry(node, with_zeros=path.rpartition("/")[2] == "A")
    if isinstance(node, h5py.Group):
        return ["group"]
    if not isinstance(node, h5py.Dataset):
        return ["attribute"]
    if is_absent(node):
        return None
    if node.ndim == 0 and node.dtype.kind in "OS":
        return ["text"]
    entry = [_dtype_name(node.dtype), list(node.shape)]
    values = None if path.startswith(_PARAMETERS) else _own_values(path, node)
    return entry if values is None else [*entry, values]


def _own_values(path: str, node: h5py.Dataset) -> Any:
    """Return the values if they are few and not converted in the same precision or order; None otherwise."""
    name = path.rpartition("/")[2]
    if node.ndim == 0 and (is_numeric(node) and name != "g"):
        return _plain_numbers(node)
    if name in _SHAPES and node.ndim == 1 and is_numeric(node):
        return _plain_numbers(node)
    if name in _LISTS and node.ndim == 1 and node.size and is_numeric(node) and not _is_rising(node[()]):
        return _plain_numbers(node)
    if name in _NUMBERS_AS_TEXT and node.ndim == 1 and node.dtype.kind == "S":
        texts = [text_of(text) for text in node[()].tolist()]
        # Only unusual texts are recorded; paths without their directories, which may identify a user.
        if not _are_usual_numbers(texts):
            return [re.sub(r".*[\\/]", "", text) for text in texts]
    return None


def _plain_numbers(node: h5py.Dataset) -> Any:
    """Read numbers as JSON has them: extended precision becomes double."""
    return np.asarray(node[()]).astype(usable_dtype(node.dtype)).tolist()


def _sparse_entry(group: h5py.Group, *, with_zeros: bool) -> Any:
    parts: dict[str, Any] = {name: _dtype_name(group[name].dtype) for name in ("data", "indices", "indptr", "shape")}
    parts["nnz"] = len(group["data"])
    zeros = _zeros(group["data"]) if with_zeros else np.empty(0, dtype=np.intp)
    if 0 < len(zeros) <= _MOST_ZEROS:
        columns = np.searchsorted(group["indptr"][()], zeros, side="right") - 1
        parts["zeros"] = [zeros.tolist(), group["indices"][()][zeros].tolist(), columns.tolist()]
    return ["sparse", group["shape"][()].tolist(), parts]


def _zeros(values: h5py.Dataset) -> NDArray[np.intp]:
    """Return where values are 0, read a block at a time."""
    step = _BLOCK_BYTES // values.dtype.itemsize
    starts = range(0, len(values), step)
    return np.concatenate([start + np.flatnonzero(values[start : start + step] == 0) for start in (0, *starts[1:])])


def _dtype_name(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "S":
        return f"S{dtype.itemsize}"
    return "str" if dtype.kind in "OU" else dtype.name


def _is_rising(values: NDArray[Any]) -> bool:
    return bool(np.all(values[1:] > values[:-1]))


def _are_usual_numbers(texts: list[str]) -> bool:
    try:
        return [number_text(number) for number in map(float, texts)] == texts
    except ValueError:
        return False


def _are_equal(first: Any, second: Any) -> bool:
    """Return whether two datasets of numbers have the same values, read block by block."""
    if not (isinstance(first, h5py.Dataset) and isinstance(second, h5py.Dataset)):
        return False
    check_is_stored(first)
    if first.ndim == 0 or first.shape != second.shape or first.dtype != second.dtype or not is_numeric(first):
        return False
    row_bytes = max(1, int(np.prod(first.shape[1:])) * first.dtype.itemsize)
    step = max(1, _BLOCK_BYTES // row_bytes)
    blocks = (slice(start, start + step) for start in range(0, first.shape[0], step))
    return all(np.array_equal(first[block], second[block], equal_nan=first.dtype.kind == "f") for block in blocks)
