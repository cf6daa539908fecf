"""Checks of the merged metadata of a session, as its conversion will see them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import AwareDatetime, NaiveDatetime, TypeAdapter
from pydantic import ValidationError as ModelError

from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.metadata import changed_number_lists

from .fields import with_help
from .findings import Finding
from .schema_findings import describe_schema_error, model_findings, schema_findings
from .sessions import MetadataSource, suppress_list_format_warning
from .text import get_value, near_matches, plain, show_value

_GENERAL_BLOCKS = ("NWBFile", "Subject")
_DATES = (("NWBFile", "session_start_time"), ("Subject", "date_of_birth"))
_IDS = (("NWBFile", "session_id"), ("Subject", "subject_id"))
_SLASHES = re.compile(r"[/\\]+")
_TIME: TypeAdapter[Any] = TypeAdapter(AwareDatetime | NaiveDatetime | date)
_TIME_EXPECTED = "date, time and time zone in ISO 8601 format"


def metadata_errors(
    metadata: Mapping[str, Any], converter: Any, sources: Sequence[MetadataSource]
) -> Iterator[Finding]:
    """Yield what is wrong with the merged metadata of a session.

    Parameters
    ----------
    metadata : mapping
        The merged metadata.
    converter : NWBConverter
        NeuroConv's converter with the interfaces of the session.
    sources : sequence of MetadataSource
        What was given, out of which it was merged.
    """
    interfaces = converter.data_interface_objects.values()
    ours = [one for one in interfaces if isinstance(one, CaimanSegmentationInterface)]
    found = dict.fromkeys(
        [
            *_general_errors(metadata, converter, sources),
            *_date_errors(metadata),
            *(finding for interface in ours for finding in _caiman_errors(metadata, interface)),
        ]
    )
    yield from found or _errors_of_neuroconv(metadata, converter)


def metadata_warnings(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what NeuroConv accepts in the metadata, but was probably not meant."""
    for path in _DATES:
        value = get_value(metadata, path)
        time = _parse_time(value)
        if time is None or (isinstance(time, datetime) and time.tzinfo is not None):
            continue
        lacks, assumed = "no time zone", "the local one"
        if not isinstance(time, datetime):
            lacks, assumed = "no time of day and no time zone", "midnight in the local zone"
            time = datetime(time.year, time.month, time.day)  # noqa: DTZ001 (an example without zone)
        yield Finding(
            path=path,
            message=f"'{path[-1]}' has {lacks}: {assumed} would be assumed",
            found=show_value(value),
            expected=_TIME_EXPECTED,
            remedy=f'Write it with its offset from UTC, for example "{time.isoformat()}+02:00".',
        )
    for path in _IDS:
        value = get_value(metadata, path)
        if isinstance(value, str) and _SLASHES.search(value):
            yield Finding(
                path=path,
                message=f"'{path[-1]}' contains a slash, which DANDI refuses",
                found=show_value(value),
                remedy=f"Write for example {_SLASHES.sub('-', value)}.",
            )


def changed_lists(
    metadata: Mapping[str, Any], sources: Sequence[MetadataSource]
) -> Iterator[tuple[MetadataSource, Finding]]:
    """Yield each list of numbers that NeuroConv's merging changes, with the source that has it."""
    for changed in changed_number_lists([source.values for source in sources], metadata):
        source = sources[changed.source]
        yield (
            source,
            Finding(
                path=(*source.path, *changed.path),
                message=f"'{changed.path[-1]}' would become {show_value(changed.merged)}",
                found=show_value(changed.written),
                expected="a list that NeuroConv's merging does not change: it appends a list to one given elsewhere, "
                "and drops numbers that repeat",
                remedy="Give it in one place only, with numbers that differ, or remove it.",
            ),
        )


def _general_errors(
    metadata: Mapping[str, Any], converter: Any, sources: Sequence[MetadataSource]
) -> Iterator[Finding]:
    """Yield the violations of NeuroConv's schema in the blocks that do not depend on the interfaces."""
    schema = converter.get_metadata_schema()
    known = schema["properties"]
    blocks = {name: with_help(known[name], name) for name in _GENERAL_BLOCKS if name in known}
    general = {"type": "object", "required": schema.get("required", []), "properties": blocks}
    yield from schema_findings(plain(metadata), general)
    for name in {name for source in sources for name in source.values if name not in known}:
        if near := near_matches(name, known):
            message = f"unknown key '{name}'"
            yield Finding(path=(name,), message=message, expected=f"'{near[0]}'", remedy=f"Did you mean '{near[0]}'?")


def _parse_time(value: Any) -> datetime | date | None:
    """Return a time, also without zone; None if the value is not one."""
    if isinstance(value, str):
        try:
            if len(value) == len("2024-05-03"):
                return date.fromisoformat(value)
            datetime.fromisoformat(value)  # what NeuroConv uses; pydantic also accepts bare numbers
            parsed: datetime = _TIME.validate_python(value)
        except ValueError:  # pydantic's error is one too
            return None
        return parsed
    return value if isinstance(value, date) else None


def _date_errors(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    for path in _DATES:
        value = get_value(metadata, path)
        if isinstance(value, str) and _parse_time(value) is None:
            yield Finding(
                path=path,
                message=f"'{path[-1]}' is not a date and time",
                found=show_value(value),
                expected=_TIME_EXPECTED,
                remedy="Write for example 2024-05-03T14:30:00+02:00.",
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
    """Yield what NeuroConv's own check says: one error, whatever it is about."""
    try:
        with suppress_list_format_warning():
            converter.validate_metadata(metadata)
    except SchemaError as error:
        yield from describe_schema_error(error)
    except Exception as error:  # noqa: BLE001 (any interface may fail in any way)
        yield Finding(message=f"{type(error).__name__}: {error}")
