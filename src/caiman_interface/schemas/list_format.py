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
    container_of_images = isinstance(images, Mapping) and any(isinstance(images.get(key), str) for key in _CONTAINER_FIELDS)
    return container_of_images or any(block in ophys for block in _LIST_BLOCKS)


def to_dictionaries(metadata: Mapping[str, Any], keys_by_name: Mapping[str, str]) -> dict[str, Any]:
    """Translate list-based ophys metadata; what is in dictionaries already stays, and wins.

    Parameters
    ----------
    metadata : mapping
        The whole metadata; it is not changed.
    keys_by_name : mapping
        The metadata key of each of the caller's tables of ROIs, by the table's name. Other entries get their
        name as key.

    Returns
    -------
    dict
        The metadata with ``Devices`` and the dictionary-based blocks of ``Ophys``.
    """
    translated = deepcopy(dict(metadata))
    if not uses_lists(metadata):
        return translated
    ophys = translated["Ophys"]
    devices = {entry["name"]: dict(entry) for entry in ophys.get("Device") or []}
    planes = {entry["name"]: _plane(entry) for entry in ophys.get("ImagingPlane") or []}
    segmentations = _segmentations(ophys.get("ImageSegmentation") or {}, keys_by_name)
    responses = _by_segmentation([ophys.get(name) or {} for name in _SERIES_CONTAINERS], keys_by_name)
    images = _by_segmentation([ophys.get("SegmentationImages") or {}], keys_by_name)
    translated["Devices"] = {**devices, **(translated.get("Devices") or {})}
    kept = {name: block for name, block in ophys.items() if name not in (*_LIST_BLOCKS, "SegmentationImages")}
    translated["Ophys"] = {
        **kept,
        "ImagingPlanes": {**planes, **(ophys.get("ImagingPlanes") or {})},
        "PlaneSegmentations": {**segmentations, **(ophys.get("PlaneSegmentations") or {})},
        "RoiResponses": {**responses, **(ophys.get("RoiResponses") or {})},
        "SegmentationImages": images,
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


def _plane(entry: Mapping[str, Any]) -> dict[str, Any]:
    plane = dict(entry)
    device = plane.pop("device", None)
    return plane if device is None else {**plane, "device_metadata_key": device}


def _segmentations(block: Mapping[str, Any], keys_by_name: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    segmentations = {}
    for stated in block.get("plane_segmentations") or []:
        entry = dict(stated)
        plane = entry.pop("imaging_plane", None)
        if plane is not None:
            entry["imaging_plane_metadata_key"] = plane
        segmentations[keys_by_name.get(entry["name"], entry["name"])] = entry
    return segmentations


def _by_segmentation(
    containers: list[Mapping[str, Any]], keys_by_name: Mapping[str, str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Merge the entries of several containers, keyed by table of ROIs, then by trace or image."""
    merged: dict[str, dict[str, dict[str, Any]]] = {}
    for container in containers:
        for name, entries in container.items():
            if isinstance(entries, Mapping):
                merged.setdefault(keys_by_name.get(name, name), {}).update(deepcopy(dict(entries)))
    return merged


def _listed_plane(
    entry: Mapping[str, Any], device_names: Mapping[str, str], placeholders: Mapping[str, Any]
) -> dict[str, Any]:
    fields = {key: value for key, value in placeholders.items() if key != "device"}
    plane = {**fields, **entry}
    device_key = plane.pop("device_metadata_key", None)
    return {**plane, "device": device_names.get(device_key, placeholders["device"])}


def _listed_segmentation(
    entry: Mapping[str, Any], plane_names: Mapping[str, str], first_plane: str
) -> dict[str, Any]:
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
