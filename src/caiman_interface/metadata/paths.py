"""Paths into metadata of either format: where a user may have written a field.

Errors of the models name fields of dictionary-based metadata. A user may have written them in lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from .blocks import (
    DEVICE_LINK,
    DEVICE_LISTS,
    DFF,
    LISTED_DEVICE_LINK,
    LISTED_PLANE_LINK,
    PLANE_LINK,
    PLANE_LIST,
    SERIES_CONTAINERS,
    TABLE_LIST,
)

FieldPath: TypeAlias = "tuple[str | int, ...]"
"""A path in metadata: keys of mappings and indices of lists."""


class Named(NamedTuple):
    """A step to the entry of a list with this name, because merging changes the indices of entries."""

    name: str


Steps: TypeAlias = "tuple[str | int | Named, ...]"

_LINKS = {DEVICE_LINK: LISTED_DEVICE_LINK, PLANE_LINK: LISTED_PLANE_LINK}
# Null is a value in these blocks: it leaves out a trace or an image.
_BLOCKS_WITH_NULL = ("RoiResponses", "SegmentationImages", *SERIES_CONTAINERS)
_DEPTH_OF_NULL = 4


def value_at(values: Any, path: Sequence[str | int]) -> Any:
    """Return the value at a path, None if there is none."""
    for step in path:
        if isinstance(values, Mapping):
            values = values.get(step)
        else:
            inside = isinstance(values, list | tuple) and isinstance(step, int) and step < len(values)
            values = values[step] if inside else None
    return values


def spellings(path: Sequence[str | int], merged: Mapping[str, Any], *own: Mapping[str, Any]) -> Iterator[Steps]:
    """Yield the ways in which a user may have written the field at a path.

    Parameters
    ----------
    path : sequence of str and int
        Path in dictionary-based metadata, as errors of `checked_metadata` have it, or in `merged`.
    merged : mapping
        The merged metadata of the session, in either format.
    *own : mapping
        What each CaImAn file of the session specifies (``CaimanSegmentationInterface.file_metadata``).
    """
    yield _with_names(path, merged)
    yield from _in_lists(path, merged, own)


def follow(values: Any, steps: Steps) -> FieldPath:
    """Return the path of the steps that exist in values."""
    reached: list[str | int] = []
    for step in steps:
        found: str | int | None = None
        if isinstance(step, Named):
            found = _index_of(values, step.name)
        elif isinstance(values, Mapping):
            found = step if step in values else None
        elif isinstance(values, list | tuple) and isinstance(step, int):
            found = step if step < len(values) else None
        if found is None:
            break
        reached.append(found)
        values = values[found]
    return tuple(reached)


def is_null_allowed(path: Sequence[str | int]) -> bool:
    """Return whether null at this path of the metadata is a value: it leaves out a trace or an image."""
    return len(path) == _DEPTH_OF_NULL and path[0] == "Ophys" and path[1] in _BLOCKS_WITH_NULL


def _index_of(values: Any, name: str) -> int | None:
    entries = values if isinstance(values, list | tuple) else ()
    return next(
        (i for i, entry in enumerate(entries) if isinstance(entry, Mapping) and entry.get("name") == name), None
    )


def _with_names(path: Sequence[str | int], merged: Mapping[str, Any]) -> Steps:
    """Return a path in which entries of lists are identified by name."""
    steps: list[str | int | Named] = []
    value: Any = merged
    for step in path:
        value = value_at(value, (step,))
        name = value.get("name") if isinstance(value, Mapping) else None
        steps.append(Named(name) if isinstance(step, int) and isinstance(name, str) else step)
    return tuple(steps)


def _in_lists(
    path: Sequence[str | int], merged: Mapping[str, Any], own: Sequence[Mapping[str, Any]]
) -> Iterator[Steps]:
    """Yield the ways to write a path of dictionary-based metadata in lists."""
    block, rest = (path[:1], path[1:]) if path[:1] == ("Devices",) else (path[:2], path[2:])
    if not rest:
        return
    key, *fields = rest
    listed_fields = tuple(_LINKS.get(str(field), field) for field in fields)
    for name in _names(block, key, merged, own):
        if tuple(block) == ("Devices",):
            yield from (("Ophys", container, Named(name), *listed_fields) for container in DEVICE_LISTS)
        elif tuple(block) == ("Ophys", "ImagingPlanes"):
            yield ("Ophys", PLANE_LIST, Named(name), *listed_fields)
        elif tuple(block) == ("Ophys", "PlaneSegmentations"):
            yield ("Ophys", *TABLE_LIST, Named(name), *listed_fields)
        elif tuple(block) == ("Ophys", "RoiResponses"):
            yield ("Ophys", SERIES_CONTAINERS[DFF in fields[:1]], name, *fields)
        elif tuple(block) == ("Ophys", "SegmentationImages"):
            yield ("Ophys", "SegmentationImages", name, *fields)


def _names(
    block: Sequence[str | int], key: str | int, merged: Mapping[str, Any], own: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield the names under which lists may have the entry of a key."""
    # Lists keep traces and images by the name of their table of ROIs.
    named_block = ("Ophys", "PlaneSegmentations") if block[-1] in _BLOCKS_WITH_NULL else tuple(block)
    for metadata in (merged, *own):
        name = value_at(metadata, (*named_block, key, "name"))
        if isinstance(name, str):
            yield name
    yield str(key)
