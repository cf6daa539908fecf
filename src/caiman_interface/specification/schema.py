"""`specification_schema`: the JSON schema of a specification, for editors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from caiman_interface._compat.neuroconv import specification_schemas
from caiman_interface.metadata import CaimanConversionOptions, CaimanSourceData, specification_ophys_schema

from .fields import with_help
from .sessions import known_interfaces

SCHEMA_FILE_NAME = "caiman-interface.schema.json"
"""Name of the schema file in the folder of a specification."""

_METADATA = "metadata"


def specification_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 07) of a specification, in one document without references to others.

    NeuroConv's schema, extended by the installed interfaces and by the source data, options and metadata of the CaImAn
    interface.
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
    """Return a schema without required and forbidden keys, since other interfaces have other keys."""
    return {key: value for key, value in schema.items() if key not in {"required", "additionalProperties"}}


def _with_caiman_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Add the metadata of the CaImAn interface, in the format that NeuroConv accepts in specifications."""
    blocks = metadata["properties"]
    ophys = {**blocks["Ophys"]["properties"], **specification_ophys_schema()}
    general = {name: with_help(blocks[name], name) for name in ("NWBFile", "Subject")}
    return {**metadata, "properties": {**blocks, **general, "Ophys": {**blocks["Ophys"], "properties": ophys}}}


def _with_local_references(schema: Any) -> Any:
    """Replace NeuroConv's references to its metadata schema by references to the definitions of this document."""
    return _map_references(
        schema, lambda target: f"#/definitions/{_METADATA}" if "metadata_schema.json" in target else target
    )


def _relocated(metadata: dict[str, Any]) -> Any:
    """Return the metadata schema as a definition, with its references adapted to the new place."""
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
