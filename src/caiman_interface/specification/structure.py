"""Checks of a specification that open no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from referencing import Registry, Resource

from caiman_interface._compat.neuroconv import specification_schemas
from caiman_interface.metadata import specification_remedy

from .blanks import blanks_of_specification, without
from .document import Document
from .findings import Finding
from .schema_findings import schema_findings
from .sessions import known_interfaces
from .text import get_value, show_value

_BLOCK_PER_INTERFACE = {"type": "object", "additionalProperties": {"type": "object"}}


def check_structure(document: Document) -> list[Finding]:
    """Check a specification against NeuroConv's schema, and for keys that NeuroConv ignores."""
    if not isinstance(document.data, Mapping):
        finding = Finding(
            message="not a specification",
            found="an empty file" if document.data is None else "something other than keys and values",
            expected="the keys 'data_interfaces' and 'experiments'",
            remedy="Write one with `caiman-interface init FILE -o spec.yml`.",
            file=str(document.path),
        )
        return [finding]
    data = _with_text_keys(document.data)
    findings = [*_errors(data), *_sessions_without_data(data), *_ignored(data)]
    return [*(replace(finding, file=str(document.path)) for finding in findings), *_key_findings(document)]


def _errors(data: Mapping[str, Any]) -> Iterator[Finding]:
    blanks = blanks_of_specification(data)
    specification, metadata = specification_schemas()
    properties = specification["properties"]
    properties["data_interfaces"] = {
        "type": "object",
        "description": "names of your choice, each with an installed interface",
        "examples": [{"Segmentation": "CaimanSegmentationInterface"}],
        "additionalProperties": {"type": "string", "enum": sorted(known_interfaces())},
    }
    session = properties["experiments"]["additionalProperties"]["properties"]["sessions"]["items"]
    session["properties"] |= {"source_data": _BLOCK_PER_INTERFACE, "conversion_options": _BLOCK_PER_INTERFACE}
    specification["required"] = ["data_interfaces", "experiments"]
    registry: Registry[Any] = Registry().with_resource("metadata_schema.json", Resource.from_contents(metadata))
    for finding in schema_findings(without(data, blanks), specification, registry):
        if not (finding.is_missing and finding.path in blanks):
            yield _with_remedy(finding, data)


def _with_text_keys(value: Any) -> Any:
    """Return data in which every key is text; the other keys have separate findings."""
    if isinstance(value, Mapping):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _with_remedy(finding: Finding, data: Mapping[str, Any]) -> Finding:
    """Explain the requirements of NeuroConv's schema that are unexpected."""
    if "metadata" not in finding.path:
        return finding
    inside = finding.path[finding.path.index("metadata") + 1 :]
    if finding.is_missing and inside == ("NWBFile",):
        remedy: str | None = "NeuroConv requires it in every block of metadata: add `NWBFile: {}`."
    else:
        remedy = specification_remedy(inside, None if finding.is_missing else get_value(data, finding.path))
    return finding if remedy is None else replace(finding, remedy=remedy)


def _sessions_without_data(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield sessions for which NeuroConv would write an NWB file without data."""
    interfaces = _names(data.get("data_interfaces"))
    for name in _names(data.get("experiments")):
        sessions = get_value(data, ("experiments", name, "sessions"))
        for index, session in enumerate(sessions if interfaces and isinstance(sessions, list) else ()):
            source_data = get_value(session, ("source_data",))
            if isinstance(source_data, Mapping) and not source_data.keys() & set(interfaces):
                yield Finding(
                    path=("experiments", name, "sessions", index, "source_data"),
                    message="the session has no data",
                    found=show_value(source_data),
                    expected=f"one of {', '.join(interfaces)}",
                    remedy="Add its files, or remove the session.",
                )


def _ignored(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the keys that NeuroConv ignores, as warnings."""
    of_interfaces = _closed(_names(data.get("data_interfaces")))
    session = _closed(["nwbfile_name", "metadata"], {"source_data": of_interfaces, "conversion_options": of_interfaces})
    experiment = _closed(["metadata"], {"sessions": {"items": session}})
    for finding in schema_findings(data, {"properties": {"experiments": {"additionalProperties": experiment}}}):
        yield replace(finding, severity="warning", message=f"{finding.message}, which is ignored")
    if "upload_to_dandiset" in data:
        yield Finding(
            severity="warning",
            path=("upload_to_dandiset",),
            message="`caiman-interface convert` uploads nothing",
            remedy="Upload the output with `dandi upload`, or run this specification with the command `neuroconv`.",
        )


def _closed(names: Iterable[str], schemas: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of a block that has these keys only."""
    return {"properties": {**{name: {} for name in names}, **(schemas or {})}, "additionalProperties": False}


def _names(block: Any) -> list[str]:
    return list(block) if isinstance(block, Mapping) else []


def _key_findings(document: Document) -> Iterator[Finding]:
    for path, (line, column) in document.repeated_keys:
        yield Finding(
            severity="warning",
            path=path,
            message=f"the key '{path[-1]}' is repeated, and the first value is ignored",
            remedy="Merge both into one block, or remove one.",
            file=str(document.path),
            line=line,
            column=column,
        )
    for path, (line, column) in document.odd_keys:
        yield Finding(
            path=path,
            message=f"YAML does not read the key {path[-1]} as text",
            remedy=f'Put it in quotes: "{path[-1]}".',
            file=str(document.path),
            line=line,
            column=column,
        )
