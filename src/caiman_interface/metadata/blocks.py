"""The blocks of NeuroConv's two formats of ophys metadata.

Up to NeuroConv 0.9 the metadata consists of lists of entries that refer to one another by name; from 0.10 on it
consists of dictionaries of entries that refer to one another by key. This package works with dictionaries. Only the
room `metadata` knows that there are lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Dictionary-based blocks, and the levels of keys above the fields: a key, or a table of ROIs and a trace or an image.
DEPTHS = {"Devices": 1, "ImagingPlanes": 1, "PlaneSegmentations": 1, "RoiResponses": 2, "SegmentationImages": 2}
NAMED_BLOCKS = ("Devices", "ImagingPlanes", "PlaneSegmentations")

# The first name is that of NeuroConv's interfaces, the second that of its schema of YAML specifications.
DEVICE_LISTS = ("Devices", "Device")
PLANE_LIST = "ImagingPlane"
TABLE_LIST = ("ImageSegmentation", "plane_segmentations")
SERIES_CONTAINERS = ("Fluorescence", "DfOverF")
LIST_BLOCKS = ("Device", PLANE_LIST, TABLE_LIST[0], *SERIES_CONTAINERS)
CONTAINERS = (TABLE_LIST[0], *SERIES_CONTAINERS, "SegmentationImages")

# Fields by which entries refer to one another: in dictionaries by key, in lists by name.
DEVICE_LINK, LISTED_DEVICE_LINK = "device_metadata_key", "device"
PLANE_LINK, LISTED_PLANE_LINK = "imaging_plane_metadata_key", "imaging_plane"

# The list-based format has a separate container for this trace, DfOverF.
DFF = "dff"
# The list-based format puts a plane without a device on the device of this name.
DEFAULT_DEVICE = "Microscope"
# The name that the list-based format gives to the table of ROIs of every interface.
DEFAULT_TABLE = "PlaneSegmentation"


def uses_lists(metadata: Mapping[str, Any]) -> bool:
    """Return whether the ophys metadata has anything in the older, list-based format."""
    ophys = metadata.get("Ophys")
    if not isinstance(ophys, Mapping):
        return False
    images = ophys.get("SegmentationImages")
    # In lists, the container of images has a name and a description in addition to the tables of ROIs.
    images_are_listed = isinstance(images, Mapping) and any(isinstance(value, str) for value in images.values())
    return images_are_listed or bool(ophys.get("Devices")) or any(block in ophys for block in LIST_BLOCKS)


def dict_blocks(metadata: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the dictionary-based blocks of metadata; missing ones are empty."""
    ophys = metadata.get("Ophys")
    found = {**(ophys if isinstance(ophys, Mapping) else {}), "Devices": metadata.get("Devices")}
    return {block: dict(found[block]) if isinstance(found.get(block), Mapping) else {} for block in DEPTHS}


def listed_entries(ophys: Mapping[str, Any], *path: str) -> list[dict[str, Any]]:
    """Return copies of the entries of a list.

    Raises
    ------
    ValueError
        If an entry has no name, by which others refer to it.
    """
    entries: Any = ophys
    for step in path:
        entries = entries.get(step) if isinstance(entries, Mapping) else None
    place = "metadata['Ophys']" + "".join(f"['{step}']" for step in path)
    if entries is not None and not isinstance(entries, list | tuple):
        message = f"{place} is {entries!r}; expected a list of entries, each with a 'name'."
        raise ValueError(message)
    listed = list(entries or [])
    nameless = next((index for index, entry in enumerate(listed) if not has_name(entry)), None)
    if nameless is not None:
        message = (
            f"{place}[{nameless}] has no 'name', by which list-based metadata identifies its entries; found "
            f"{listed[nameless]!r}."
        )
        raise ValueError(message)
    return [dict(entry) for entry in listed]


def table_names(ophys: Mapping[str, Any]) -> list[str]:
    """Return the names of the listed tables of ROIs, in order."""
    return [entry["name"] for entry in listed_entries(ophys, *TABLE_LIST)]


def given_fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an entry that have a value: JSON forms send null for an empty field."""
    return {field: value for field, value in entry.items() if value is not None}


def has_name(entry: Any) -> bool:
    """Return whether an entry has a name."""
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)


def names_by_key(entries: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the entries that have one, by key."""
    return {key: entry["name"] for key, entry in entries.items() if isinstance(entry, Mapping) and entry.get("name")}


def keys_by_name(*sources: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the key of each name, by block; the last source that has the name decides."""
    return {
        block: {name: key for source in sources for key, name in names_by_key(source[block]).items()}
        for block in NAMED_BLOCKS
    }


def relinked(entry: Mapping[str, Any], link: str, new_link: str, translation: Mapping[str, str]) -> dict[str, Any]:
    """Return an entry with its reference in the other format."""
    others = {field: value for field, value in entry.items() if field != link}
    target = entry.get(link)
    return others if target is None else {**others, new_link: translation.get(target, target)}
