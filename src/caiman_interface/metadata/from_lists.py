"""From the older lists of ophys metadata to dictionaries.

Both formats occur in one metadata where a user writes in the format that the installed NeuroConv does not use: in a
YAML specification, for example, whose schema admits imaging planes in lists only.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from .blocks import (
    CONTAINERS,
    DEFAULT_DEVICE,
    DEFAULT_TABLE,
    DEPTHS,
    DEVICE_LINK,
    DEVICE_LISTS,
    DFF,
    LIST_BLOCKS,
    LISTED_DEVICE_LINK,
    LISTED_PLANE_LINK,
    PLANE_LINK,
    PLANE_LIST,
    SERIES_CONTAINERS,
    TABLE_LIST,
    dict_blocks,
    has_name,
    keys_by_name,
    listed_entries,
    names_by_key,
    relinked,
    table_names,
    uses_lists,
)
from .merging import is_equal, merge_formats
from .placeholders import CHANNEL_PLACEHOLDER, DEVICE_PLACEHOLDER, PLANE_PLACEHOLDER

# What NeuroConv's lists describe of every table of ROIs, whether or not there is such a trace or image.
_BOILERPLATE = {
    "RoiResponses": {"raw", "deconvolved", "neuropil", "denoised", "baseline", "background", DFF},
    "SegmentationImages": {"correlation", "mean"},
}


def renamed_containers(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the containers that list-based metadata renames; dictionaries cannot contain such names.

    Examples
    --------
    >>> renamed_containers({"Ophys": {"Fluorescence": {"name": "Traces"}}})
    {'Fluorescence': 'Traces'}
    """
    ophys = metadata.get("Ophys")
    blocks = {block: ophys.get(block) for block in CONTAINERS} if isinstance(ophys, Mapping) else {}
    names = {block: container.get("name") for block, container in blocks.items() if isinstance(container, Mapping)}
    return {block: name for block, name in names.items() if isinstance(name, str) and name != block}


def shadows_other_segmentation(metadata: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Return whether lists have one of our tables of ROIs before that of NeuroConv's own interfaces.

    Examples
    --------
    >>> tables = [{"name": "PlaneSegmentation_ours"}, {"name": "PlaneSegmentation"}]
    >>> ours = {"Ophys": {"PlaneSegmentations": {"ours": {"name": "PlaneSegmentation_ours"}}}}
    >>> shadows_other_segmentation({"Ophys": {"ImageSegmentation": {"plane_segmentations": tables}}}, ours)
    True
    """
    own_names = set(names_by_key(dict_blocks(ours)["PlaneSegmentations"]).values())
    first, *others = table_names(metadata.get("Ophys") or {}) or [""]
    return first in own_names and DEFAULT_TABLE in set(others) - own_names


def to_dictionaries(
    metadata: Mapping[str, Any], ours: Mapping[str, Any], *, segmentation_name: str | None = None
) -> dict[str, Any]:
    """Translate list-based ophys metadata to dictionaries, and merge it with dictionaries that are there already.

    Where both formats specify a field, a user's value has precedence over that of the CaImAn file, and that over a
    placeholder. Where a user wrote different values in both, the dictionary's counts: its keys identify the interface.

    Parameters
    ----------
    metadata : mapping
        The whole metadata; it is not changed.
    ours : mapping
        What the CaImAn file specifies (`metadata_of`), as ``{"Ophys": ...}``. Listed entries that have its names get
        its keys; other entries get the key of the entry of their name in a dictionary, or else their name as key.
    segmentation_name : str, optional
        The name that the user gave to the main table of ROIs, the first of `ours`.

    Returns
    -------
    dict
        The metadata with ``Devices`` and the dictionary-based blocks of ``Ophys``.

    Raises
    ------
    ValueError
        If an entry of a list has no name, or refers to a missing one.
    """
    translated = deepcopy(dict(metadata))
    if not uses_lists(metadata):
        return translated
    ophys = dict(translated["Ophys"])
    own, keyed = dict_blocks(ours), dict_blocks(translated)
    keys = keys_by_name(own, keyed)
    _add_main_table(keys["PlaneSegmentations"], own, keyed, table_names(ophys), segmentation_name)
    listed = _listed_blocks(ophys, keys, keys_by_name(keyed))
    keyed["SegmentationImages"] = {
        table: images
        for table, images in keyed["SegmentationImages"].items()
        if isinstance(images, Mapping) and keys["PlaneSegmentations"].get(table, table) == table
    }
    _drop_boilerplate(listed, own)
    _drop_duplicate_dff_name(listed["RoiResponses"], own["RoiResponses"])
    unknown = _unknown_fields(keys["Devices"])
    merged = {
        block: merge_formats(listed[block], keyed[block], own[block], unknown.get(block, {}), depth)
        for block, depth in DEPTHS.items()
    }
    _link_default_device(merged["ImagingPlanes"], own["ImagingPlanes"], listed)
    translated["Devices"] = merged.pop("Devices")
    kept = {name: block for name, block in ophys.items() if name not in (*LIST_BLOCKS, *DEVICE_LISTS)}
    translated["Ophys"] = {**kept, **merged}
    return translated


def _add_main_table(
    keys: dict[str, str],
    own: Mapping[str, Mapping[str, Any]],
    keyed: Mapping[str, Mapping[str, Any]],
    listed: list[str],
    segmentation_name: str | None,
) -> None:
    """Decide which of the listed tables of ROIs is our main one.

    It is the one of the name that the user gave, or else of the name in `own`, or else, as in NeuroConv, the first of
    a list that was written from scratch.
    """
    main = next(iter(own["PlaneSegmentations"]), None)
    if main is None:
        return
    if segmentation_name is not None:
        if segmentation_name in listed:
            for name in [name for name, key in keys.items() if key == main]:
                del keys[name]
        keys[segmentation_name] = main
    elif listed and main not in keyed["PlaneSegmentations"] and main not in map(keys.get, listed):
        keys.setdefault(listed[0], main)


def _listed_blocks(
    ophys: Mapping[str, Any], keys: Mapping[str, Mapping[str, str]], keyed_names: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Any]]:
    """Return the content of the lists as dictionary-based blocks."""
    devices = [device for block in DEVICE_LISTS for device in listed_entries(ophys, block)]
    planes = listed_entries(ophys, PLANE_LIST)
    tables = listed_entries(ophys, *TABLE_LIST)
    _check_device_references(planes, devices, keyed_names["Devices"])
    _check_plane_references(tables, planes, keyed_names["ImagingPlanes"])
    # A plane may name a device that is not described anywhere.
    named = [{"name": plane[LISTED_DEVICE_LINK]} for plane in planes if plane.get(LISTED_DEVICE_LINK) is not None]
    planes = [_without_placeholder_channel(plane) for plane in planes]
    planes = [relinked(plane, LISTED_DEVICE_LINK, DEVICE_LINK, keys["Devices"]) for plane in planes]
    tables = [relinked(table, LISTED_PLANE_LINK, PLANE_LINK, keys["ImagingPlanes"]) for table in tables]
    table_keys = keys["PlaneSegmentations"]
    images = ophys.get("SegmentationImages") or {}
    listed_images = {table: entries for table, entries in images.items() if table_keys.get(table, table) != table}
    return {
        "Devices": _keyed([*named, *devices], keys["Devices"]),
        "ImagingPlanes": _keyed(planes, keys["ImagingPlanes"]),
        "PlaneSegmentations": _keyed(tables, table_keys),
        "RoiResponses": _by_table([ophys.get(container) for container in SERIES_CONTAINERS], table_keys),
        "SegmentationImages": _by_table([listed_images], table_keys),
    }


def _check_device_references(
    planes: list[dict[str, Any]], devices: list[dict[str, Any]], keyed_names: Mapping[str, str]
) -> None:
    """Refuse a plane that refers to the placeholder device after the device was renamed."""
    placeholder = DEVICE_PLACEHOLDER["name"]
    names = [device["name"] for device in devices]
    if not names or not {placeholder, DEFAULT_DEVICE}.isdisjoint({*names, *keyed_names}):
        return
    for index, plane in enumerate(planes):
        if plane.get(LISTED_DEVICE_LINK) == placeholder:
            place = f"['{PLANE_LIST}'][{index}]['{LISTED_DEVICE_LINK}']"
            raise ValueError(_missing_reference(place, placeholder, "['Device']", names))


def _check_plane_references(
    tables: list[dict[str, Any]], planes: list[dict[str, Any]], keyed_names: Mapping[str, str]
) -> None:
    """Refuse a table of ROIs on a missing plane, as after the plane was renamed."""
    names = [plane["name"] for plane in planes]
    for index, table in enumerate(tables):
        plane = table.get(LISTED_PLANE_LINK)
        if plane is not None and names and plane not in {*names, *keyed_names}:
            container, table_list = TABLE_LIST
            place = f"['{container}']['{table_list}'][{index}]['{LISTED_PLANE_LINK}']"
            raise ValueError(_missing_reference(place, plane, f"['{PLANE_LIST}']", names))


def _missing_reference(place: str, name: str, block: str, names: list[str]) -> str:
    return (
        f"metadata['Ophys']{place} is '{name}', but no entry of metadata['Ophys']{block} has that name; its entries "
        f"are: {', '.join(names)}. Write the same name in both."
    )


def _link_default_device(
    planes: dict[str, Any], own: Mapping[str, Any], listed: Mapping[str, Mapping[str, Any]]
) -> None:
    """Link our planes without a device to the default device of lists."""
    names = names_by_key(listed["Devices"])
    device_key = next((key for key, name in names.items() if name == DEFAULT_DEVICE), None)
    if device_key is None or _is_of_another_interface(device_key, own, listed):
        return
    for key in own:
        plane = planes.get(key) or {}
        link = plane.get(DEVICE_LINK)
        if link is None or names.get(link) == DEVICE_PLACEHOLDER["name"]:
            planes[key] = {**plane, DEVICE_LINK: device_key}


def _is_of_another_interface(device_key: str, own: Mapping[str, Any], listed: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether another interface named a device for its own plane, and a user did not describe it."""
    fields = [value for value in listed["Devices"][device_key].values() if value is not None]
    others = [plane for key, plane in listed["ImagingPlanes"].items() if key not in own]
    return len(fields) == 1 and any(plane.get(DEVICE_LINK) == device_key for plane in others)


def _keyed(entries: list[dict[str, Any]], keys: Mapping[str, str]) -> dict[str, Any]:
    """Return entries by key; entries of the same name are merged."""
    keyed: dict[str, Any] = {}
    for entry in entries:
        key = keys.get(entry["name"], entry["name"])
        keyed[key] = {**keyed.get(key, {}), **entry}
    return keyed


def _by_table(containers: list[Any], keys: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Merge containers of entries by table of ROIs, then by trace or image."""
    merged: dict[str, dict[str, Any]] = {}
    for container in containers:
        for table, entries in (container or {}).items():
            if isinstance(entries, Mapping):  # the others are the container's own fields
                merged.setdefault(keys.get(table, table), {}).update(entries)
    return merged


def _without_placeholder_channel(plane: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the placeholder beside another channel: NeuroConv's merging of lists appends and does not replace."""
    channels = plane.get("optical_channel")
    if not isinstance(channels, list | tuple):
        return dict(plane)
    known = [channel for channel in channels if not is_equal(channel, CHANNEL_PLACEHOLDER)]
    return {**plane, "optical_channel": known or list(channels)}


def _drop_boilerplate(listed: dict[str, dict[str, Any]], own: Mapping[str, Mapping[str, Any]]) -> None:
    """Drop what NeuroConv's lists describe of every table, where the CaImAn file has no such trace or image."""
    for block, boilerplate in _BOILERPLATE.items():
        for table in own["PlaneSegmentations"]:
            known = own[block].get(table, {})
            entries = listed[block].pop(table, {})
            wanted = {name: entry for name, entry in entries.items() if name in known or name not in boilerplate}
            if wanted:
                listed[block][table] = wanted


def _drop_duplicate_dff_name(responses: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Drop the name of the trace of dF/F where another trace of its table has it.

    NeuroConv's lists give it the name of the raw trace, since it has a separate container there.
    """
    for table, traces in responses.items():
        names = {**names_by_key(own.get(table, {})), **names_by_key(traces)}
        if names.pop(DFF, None) in names.values() and has_name(traces.get(DFF)):
            traces[DFF] = {field: value for field, value in traces[DFF].items() if field != "name"}


def _unknown_fields(device_keys: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    """Return the placeholders of fields, by block."""
    device = DEVICE_PLACEHOLDER["name"]
    plane = {
        **PLANE_PLACEHOLDER,
        "optical_channel": [CHANNEL_PLACEHOLDER],
        DEVICE_LINK: device_keys.get(device, device),
    }
    return {"Devices": DEVICE_PLACEHOLDER, "ImagingPlanes": plane}
