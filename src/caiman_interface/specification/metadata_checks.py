"""Checks of the merged metadata of a session, as its conversion will see them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError as ModelError

from caiman_interface.interface import CaimanSegmentationInterface

from .document import KeyPath, get_value
from .fields import with_help
from .problems import Problem, describe_schema_error, model_problems, near_matches, schema_problems, show_value
from .sessions import MetadataSource, suppress_list_format_warning

_GENERAL_BLOCKS = ("NWBFile", "Subject")
_DATES = (("NWBFile", "session_start_time"), ("Subject", "date_of_birth"))
_NUMBER_LISTS = ("grid_spacing", "origin_coords")
_NUMBER = r"\d+(\.\d+)?"
_AGE = re.compile(
    rf"P(?!$)({_NUMBER}Y)?({_NUMBER}M)?({_NUMBER}W)?({_NUMBER}D)?(T(?=\d)({_NUMBER}H)?({_NUMBER}M)?({_NUMBER}S)?)?"
)
_BOUNDS_OF_AGE = 2


def metadata_problems(metadata: Mapping[str, Any], converter: Any, sources: Sequence[MetadataSource]) -> list[Problem]:
    """Return what is wrong with the metadata of a session.

    Parameters
    ----------
    metadata : mapping
        The merged metadata.
    converter : NWBConverter
        NeuroConv's converter with the interfaces of the session.
    sources : sequence of MetadataSource
        What was stated, out of which it was merged.
    """
    problems = [
        *_general_problems(metadata, converter, sources),
        *_date_problems(metadata),
        *_appended_numbers(metadata, sources),
    ]
    for interface in converter.data_interface_objects.values():
        if isinstance(interface, CaimanSegmentationInterface):
            problems += _caiman_problems(metadata, interface)
    problems = list(dict.fromkeys(problems))
    return problems or list(_host_problems(metadata, converter))


def _general_problems(
    metadata: Mapping[str, Any], converter: Any, sources: Sequence[MetadataSource]
) -> Iterator[Problem]:
    """Yield the breaches of NeuroConv's schema in the blocks that do not depend on the interfaces."""
    schema = converter.get_metadata_schema()
    known = schema["properties"]
    blocks = {name: with_help(known[name], name) for name in _GENERAL_BLOCKS if name in known}
    general = {"type": "object", "required": schema.get("required", []), "properties": blocks}
    yield from schema_problems(_plain(metadata), general)
    for source in sources:
        for name in source.values:
            near = [] if name in known else near_matches(name, known)
            if near:
                yield Problem((name,), f"unknown key '{name}'", "", f"'{near[0]}'", f"Did you mean '{near[0]}'?")


def _date_problems(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    for path in _DATES:
        value = get_value(metadata, path)
        if isinstance(value, str):
            try:
                datetime.fromisoformat(value)
            except ValueError:
                example = "2024-05-03T14:30:00+02:00"
                expected = "date, time and time zone in the form of ISO 8601"
                remedy = f"Write for example {example}."
                yield Problem(path, f"'{path[-1]}' is no date and time", show_value(value), expected, remedy)


def metadata_doubts(metadata: Mapping[str, Any]) -> list[Problem]:
    """Return what NeuroConv takes in the metadata of a session, but hardly as it was meant."""
    return [*_times_without_zone(metadata), *_odd_ages(metadata)]


def _times_without_zone(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    for path in _DATES:
        value = get_value(metadata, path)
        try:
            time = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            continue
        if not isinstance(time, datetime) or time.tzinfo is not None:
            continue
        lacks, taken = "no time zone", "that of this computer"
        if isinstance(value, str) and _is_date(value):
            lacks, taken = "no time of day and no time zone", "midnight here"
        yield Problem(
            path,
            f"'{path[-1]}' has {lacks}: {taken} would be taken",
            show_value(value),
            "date, time and time zone in the form of ISO 8601",
            f'Write it with its offset from UTC, for example "{time.isoformat()}+02:00".',
        )


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _odd_ages(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield an age of which programs make nothing; NeuroConv's schema recommends the form and takes any text."""
    age = get_value(metadata, ("Subject", "age"))
    if not isinstance(age, str):
        return
    bounds = age.split("/")
    if len(bounds) > _BOUNDS_OF_AGE or not any(bounds) or not all(_AGE.fullmatch(bound) for bound in bounds if bound):
        yield Problem(
            ("Subject", "age"),
            "wrong value of 'age'",
            show_value(age),
            "a duration as ISO 8601 writes it: P90D is 90 days, P12W 12 weeks, P90D/P120D a range",
            "Write for example P90D.",
        )


def _appended_numbers(metadata: Mapping[str, Any], sources: Sequence[MetadataSource]) -> Iterator[Problem]:
    """Yield each list of numbers that NeuroConv's merging makes into another one."""
    last_stated: dict[tuple[Any, str], tuple[int, list[Any]]] = {}
    for source in sources:
        for index, plane in enumerate(_listed_planes(source.values)):
            for field in _NUMBER_LISTS:
                if isinstance(plane.get(field), list):
                    last_stated[plane.get("name"), field] = (index, plane[field])
    for (name, field), (index, stated) in last_stated.items():
        merged = next(plane for plane in _listed_planes(metadata) if plane.get("name") == name)
        if merged[field] != stated:
            yield _appended(("Ophys", "ImagingPlane", index, field), stated, merged[field])


def _listed_planes(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    planes = get_value(metadata, ("Ophys", "ImagingPlane"))
    return [plane for plane in planes if isinstance(plane, Mapping)] if isinstance(planes, list) else []


def _appended(path: KeyPath, stated: list[Any], merged: Any) -> Problem:
    return Problem(
        path,
        f"'{path[-1]}' would become {show_value(merged)}",
        show_value(stated),
        "a list that arrives as it stands here: of lists that are stated twice NeuroConv makes one, and where it "
        "merges it leaves out numbers that repeat",
        "State it in one place only, with numbers that differ, or take it out.",
    )


def _caiman_problems(metadata: Mapping[str, Any], interface: CaimanSegmentationInterface) -> Iterator[Problem]:
    """Yield what our own models say, whose messages are better than those of schemas."""
    try:
        with suppress_list_format_warning():
            interface.validate_metadata(dict(metadata))
    except ModelError as error:
        yield from model_problems(error)
    except ValueError as error:
        yield Problem(("Ophys",), str(error), "", "", "Correct it there.")
    except Exception:  # noqa: BLE001, S110
        pass  # NeuroConv's own check, of the general blocks, or it comes again when the converter checks


def _host_problems(metadata: Mapping[str, Any], converter: Any) -> Iterator[Problem]:
    """Yield what NeuroConv's own check says: one problem, whatever it is about."""
    try:
        with suppress_list_format_warning():
            converter.validate_metadata(metadata)
    except SchemaError as error:
        yield from describe_schema_error(error)
    except Exception as error:  # noqa: BLE001 - any interface may fail in any way
        yield Problem((), f"{type(error).__name__}: {error}", "", "", "Correct the metadata.")


def _plain(metadata: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(metadata, default=str))
