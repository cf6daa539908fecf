"""Checks of a specification that open no other file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from referencing import Registry, Resource

from caiman_interface._compat.neuroconv import specification_schemas
from caiman_interface.metadata import specification_remedy

from .blanks import blanks_of_specification, without
from .document import Document
from .findings import Finding
from .schema_findings import schema_findings, unknown_key
from .sessions import known_interfaces
from .text import KeyPath, get_value, near_matches, write_path

_SESSION_KEYS = ("nwbfile_name", "source_data", "metadata", "conversion_options")
_EXPERIMENT_KEYS = ("metadata", "sessions")


def check_structure(document: Document) -> list[Finding]:
    """Check what can be checked without opening a file other than the specification.

    NeuroConv's own schema of specifications decides what is an error.
    """
    if not isinstance(document.data, Mapping):
        found = "an empty file" if document.data is None else "something other than keys and values"
        finding = Finding(
            message="not a specification",
            found=found,
            expected="the keys 'data_interfaces' and 'experiments'",
            remedy="Write one with `caiman-interface init FILE -o spec.yml`.",
            file=str(document.path),
        )
        return [finding]
    ignored = (replace(finding, severity="warning") for finding in _ignored(document.data))
    findings = [
        *_schema_findings(document.data),
        *_interface_findings(document.data),
        *_sessions_without_data(document.data),
        *ignored,
    ]
    return [*(replace(finding, file=str(document.path)) for finding in findings), *_key_findings(document)]


def _schema_findings(data: Mapping[str, Any]) -> Iterator[Finding]:
    blanks = blanks_of_specification(data)
    specification_schema, metadata_schema = specification_schemas()
    registry: Registry[Any] = Registry().with_resource("metadata_schema.json", Resource.from_contents(metadata_schema))
    for finding in schema_findings(_with_text_keys(without(data, blanks)), specification_schema, registry):
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
        remedy: str | None = (
            "NeuroConv requires it in every block of metadata: add `NWBFile: {}`, or move the metadata."
        )
    else:
        remedy = specification_remedy(inside, None if finding.is_missing else get_value(data, finding.path))
    return finding if remedy is None else replace(finding, remedy=remedy)


def _interface_findings(data: Mapping[str, Any]) -> Iterator[Finding]:
    interfaces = data.get("data_interfaces")
    if interfaces is None:
        yield Finding(
            path=("data_interfaces",),
            message="'data_interfaces' is missing",
            expected="names of your choice, each with the class that reads the data",
            remedy="Add it, for example `data_interfaces: {Segmentation: CaimanSegmentationInterface}`.",
            is_missing=True,
        )
        return
    known = known_interfaces()
    for key, name in interfaces.items() if isinstance(interfaces, Mapping) else ():
        if isinstance(name, str) and name not in known:
            near = near_matches(name, known)
            guess = f"Did you mean {' or '.join(near)}? " if near else ""
            yield Finding(
                path=("data_interfaces", key),
                message=f"unknown interface '{name}'",
                expected=f"one of the {len(known)} interfaces that are installed",
                remedy=f"{guess}`caiman-interface plugins` lists what plugins add to NeuroConv's own.",
            )


def _sessions_without_data(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the sources of sessions without a known one: NeuroConv writes an NWB file without data for them."""
    interfaces = _interface_names(data)
    for path, session in _sessions(data) if interfaces else ():
        source_data = session.get("source_data")
        if isinstance(source_data, Mapping) and not _used(session, interfaces):
            for finding in _unknown_names(session, (*path, "source_data"), interfaces, "data_interfaces"):
                yield replace(finding, message=f"{finding.message}, and the session has no other data")
            if not source_data:
                yield Finding(
                    path=(*path, "source_data"),
                    message="the session has no data",
                    found="nothing",
                    expected=f"one of {', '.join(interfaces)}",
                    remedy="Add its files, or remove the session.",
                )


def _ignored(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what NeuroConv ignores silently."""
    interfaces = _interface_names(data)
    for path, experiment in _experiments(data):
        yield from _ignored_keys(experiment, path, _EXPERIMENT_KEYS)
    for path, session in _sessions(data):
        yield from _ignored_keys(session, path, _SESSION_KEYS)
        used = _used(session, interfaces)
        if used:  # otherwise it is an error
            yield from _unknown_names(session, (*path, "source_data"), interfaces, "data_interfaces")
        yield from _unknown_names(session, (*path, "conversion_options"), used, f"{write_path(path)}.source_data")
    if "upload_to_dandiset" in data:
        yield Finding(
            path=("upload_to_dandiset",),
            message="`caiman-interface convert` uploads nothing",
            remedy="Upload the output with `dandi upload`, or run this specification with the command `neuroconv`.",
        )


def _ignored_keys(block: Mapping[str, Any], path: KeyPath, known: tuple[str, ...]) -> Iterator[Finding]:
    for key in block:
        if key not in known:
            finding = unknown_key((*path, key), known)
            yield replace(finding, message=f"{finding.message}, which is ignored")


def _unknown_names(session: Mapping[str, Any], path: KeyPath, known: list[str], where: str) -> Iterator[Finding]:
    given = session.get(str(path[-1]))
    for name in given if isinstance(given, Mapping) else ():
        if name not in known:
            near = near_matches(name, known)
            yield Finding(
                path=(*path, name),
                message=f"'{name}' is ignored: it is not in {where}",
                expected="one of " + ", ".join(map(str, known)) if known else "",
                remedy=f"Did you mean '{near[0]}'?" if near else f"Add it to {where}, or remove it here.",
            )


def _key_findings(document: Document) -> Iterator[Finding]:
    for path, (line, column) in document.repeated_keys:
        yield Finding(
            severity="warning",
            path=path,
            message=f"the key '{path[-1]}' is repeated, and the first value is ignored",
            expected="each key once",
            remedy="Merge both into one block, or remove one.",
            file=str(document.path),
            line=line,
            column=column,
        )
    for path, (line, column) in document.odd_keys:
        yield Finding(
            path=path,
            message=f"YAML does not read the key {path[-1]} as text",
            expected="a name",
            remedy=f'Put it in quotes: "{path[-1]}".',
            file=str(document.path),
            line=line,
            column=column,
        )


def _used(session: Mapping[str, Any], interfaces: list[str]) -> list[str]:
    source_data = session.get("source_data")
    return [name for name in interfaces if isinstance(source_data, Mapping) and name in source_data]


def _interface_names(data: Mapping[str, Any]) -> list[str]:
    interfaces = data.get("data_interfaces")
    return list(interfaces) if isinstance(interfaces, Mapping) else []


def _experiments(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    experiments = data.get("experiments")
    for name, experiment in experiments.items() if isinstance(experiments, Mapping) else ():
        if isinstance(experiment, Mapping):
            yield ("experiments", name), experiment


def _sessions(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    for path, experiment in _experiments(data):
        sessions = experiment.get("sessions")
        for index, session in enumerate(sessions if isinstance(sessions, list) else []):
            if isinstance(session, Mapping):
                yield (*path, "sessions", index), session
