"""`specification_schema`: the JSON schema of a specification, by which editors complete and check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from caiman_interface._compat.neuroconv import specification_schemas
from caiman_interface.metadata import CaimanConversionOptions, CaimanSourceData, ophys_metadata_schema

from .fields import help_for, with_help
from .sessions import known_interfaces

SCHEMA_FILE_NAME = "caiman-interface.schema.json"
"""The name under which the schema stands beside a specification."""

_METADATA = "metadata"
_DEVICE_FIELDS = ("name", "description", "manufacturer")


def specification_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 07) of a specification, in one document without references to others.

    It is NeuroConv's own schema, with what this package knows added: the interfaces that are installed, the source
    data and options of the CaImAn interface, and the metadata that it takes.
    """
    specification, metadata = specification_schemas()
    properties = specification["properties"]
    properties["data_interfaces"] = {
        "type": "object",
        "title": "Data interfaces",
        "description": "Names of your choice, each with the class that reads the data.",
        "additionalProperties": {"type": "string", "enum": sorted(known_interfaces())},
    }
    properties["conversion_options"] = _options("Options for every interface of every session.")
    session = properties["experiments"]["additionalProperties"]["properties"]["sessions"]["items"]
    session["properties"].update(_session_properties())
    document: dict[str, Any] = _with_local_references(specification)
    document["$id"] = SCHEMA_FILE_NAME
    document["definitions"] = {_METADATA: _relocated(_with_caiman_metadata(metadata))}
    return document


def _session_properties() -> dict[str, Any]:
    return {
        "nwbfile_name": {
            "type": "string",
            "title": "Name of the NWB file",
            "description": "Without folder; '.nwb' is added. Without it, the file is named after subject and session.",
            "examples": ["mouse12_day3"],
        },
        "source_data": {
            "type": "object",
            "title": "Source data",
            "description": "The files of the session: names from data_interfaces, each with its arguments.",
            "additionalProperties": _open(CaimanSourceData.model_json_schema()),
        },
        "conversion_options": {
            "type": "object",
            "title": "Conversion options",
            "description": "Names from data_interfaces, each with its options for this session.",
            "additionalProperties": _options("Options of this interface for this session."),
        },
    }


def _options(description: str) -> dict[str, Any]:
    return {**_open(CaimanConversionOptions.model_json_schema()), "description": description}


def _open(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that demands nothing and refuses nothing: other interfaces have other keys."""
    return {key: value for key, value in schema.items() if key not in {"required", "additionalProperties"}}


def _with_caiman_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the CaImAn interface takes, in the form that NeuroConv admits in specifications."""
    _, entries = ophys_metadata_schema()
    blocks = metadata["properties"]
    plane = entries["ImagingPlaneEntry"]
    fields = {name: field for name, field in plane["properties"].items() if name != "device_metadata_key"}
    fields["device"] = {"type": "string", "title": "Device", "description": "Name of the microscope under Device."}
    ophys = {
        **blocks["Ophys"]["properties"],
        "Device": {"type": "array", "items": _device()},
        "ImagingPlane": {"type": "array", "items": {**plane, "required": ["name"], "properties": fields}},
        "PlaneSegmentations": {"type": "object", "additionalProperties": entries["PlaneSegmentationEntry"]},
        "RoiResponses": {"type": "object", "additionalProperties": entries["RoiResponsesEntry"]},
    }
    return {
        **metadata,
        "properties": {
            **blocks,
            **{name: with_help(blocks[name], name) for name in ("NWBFile", "Subject")},
            "Ophys": {**blocks["Ophys"], "properties": ophys},
        },
    }


def _device() -> dict[str, Any]:
    described = {name: help_for(("Ophys", "Device", name)) for name in _DEVICE_FIELDS}
    return {
        "type": "object",
        "title": "Device",
        "required": ["name"],
        "properties": {
            name: {"type": "string", "description": wanted.meaning, "examples": [wanted.example]}
            for name, wanted in described.items()
            if wanted is not None
        },
    }


def _with_local_references(schema: Any) -> Any:
    """Turn NeuroConv's references to its metadata schema into such to the definitions of this document."""
    return _map_references(
        schema, lambda target: f"#/definitions/{_METADATA}" if "metadata_schema.json" in target else target
    )


def _relocated(metadata: dict[str, Any]) -> Any:
    """Return the metadata schema as a definition: what it refers to lies deeper in the document then."""
    named = {key: value for key, value in metadata.items() if key not in {"$schema", "$id"}}
    return _map_references(named, lambda target: target.replace("#/", f"#/definitions/{_METADATA}/", 1))


def _map_references(schema: Any, change: Callable[[str], str]) -> Any:
    if isinstance(schema, list):
        return [_map_references(item, change) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: change(value) if key == "$ref" and isinstance(value, str) else _map_references(value, change)
        for key, value in schema.items()
    }
