"""Names of the NWB files, known and checked before anything is converted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import Any

from caiman_interface._compat.dandi import is_dandi_installed, names_for_dandi

from .findings import Finding
from .locations import Locator
from .sessions import Session
from .text import show_value

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_NAME = 240  # in bytes, so that the names of partial files fit into the 255 of most file systems


@dataclass(frozen=True, kw_only=True)
class OutputFolder:
    """Folder and format of the NWB files of a specification.

    Attributes
    ----------
    folder : Path
        The folder.
    suffix : str
        Filename extension of the files.
    overwrite : bool
        Whether existing files may be replaced.
    keeps_existing : bool
        Whether existing files are accepted, because the conversion skips or checks them.
    """

    folder: Path
    suffix: str = ".nwb"
    overwrite: bool = False
    keeps_existing: bool = False

    def path_of(self, name: str) -> Path:
        """Return the path of the file of that name."""
        return self.folder / f"{name}{self.suffix}"


@dataclass(frozen=True)
class Outputs:
    """The names of the NWB files.

    Attributes
    ----------
    names : dict of int to str
        By number of the session, for sessions with a usable name.
    findings : list of tuple of int and Finding
        Errors, with the number of the session.
    """

    names: dict[int, str] = field(default_factory=dict)
    findings: list[tuple[int, Finding]] = field(default_factory=list)


def name_outputs(
    sessions: Sequence[Session], identities: Mapping[int, Mapping[str, Any] | None], locator: Locator
) -> Outputs:
    """Name the NWB file of each session as specified, or else after subject and session.

    Parameters
    ----------
    sessions : sequence of Session
        The sessions.
    identities : mapping
        By number of a session, the metadata after which its file can be named; None if not known.
    locator : Locator
        The specification.
    """
    outputs = Outputs()
    for session in sessions:
        if session.name is not None:
            wrong = _unsafe_name(session.name)
            if wrong is None:
                outputs.names[session.number] = session.name
            else:
                outputs.findings.append((session.number, _finding(session, wrong, found=show_value(session.name))))
    unnamed = [one for one in sessions if one.name is None and identities.get(one.number) is not None]
    if unnamed:
        outputs.findings.extend(_name_after_metadata(unnamed, identities, outputs.names))
    outputs.findings.extend(_clashes(sessions, outputs.names, locator))
    return outputs


def check_output(session: Session, name: str, target: OutputFolder | None) -> Iterator[Finding]:
    """Yield what prevents a file with this name: it exists, or its folder does not."""
    folder = Path(name).parent
    if target is None:
        if folder != Path():
            message = f"the name contains a folder '{folder.as_posix()}', which must exist in the output folder"
            yield replace(_in_folder(session, name, message), severity="warning")
        return
    path = target.path_of(name)
    if not path.parent.resolve().is_relative_to(target.folder.resolve()):
        yield _finding(session, "the output would be outside of the output folder", found=str(path))
    elif folder != Path() and not path.parent.is_dir():
        yield _in_folder(session, name, f"the folder '{folder.as_posix()}' does not exist in {target.folder}")
    elif path.exists() and not target.overwrite and not target.keeps_existing:
        remedy = "Convert with --overwrite to replace it, with --skip-existing to keep it, or choose another name."
        yield _finding(session, "the output exists", found=str(path), remedy=remedy)


def _in_folder(session: Session, name: str, message: str) -> Finding:
    remedy = f"Write `nwbfile_name: {Path(name).name}`, or create the folder."
    return _finding(session, message, found=show_value(name), remedy=remedy)


def _finding(session: Session, message: str, *, found: str = "", remedy: str = "") -> Finding:
    path = (*session.path, "nwbfile_name")
    return Finding(path=path, message=message, found=found, remedy=remedy, file=session.file)


def _unsafe_name(name: str) -> str | None:
    """Return what is wrong with a name that leaves the output folder or that a file cannot have."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
        return "'nwbfile_name' must be a name, not an absolute path"
    if any(part in {"", ".", ".."} for part in parts):
        return "'nwbfile_name' must be a name: not empty, and without '.' and '..' as parts"
    if _CONTROL.search(name):
        return "'nwbfile_name' contains control characters"
    if any(len(part.encode()) > _LONGEST_NAME for part in parts):
        return f"'nwbfile_name' is longer than {_LONGEST_NAME} bytes"
    return None


def _name_after_metadata(
    sessions: Sequence[Session], identities: Mapping[int, Mapping[str, Any] | None], names: dict[int, str]
) -> Iterator[tuple[int, Finding]]:
    cause = "so is 'subject_id', after which the file would be named"
    remedy = "Add for example `nwbfile_name: mouse12_day1`, or a `subject_id` under `Subject`."
    made: Sequence[str | None] = [None] * len(sessions)
    if not is_dandi_installed():
        cause = "the package dandi, which would name the file, is not installed"
        remedy = 'Add the name, or install dandi: python -m pip install "caiman-interface[yaml]".'
    else:
        try:
            made = names_for_dandi([identities[session.number] or {} for session in sessions])
        except ValueError as error:
            cause, remedy = str(error), "Add an nwbfile_name, or a session_id."
    for session, name in zip(sessions, made, strict=True):
        # Names of several files differ at least in their times; a single name needs a subject.
        if name and (len(sessions) > 1 or (identities[session.number] or {}).get("subject_id")):
            names[session.number] = name
        else:
            yield session.number, _finding(session, f"'nwbfile_name' is missing, and {cause}", remedy=remedy)


def _clashes(sessions: Sequence[Session], names: dict[int, str], locator: Locator) -> Iterator[tuple[int, Finding]]:
    """Yield each session whose output has the name of an earlier one, and remove its name."""
    first_of: dict[str, Session] = {}
    for session in sessions:
        name = names.get(session.number)
        if name is None:
            continue
        # Most file systems of Windows and macOS do not distinguish case.
        first = first_of.setdefault(name.casefold(), session)
        if first is not session:
            line = locator.locate(_finding(first, "")).line
            where = f"line {line}" if line else first.label
            message = f"two sessions have the output name '{name}'; the first is in {where}"
            remedy = "Give each session a different name."
            yield session.number, _finding(session, message, remedy=remedy)
            del names[session.number]
