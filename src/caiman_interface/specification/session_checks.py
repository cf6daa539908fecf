"""Checks of one session: its files are opened, its options and metadata tried on the interfaces."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError as ModelError

from caiman_interface.caiman_file import CaimanFileError
from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.metadata import CaimanConversionOptions
from caiman_interface.metadata.from_results import metadata_of

from .document import KeyPath, get_value
from .fields import help_for, write_example
from .findings import Finding, Severity
from .metadata_checks import metadata_doubts, metadata_problems
from .places import Places
from .problems import Problem, model_problems, near_matches, schema_problems, show_value
from .sessions import Session
from .structure import blanks_of, without_blanks
from .unused import InUse, names_in_use

_FILES = ("file_path",)
_FOLDERS = ("folder_path",)
_LISTS_OF_FILES = ("file_paths",)


@dataclass(frozen=True)
class CheckedSession:
    """What came of the check of a session.

    Attributes
    ----------
    findings : list of Finding
        What is wrong.
    metadata : mapping or None
        Its merged metadata; None where they could not be merged.
    in_use : mapping or None
        What `names_in_use` says of them.
    """

    findings: list[Finding]
    metadata: Mapping[str, Any] | None = None
    in_use: InUse | None = None


def check_session(
    session: Session, specification: Mapping[str, Any], file: Path | None, places: Places
) -> CheckedSession:
    """Check a session.

    Parameters
    ----------
    session : Session
        The session.
    specification : mapping
        The whole specification; empty for a CaImAn file that is converted without one.
    file : Path or None
        The file of the specification.
    places : Places
        Where everything was stated.
    """
    interfaces: dict[str, Any] = {}
    problems = [
        *_make_interfaces(session, interfaces),
        *_shared_keys(session, interfaces),
        *_option_problems(session, interfaces, specification),
    ]
    findings = [places.finding(problem, file) for problem in problems]
    if len(interfaces) != len(_wanted(session)):  # what the missing ones state would be missed
        return CheckedSession(findings)
    of_metadata = _check_metadata(session, interfaces, places)
    return replace(of_metadata, findings=findings + of_metadata.findings)


def blank_findings(session: Session, places: Places) -> Iterator[Finding]:
    """Yield each key without a value in what was stated of a session's metadata."""
    for source in session.metadata_sources:
        for path in blanks_of(source.values):
            key = next((key for key in reversed(path) if isinstance(key, str)), "metadata")
            is_demanded = path == ("NWBFile", "session_start_time")
            remedy = "Fill it in." if is_demanded else "Fill it in, or delete its line if it is not known."
            wanted = help_for(path)
            problem = Problem((*source.path, *path), f"'{key}' is to be filled in", "", str(wanted or ""), remedy)
            yield places.finding(problem, source.file, severity="blank")


def _wanted(session: Session) -> list[str]:
    return [name for name in session.interface_classes if name in session.source_data]


def _make_interfaces(session: Session, made: dict[str, Any]) -> Iterator[Problem]:
    for name in _wanted(session):
        arguments = session.source_data[name]
        try:
            converter = replace(session, source_data={name: arguments}).make_converter()
        except Exception as error:  # noqa: BLE001 - any interface may fail in any way
            path: KeyPath = (*session.path, "source_data", name)
            yield from _source_problems(path, arguments, session.interface_classes[name], error)
        else:
            made.update(converter.data_interface_objects)


def _source_problems(
    path: KeyPath, arguments: Mapping[str, Any], interface_class: Any, error: Exception
) -> Iterator[Problem]:
    """Say why an interface does not take its arguments."""
    if isinstance(error, CaimanFileError):
        yield _file_problem((*path, "file_path"), error)
        return
    problems = [*_path_problems(path, arguments), *_argument_problems(path, arguments, interface_class)]
    if not problems and isinstance(error, ModelError):
        problems = [replace(problem, path=(*path, *problem.path)) for problem in model_problems(error)]
    message = f"{interface_class.__name__} cannot be made: {_words_of(error)}"
    yield from problems or [Problem(path, message, "", "", "Correct its source data.")]


def _file_problem(path: KeyPath, error: CaimanFileError) -> Problem:
    place = f", at '{error.place}'" if error.place else ""
    return Problem(
        path,
        f"{error.problem} ({error.file_path}{place})",
        error.found or "",
        error.expected or "a file that CaImAn saved",
        f"{error.remedy or 'Give the file that CaImAn saved'}.",
    )


def _path_problems(path: KeyPath, arguments: Mapping[str, Any]) -> Iterator[Problem]:
    for argument, value in arguments.items():
        if argument in _LISTS_OF_FILES and isinstance(value, list):
            for index, item in enumerate(value):
                yield from _path_problem((*path, argument, index), item, is_folder=False)
        elif argument in (*_FILES, *_FOLDERS):
            yield from _path_problem((*path, argument), value, is_folder=argument in _FOLDERS)


def _path_problem(path: KeyPath, value: Any, *, is_folder: bool) -> Iterator[Problem]:
    if not isinstance(value, str):
        return
    target = Path(value)
    if target.is_dir() if is_folder else target.is_file():
        return
    wanted, other = ("folder", "file") if is_folder else ("file", "folder")
    found = f"a {other}" if target.exists() else f"no such {wanted}"
    yield Problem(
        path,
        f"{'there is no' if not target.exists() else 'this is no'} {wanted}: {target}",
        found,
        f"a {wanted}; its path is relative to the folder of the specification, or to --data-folder-path",
        _path_remedy(target),
    )


def _path_remedy(target: Path) -> str:
    if not target.parent.is_dir():
        return f"Correct the path, or --data-folder-path: there is no folder {target.parent} either."
    if target.exists():
        return "Correct the path, or --data-folder-path."
    near = near_matches(target.name, [entry.name for entry in target.parent.iterdir()], likeness=0.8)
    return f"Did you mean '{near[0]}', in the same folder?" if near else "Correct the path, or --data-folder-path."


def _argument_problems(path: KeyPath, arguments: Mapping[str, Any], interface_class: Any) -> Iterator[Problem]:
    for problem in schema_problems(_plain(arguments), interface_class.get_source_schema()):
        yield replace(problem, path=(*path, *problem.path))


def _shared_keys(session: Session, interfaces: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield each interface that has the metadata key of another: their names in the NWB file would be the same."""
    taken: dict[str, str] = {}
    for name, interface in interfaces.items():
        if not isinstance(interface, CaimanSegmentationInterface):
            continue
        first = taken.setdefault(interface.metadata_key, name)
        if first != name:
            yield Problem(
                (*session.path, "source_data", name, "metadata_key"),
                f"'{name}' has the same metadata key as '{first}', so that their names in the NWB file are the same",
                show_value(interface.metadata_key),
                "a key of its own for each CaImAn file of a session",
                f"Add for example `metadata_key: {name.lower()}`.",
            )


def _option_problems(
    session: Session, interfaces: Mapping[str, Any], specification: Mapping[str, Any]
) -> Iterator[Problem]:
    unfit = [name for name, options in session.session_options.items() if not isinstance(options, Mapping)]
    for name in unfit:
        yield Problem(
            (*session.path, "conversion_options", name),
            f"wrong value of '{name}'",
            show_value(session.session_options[name]),
            "a block of options of the interface of this name",
            "Write the options below the name of their interface.",
        )
    if unfit:
        return
    for name, interface in interfaces.items():
        options = session.resolve_options([name])[name]
        schema = interface.get_conversion_options_schema()
        problems = schema_problems(_plain(options), schema) or list(_caiman_option_problems(interface, options))
        for problem in problems:
            yield _placed_option(problem, session, name, specification)


def _caiman_option_problems(interface: Any, options: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what the schema cannot say of our own interface's options."""
    if not isinstance(interface, CaimanSegmentationInterface):
        return
    try:
        checked = CaimanConversionOptions.model_validate(options)
    except ModelError as error:
        yield from model_problems(error)
        return
    if checked.roi_ids_to_add is not None:
        try:
            interface.segmentation_extractor.select_rois(checked.roi_ids_to_add)
        except ValueError as error:
            found = show_value(options["roi_ids_to_add"])
            yield Problem(("roi_ids_to_add",), str(error), found, "ids of ROIs in the file", "Correct the list.")


def _placed_option(problem: Problem, session: Session, name: str, specification: Mapping[str, Any]) -> Problem:
    """Say where the option was stated, and what the mistake may be."""
    own: KeyPath = (*session.path, "conversion_options", name, *problem.path)
    shared: KeyPath = ("conversion_options", *problem.path)
    option = problem.path[:1]
    is_own = get_value(specification, (*own[: -len(problem.path) or None], *option)) is not None
    if is_own or not option or option[0] not in session.global_options:
        return replace(problem, path=own)
    if option[0] in session.interface_classes:
        remedy = "Here stand options of all interfaces. Move it to the conversion_options of the session."
    else:
        remedy = f"{problem.remedy} Here stand options that every interface has to know; '{name}' does not."
        remedy = remedy if problem.message.startswith("unknown") else problem.remedy
    return replace(problem, path=shared, remedy=remedy)


def _check_metadata(session: Session, interfaces: Mapping[str, Any], places: Places) -> CheckedSession:
    converter = replace(session, source_data={}).make_converter()
    converter.data_interface_objects.update(interfaces)
    stated = tuple(replace(source, values=without_blanks(source.values)) for source in session.metadata_sources)
    blanks = {path for source in session.metadata_sources for path in blanks_of(source.values)}
    session = replace(session, metadata_sources=stated)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what cannot be merged, which is an error below
            merged = session.merge_metadata(converter)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"the metadata cannot be merged with what the interfaces state: {_words_of(error)}"
        remedy = "Compare its form with the metadata in a specification that `caiman-interface init` writes."
        problem = Problem((*session.path, "metadata"), what, "", "", remedy)
        return CheckedSession([places.finding(problem, _last_file(session))])
    names = dict(_given_names(interfaces))
    severities: tuple[tuple[Severity, list[Problem]], ...] = (
        ("error", metadata_problems(merged, converter, stated)),
        ("warning", metadata_doubts(merged)),
    )
    findings = []
    for severity, problems in severities:
        for problem in problems:
            if problem.is_missing and problem.path in blanks:
                continue
            file, path = places.find_metadata(problem.path, merged, stated, names)
            explained = problem if session.path else _asked_for(problem)
            findings.append(places.finding(replace(explained, path=path), file, severity=severity))
    return CheckedSession(findings, merged, names_in_use(converter, merged))


def _given_names(interfaces: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield block, key and name of what the CaImAn interfaces state of their planes and tables."""
    for interface in interfaces.values():
        if isinstance(interface, CaimanSegmentationInterface):
            ophys = metadata_of(interface.segmentation_extractor.results, interface.metadata_key)
            for block in ("ImagingPlanes", "PlaneSegmentations"):
                yield from (((block, key), entry["name"]) for key, entry in ophys[block].items())


def _asked_for(problem: Problem) -> Problem:
    """Say how to give what is missing where there is no specification."""
    if not problem.is_missing:
        return problem
    if problem.path == ("NWBFile", "session_start_time"):
        remedy = "Give it with --session-start-time, for example --session-start-time 2024-05-03T14:30:00+02:00."
    else:
        wanted = help_for(problem.path)
        example = write_example(wanted.example) if wanted is not None else "..."
        block, key = ".".join(map(str, problem.path[:-1])), problem.path[-1]
        remedy = f"Give it in a YAML file with --metadata, for example `{block}: {{{key}: {example}}}`."
    return replace(problem, remedy=remedy)


def _last_file(session: Session) -> Path | None:
    return session.metadata_sources[-1].file if session.metadata_sources else None


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, which is how NeuroConv checks it."""
    return json.loads(json.dumps(value, default=str))


def _words_of(error: Exception) -> str:
    if isinstance(error, SchemaError):
        return str(error.message)
    return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) or not str(error) else str(error)
