"""Sessions that a specification will contain: their files, names and what is known about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count, takewhile
from pathlib import Path

from .discovery import FoundSession


@dataclass(frozen=True, kw_only=True)
class PlannedSession:
    """The CaImAn files of one session and what is known about it.

    Attributes
    ----------
    name : str
        Name of the NWB file.
    files : tuple of Path
        The CaImAn files; several are planes.
    subject_id, session_id : str or None
        Its identifiers.
    session_start_time : datetime or None
        Its start.
    images : dict of str to Path
        Files of images of the movie, by kind, for the first of its files.
    """

    name: str
    files: tuple[Path, ...]
    images: Mapping[str, Path] = field(default_factory=dict)
    subject_id: str | None = None
    session_id: str | None = None
    session_start_time: datetime | None = None


def plan_sessions(files: Sequence[str | Path], *, as_planes: bool = False) -> list[PlannedSession]:
    """Return the sessions of CaImAn files: one per file, or one of which each file is a plane.

    Raises
    ------
    ValueError
        If a file is given twice.
    """
    paths = [Path(file) for file in files]
    _refuse_repeats(paths)
    if as_planes:
        return [PlannedSession(name=_session_name(paths), files=tuple(paths))]
    names = _output_names(paths)
    return [PlannedSession(name=name, files=(path,)) for path, name in zip(paths, names, strict=True)]


def plan_found_sessions(found: Sequence[FoundSession]) -> list[PlannedSession]:
    """Return the sessions found by a pattern, named after subject and session, or after their file without these."""
    sessions: list[PlannedSession] = []
    for one in found:
        parts = [f"sub-{one.subject_id}" if one.subject_id else "", f"ses-{one.session_id}" if one.session_id else ""]
        start = one.session_start_time
        if start is not None and not one.session_id:
            parts.append(f"{start:%Y%m%dT%H%M%S}")
        name = safe_name("_".join(part for part in parts if part) or one.files[0].stem)
        taken = {session.name for session in sessions}
        free = next(text for text in chain([name], (f"{name}_{number}" for number in count(2))) if text not in taken)
        sessions.append(
            PlannedSession(
                name=free,
                files=one.files,
                subject_id=one.subject_id,
                session_id=one.session_id,
                session_start_time=start,
            )
        )
    return sessions


def safe_name(name: str) -> str:
    """Return a name that every file system accepts."""
    return re.sub(r"[^\w.+=-]+", "-", name).strip("-.") or "session"


def _refuse_repeats(paths: Sequence[Path]) -> None:
    """Raise an error if a file is given twice, even by another path."""
    seen: dict[Path, Path] = {}
    for path in paths:
        first = seen.setdefault(path.resolve(), path)
        if first is not path:
            again = "twice" if first == path else f"twice, the second time as {path}"
            raise ValueError(f"{first} is given {again}. Give each file once.")


def _output_names(paths: Sequence[Path]) -> list[str]:
    """Return a unique name per NWB file: that of the CaImAn file, after that of its folder if files share it."""
    stems = [path.stem for path in paths]
    names: list[str] = []
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else f"{path.resolve().parent.name}_{stem}"
        numbered = (f"{name}_{number}" for number in count(2))
        names.append(next(free for free in chain([name], numbered) if free not in names))
    return names


def _session_name(paths: Sequence[Path]) -> str:
    """Return a name for a session of several files: the words with which all names begin, or else the folder."""
    pieces = [re.findall(r"[^\W_]+|[\W_]+", path.stem) for path in paths]  # words and separators
    alike = takewhile(lambda at: len(set(at)) == 1, zip(*pieces, strict=False))
    shared = re.sub(r"[\W_]+$", "", "".join(piece for piece, *_ in alike))
    folders = {path.resolve().parent.name for path in paths}
    return shared or (folders.pop() if len(folders) == 1 else "") or "session"
