"""Lists of numbers in metadata, which NeuroConv's merging may change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .blocks import PLANE_LIST, dict_blocks
from .merging import is_equal
from .paths import FieldPath, Named, Steps, follow, value_at

_FIELDS = ("grid_spacing", "origin_coords")


class ChangedList(NamedTuple):
    """A list of numbers that NeuroConv's merging changes.

    Attributes
    ----------
    source : int
        Index of the source that has it.
    path : tuple of str and int
        Its path in that source.
    written, merged
        The list as it was written, and after merging.
    """

    source: int
    path: FieldPath
    written: Any
    merged: Any


def changed_number_lists(sources: Sequence[Mapping[str, Any]], merged: Mapping[str, Any]) -> Iterator[ChangedList]:
    """Yield the lists of numbers that merging changes: it appends to lists and removes repeated numbers.

    Parameters
    ----------
    sources : sequence of mapping
        The metadata that a user wrote, in either format, in the order of merging.
    merged : mapping
        The merged metadata.
    """
    last: dict[Steps, ChangedList] = {}
    for index, source in enumerate(sources):
        for steps in _planes(source):
            for field in _FIELDS:
                wanted: Steps = (*steps, field)
                written = value_at(source, path := follow(source, wanted))
                if path[-1:] == (field,) and isinstance(written, list | tuple):
                    arrived = value_at(merged, follow(merged, wanted))
                    last[wanted] = ChangedList(index, path, written, arrived)
    yield from (found for found in last.values() if not is_equal(found.written, found.merged))


def _planes(metadata: Mapping[str, Any]) -> Iterator[Steps]:
    yield from (("Ophys", "ImagingPlanes", key) for key in dict_blocks(metadata)["ImagingPlanes"])
    listed = value_at(metadata, ("Ophys", PLANE_LIST))
    for plane in listed if isinstance(listed, list | tuple) else ():
        name = value_at(plane, ("name",))
        if isinstance(name, str):
            yield ("Ophys", PLANE_LIST, Named(name))
