"""Blanks: keys without a value in metadata, which the experimenter has to fill in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from caiman_interface.metadata import is_null_allowed

from .text import KeyPath


def blanks_of(metadata: Any) -> list[KeyPath]:
    """Return the path of every key without a value in metadata."""
    return [path for path in _nulls(metadata, ()) if not is_null_allowed(path)]


def without_blanks(metadata: Any) -> Any:
    """Return a copy of metadata without the keys that have no value."""
    return without(metadata, set(blanks_of(metadata)))


def blanks_of_specification(specification: Mapping[str, Any]) -> set[KeyPath]:
    """Return the path of every key without a value in the metadata of a specification."""
    nulls = (path for path in _nulls(specification, ()) if "metadata" in path[:-1])
    return {path for path in nulls if not is_null_allowed(path[path.index("metadata") + 1 :])}


def without(value: Any, unwanted: set[KeyPath], path: KeyPath = ()) -> Any:
    """Return a copy of nested data without the values at some paths."""
    if isinstance(value, Mapping):
        return {k: without(v, unwanted, (*path, k)) for k, v in value.items() if (*path, k) not in unwanted}
    if isinstance(value, list):
        items = enumerate(value)
        return [without(item, unwanted, (*path, index)) for index, item in items if (*path, index) not in unwanted]
    return deepcopy(value)


def _nulls(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        if item is None:
            yield (*path, key)
        yield from _nulls(item, (*path, key))
