"""The names that an analysis takes in an NWB file, checked before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pynwb import NWBFile

from .containers import OPHYS_MODULE


class ObjectName(NamedTuple):
    """Where an object stands in ``processing/ophys``.

    Attributes
    ----------
    container : str
        The container that holds it, or nothing for the module itself.
    name : str
        Its name.
    """

    container: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


def check_names(nwbfile: NWBFile, names: Sequence[ObjectName]) -> None:
    """Make sure that every name is free, so that nothing is written of an analysis that cannot be written whole.

    Raises
    ------
    ValueError
        If a name stands in the file, or is wanted twice.
    """
    taken = [name for name in names if _stands(nwbfile, name)]
    if taken:
        message = (
            f"{_listed(taken)} {'is' if len(taken) == 1 else 'are'} already in the NWB file; writing a second analysis "
            "under these names would mix the two. Give this interface a metadata_key of its own, from which its names "
            "are derived, or other names in metadata['Ophys']."
        )
        raise ValueError(message)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        message = (
            f"metadata['Ophys'] gives the same name to several objects: {_listed(twice)}. Give each a name of its own."
        )
        raise ValueError(message)


def _stands(nwbfile: NWBFile, wanted: ObjectName) -> bool:
    module = nwbfile.processing.get(OPHYS_MODULE)
    if module is None:
        return False
    container = module.data_interfaces.get(wanted.container) if wanted.container else module
    return container is not None and any(child.name == wanted.name for child in container.children)


def _listed(names: Sequence[ObjectName], most: int = 5) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
