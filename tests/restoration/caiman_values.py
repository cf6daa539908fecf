"""The values of a CaImAn file, for comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

SPARSE = ("data", "indices", "indptr", "shape")


def read_values(path: Path) -> dict[str, Any]:
    """Return every value by its path: attributes as str, datasets as arrays, sparse matrices as a dict of arrays."""
    with h5py.File(path) as file:
        return _members(file, "")


def _members(group: h5py.Group, start: str) -> dict[str, Any]:
    found: dict[str, Any] = {f"{start}{name}": value for name, value in group.attrs.items()}
    for name, node in group.items():
        path = f"{start}{name}"
        if isinstance(node, h5py.Dataset):
            found[path] = np.asarray(node[()])
        elif all(part in node for part in SPARSE):
            found[path] = {part: node[part][()] for part in SPARSE}
        else:
            found.update(_members(node, f"{path}/"))
    return found


def is_none(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.shape == () and value[()] == b"NoneType"


def are_equal(value: Any, expected: Any) -> bool:
    """Compare type, dtype, shape and every value."""
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(are_equal(value[part], expected[part]) for part in SPARSE)
    if isinstance(expected, str):
        return isinstance(value, str) and value == expected
    if not isinstance(value, np.ndarray) or value.dtype != expected.dtype or value.shape != expected.shape:
        return False
    return bool(np.array_equal(value, expected, equal_nan=expected.dtype.kind == "f"))


def differing(path: Path, original: Path) -> set[str]:
    """Return the paths whose values differ, are missing or are extra in a restored file."""
    values, expected = read_values(path), read_values(original)
    unequal = {name for name in expected if name not in values or not are_equal(values[name], expected[name])}
    return unequal | (set(values) - set(expected))
