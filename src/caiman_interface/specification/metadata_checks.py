"""Checks of the merged metadata of a session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError as ModelError

from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.metadata import changed_number_lists
from caiman_interface.text import near_matches

from .fields import with_help
from .findings import Finding
from .schema_findings import describe_schema_error, model_findings, schema_findings, unknown_key
from .sessions import MetadataSource, caiman_interfaces, suppress_list_format_warning
from .text import as_json_data, get_value, show_value

_GENERAL_BLOCKS = ("NWBFile", "Subject")
_TIMES = (("NWBFile", "session_start_time"), ("Subject", "date_of_birth"))


def metadata_findings(
    metadata: Mapping[str, Any], converter: Any, sources: Sequence[MetadataSource]
) -> Iterator[Finding]:
    """Yield the errors and warnings of the merged metadata of a session.

    Parameters
    ----------
    metadata : mapping
        The merged metadata.
    converter : NWBConverter
        NeuroConv's converter with the interfaces of the session.
    sources : sequence of MetadataSource
        The given metadata.
    """
    found = [*_general_errors(metadata, converter, sources), *_time_findings(metadata)]
    for interface in caiman_interfaces(converter.data_interface_objects).values():
        found += _caiman_errors(metadata, interface)
    yield from dict.fromkeys(found)
    if all(finding.severity == "warning" for finding in found):
        yield from _errors_of_neuroconv(metadata, converter)


def changed_lists(
    metadata: Mapping[str, Any], sources: Sequence[MetadataSource]
) -> Iterator[tuple[MetadataSource, Finding]]:
    """Yield each list of numbers that NeuroConv's merging changes, with the source that has it."""
    for changed in changed_number_lists([source.values for source in sources], metadata):
        source = sources[changed.source]
        finding = Finding(
            path=(*source.path, *changed.path),
            message=f"'{changed.path[-1]}' would become {show_value(changed.merged)}",
            found=show_value(changed.written),
            expected="a list given once and without repeated numbers: NeuroConv joins lists and drops repetitions",
            remedy="Give it in one place only, with numbers that differ, or remove it.",
        )
        yield source, finding


def _general_errors(
    metadata: Mapping[str, Any], converter: Any, sources: Sequence[MetadataSource]
) -> Iterator[Finding]:
    """Yield the violations of NeuroConv's schema in the blocks that do not depend on the interfaces."""
    schema = converter.get_metadata_schema()
    known = schema["properties"]
    blocks = {name: with_help(known[name], name) for name in _GENERAL_BLOCKS if name in known}
    general = {"type": "object", "required": schema.get("required", []), "properties": blocks}
    yield from schema_findings(as_json_data(metadata), general)
    for name in {name for source in sources for name in source.values if name not in known}:
        if near_matches(name, known):
            yield unknown_key((name,), list(known))


def _time_findings(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    for path in _TIMES:
        value = get_value(metadata, path)
        try:
            parsed = datetime.fromisoformat(value) if isinstance(value, str) else value  # as NeuroConv does
        except ValueError:
            parsed = None
            problem, remedy = "is not a date and time", "Write for example 2024-05-03T14:30:00+02:00."
        if isinstance(parsed, date):
            parsed = parsed if isinstance(parsed, datetime) else datetime.combine(parsed, time())
            if parsed.tzinfo is not None:
                continue
            problem = "has no time zone; the local one would be assumed"
            remedy = f'Write it with its offset from UTC, for example "{parsed.isoformat()}+02:00".'
        elif not isinstance(value, str):
            continue
        yield Finding(
            severity="error" if parsed is None else "warning",
            path=path,
            message=f"'{path[-1]}' {problem}",
            found=show_value(value),
            expected="date, time and time zone in ISO 8601 format",
            remedy=remedy,
        )


def _caiman_errors(metadata: Mapping[str, Any], interface: CaimanSegmentationInterface) -> Iterator[Finding]:
    """Yield the errors of our models, whose messages are clearer than those of schemas."""
    try:
        with suppress_list_format_warning():
            interface.validate_metadata(dict(metadata))
    except ModelError as error:
        yield from model_findings(error)
    except ValueError as error:
        yield Finding(path=("Ophys",), message=str(error))
    except Exception:  # noqa: BLE001, S110
        pass  # of NeuroConv's own check: the general blocks are checked above, the rest with the converter


def _errors_of_neuroconv(metadata: Mapping[str, Any], converter: Any) -> Iterator[Finding]:
    """Yield the first error of NeuroConv's own check."""
    try:
        with suppress_list_format_warning():
            converter.validate_metadata(metadata)
    except SchemaError as error:
        yield from describe_schema_error(error)
    except Exception as error:  # noqa: BLE001 (any interface may raise anything)
        yield Finding(message=f"{type(error).__name__}: {error}")
