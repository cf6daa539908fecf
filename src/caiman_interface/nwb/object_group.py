"""Objects of an NWB file that are written together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pynwb import NWBFile

from .names import ObjectName


class ObjectGroup(NamedTuple):
    """Objects that are written together.

    Attributes
    ----------
    objects : dict
        The name of each object by its role, such as ``components/raw``; a list of names for an image with planes.
    add : callable
        Adds the objects to an NWB file.
    """

    objects: dict[str, ObjectName | list[ObjectName]]
    add: Callable[[NWBFile], None]

    @property
    def names(self) -> list[ObjectName]:
        """The names of all objects."""
        entries = (entry if isinstance(entry, list) else [entry] for entry in self.objects.values())
        return [name for entry in entries for name in entry]

    def paths(self) -> dict[str, Any]:
        """Return the path of each object below ``processing/ophys``, by role."""
        return {
            role: [str(name) for name in entry] if isinstance(entry, list) else str(entry)
            for role, entry in self.objects.items()
        }
