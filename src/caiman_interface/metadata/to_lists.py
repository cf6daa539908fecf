"""From dictionary-based ophys metadata to the older lists."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from .blocks import (
    DEPTHS,
    DEVICE_LINK,
    DFF,
    LISTED_DEVICE_LINK,
    LISTED_PLANE_LINK,
    NAMED_BLOCKS,
    PLANE_LINK,
    PLANE_LIST,
    TABLE_LIST,
    dict_blocks,
    names_by_key,
    relinked,
)
from .placeholders import CHANNEL_PLACEHOLDER, DEVICE_PLACEHOLDER, PLANE_PLACEHOLDER


def to_lists(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Translate dictionary-based ophys metadata to the list-based format.

    Parameters
    ----------
    metadata : mapping
        The whole metadata, in which every device, imaging plane and table of ROIs has a name; it is not changed.

    Returns
    -------
    dict
        The metadata with the list-based blocks of ``Ophys``, and placeholders for unknown fields that the list-based
        format requires.
    """
    translated = deepcopy(dict(metadata))
    blocks = dict_blocks(translated)
    device_names, plane_names, table_names = (names_by_key(blocks[block]) for block in NAMED_BLOCKS)
    devices = list(blocks["Devices"].values())
    planes = [_listed_plane(entry, device_names) for entry in blocks["ImagingPlanes"].values()]
    if any(entry.get(DEVICE_LINK) is None for entry in blocks["ImagingPlanes"].values()):
        devices.append(dict(DEVICE_PLACEHOLDER))
    tables = [
        relinked(entry, PLANE_LINK, LISTED_PLANE_LINK, plane_names) for entry in blocks["PlaneSegmentations"].values()
    ]
    images = {table_names.get(key, key): entries for key, entries in blocks["SegmentationImages"].items()}
    translated.pop("Devices", None)
    segmentation, table_list = TABLE_LIST
    translated["Ophys"] = {
        **{name: block for name, block in (translated.get("Ophys") or {}).items() if name not in DEPTHS},
        "Device": devices,
        PLANE_LIST: planes,
        segmentation: {"name": segmentation, table_list: tables},
        "Fluorescence": {"name": "Fluorescence", **_series(blocks["RoiResponses"], table_names, dff=False)},
        "DfOverF": {"name": "DfOverF", **_series(blocks["RoiResponses"], table_names, dff=True)},
        "SegmentationImages": {
            "name": "SegmentationImages",
            "description": "The summary images of the segmentation.",
            **images,
        },
    }
    return translated


def _listed_plane(entry: Mapping[str, Any], device_names: Mapping[str, str]) -> dict[str, Any]:
    plane = relinked(entry, DEVICE_LINK, LISTED_DEVICE_LINK, device_names)
    unknown = {**PLANE_PLACEHOLDER, "optical_channel": [dict(CHANNEL_PLACEHOLDER)]}
    return {**unknown, LISTED_DEVICE_LINK: DEVICE_PLACEHOLDER["name"], **plane}


def _series(responses: Mapping[str, Any], table_names: Mapping[str, str], *, dff: bool) -> dict[str, dict[str, Any]]:
    """Return the traces of dF/F, or the others, by the name of their table."""
    chosen = {
        table_names.get(key, key): {trace: entry for trace, entry in traces.items() if (trace == DFF) is dff}
        for key, traces in responses.items()
    }
    return {table: traces for table, traces in chosen.items() if traces}
