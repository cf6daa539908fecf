"""Checks of one session: its files are opened, its options and metadata tried on the interfaces."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError as ModelError

from caiman_interface.caiman_file import CaimanFileError
from caiman_interface.conversion.movies import interface_mismatches
from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.metadata import CaimanConversionOptions, KnownEntries

from .blanks import blanks_of, without_blanks
from .fields import help_for, write_example
from .findings import Finding
from .locations import trace_metadata
from .metadata_checks import changed_lists, metadata_errors, metadata_warnings
from .schema_findings import model_findings, schema_findings
from .sessions import Session, suppress_list_format_warning
from .text import KeyPath, get_value, last_name, near_matches, plain, show_value
from .unused import known_entries

_FILES, _FOLDERS, _LISTS_OF_FILES = ("file_path",), ("folder_path",), ("file_paths",)
_NAMING_FIELDS = {"NWBFile": ("session_id", "session_start_time"), "Subject": ("subject_id",)}


@dataclass(frozen=True, kw_only=True)
class SessionCheck:
    """What came of the check of a session; it can be sent between processes.

    Attributes
    ----------
    findings : tuple of Finding
        With file and path, but without line and column.
    identity : dict or None
        ``subject_id``, ``session_id`` and ``session_start_time`` of the merged metadata; None where they could not be
        merged.
    known : KnownEntries or None
        The names of metadata that the interfaces use.
    """

    findings: tuple[Finding, ...] = ()
    identity: Mapping[str, Any] | None = None
    known: KnownEntries | None = None


@dataclass
class _Checking:
    """One session and what is known of it so far."""

    session: Session
    interfaces: dict[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> dict[str, CaimanSegmentationInterface]:
        return {
            name: interface
            for name, interface in self.interfaces.items()
            if isinstance(interface, CaimanSegmentationInterface)
        }


def check_session(session: Session) -> SessionCheck:
    """Check a session as its conversion will see it, without writing anything.

    `validate` and `convert` both use this function.
    """
    state = _Checking(session)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters is a finding, and the conversion repeats the rest
        found = [
            *_make_interfaces(state),
            *_shared_keys(state),
            *_option_findings(state),
            *_file_findings(state),
        ]
        findings = [*_blanks(session), *(replace(finding, file=session.file) for finding in found)]
        if len(state.interfaces) != len(session.used_interfaces):  # the metadata of the others would be missing
            return SessionCheck(findings=tuple(findings))
        return _check_metadata(state, findings)


def _blanks(session: Session) -> Iterator[Finding]:
    """Yield each key without a value in the given metadata."""
    for source in session.metadata_sources:
        for path in blanks_of(source.values):
            is_required = path == ("NWBFile", "session_start_time")
            yield Finding(
                severity="blank",
                path=(*source.path, *path),
                message=f"'{last_name(path) or 'metadata'}' has to be filled in",
                expected=str(help_for(path) or ""),
                remedy="Fill it in." if is_required else "Fill it in, or delete the line if it is not known.",
                file=source.file_name,
            )


def _make_interfaces(state: _Checking) -> Iterator[Finding]:
    session = state.session
    for name in session.used_interfaces:
        arguments = session.source_data[name]
        try:
            converter = replace(session, source_data={name: arguments}).make_converter()
        except Exception as error:  # noqa: BLE001 (any interface may fail in any way)
            path: KeyPath = (*session.path, "source_data", name)
            yield from _source_findings(path, arguments, session.interface_classes[name], error)
        else:
            state.interfaces.update(converter.data_interface_objects)


def _source_findings(
    path: KeyPath, arguments: Mapping[str, Any], interface_class: Any, error: Exception
) -> Iterator[Finding]:
    """Yield why an interface does not accept its arguments."""
    if isinstance(error, CaimanFileError):
        place = f", at '{error.place}'" if error.place else ""
        yield Finding(
            path=(*path, "file_path"),
            message=f"{error.problem} ({error.file_path}{place})",
            found=error.found or "",
            expected=error.expected or "a file that CaImAn saved",
            remedy=f"{error.remedy or 'Give the file that CaImAn saved'}.",
        )
        return
    findings = [*_path_findings(path, arguments)]
    findings += schema_findings(plain(arguments), interface_class.get_source_schema(), at=path)
    if not findings and isinstance(error, ModelError):
        findings = model_findings(error, at=path)
    yield from findings or [Finding(path=path, message=f"{interface_class.__name__} failed: {words_of(error)}")]


def _path_findings(path: KeyPath, arguments: Mapping[str, Any]) -> Iterator[Finding]:
    for argument, value in arguments.items():
        if argument in _LISTS_OF_FILES and isinstance(value, list):
            for index, item in enumerate(value):
                yield from _path_finding((*path, argument, index), item, is_folder=False)
        elif argument in (*_FILES, *_FOLDERS):
            yield from _path_finding((*path, argument), value, is_folder=argument in _FOLDERS)


def _path_finding(path: KeyPath, value: Any, *, is_folder: bool) -> Iterator[Finding]:
    if not isinstance(value, str):
        return
    target = Path(value)
    if target.is_dir() if is_folder else target.is_file():
        return
    wanted, other = ("folder", "file") if is_folder else ("file", "folder")
    exists = target.exists()
    yield Finding(
        path=path,
        message=f"{'not a' if exists else 'there is no'} {wanted}: {target}",
        found=f"a {other}" if exists else f"no such {wanted}",
        expected=f"a {wanted}; its path is relative to the folder of the specification, or to --data-folder-path",
        remedy=_path_remedy(target, exists=exists),
    )


def _path_remedy(target: Path, *, exists: bool) -> str:
    if re.search(r"[\x00-\x1f]", str(target)):
        return (
            "The path contains a control character: a backslash (\\) in double quotes starts an escape sequence. Use "
            "single quotes, or forward slashes."
        )
    if not target.parent.is_dir():
        return f"Correct the path, or --data-folder-path: there is no folder {target.parent} either."
    near = [] if exists else near_matches(target.name, [entry.name for entry in target.parent.iterdir()], likeness=0.8)
    return f"Did you mean '{near[0]}', in the same folder?" if near else "Correct the path, or --data-folder-path."


def _shared_keys(state: _Checking) -> Iterator[Finding]:
    """Yield each interface with the metadata key of another: their names in the NWB file would be the same."""
    taken: dict[str, str] = {}
    for name, interface in state.ours.items():
        first = taken.setdefault(interface.metadata_key, name)
        if first != name:
            yield Finding(
                path=(*state.session.path, "source_data", name, "metadata_key"),
                message=f"'{name}' has the same metadata key as '{first}', so their names in the NWB file would clash",
                found=show_value(interface.metadata_key),
                expected="a different key for each CaImAn file of a session",
                remedy=f"Add for example `metadata_key: {name.lower()}`.",
            )


def _file_findings(state: _Checking) -> Iterator[Finding]:
    """Yield what is missing or suspicious in the CaImAn files."""
    for name, interface in state.ours.items():
        extractor = interface.segmentation_extractor
        path: KeyPath = (*state.session.path, "source_data", name)
        if extractor.get_sampling_frequency() is None and not extractor.has_time_vector():
            option = f"Add for example `sampling_frequency: 30.0` to the source_data of '{name}', or `timestamps_path`."
            yield Finding(
                path=(*path, "sampling_frequency"),
                message=f"the CaImAn file has no frame rate (fr): {extractor.results.file_path}",
                expected="the rate in frames per second, or the times of the frames",
                remedy=option if state.session.path else "Give it with --rate or --timestamps.",
            )
        rate, count = interface.sampling_frequency, extractor.results.num_frames
        for mismatch in interface_mismatches(state.interfaces.values(), num_frames=count, rate=rate):
            yield Finding(severity="warning", path=(*path, "file_path"), message=mismatch)
        for text in extractor.results.warnings:
            yield Finding(severity="warning", path=(*path, "file_path"), message=text, is_suspicious=True)
        for omission in extractor.results.omissions:
            message = f"{omission.field} is left out: {omission.reason}"
            yield Finding(severity="warning", path=(*path, "file_path"), message=message)


def _option_findings(state: _Checking) -> Iterator[Finding]:
    session = state.session
    unfit = [name for name, options in session.session_options.items() if not isinstance(options, Mapping)]
    for name in unfit:
        yield Finding(
            path=(*session.path, "conversion_options", name),
            message=f"wrong value of '{name}'",
            found=show_value(session.session_options[name]),
            expected="a block of options of the interface of this name",
            remedy="Write the options below the name of their interface.",
        )
    for name, interface in ({} if unfit else state.interfaces).items():
        options = session.options_of({name: interface})[name]
        schema = interface.get_conversion_options_schema()
        findings = schema_findings(plain(options), schema) or list(_caiman_option_findings(interface, options))
        yield from (_placed_option(finding, session, name) for finding in findings)


def _caiman_option_findings(interface: Any, options: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield violations that the schema of our options cannot express."""
    if not isinstance(interface, CaimanSegmentationInterface):
        return
    try:
        checked = CaimanConversionOptions.model_validate(options)
        if checked.roi_ids_to_add is not None:
            interface.segmentation_extractor.select_rois(checked.roi_ids_to_add)
    except ModelError as error:
        yield from model_findings(error)
    except ValueError as error:
        found = show_value(options["roi_ids_to_add"])
        yield Finding(path=("roi_ids_to_add",), message=str(error), found=found, expected="ids of ROIs in the file")


def _placed_option(finding: Finding, session: Session, name: str) -> Finding:
    """Return the finding with the path where the option was given."""
    option = finding.path[0] if finding.path else None
    if option in (session.session_options.get(name) or {}) or option not in session.global_options:
        return replace(finding, path=(*session.path, "conversion_options", name, *finding.path))
    remedy = finding.remedy
    if option in session.interface_classes:
        remedy = "These options apply to all interfaces. Move it to the conversion_options of the session."
    elif finding.message.startswith("unknown"):
        remedy = f"{remedy} Options here apply to every interface, and '{name}' does not have it."
    return replace(finding, path=("conversion_options", *finding.path), remedy=remedy)


def _check_metadata(state: _Checking, findings: list[Finding]) -> SessionCheck:
    given = state.session.metadata_sources
    blanks = {path for source in given for path in blanks_of(source.values)}
    session = replace(
        state.session, metadata_sources=tuple(replace(one, values=without_blanks(one.values)) for one in given)
    )
    sources = session.metadata_sources
    converter = replace(session, source_data={}).make_converter()
    converter.data_interface_objects.update(state.interfaces)
    try:
        merged = session.merge_metadata(converter)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        message = f"the metadata cannot be merged with those of the interfaces: {words_of(error)}"
        remedy = "Compare their form with the metadata in a specification that `caiman-interface init` writes."
        last = sources[-1].file_name if sources else ""
        finding = Finding(path=(*session.path, "metadata"), message=message, remedy=remedy, file=last)
        return SessionCheck(findings=(*findings, finding))
    own = [interface.file_metadata for interface in state.ours.values()]
    errors = [one for one in metadata_errors(merged, converter, sources) if not (one.is_missing and one.path in blanks)]
    doubts = [replace(finding, severity="warning") for finding in metadata_warnings(merged)]
    for finding in (*errors, *doubts):
        explained = finding if session.path else _as_option(finding)
        findings.append(trace_metadata(explained, merged, sources, own))
    findings += [replace(finding, file=source.file_name) for source, finding in changed_lists(merged, sources)]
    if not blanks and all(finding.severity == "warning" for finding in findings):
        findings += _try_to_build(session, converter, merged)
    return SessionCheck(
        findings=tuple(findings), identity=_identity(merged, blanks), known=known_entries(converter, merged)
    )


def _identity(merged: Mapping[str, Any], blanks: set[KeyPath]) -> dict[str, Any]:
    """Return what the NWB file would be named after; a blank is a finding already, and counts as given."""
    return {
        name: "blank" if (block, name) in blanks else get_value(merged, (block, name))
        for block, names in _NAMING_FIELDS.items()
        for name in names
    }


def _try_to_build(session: Session, converter: Any, merged: Any) -> Iterator[Finding]:
    """Yield why the NWB file of our interfaces cannot be built in memory; no trace is read for that."""
    interfaces = {
        name: interface
        for name, interface in converter.data_interface_objects.items()
        if isinstance(interface, CaimanSegmentationInterface)
    }
    if not interfaces:
        return
    trial = replace(session, source_data={}).make_converter()
    trial.data_interface_objects.update(interfaces)
    options = session.options_of(interfaces)
    try:
        with suppress_list_format_warning():
            trial.create_nwbfile(metadata=merged, conversion_options=options)
    except Exception as error:  # noqa: BLE001 (whatever prevents the conversion)
        yield Finding(
            path=(*session.path, "source_data"), message=f"cannot be converted: {words_of(error)}", file=session.file
        )


def _as_option(finding: Finding) -> Finding:
    """Explain how to give what is missing where there is no specification."""
    if not finding.is_missing:
        return finding
    if finding.path == ("NWBFile", "session_start_time"):
        remedy = "Give it with --session-start-time, for example --session-start-time 2024-05-03T14:30:00+02:00."
    else:
        wanted = help_for(finding.path)
        example = write_example(wanted.example) if wanted is not None else "..."
        block, key = ".".join(map(str, finding.path[:-1])), finding.path[-1]
        remedy = f"Give it in a YAML file with --metadata, for example `{block}: {{{key}: {example}}}`."
    return replace(finding, remedy=remedy)


def words_of(error: Exception) -> str:
    """Return the message of an error; of an unexpected one with its type."""
    text = str(error.message) if isinstance(error, SchemaError) else str(error)
    is_expected = isinstance(error, SchemaError | ValueError | OSError | ImportError)
    return text if is_expected and text else f"{type(error).__name__}: {text}"
