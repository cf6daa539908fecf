"""Blanks: keys without a value in metadata, which the experimenter has to fill in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from caiman_interface.metadata import is_null_allowed

from .text import KeyPath, get_value


def blanks_of(metadata: Any) -> list[KeyPath]:
    """Return the path of every key without a value in metadata."""
    return list(_blanks(metadata, ()))


def without_blanks(metadata: Any) -> Any:
    """Return a copy of metadata without the keys that have no value."""
    return without(metadata, set(_blanks(metadata, ())))


def blanks_of_specification(specification: Mapping[str, Any]) -> set[KeyPath]:
    """Return the path of every key without a value in the metadata of a specification."""
    blocks: list[KeyPath] = [("metadata",)]
    experiments = specification.get("experiments")
    for name, experiment in experiments.items() if isinstance(experiments, Mapping) else ():
        blocks.append(("experiments", name, "metadata"))
        sessions = experiment.get("sessions") if isinstance(experiment, Mapping) else None
        count = len(sessions) if isinstance(sessions, list) else 0
        blocks += [("experiments", name, "sessions", index, "metadata") for index in range(count)]
    return {(*block, *path) for block in blocks for path in blanks_of(get_value(specification, block))}


def without(value: Any, unwanted: set[KeyPath], path: KeyPath = ()) -> Any:
    """Return a copy of nested data without the values at some paths."""
    if isinstance(value, Mapping):
        return {k: without(v, unwanted, (*path, k)) for k, v in value.items() if (*path, k) not in unwanted}
    if isinstance(value, list):
        items = enumerate(value)
        return [without(item, unwanted, (*path, index)) for index, item in items if (*path, index) not in unwanted]
    return deepcopy(value)


def _blanks(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        if item is None and not is_null_allowed((*path, key)):
            yield (*path, key)
        yield from _blanks(item, (*path, key))
