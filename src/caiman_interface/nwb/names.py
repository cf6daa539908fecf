"""Names of objects in an NWB file, checked before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pynwb import NWBFile

from .containers import OPHYS_MODULE


class ObjectName(NamedTuple):
    """The location of an object in ``processing/ophys``.

    Attributes
    ----------
    container : str
        Name of its container; empty for the module itself.
    name : str
        Name of the object.
    """

    container: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


def check_names_are_free(nwbfile: NWBFile, names: Sequence[ObjectName]) -> None:
    """Check that every name is free, so that an analysis is written completely or not at all.

    Raises
    ------
    ValueError
        If a name is already in the file, or occurs twice in `names`.
    """
    taken = [name for name in names if _is_in_file(nwbfile, name)]
    if taken:
        message = (
            f"{_listed(taken)} {'is' if len(taken) == 1 else 'are'} already in the NWB file; a second analysis "
            "under these names would be mixed with the first. Set another metadata_key for this interface, from which "
            "its names are derived, or other names in metadata['Ophys']."
        )
        raise ValueError(message)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        message = (
            f"metadata['Ophys'] gives the same name to several objects: {_listed(repeated)}. Set a different name for "
            "each."
        )
        raise ValueError(message)


def _is_in_file(nwbfile: NWBFile, wanted: ObjectName) -> bool:
    module = nwbfile.processing.get(OPHYS_MODULE)
    if module is None:
        return False
    container = module.data_interfaces.get(wanted.container) if wanted.container else module
    return container is not None and any(child.name == wanted.name for child in container.children)


def _listed(names: Sequence[ObjectName], most: int = 5) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
