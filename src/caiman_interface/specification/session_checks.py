"""Checks of one session: its files are opened, and its options and metadata are passed to the interfaces."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError as ModelError

from caiman_interface.caiman_file import CaimanFileError
from caiman_interface.conversion.movies import interface_mismatches
from caiman_interface.conversion.timestamps import TimestampsError
from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.metadata import CaimanConversionOptions, KnownEntries
from caiman_interface.text import near_matches

from .blanks import blanks_of, without_blanks
from .fields import help_for, write_example
from .findings import Finding, is_convertible
from .locations import trace_metadata
from .metadata_checks import changed_lists, metadata_findings
from .schema_findings import model_findings, schema_findings
from .sessions import PATH_ARGUMENTS, Session, caiman_interfaces, suppress_list_format_warning
from .text import KeyPath, as_json_data, get_value, last_name, show_value
from .unused import known_entries

_NAMING_FIELDS = {"NWBFile": ("session_id", "session_start_time"), "Subject": ("subject_id",)}


@dataclass(frozen=True, kw_only=True)
class SessionCheck:
    """Result of the check of a session; it can be sent between processes.

    Attributes
    ----------
    findings : tuple of Finding
        They have file and path, but not line and column.
    identity : dict or None
        ``subject_id``, ``session_id`` and ``session_start_time`` of the merged metadata; None if they could not be
        merged.
    known : KnownEntries or None
        The names of metadata that the interfaces use; None if not all of them read CaImAn files.
    """

    findings: tuple[Finding, ...] = ()
    identity: Mapping[str, Any] | None = None
    known: KnownEntries | None = None


def check_session(session: Session) -> SessionCheck:
    """Check a session as its conversion will see it, without writing anything."""
    interfaces: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # relevant ones are findings, and the conversion repeats the rest
        found = [
            *_make_interfaces(session, interfaces),
            *_shared_keys(session, interfaces),
            *(finding for name in interfaces for finding in _option_findings(session, name, interfaces[name])),
            *_file_findings(session, interfaces),
        ]
        findings = [*_blanks(session), *(replace(finding, file=session.file) for finding in found)]
        if len(interfaces) != len(session.used_interfaces):  # the metadata of the others would be missing
            return SessionCheck(findings=tuple(findings))
        return _check_metadata(session, interfaces, findings)


def words_of(error: Exception) -> str:
    """Return the message of an error, for unexpected errors with its type."""
    text = str(error.message) if isinstance(error, SchemaError) else str(error)
    is_expected = isinstance(error, SchemaError | ValueError | OSError | ImportError)
    return text if is_expected and text else f"{type(error).__name__}: {text}"


def _blanks(session: Session) -> Iterator[Finding]:
    """Yield each key without a value in the given metadata."""
    for source in session.metadata_sources:
        for path in blanks_of(source.values):
            is_required = path == ("NWBFile", "session_start_time")
            wanted = help_for(path)
            example = "" if wanted is None else f", for example {write_example(wanted.example)}"
            yield Finding(
                severity="blank",
                path=(*source.path, *path),
                message=f"'{last_name(path) or 'metadata'}' has no value",
                expected="" if wanted is None else wanted.meaning,
                remedy=f"Fill it in{example}" + ("." if is_required else ", or delete the line if it is not known."),
                file=source.file_name,
            )


def _make_interfaces(session: Session, interfaces: dict[str, Any]) -> Iterator[Finding]:
    """Add the interfaces of a session, and yield why the others cannot be made."""
    for name in session.used_interfaces:
        arguments = session.source_data[name]
        try:
            converter = replace(session, source_data={name: arguments}).make_converter()
        except Exception as error:  # noqa: BLE001 (any interface may raise anything)
            path: KeyPath = (*session.path, "source_data", name)
            yield from _source_findings(path, arguments, session.interface_classes[name], error)
        else:
            interfaces.update(converter.data_interface_objects)


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
    findings += schema_findings(as_json_data(arguments), interface_class.get_source_schema(), at=path)
    if not findings and isinstance(error, ModelError):
        findings = model_findings(error, at=path)
    if isinstance(error, TimestampsError):
        findings = [Finding(path=(*path, "timestamps_path"), message=str(error).rstrip("."))]
    yield from findings or [Finding(path=path, message=f"{interface_class.__name__} failed: {words_of(error)}")]


def _path_findings(path: KeyPath, arguments: Mapping[str, Any]) -> Iterator[Finding]:
    for argument, value in arguments.items():
        kind = PATH_ARGUMENTS.get(argument)
        listed = [((index,), item) for index, item in enumerate(value)] if isinstance(value, list) else [((), value)]
        for place, text in listed:
            if kind is None or not isinstance(text, str):
                continue
            target = Path(text)
            if not (target.is_file() if kind == "file" else target.is_dir()):
                yield Finding(
                    path=(*path, argument, *place),
                    message=f"not a {kind}" if target.exists() else f"the {kind} does not exist",
                    found=text,
                    expected="a path relative to the folder of the specification, or to --data-folder-path",
                    remedy=_path_remedy(target),
                )


def _path_remedy(target: Path) -> str:
    if not target.as_posix().isprintable():
        return "A backslash (\\) in double quotes starts an escape sequence. Use single quotes, or forward slashes."
    if not target.parent.is_dir():
        return f"Correct the path, or --data-folder-path: the folder {target.parent} does not exist either."
    names = [] if target.exists() else [entry.name for entry in target.parent.iterdir()]
    near = near_matches(target.name, names, likeness=0.8)
    return f"Did you mean '{near[0]}', in the same folder?" if near else "Correct the path, or --data-folder-path."


def _shared_keys(session: Session, interfaces: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield each interface with the metadata key of another: their names in the NWB file would be the same."""
    taken: dict[str, str] = {}
    for name, interface in caiman_interfaces(interfaces).items():
        first = taken.setdefault(interface.metadata_key, name)
        if first != name:
            yield Finding(
                path=(*session.path, "source_data", name, "metadata_key"),
                message=f"'{name}' has the same metadata key as '{first}', so their names in the NWB file would clash",
                found=show_value(interface.metadata_key),
                expected="a different key for each CaImAn file of a session",
                remedy=f"Add for example `metadata_key: {name.lower()}`.",
            )


def _file_findings(session: Session, interfaces: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is missing or suspicious in the CaImAn files."""
    for name, interface in caiman_interfaces(interfaces).items():
        extractor = interface.segmentation_extractor
        path: KeyPath = (*session.path, "source_data", name)
        if extractor.get_sampling_frequency() is None and not extractor.has_time_vector():
            option = f"Add for example `sampling_frequency: 30.0` to the source_data of '{name}', or `timestamps_path`."
            yield Finding(
                path=(*path, "sampling_frequency"),
                message="the CaImAn file has no frame rate (fr)",
                found=str(extractor.results.file_path),
                expected="the rate in frames per second, or the times of the frames",
                remedy=option if session.path else "Give it with --rate or --timestamps.",
            )
        rate, count = interface.sampling_frequency, extractor.results.num_frames
        for mismatch in interface_mismatches(interfaces.values(), num_frames=count, rate=rate):
            yield Finding(severity="warning", path=(*path, "file_path"), message=mismatch)
        for text in extractor.results.warnings:
            yield Finding(severity="warning", path=(*path, "file_path"), message=text, is_suspicious=True)
        for text in interface.summary_images.warnings:
            yield Finding(severity="warning", path=(*path, "summary_images"), message=text)
        for omission in extractor.results.omissions:
            message = f"{omission.field} is left out: {omission.reason}"
            yield Finding(severity="warning", path=(*path, "file_path"), message=message)


def _option_findings(session: Session, name: str, interface: Any) -> Iterator[Finding]:
    options = session.options_of({name: interface})[name]
    findings = schema_findings(as_json_data(options), interface.get_conversion_options_schema())
    if not findings and isinstance(interface, CaimanSegmentationInterface):
        findings = [*_caiman_option_findings(interface, options)]
    own = session.session_options.get(name, {})
    for finding in findings:
        option = finding.path[0] if finding.path else None
        if option in own or option not in session.global_options:
            yield replace(finding, path=(*session.path, "conversion_options", name, *finding.path))
        else:
            remedy = f"{finding.remedy} Options here apply to every interface; those of one are set in the session."
            yield replace(finding, path=("conversion_options", *finding.path), remedy=remedy.strip())


def _caiman_option_findings(interface: CaimanSegmentationInterface, options: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield violations that the schema of our options cannot express."""
    try:
        checked = CaimanConversionOptions.model_validate(options)
        if checked.roi_ids_to_add is not None:
            interface.segmentation_extractor.select_rois(checked.roi_ids_to_add)
    except ModelError as error:
        yield from model_findings(error)
    except ValueError as error:
        found = show_value(options["roi_ids_to_add"])
        yield Finding(path=("roi_ids_to_add",), message=str(error), found=found, expected="ids of ROIs in the file")


def _check_metadata(session: Session, interfaces: Mapping[str, Any], findings: list[Finding]) -> SessionCheck:
    given = session.metadata_sources
    blanks = {path for source in given for path in blanks_of(source.values)}
    sources = tuple(replace(source, values=without_blanks(source.values)) for source in given)
    session = replace(session, metadata_sources=sources)
    converter = _converter_of(session, interfaces)
    try:
        merged = session.merge_metadata(converter)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        message = f"the metadata cannot be merged with those of the interfaces: {words_of(error)}"
        remedy = "Compare their form with the metadata in a specification that `caiman-interface init` writes."
        last = sources[-1].file_name if sources else ""
        finding = Finding(path=(*session.path, "metadata"), message=message, remedy=remedy, file=last)
        return SessionCheck(findings=(*findings, finding))
    own = [interface.file_metadata for interface in caiman_interfaces(interfaces).values()]
    for finding in metadata_findings(merged, converter, sources):
        if not (finding.is_missing and finding.path in blanks):
            explained = finding if session.path else _as_option(finding)
            findings.append(trace_metadata(explained, merged, sources, own))
    findings += [replace(finding, file=source.file_name) for source, finding in changed_lists(merged, sources)]
    if not blanks and is_convertible(findings):
        findings += _try_to_build(session, interfaces, merged)
    return SessionCheck(
        findings=tuple(findings), identity=_identity(merged, blanks), known=known_entries(interfaces, merged)
    )


def _converter_of(session: Session, interfaces: Mapping[str, Any]) -> Any:
    """Return NeuroConv's converter with interfaces that exist already."""
    converter = replace(session, source_data={}).make_converter()
    converter.data_interface_objects.update(interfaces)
    return converter


def _identity(merged: Mapping[str, Any], blanks: set[KeyPath]) -> dict[str, Any]:
    """Return the metadata after which the NWB file would be named; a blank has a finding already."""
    return {
        name: "blank" if (block, name) in blanks else get_value(merged, (block, name))
        for block, names in _NAMING_FIELDS.items()
        for name in names
    }


def _try_to_build(session: Session, interfaces: Mapping[str, Any], merged: Any) -> Iterator[Finding]:
    """Yield why the NWB file of our interfaces cannot be built in memory, without reading traces."""
    ours = caiman_interfaces(interfaces)
    if not ours:
        return
    try:
        with suppress_list_format_warning():
            _converter_of(session, ours).create_nwbfile(metadata=merged, conversion_options=session.options_of(ours))
    except Exception as error:  # noqa: BLE001 (anything that prevents the conversion)
        message = f"cannot be converted: {words_of(error)}"
        yield Finding(path=(*session.path, "source_data"), message=message, file=session.file)


def _as_option(finding: Finding) -> Finding:
    """Explain how to give a missing value without a specification."""
    if not finding.is_missing:
        return finding
    if finding.path == ("NWBFile", "session_start_time"):
        message = "the start time of the recording is required, and the CaImAn file does not contain it"
        remedy = "Give it with --session-start-time, for example --session-start-time 2024-05-03T14:30:00+02:00."
        return replace(finding, message=message, remedy=remedy)
    wanted = help_for(finding.path)
    example = write_example(wanted.example) if wanted is not None else "..."
    block, key = ".".join(map(str, finding.path[:-1])), finding.path[-1]
    return replace(
        finding, remedy=f"Give it in a YAML file with --metadata, for example `{block}: {{{key}: {example}}}`."
    )
