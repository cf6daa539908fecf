"""Checks of a specification as a text, before any of its files is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from referencing import Registry, Resource

from caiman_interface._compat.neuroconv import specification_schemas

from .document import Document, KeyPath, get_value, write_path
from .findings import Finding
from .places import Places
from .problems import Problem, near_matches, schema_problems, unknown_key
from .sessions import known_interfaces

_SESSION_KEYS = ("nwbfile_name", "source_data", "metadata", "conversion_options")
_EXPERIMENT_KEYS = ("metadata", "sessions")
# An entry of these blocks that is nothing says that its trace or image is to be left out.
_LEAVES_OUT = ("RoiResponses", "SegmentationImages")
_LEAVE_OUT_DEPTH = 4


def check_structure(document: Document, places: Places) -> list[Finding]:
    """Check what can be checked without opening a file other than the specification.

    NeuroConv's own schema of specifications decides what is an error.
    """
    if not isinstance(document.data, Mapping):
        problem = Problem(
            (),
            "this is no specification",
            "an empty file" if document.data is None else "something other than keys and values",
            "the keys 'data_interfaces' and 'experiments'",
            "Make one with `caiman-interface init FILE -o spec.yml`.",
        )
        return [places.finding(problem, document.path)]
    blanks = find_blanks(document.data)
    return [
        *(places.finding(problem, document.path) for problem in _schema_problems(document.data, blanks)),
        *(places.finding(problem, document.path) for problem in _interface_problems(document.data)),
        *(places.finding(problem, document.path) for problem in _sessions_without_data(document.data)),
        *(places.finding(problem, document.path, severity="warning") for problem in _ignored(document.data)),
        *_repeated_keys(document, places),
    ]


def find_blanks(specification: Mapping[str, Any]) -> list[KeyPath]:
    """Return the path of every key without a value in the metadata of a specification."""
    return [
        path for block in _metadata_paths(specification) for path in _blanks(get_value(specification, block), block)
    ]


def blanks_of(metadata: Any) -> list[KeyPath]:
    """Return the path of every key without a value in metadata."""
    return list(_blanks(metadata, ()))


def without_blanks(metadata: Any) -> Any:
    """Return a copy of metadata without its keys that have no value."""
    return _without(metadata, set(_blanks(metadata, ())), ())


def _metadata_paths(specification: Mapping[str, Any]) -> Iterator[KeyPath]:
    yield ("metadata",)
    experiments = specification.get("experiments")
    for name, experiment in experiments.items() if isinstance(experiments, Mapping) else ():
        yield ("experiments", name, "metadata")
        sessions = experiment.get("sessions") if isinstance(experiment, Mapping) else None
        for index in range(len(sessions) if isinstance(sessions, list) else 0):
            yield ("experiments", name, "sessions", index, "metadata")


def _blanks(value: Any, path: KeyPath, depth: int = 0, *, may_leave_out: bool = False) -> Iterator[KeyPath]:
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        leaves_out = may_leave_out or (depth == 1 and key in _LEAVES_OUT)
        if item is None and not (leaves_out and depth + 1 == _LEAVE_OUT_DEPTH):
            yield (*path, key)
        yield from _blanks(item, (*path, key), depth + 1, may_leave_out=leaves_out)


def _without(value: Any, unwanted: set[KeyPath], path: KeyPath) -> Any:
    if isinstance(value, Mapping):
        return {k: _without(v, unwanted, (*path, k)) for k, v in value.items() if (*path, k) not in unwanted}
    if isinstance(value, list):
        items = enumerate(value)
        return [_without(item, unwanted, (*path, index)) for index, item in items if (*path, index) not in unwanted]
    return deepcopy(value)


def _schema_problems(data: Mapping[str, Any], blanks: list[KeyPath]) -> Iterator[Problem]:
    specification_schema, metadata_schema = specification_schemas()
    registry: Registry[Any] = Registry().with_resource("metadata_schema.json", Resource.from_contents(metadata_schema))
    for problem in schema_problems(_without(data, set(blanks), ()), specification_schema, registry):
        if not (problem.is_missing and problem.path in blanks):
            yield _with_remedy(problem, data)


def _with_remedy(problem: Problem, data: Mapping[str, Any]) -> Problem:
    """Explain those demands of NeuroConv's schema that nobody expects."""
    block, key = problem.path[:-1], problem.path[-1] if problem.path else None
    if problem.is_missing and key == "NWBFile":
        remedy = (
            "NeuroConv wants it in every block of metadata: add `NWBFile: {}`, or move the metadata to another block."
        )
    elif problem.is_missing and key == "Devices" and block[-1:] == ("Ophys",):
        remedy = "NeuroConv wants it in every block of Ophys metadata: add the line `Devices: []`."
    elif problem.path[-2:] == ("Ophys", "ImagingPlanes") and isinstance(get_value(data, problem.path), Mapping):
        remedy = (
            "NeuroConv takes imaging planes in a specification as a list only: write `ImagingPlane:`, and below it "
            "each plane as `- name: ImagingPlane` with its fields; or give the block in a file, with --metadata."
        )
    elif problem.path[-2:] == ("metadata", "Devices"):
        remedy = (
            "NeuroConv takes devices in a specification as a list only: under Ophys write `Device:`, and below it each "
            "device as `- name: Microscope` with its fields."
        )
    else:
        return problem
    return Problem(problem.path, problem.message, problem.found, problem.expected, remedy, problem.is_missing)


def _interface_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    stated = data.get("data_interfaces")
    if stated is None:
        yield Problem(
            ("data_interfaces",),
            "'data_interfaces' is missing",
            "",
            "names of your choice, each with the class that reads the data",
            "Add it, for example `data_interfaces: {Segmentation: CaimanSegmentationInterface}`.",
            is_missing=True,
        )
        return
    known = known_interfaces()
    for key, name in stated.items() if isinstance(stated, Mapping) else ():
        if isinstance(name, str) and name not in known:
            yield _unknown_interface(("data_interfaces", key), name, list(known))


def _unknown_interface(path: KeyPath, name: str, known: list[str]) -> Problem:
    near = near_matches(name, known)
    guess = f"Did you mean {' or '.join(near)}? " if near else ""
    return Problem(
        path,
        f"unknown interface '{name}'",
        "",
        f"one of the {len(known)} interfaces that are installed",
        f"{guess}`caiman-interface plugins` lists what plugins add to NeuroConv's own.",
    )


def _ignored(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what NeuroConv passes over without a word."""
    interfaces = _interface_names(data)
    for path, experiment in _experiments(data):
        yield from _ignored_keys(experiment, path, _EXPERIMENT_KEYS)
    for path, session in _sessions(data):
        yield from _ignored_keys(session, path, _SESSION_KEYS)
        yield from _ignored_interfaces(session, path, interfaces)
    if "upload_to_dandiset" in data:
        yield Problem(
            ("upload_to_dandiset",),
            "`caiman-interface convert` uploads nothing",
            "",
            "",
            "Upload what it writes with `dandi upload`, or run this specification with the command `neuroconv`.",
        )


def _ignored_keys(block: Mapping[str, Any], path: KeyPath, known: tuple[str, ...]) -> Iterator[Problem]:
    for key in block:
        if key not in known:
            problem = unknown_key((*path, key), known)
            yield Problem(problem.path, f"{problem.message}, which is ignored", "", problem.expected, problem.remedy)


def _ignored_interfaces(session: Mapping[str, Any], path: KeyPath, interfaces: list[str]) -> Iterator[Problem]:
    used = _used(session, interfaces)
    where = f"{write_path(path)}.source_data"
    if used:  # else it is an error
        yield from _unknown_names(session, (*path, "source_data"), interfaces, "data_interfaces")
    yield from _unknown_names(session, (*path, "conversion_options"), used, where)


def _sessions_without_data(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the sources of sessions that have none that is known: NeuroConv writes an NWB file without data."""
    interfaces = _interface_names(data)
    for path, session in _sessions(data) if interfaces else ():
        source_data = session.get("source_data")
        if isinstance(source_data, Mapping) and not _used(session, interfaces):
            for problem in _unknown_names(session, (*path, "source_data"), interfaces, "data_interfaces"):
                yield replace(problem, message=f"{problem.message}, and the session has no other data")
            if not source_data:
                known = f"one of {', '.join(interfaces)}"
                message = "the session has no data"
                yield Problem((*path, "source_data"), message, "nothing", known, "Add its files, or take it out.")


def _unknown_names(session: Mapping[str, Any], path: KeyPath, known: list[str], where: str) -> Iterator[Problem]:
    stated = session.get(str(path[-1]))
    for name in stated if isinstance(stated, Mapping) else ():
        if name not in known:
            near = near_matches(name, known)
            yield Problem(
                (*path, name),
                f"'{name}' is ignored: it is not in {where}",
                "",
                "one of " + ", ".join(known) if known else "",
                f"Did you mean '{near[0]}'?" if near else f"Add it to {where}, or take it out here.",
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


def _repeated_keys(document: Document, places: Places) -> Iterator[Finding]:
    for path, place in document.repeated_keys():
        problem = Problem(
            path,
            f"the key '{path[-1]}' stands here a second time, and the first one is ignored",
            "",
            "each key once",
            "Put both into one block, or take one out.",
        )
        finding = places.finding(problem, document.path, severity="warning")
        yield Finding(**{**vars(finding), "line": place.line, "column": place.column})
