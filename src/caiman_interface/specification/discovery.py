"""Sessions of a study, found by a pattern of paths as in NeuroConv's path expansion."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

_CAIMAN_SUFFIXES = (".hdf5", ".h5")
_GLOB_FIELD = "any_text_"
# Fields that identify a session; any other named field, such as {plane}, distinguishes the files of one session.
_SESSION_FIELDS = ("subject_id", "session_id", "session_start_time")


@dataclass(frozen=True, kw_only=True)
class FoundSession:
    """The CaImAn files of one session.

    Attributes
    ----------
    subject_id, session_id : str or None
        Values of the pattern in the paths.
    session_start_time : datetime or None
        Start of the session, if the pattern contains it; without a time zone.
    files : tuple of Path
        The files, in natural order: several are planes of one session.
    """

    subject_id: str | None
    session_id: str | None
    session_start_time: datetime | None
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """Result of a search by a pattern.

    Attributes
    ----------
    sessions : tuple of FoundSession
        In natural order of their paths.
    unmatched : tuple of Path
        HDF5 files (``.hdf5``, ``.h5``) in the folder that the pattern does not match.
    """

    sessions: tuple[FoundSession, ...]
    unmatched: tuple[Path, ...]


def find_sessions(folder: str | Path, pattern: str) -> Discovery:
    """Find the sessions in a folder.

    Parameters
    ----------
    folder : str or Path
        The folder of the study, searched recursively. Hidden files are skipped.
    pattern : str
        Path of a file, relative to `folder`, such as ``{subject_id}/{session_id}/*.hdf5``, with the rules of
        NeuroConv's ``LocalPathExpander``: ``{name}`` matches text without a slash, and ``*`` matches such text
        without naming it. Files with the same subject, session and start time are planes of one session. With a
        pattern that has none of these fields, each file is a session.

    Raises
    ------
    NotADirectoryError
        If `folder` is not a folder.
    ValueError
        If the pattern is malformed, or no file matches.
    """
    from neuroconv.tools import LocalPathExpander

    folder = Path(folder)
    if not folder.is_dir():
        message = f"{folder} is not a folder. Give the folder that contains the sessions."
        raise NotADirectoryError(message)
    try:
        list(string.Formatter().parse(pattern))  # raises where braces are not balanced
        matches = dict(LocalPathExpander().extract_metadata(folder, _with_named_globs(pattern)))
    except (ValueError, KeyError, IndexError) as error:
        message = f"The pattern '{pattern}' is malformed: {error}. Example: {{subject_id}}/{{session_id}}/*.hdf5"
        raise ValueError(message) from error
    found = {folder / path: fields for path, fields in matches.items() if _is_visible_file(folder / path, folder)}
    others = (path for path in folder.rglob("*") if path.suffix.lower() in _CAIMAN_SUFFIXES and path not in found)
    unmatched = tuple(sorted((path for path in others if _is_visible_file(path, folder)), key=natural_key))
    if not found:
        seen = f"; {len(unmatched)} HDF5 files do not match, such as {unmatched[0]}" if unmatched else ""
        message = f"No file in {folder} matches the pattern '{pattern}'{seen}."
        raise ValueError(message)
    groups: dict[tuple[Any, ...], list[Path]] = {}
    for path in sorted(found, key=natural_key):
        groups.setdefault(_session_key(found[path], path), []).append(path)
    sessions = tuple(_session(found[files[0]], files) for files in groups.values())
    return Discovery(sessions=sessions, unmatched=unmatched)


def natural_key(path: Path) -> list[tuple[bool, int, str]]:
    """Return a sort key in which plane2 comes before plane10."""
    parts = re.findall(r"\d+|\D+", str(path))
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _with_named_globs(pattern: str) -> str:
    """Replace each ``*`` by a named field; NeuroConv's rules have no wildcard."""
    pieces = pattern.split("*")
    fields = [f"{{{_GLOB_FIELD}{number}}}" for number in range(len(pieces) - 1)]
    return "".join(piece + field for piece, field in zip(pieces, [*fields, ""], strict=True))


def _is_visible_file(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _session_key(fields: Mapping[str, Any], path: Path) -> tuple[Any, ...]:
    named = tuple(fields.get(name) for name in _SESSION_FIELDS)
    return named if any(value is not None for value in named) else (path,)


def _session(fields: Mapping[str, Any], files: list[Path]) -> FoundSession:
    start = fields.get("session_start_time")
    if isinstance(start, date) and not isinstance(start, datetime):  # as NeuroConv does
        start = datetime(start.year, start.month, start.day)  # noqa: DTZ001 (the user adds the time zone)
    subject, session = fields.get("subject_id"), fields.get("session_id")
    return FoundSession(
        subject_id=None if subject is None else str(subject),
        session_id=None if session is None else str(session),
        session_start_time=start if isinstance(start, datetime) else None,
        files=tuple(files),
    )
