"""NeuroConv's two formats of ophys metadata, and the way from one to the other.

Up to 0.9 the metadata is lists of entries that refer to one another by name; from 0.10 on it is dictionaries of
entries that refer to one another by key. This package works with dictionaries; metadata in lists is translated
where it comes in, and what the interface states is translated back for a host that speaks lists.

Both formats meet in one metadata wherever a user states something in the format that the host does not speak: in a
YAML specification, for example, whose schema admits imaging planes in lists only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

_LIST_BLOCKS = ("Device", "ImagingPlane", "ImageSegmentation", "Fluorescence", "DfOverF")
# NeuroConv's interfaces have devices under the one name, its schema of YAML specifications under the other.
_DEVICE_LISTS = ("Devices", "Device")
_SERIES_CONTAINERS = ("Fluorescence", "DfOverF")
_CONTAINERS = ("ImageSegmentation", *_SERIES_CONTAINERS, "SegmentationImages")
# How deep the fields stand in a block: below a key, or below a table of ROIs and a trace or an image.
_DEPTHS = {"Devices": 1, "ImagingPlanes": 1, "PlaneSegmentations": 1, "RoiResponses": 2, "SegmentationImages": 2}
_NAMED_BLOCKS = ("Devices", "ImagingPlanes", "PlaneSegmentations")
# In NeuroConv's list format, a plane that names no device lies on the device of this name.
_DEFAULT_DEVICE = "Microscope"
# What NeuroConv's list format calls the table of ROIs of every interface.
_DEFAULT_TABLE = "PlaneSegmentation"
# NeuroConv's list format keeps this trace in a container of its own.
_DFF = "dff"
_SEQUENCES = (list, tuple, np.ndarray)
# What NeuroConv's list format describes of every table of ROIs, whether or not there is such a trace or image.
_BOILERPLATE = {
    "RoiResponses": {"raw", "deconvolved", "neuropil", "denoised", "baseline", "background", _DFF},
    "SegmentationImages": {"correlation", "mean"},
}


@dataclass(frozen=True)
class Placeholders:
    """What list-based metadata states of an imaging plane of which nothing is known.

    Attributes
    ----------
    plane : mapping
        Its fields.
    channel : mapping
        Its optical channel.
    device : mapping
        Its device.
    """

    plane: Mapping[str, Any]
    channel: Mapping[str, Any]
    device: Mapping[str, Any]


def uses_lists(metadata: Mapping[str, Any]) -> bool:
    """Tell whether the ophys metadata holds anything in the older, list-based format."""
    ophys = metadata.get("Ophys")
    if not isinstance(ophys, Mapping):
        return False
    images = ophys.get("SegmentationImages")
    # In lists, the container of images has a name and a description beside the tables of ROIs.
    images_are_listed = isinstance(images, Mapping) and any(isinstance(value, str) for value in images.values())
    return images_are_listed or bool(ophys.get("Devices")) or any(block in ophys for block in _LIST_BLOCKS)


def renamed_containers(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of their own that list-based metadata gives to containers; dictionaries have no place for them.

    Examples
    --------
    >>> renamed_containers({"Ophys": {"Fluorescence": {"name": "Traces"}}})
    {'Fluorescence': 'Traces'}
    """
    ophys = metadata.get("Ophys")
    blocks = {block: ophys.get(block) for block in _CONTAINERS} if isinstance(ophys, Mapping) else {}
    names = {block: container.get("name") for block, container in blocks.items() if isinstance(container, Mapping)}
    return {block: name for block, name in names.items() if isinstance(name, str) and name != block}


def shadows_other_segmentation(metadata: Mapping[str, Any], stated: Mapping[str, Any]) -> bool:
    """Tell whether lists have a table of ROIs that the caller states before the one that NeuroConv's interfaces do.

    Examples
    --------
    >>> tables = [{"name": "PlaneSegmentation_ours"}, {"name": "PlaneSegmentation"}]
    >>> stated = {"Ophys": {"PlaneSegmentations": {"ours": {"name": "PlaneSegmentation_ours"}}}}
    >>> shadows_other_segmentation({"Ophys": {"ImageSegmentation": {"plane_segmentations": tables}}}, stated)
    True
    """
    ours = set(_names(_blocks(stated)["PlaneSegmentations"]).values())
    first, *others = _table_names(metadata.get("Ophys") or {}) or [""]
    return first in ours and _DEFAULT_TABLE in set(others) - ours


def to_dictionaries(
    metadata: Mapping[str, Any],
    stated: Mapping[str, Any],
    placeholders: Placeholders,
    *,
    segmentation_name: str | None = None,
) -> dict[str, Any]:
    """Translate list-based ophys metadata, and merge it with what is in dictionaries already.

    Where both formats state a field, it does not matter which of them the host speaks. A placeholder gives way to
    everything. What the caller states itself gives way to what differs from it, for that the user wrote. Where both
    differ from it, the dictionary wins: its keys say which interface it is for.

    Parameters
    ----------
    metadata : mapping
        The whole metadata; it is not changed.
    stated : mapping
        Dictionary-based metadata of the caller. Entries of lists that bear its names get its keys; other entries get
        the key of the entry of their name in a dictionary, or else their name as key.
    placeholders : Placeholders
        What stands in lists for what is not known.
    segmentation_name : str, optional
        The name that the caller gives to its main table of ROIs, the first that it states.

    Returns
    -------
    dict
        The metadata with ``Devices`` and the dictionary-based blocks of ``Ophys``.

    Raises
    ------
    ValueError
        If an entry of a list has no name, or refers to one that is not there.
    """
    translated = deepcopy(dict(metadata))
    if not uses_lists(metadata):
        return translated
    ophys = dict(translated["Ophys"])
    ours, in_dictionaries = _blocks(stated), _blocks(translated)
    keys = _keys_by_name(ours, in_dictionaries)
    _add_main_table(keys["PlaneSegmentations"], ours, in_dictionaries, _table_names(ophys), segmentation_name)
    in_lists = _listed_blocks(ophys, keys, _keys_by_name(in_dictionaries), placeholders)
    in_dictionaries["SegmentationImages"] = {
        table: images
        for table, images in in_dictionaries["SegmentationImages"].items()
        if isinstance(images, Mapping) and keys["PlaneSegmentations"].get(table, table) == table
    }
    _drop_boilerplate(in_lists, ours)
    _drop_duplicate_dff_name(in_lists["RoiResponses"], ours["RoiResponses"])
    unknown = _unknown_fields(placeholders, keys["Devices"])
    merged = {
        block: _merged(in_lists[block], in_dictionaries[block], ours[block], unknown.get(block, {}), depth)
        for block, depth in _DEPTHS.items()
    }
    _link_default_device(merged["ImagingPlanes"], ours["ImagingPlanes"], in_lists, placeholders)
    translated["Devices"] = merged.pop("Devices")
    kept = {name: block for name, block in ophys.items() if name not in (*_LIST_BLOCKS, *_DEVICE_LISTS)}
    translated["Ophys"] = {**kept, **merged}
    return translated


def to_lists(metadata: Mapping[str, Any], placeholders: Placeholders) -> dict[str, Any]:
    """Translate dictionary-based ophys metadata to the list-based format.

    Parameters
    ----------
    metadata : mapping
        The whole metadata, in which every device, imaging plane and table of ROIs has a name; it is not changed.
    placeholders : Placeholders
        What the list-based format demands of an imaging plane, for what is not stated.

    Returns
    -------
    dict
        The metadata with the list-based blocks of ``Ophys``.
    """
    translated = deepcopy(dict(metadata))
    blocks = _blocks(translated)
    device_names, plane_names, table_names = (_names(blocks[block]) for block in _NAMED_BLOCKS)
    devices = list(blocks["Devices"].values())
    planes = [_listed_plane(entry, device_names, placeholders) for entry in blocks["ImagingPlanes"].values()]
    if any(entry.get("device_metadata_key") is None for entry in blocks["ImagingPlanes"].values()):
        devices.append(dict(placeholders.device))
    tables = [
        _relinked(entry, "imaging_plane_metadata_key", "imaging_plane", plane_names)
        for entry in blocks["PlaneSegmentations"].values()
    ]
    images = {table_names.get(key, key): entries for key, entries in blocks["SegmentationImages"].items()}
    translated.pop("Devices", None)
    translated["Ophys"] = {
        **{name: block for name, block in (translated.get("Ophys") or {}).items() if name not in _DEPTHS},
        "Device": devices,
        "ImagingPlane": planes,
        "ImageSegmentation": {"name": "ImageSegmentation", "plane_segmentations": tables},
        "Fluorescence": {"name": "Fluorescence", **_series(blocks["RoiResponses"], table_names, dff=False)},
        "DfOverF": {"name": "DfOverF", **_series(blocks["RoiResponses"], table_names, dff=True)},
        "SegmentationImages": {
            "name": "SegmentationImages",
            "description": "The summary images of the segmentation.",
            **images,
        },
    }
    return translated


# Keys and names


def _blocks(metadata: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the dictionary-based blocks of metadata, empty ones for those that are not there."""
    ophys = metadata.get("Ophys")
    found = {**(ophys if isinstance(ophys, Mapping) else {}), "Devices": metadata.get("Devices")}
    return {block: dict(found[block]) if isinstance(found.get(block), Mapping) else {} for block in _DEPTHS}


def _names(entries: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the entries that have one, by key."""
    return {key: entry["name"] for key, entry in entries.items() if isinstance(entry, Mapping) and entry.get("name")}


def _keys_by_name(*sources: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the key of each name, by block; the last source that has the name decides."""
    return {
        block: {name: key for source in sources for key, name in _names(source[block]).items()}
        for block in _NAMED_BLOCKS
    }


def _add_main_table(
    keys: dict[str, str],
    ours: Mapping[str, Mapping[str, Any]],
    in_dictionaries: Mapping[str, Mapping[str, Any]],
    listed: list[str],
    segmentation_name: str | None,
) -> None:
    """Decide which of the listed tables of ROIs is the caller's main one.

    It is the one of the name that the caller gave, or else of the name that the caller states, or else, as in
    NeuroConv, the first of a list that was written without what the caller states.
    """
    main = next(iter(ours["PlaneSegmentations"]), None)
    if main is None:
        return
    if segmentation_name is not None:
        if segmentation_name in listed:
            for name in [name for name, key in keys.items() if key == main]:
                del keys[name]
        keys[segmentation_name] = main
    elif listed and main not in in_dictionaries["PlaneSegmentations"] and main not in map(keys.get, listed):
        keys.setdefault(listed[0], main)


def _table_names(ophys: Mapping[str, Any]) -> list[str]:
    return [entry["name"] for entry in _entries(ophys, "ImageSegmentation", "plane_segmentations")]


# From lists


def _listed_blocks(
    ophys: Mapping[str, Any],
    keys: Mapping[str, Mapping[str, str]],
    in_dictionaries: Mapping[str, Mapping[str, str]],
    placeholders: Placeholders,
) -> dict[str, dict[str, Any]]:
    """Return what stands in lists, as dictionary-based blocks."""
    devices = [device for block in _DEVICE_LISTS for device in _entries(ophys, block)]
    planes = _entries(ophys, "ImagingPlane")
    tables = _entries(ophys, "ImageSegmentation", "plane_segmentations")
    _check_device_references(planes, devices, in_dictionaries["Devices"], placeholders)
    _check_plane_references(tables, planes, in_dictionaries["ImagingPlanes"])
    # A plane may name a device of which nothing else is said.
    named = [{"name": plane["device"]} for plane in planes if plane.get("device") is not None]
    planes = [_without_placeholder_channel(plane, placeholders.channel) for plane in planes]
    planes = [_relinked(plane, "device", "device_metadata_key", keys["Devices"]) for plane in planes]
    tables = [
        _relinked(table, "imaging_plane", "imaging_plane_metadata_key", keys["ImagingPlanes"]) for table in tables
    ]
    table_keys = keys["PlaneSegmentations"]
    images = ophys.get("SegmentationImages") or {}
    listed_images = {table: entries for table, entries in images.items() if table_keys.get(table, table) != table}
    return {
        "Devices": _keyed([*named, *devices], keys["Devices"]),
        "ImagingPlanes": _keyed(planes, keys["ImagingPlanes"]),
        "PlaneSegmentations": _keyed(tables, table_keys),
        "RoiResponses": _by_table([ophys.get(container) for container in _SERIES_CONTAINERS], table_keys),
        "SegmentationImages": _by_table([listed_images], table_keys),
    }


def _entries(ophys: Mapping[str, Any], *path: str) -> list[dict[str, Any]]:
    """Return copies of the entries of a list; each has a name, by which others refer to it."""
    entries: Any = ophys
    for step in path:
        entries = entries.get(step) if isinstance(entries, Mapping) else None
    place = "metadata['Ophys']" + "".join(f"['{step}']" for step in path)
    if entries is not None and not isinstance(entries, list | tuple):
        message = f"{place} is {entries!r}; expected a list of entries, each with a 'name'."
        raise ValueError(message)
    listed = list(entries or [])
    nameless = next((index for index, entry in enumerate(listed) if not _has_name(entry)), None)
    if nameless is not None:
        message = (
            f"{place}[{nameless}] has no 'name', by which list-based metadata knows its entries; found "
            f"{listed[nameless]!r}. Give it one."
        )
        raise ValueError(message)
    return [dict(entry) for entry in listed]


def _has_name(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)


def _check_device_references(
    planes: list[dict[str, Any]],
    devices: list[dict[str, Any]],
    in_dictionaries: Mapping[str, str],
    placeholders: Placeholders,
) -> None:
    """Refuse a plane that still names the placeholder of a device after that was given another name."""
    stand_in = placeholders.device["name"]
    names = [device["name"] for device in devices]
    if not names or not {stand_in, _DEFAULT_DEVICE}.isdisjoint({*names, *in_dictionaries}):
        return
    for index, plane in enumerate(planes):
        if plane.get("device") == stand_in:
            raise ValueError(_missing(f"['ImagingPlane'][{index}]['device']", stand_in, "['Device']", names))


def _check_plane_references(
    tables: list[dict[str, Any]], planes: list[dict[str, Any]], in_dictionaries: Mapping[str, str]
) -> None:
    """Refuse a table of ROIs on a plane that is not there, as after the plane was given another name."""
    names = [plane["name"] for plane in planes]
    for index, table in enumerate(tables):
        plane = table.get("imaging_plane")
        if plane is not None and names and plane not in {*names, *in_dictionaries}:
            place = f"['ImageSegmentation']['plane_segmentations'][{index}]['imaging_plane']"
            raise ValueError(_missing(place, plane, "['ImagingPlane']", names))


def _link_default_device(
    planes: dict[str, Any],
    ours: Mapping[str, Any],
    in_lists: Mapping[str, Mapping[str, Any]],
    placeholders: Placeholders,
) -> None:
    """Put the caller's planes on the default device of lists where they have none."""
    names = _names(in_lists["Devices"])
    device_key = next((key for key, name in names.items() if name == _DEFAULT_DEVICE), None)
    if device_key is None or _is_of_another(device_key, ours, in_lists):
        return
    for key in ours:
        plane = planes.get(key) or {}
        link = plane.get("device_metadata_key")
        if link is None or names.get(link) == placeholders.device["name"]:
            planes[key] = {**plane, "device_metadata_key": device_key}


def _is_of_another(device_key: str, ours: Mapping[str, Any], in_lists: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a device is what another interface says of its own plane: a name, and nothing that a user adds."""
    said = [value for value in in_lists["Devices"][device_key].values() if value is not None]
    others = [plane for key, plane in in_lists["ImagingPlanes"].items() if key not in ours]
    return len(said) == 1 and any(plane.get("device_metadata_key") == device_key for plane in others)


def _missing(place: str, name: str, block: str, names: list[str]) -> str:
    return (
        f"metadata['Ophys']{place} is '{name}', but no entry of metadata['Ophys']{block} has that name; its entries "
        f"are: {', '.join(names)}. Write the same name in both."
    )


def _keyed(entries: list[dict[str, Any]], keys: Mapping[str, str]) -> dict[str, Any]:
    """Return entries by key; what is said twice of one name is merged."""
    keyed: dict[str, Any] = {}
    for entry in entries:
        key = keys.get(entry["name"], entry["name"])
        keyed[key] = {**keyed.get(key, {}), **entry}
    return keyed


def _relinked(entry: Mapping[str, Any], link: str, new_link: str, translation: Mapping[str, str]) -> dict[str, Any]:
    """Return an entry with a link of the other format."""
    others = {field: value for field, value in entry.items() if field != link}
    target = entry.get(link)
    return others if target is None else {**others, new_link: translation.get(target, target)}


def _by_table(containers: list[Any], keys: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Merge containers of entries by table of ROIs, then by trace or image."""
    merged: dict[str, dict[str, Any]] = {}
    for container in containers:
        for table, entries in (container or {}).items():
            if isinstance(entries, Mapping):  # the others are the container's own fields
                merged.setdefault(keys.get(table, table), {}).update(entries)
    return merged


def _without_placeholder_channel(plane: Mapping[str, Any], placeholder: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the placeholder where another channel is stated beside it: converters add to lists, they replace nothing."""
    channels = plane.get("optical_channel")
    if not isinstance(channels, list | tuple):
        return dict(plane)
    known = [channel for channel in channels if not _is_equal(channel, placeholder)]
    return {**plane, "optical_channel": known or list(channels)}


def _is_equal(value: Any, other: Any) -> bool:
    """Compare values as JSON has them: NaN equals NaN and null, an array the list of its values."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return value.keys() == other.keys() and all(_is_equal(value[key], other[key]) for key in value)
    sequences = [isinstance(one, _SEQUENCES) for one in (value, other)]
    if any(sequences):
        return all(sequences) and len(value) == len(other) and all(map(_is_equal, value, other))
    unknown = isinstance(other, float) and math.isnan(other)
    return value is None or value != value if unknown else bool(value == other)  # noqa: PLR0124


def _drop_boilerplate(in_lists: dict[str, dict[str, Any]], ours: Mapping[str, Mapping[str, Any]]) -> None:
    """Drop what NeuroConv's lists describe of every table, where the caller has no such trace or image."""
    for block, boilerplate in _BOILERPLATE.items():
        for table in ours["PlaneSegmentations"]:
            known = ours[block].get(table, {})
            entries = in_lists[block].pop(table, {})
            wanted = {name: entry for name, entry in entries.items() if name in known or name not in boilerplate}
            if wanted:
                in_lists[block][table] = wanted


def _drop_duplicate_dff_name(responses: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Take away the name of the trace of ΔF/F where another trace of its table has it.

    NeuroConv's lists name it like the raw trace, since it stands in a container of its own there.
    """
    for table, traces in responses.items():
        names = {**_names(ours.get(table, {})), **_names(traces)}
        if names.pop(_DFF, None) in names.values() and _has_name(traces.get(_DFF)):
            traces[_DFF] = {field: value for field, value in traces[_DFF].items() if field != "name"}


# Both formats at once


def _unknown_fields(placeholders: Placeholders, device_keys: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    """Return what stands in the fields of which nothing is known, by block."""
    device = placeholders.device["name"]
    plane = {
        **placeholders.plane,
        "optical_channel": [placeholders.channel],
        "device_metadata_key": device_keys.get(device, device),
    }
    return {"Devices": placeholders.device, "ImagingPlanes": plane}


def _merged(listed: Any, keyed: Any, ours: Any, unknown: Mapping[str, Any], depth: int) -> Any:
    """Merge what lists and dictionaries say, down to the fields of entries."""
    if not isinstance(listed, Mapping) or not isinstance(keyed, Mapping):
        return listed if _is_equal(keyed, ours) else keyed  # null leaves a trace or an image out
    own = ours if isinstance(ours, Mapping) else {}
    both = {
        key: _merged(value, keyed[key], own.get(key), unknown, depth - 1)
        if depth
        else max(keyed[key], value, key=partial(_weight, ours=own.get(key), unknown=unknown.get(key)))
        for key, value in listed.items()
        if key in keyed
    }
    return {**listed, **keyed, **both}


def _weight(value: Any, ours: Any, unknown: Any) -> int:
    """Say how much a value counts: nothing, a placeholder, what the caller states, or what a user wrote."""
    if value is None:
        return 0
    if _is_equal(value, unknown):
        return 1
    return 2 if _is_equal(value, ours) else 3


# To lists


def _listed_plane(
    entry: Mapping[str, Any], device_names: Mapping[str, str], placeholders: Placeholders
) -> dict[str, Any]:
    plane = _relinked(entry, "device_metadata_key", "device", device_names)
    unknown = {**placeholders.plane, "optical_channel": [dict(placeholders.channel)]}
    return {**unknown, "device": placeholders.device["name"], **plane}


def _series(responses: Mapping[str, Any], table_names: Mapping[str, str], *, dff: bool) -> dict[str, dict[str, Any]]:
    """Return the traces of ΔF/F, or the others, by the name of their table."""
    chosen = {
        table_names.get(key, key): {trace: entry for trace, entry in traces.items() if (trace == _DFF) is dff}
        for key, traces in responses.items()
    }
    return {table: traces for table, traces in chosen.items() if traces}
