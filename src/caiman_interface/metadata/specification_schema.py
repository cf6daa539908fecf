"""The schema of ophys metadata in a YAML specification, in the format that NeuroConv's own schema admits there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .blocks import DEVICE_LINK, LISTED_DEVICE_LINK, PLANE_LIST
from .list_schema import DeviceEntry, device_link
from .schema import entry_schema, ophys_metadata_schema


def specification_ophys_schema() -> dict[str, Any]:
    """Return the JSON schemas of the blocks of ``Ophys`` that describe CaImAn results in a specification.

    NeuroConv's schema of specifications requires lists of devices and imaging planes, and dictionaries of all else.
    """
    _, entries = ophys_metadata_schema()
    plane = entries["ImagingPlaneEntry"]
    fields = {name: field for name, field in plane["properties"].items() if name != DEVICE_LINK}
    fields[LISTED_DEVICE_LINK] = device_link()
    return {
        "Device": {"type": "array", "items": {**entry_schema(DeviceEntry), "required": ["name"]}},
        PLANE_LIST: {"type": "array", "items": {**plane, "required": ["name"], "properties": fields}},
        "PlaneSegmentations": {"type": "object", "additionalProperties": entries["PlaneSegmentationEntry"]},
        "RoiResponses": {"type": "object", "additionalProperties": entries["RoiResponsesEntry"]},
        "SegmentationImages": {"type": "object", "additionalProperties": entries["SegmentationImagesEntry"]},
    }


def specification_remedy(path: Sequence[str | int], value: Any) -> str | None:
    """Return what to write instead, where NeuroConv's schema of specifications refuses valid metadata.

    Parameters
    ----------
    path : sequence of str and int
        Path of the error in the metadata.
    value
        The value there; None where a required key is missing.
    """
    if value is None and tuple(path) == ("Ophys", "Devices"):
        return "NeuroConv requires it in every block of Ophys metadata: add the line `Devices: []`."
    if tuple(path) == ("Ophys", "ImagingPlanes") and isinstance(value, Mapping):
        return (
            f"NeuroConv accepts imaging planes in a specification only as a list: write `{PLANE_LIST}:`, and below it "
            "each plane as `- name: ImagingPlane` with its fields; or put the block into a file, given with --metadata."
        )
    if tuple(path) == ("Devices",):
        return (
            "NeuroConv accepts devices in a specification only as a list: under Ophys write `Device:`, and below it "
            "each device as `- name: Microscope` with its fields."
        )
    return None
