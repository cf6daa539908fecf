"""The JSON schema of list-based metadata, from which NWB GUIDE makes its forms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .blocks import DEVICE_LINK, LISTED_DEVICE_LINK, LISTED_PLANE_LINK, PLANE_LINK
from .models import ImagingPlaneEntry, PlaneSegmentationEntry, RoiResponseEntry, SegmentationImageEntry
from .schema import entry_schema

# Names of tables of ROIs, and of their traces and images, that NeuroConv's own schema allows.
_TABLES = "^(?!(name|description)$)[a-zA-Z0-9]+$"
_ENTRIES = "^[a-zA-Z0-9]+$"


class DeviceEntry(BaseModel):
    """A microscope."""

    model_config = ConfigDict(title="Microscope")

    name: str | None = Field(
        default=None,
        title="Name",
        description="Name of the microscope in the NWB file. Imaging planes refer to it by this name.",
        examples=["Microscope"],
        json_schema_extra={"pattern": "^[^/:]+$"},
    )
    description: str | None = Field(
        default=None,
        title="Description",
        description="What kind of microscope it is, with which objective and detectors.",
        examples=["Two-photon microscope with a resonant scanner and a 16x objective"],
    )
    serial_number: str | None = Field(
        default=None, title="Serial number", description="Serial number of the microscope.", examples=["A1234"]
    )


def list_metadata_schema(tables: Iterable[str]) -> dict[str, Any]:
    """Return the JSON schema (draft 07) of ``metadata["Ophys"]`` in lists.

    It has the structure of NeuroConv 0.9's own, so that the schemas of several interfaces can be merged. A user can
    fill in every property, because NWB GUIDE requires all of them.

    Parameters
    ----------
    tables : iterable of str
        The names of the tables of ROIs.
    """
    other_names = [re.escape(table) for table in tables if not re.fullmatch(_TABLES, table)]
    patterns = [_TABLES, f"^({'|'.join(other_names)})$"] if other_names else [_TABLES]
    planes = _with_link(ImagingPlaneEntry, DEVICE_LINK, LISTED_DEVICE_LINK, device_link())
    texts = _texts("Imaging plane", "Name of the imaging plane of these ROIs.")
    plane_link = {"type": "string", **texts, "examples": ["ImagingPlane"]}
    segmentations = _with_link(PlaneSegmentationEntry, PLANE_LINK, LISTED_PLANE_LINK, plane_link)
    properties = {
        "Device": _listed("Microscopes", "The microscopes.", _entry(DeviceEntry)),
        # NeuroConv has the fields of a plane here, not in "items", and NWB GUIDE moves them there.
        "ImagingPlane": {**planes, "type": "array", **_texts("Imaging planes", "The planes or volumes imaged.")},
        "ImageSegmentation": _container(
            "ImageSegmentation",
            _texts("Tables of ROIs", "The container of the tables of ROIs."),
            {"plane_segmentations": _listed("Tables of ROIs", "The tables of ROIs, in their order.", segmentations)},
        ),
        "Fluorescence": _by_table("Fluorescence", "Traces", RoiResponseEntry, patterns),
        "DfOverF": _by_table("DfOverF", "Traces of dF/F", RoiResponseEntry, patterns),
        "SegmentationImages": _by_table("SegmentationImages", "Images", SegmentationImageEntry, patterns),
    }
    properties["SegmentationImages"]["properties"]["description"] = {
        "type": "string",
        **_texts("Description", "What the images are."),
        "examples": ["The summary images of the segmentation."],
    }
    return {
        "type": "object",
        **_texts("Optical physiology", "The microscope, what was imaged, and what CaImAn found there."),
        "properties": properties,
        # Dictionary-based metadata is valid too; the interface checks both.
        "additionalProperties": True,
    }


def _texts(title: str, description: str) -> dict[str, str]:
    return {"title": title, "description": description}


def _entry(model: type[BaseModel]) -> dict[str, Any]:
    schema: dict[str, Any] = _with_single_types(entry_schema(model))
    return {**schema, "required": ["name"]}


def _with_single_types(schema: Any) -> Any:
    """Return a schema in which numbers cannot be null: NWB GUIDE only shows fields of one type."""
    if isinstance(schema, list):
        return [_with_single_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    single = {key: _with_single_types(value) for key, value in schema.items()}
    return {**single, "type": "number"} if schema.get("type") == ["number", "null"] else single


def device_link() -> dict[str, Any]:
    """Return the schema of the reference of an imaging plane to its device."""
    return {"type": "string", **_texts("Device", "Name of its microscope."), "examples": ["Microscope"]}


def _with_link(model: type[BaseModel], link: str, listed_link: str, schema_of_link: Any) -> dict[str, Any]:
    """Return the schema of an entry that refers to another by name."""
    schema = _entry(model)
    del schema["properties"][link]
    schema["properties"][listed_link] = schema_of_link
    return schema


def _listed(title: str, description: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", **_texts(title, description), "items": entry}


def _container(name: str, texts: dict[str, str], properties: dict[str, Any]) -> dict[str, Any]:
    described = {"type": "string", "default": name, **_texts("Name", f"Name of the container; always '{name}'.")}
    return {
        "type": "object",
        **texts,
        "properties": {"name": described, **properties},
        "additionalProperties": True,
    }


def _by_table(name: str, title: str, model: type[BaseModel], patterns: list[str]) -> dict[str, Any]:
    """Return the schema of a container of entries by table of ROIs, then by trace or image."""
    entries = {"type": "object", "patternProperties": {_ENTRIES: _with_single_types(entry_schema(model))}}
    container = _container(name, _texts(title, f"{title}, by the name of their table of ROIs."), {})
    return {**container, "patternProperties": dict.fromkeys(patterns, entries)}
