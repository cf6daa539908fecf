"""NeuroConv's two formats of ophys metadata, and the way from one to the other.

Up to 0.9 the metadata is lists of entries that refer to one another by name; from 0.10 on it is dictionaries of
entries that refer to one another by key. This package works with dictionaries; metadata in lists is translated
where it comes in, and what the interface states is translated back for a host that speaks lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

_LIST_BLOCKS = ("Device", "ImagingPlane", "ImageSegmentation", "Fluorescence", "DfOverF")
_SERIES_CONTAINERS = ("Fluorescence", "DfOverF")
_CONTAINER_FIELDS = ("name", "description")
# NeuroConv's list format keeps this trace in a container of its own.
_DFF = "dff"


def uses_lists(metadata: Mapping[str, Any]) -> bool:
    """Tell whether the ophys metadata holds anything in the older, list-based format."""
    ophys = metadata.get("Ophys")
    if not isinstance(ophys, Mapping):
        return False
    images = ophys.get("SegmentationImages")
    container_of_images = isinstance(images, Mapping) and any(
        isinstance(images.get(key), str) for key in _CONTAINER_FIELDS
    )
    return container_of_images or any(block in ophys for block in _LIST_BLOCKS)


def to_dictionaries(metadata: Mapping[str, Any], keys_by_name: Mapping[str, str]) -> dict[str, Any]:
    """Translate list-based ophys metadata, and merge it into what is in dictionaries already.

    Both meet in a YAML specification: the interfaces give dictionaries, and NeuroConv's schema of specifications
    admits devices and imaging planes in lists only. What a list says of an entry wins over what the dictionary says
    of the entry of that name, as in NeuroConv.

    Parameters
    ----------
    metadata : mapping
        The whole metadata; it is not changed.
    keys_by_name : mapping
        The metadata key of each of the caller's tables of ROIs, by the table's name. Other entries get the key of
        the entry of their name, or else their name as key.

    Returns
    -------
    dict
        The metadata with ``Devices`` and the dictionary-based blocks of ``Ophys``.
    """
    translated = deepcopy(dict(metadata))
    if not uses_lists(metadata):
        return translated
    ophys = translated["Ophys"]
    devices = dict(translated.get("Devices") or {})
    planes = dict(ophys.get("ImagingPlanes") or {})
    segmentations = dict(ophys.get("PlaneSegmentations") or {})
    for entry in _entries(ophys, "Device"):
        _register(devices, entry)
    for entry in _entries(ophys, "ImagingPlane"):
        device = entry.pop("device", None)
        # A plane may name a device of which nothing else is said.
        link = {} if device is None else {"device_metadata_key": _register(devices, {"name": device})}
        _register(planes, {**entry, **link})
    for entry in _entries(ophys.get("ImageSegmentation") or {}, "plane_segmentations"):
        plane = entry.pop("imaging_plane", None)
        link = {} if plane is None else {"imaging_plane_metadata_key": _key_of(planes, plane)}
        _register(segmentations, {**entry, **link}, keys_by_name.get(entry["name"]))
    responses = [ophys.get(block) or {} for block in ("RoiResponses", *_SERIES_CONTAINERS)]
    kept = {name: block for name, block in ophys.items() if name not in _LIST_BLOCKS}
    translated["Devices"] = devices
    translated["Ophys"] = {
        **kept,
        "ImagingPlanes": planes,
        "PlaneSegmentations": segmentations,
        "RoiResponses": _without_equal_names(_by_segmentation(responses, keys_by_name)),
        "SegmentationImages": _by_segmentation([ophys.get("SegmentationImages") or {}], keys_by_name),
    }
    return translated


def to_lists(metadata: Mapping[str, Any], placeholders: Mapping[str, Any]) -> dict[str, Any]:
    """Translate dictionary-based ophys metadata to the list-based format.

    Parameters
    ----------
    metadata : mapping
        The whole metadata; it is not changed.
    placeholders : mapping
        Fields of an imaging plane that the list-based format demands, for those that are not stated.

    Returns
    -------
    dict
        The metadata with the list-based blocks of ``Ophys``.
    """
    translated = deepcopy(dict(metadata))
    ophys = translated.pop("Ophys", {})
    devices = translated.pop("Devices", {})
    planes = ophys.get("ImagingPlanes", {})
    segmentations = ophys.get("PlaneSegmentations", {})
    plane_names = {key: entry["name"] for key, entry in planes.items()}
    device_names = {key: entry["name"] for key, entry in devices.items()}
    first_plane = next(iter(plane_names.values()), "ImagingPlane")
    names = {key: entry["name"] for key, entry in segmentations.items()}
    responses = ophys.get("RoiResponses", {})
    translated["Ophys"] = {
        "Device": list(devices.values()) or [{"name": placeholders["device"]}],
        "ImagingPlane": [_listed_plane(entry, device_names, placeholders) for entry in planes.values()],
        "ImageSegmentation": {
            "name": "ImageSegmentation",
            "plane_segmentations": [
                _listed_segmentation(entry, plane_names, first_plane) for entry in segmentations.values()
            ],
        },
        "Fluorescence": {"name": "Fluorescence", **_series(responses, names, dff=False)},
        "DfOverF": {"name": "DfOverF", **_series(responses, names, dff=True)},
        "SegmentationImages": {
            "name": "SegmentationImages",
            "description": "The summary images of the segmentation.",
            **{names.get(key, key): images for key, images in ophys.get("SegmentationImages", {}).items()},
        },
    }
    return translated


def _entries(container: Mapping[str, Any], block: str) -> list[dict[str, Any]]:
    """Return copies of the entries of a list; each has a name, by which others refer to it."""
    entries = container.get(block) or []
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and "name" in entry for entry in entries):
        message = (
            f"'{block}' in metadata['Ophys'] must be a list of entries that each have a 'name'; found {entries!r}."
        )
        raise ValueError(message)
    return [dict(entry) for entry in entries]


def _key_of(entries: Mapping[str, Any], name: str) -> str:
    """Return the key of the entry of that name; where none is, the name."""
    return next((key for key, entry in entries.items() if entry and entry.get("name") == name), name)


def _register(entries: dict[str, Any], entry: Mapping[str, Any], key: str | None = None) -> str:
    """Merge an entry into the one under `key`, or of its name, or else add it; return its key."""
    key = key or _key_of(entries, entry["name"])
    entries[key] = {**(entries.get(key) or {}), **entry}
    return key


def _by_segmentation(blocks: list[Mapping[str, Any]], keys_by_name: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Merge entries keyed by table of ROIs (its key or its name), then by trace or image; later ones win."""
    merged: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for table, entries in block.items():
            if not isinstance(entries, Mapping):
                continue  # the container's own name
            known = merged.setdefault(keys_by_name.get(table, table), {})
            for name, fields in entries.items():
                known[name] = {**(known.get(name) or {}), **fields} if isinstance(fields, Mapping) else fields
    return merged


def _without_equal_names(responses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Take away the name of a trace that another of its table has, so that it gets its own.

    NeuroConv's older defaults name dF/F like the raw trace, since it stands in a container of its own there.
    """
    for traces in responses.values():
        taken: set[Any] = set()
        for fields in traces.values():
            if isinstance(fields, dict) and fields.get("name") in taken:
                del fields["name"]
            elif isinstance(fields, dict) and "name" in fields:
                taken.add(fields["name"])
    return responses


def _listed_plane(
    entry: Mapping[str, Any], device_names: Mapping[str, str], placeholders: Mapping[str, Any]
) -> dict[str, Any]:
    fields = {key: value for key, value in placeholders.items() if key != "device"}
    plane = {**fields, **entry}
    device_key = plane.pop("device_metadata_key", None)
    return {**plane, "device": device_names.get(device_key, placeholders["device"])}


def _listed_segmentation(entry: Mapping[str, Any], plane_names: Mapping[str, str], first_plane: str) -> dict[str, Any]:
    segmentation = dict(entry)
    plane_key = segmentation.pop("imaging_plane_metadata_key", None)
    return {**segmentation, "imaging_plane": plane_names.get(plane_key, first_plane)}


def _series(
    responses: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], *, dff: bool
) -> dict[str, dict[str, Any]]:
    chosen = {
        names.get(key, key): {trace: entry for trace, entry in traces.items() if (trace == _DFF) is dff}
        for key, traces in responses.items()
    }
    return {name: traces for name, traces in chosen.items() if traces}
