"""JSON schemas (draft 07) of the models, for NeuroConv, editors and NWB GUIDE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from .models import ImagingPlaneEntry, PlaneSegmentationEntry, RoiResponseEntry, SegmentationImageEntry

_ENTRY_MODELS: dict[str, type[BaseModel]] = {
    "ImagingPlaneEntry": ImagingPlaneEntry,
    "PlaneSegmentationEntry": PlaneSegmentationEntry,
    "RoiResponsesEntry": RoiResponseEntry,
    "SegmentationImagesEntry": SegmentationImageEntry,
}


_BLOCKS = (
    ("ImagingPlanes", "ImagingPlaneEntry", "Imaging planes", "The planes or volumes imaged, by metadata key."),
    ("PlaneSegmentations", "PlaneSegmentationEntry", "Tables of ROIs", "The tables of ROIs, by metadata key."),
    ("RoiResponses", "RoiResponsesEntry", "Traces", "The traces, by metadata key of their table and kind of trace."),
    ("SegmentationImages", "SegmentationImagesEntry", "Images", "The images, by metadata key and kind of image."),
)


def ophys_metadata_schema() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the JSON schema (draft 07) of our blocks of ``Ophys``, and the definitions to which they refer.

    The definitions belong in ``Ophys/definitions``; they have the names of NeuroConv's own, so that the schemas of
    several interfaces can be merged.
    """
    definitions = {name: entry_schema(model) for name, model in _ENTRY_MODELS.items()}
    for name in ("RoiResponsesEntry", "SegmentationImagesEntry"):
        entry = definitions[name]
        del entry["type"]  # an object, or null to leave out a trace or an image
        definitions[name] = {"type": "object", "title": entry["title"], "additionalProperties": entry}
    properties = {
        name: {
            "type": "object",
            "title": title,
            "description": description,
            "additionalProperties": {"$ref": f"#/properties/Ophys/definitions/{definition}"},
        }
        for name, definition, title, description in _BLOCKS
    }
    return properties, definitions


def entry_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of an entry, which allows fields of other interfaces."""
    return {**mergeable_schema(model), "additionalProperties": True}


def mergeable_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a schema that NeuroConv can merge with those of other interfaces: no references, no lists of schemas.

    A converter merges lists of mappings by their ``name``, which schemas do not have. The alternative "or null" is
    therefore left out, as in NeuroConv's own schemas, except for numbers: JSON represents NaN as null.
    """
    schema = model.model_json_schema()
    mergeable: dict[str, Any] = _mergeable(schema, schema.pop("$defs", {}))
    return mergeable


def _mergeable(schema: Any, shared: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_mergeable(item, shared) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _mergeable(shared[schema["$ref"].rsplit("/", 1)[-1]], shared)
    alternatives = [alternative for alternative in schema.get("anyOf", []) if alternative != {"type": "null"}]
    if len(alternatives) == 1:
        schema = {**{key: value for key, value in schema.items() if key != "anyOf"}, **alternatives[0]}
        if schema.get("type") == "number":
            schema["type"] = ["number", "null"]
    return {key: _mergeable(value, shared) for key, value in schema.items() if not (key == "default" and value is None)}
