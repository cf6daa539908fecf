"""`check_specification`: everything that is wrong with a specification and its files, without converting them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from caiman_interface.caiman_file import CaimanResults

from .document import Document, DocumentError, KeyPath, get_value
from .findings import Finding, sort_findings
from .places import Places
from .problems import Problem, show_value
from .session_checks import CheckedSession, blank_findings, check_session
from .sessions import MetadataSource, Session, read_sessions, session_of_file
from .structure import blanks_of, check_structure
from .unused import find_unused


@dataclass(frozen=True)
class Target:
    """Where the NWB files of a specification go.

    Attributes
    ----------
    folder : Path
        The folder.
    suffix : str
        The ending of their names.
    overwrite : bool
        Whether files that are there may be replaced.
    """

    folder: Path
    suffix: str = ".nwb"
    overwrite: bool = False

    def path_of(self, name: str) -> Path:
        """Return the path of the file of that name."""
        return self.folder / f"{name}{self.suffix}"


@dataclass(frozen=True)
class Checked:
    """What came of a check.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of their places.
    sessions : tuple of Session
        The sessions that could be read.
    """

    findings: tuple[Finding, ...]
    sessions: tuple[Session, ...]


def check_specification(
    file: str | Path,
    *,
    data_folder: str | Path | None = None,
    target: Target | None = None,
    metadata_files: Sequence[Document] = (),
    more_metadata: Sequence[MetadataSource] = (),
) -> Checked:
    """Check a specification and the files that it names.

    Parameters
    ----------
    file : str or Path
        The YAML file.
    data_folder : str or Path, optional
        The folder to which its paths are relative; by default its own.
    target : Target, optional
        Where the NWB files are to go, to check whether they can.
    metadata_files : sequence of Document
        Files with more metadata, out of which `more_metadata` were read.
    more_metadata : sequence of MetadataSource
        What was stated outside the specification and wins over it.
    """
    file = Path(file)
    try:
        document = Document.read(file)
    except DocumentError as error:
        finding = Finding(
            "error", str(file), error.place.line, error.place.column, "", error.problem, "", "", error.remedy
        )
        return Checked((finding,), ())
    places = Places(document, *metadata_files)
    findings = check_structure(document, places)
    if not isinstance(document.data, dict):
        return Checked(tuple(findings), ())
    sessions = read_sessions(
        document.data,
        file,
        data_folder=file.parent if data_folder is None else Path(data_folder),
        more_metadata=tuple(more_metadata),
    )
    checked = [check_session(session, document.data, file, places) for session in sessions]
    for session, one in zip(sessions, checked, strict=True):
        findings += [*blank_findings(session, places), *one.findings]
    findings += find_unused(sessions, [one.in_use for one in checked], places)
    findings += check_names(sessions, target, file, places)
    unnamed = [
        pair
        for pair in zip(sessions, checked, strict=True)
        if "nwbfile_name" not in get_value(document.data, pair[0].path)
    ]
    findings += _check_unnamed(unnamed, file, places)
    return Checked(tuple(sort_findings(findings)), tuple(sessions))


def check_file(
    file: Path, *, metadata_files: Sequence[Document] = (), metadata: Sequence[MetadataSource] = ()
) -> Checked:
    """Check one CaImAn file and the metadata with which it is to be converted, without a specification.

    Parameters
    ----------
    file : Path
        The CaImAn file.
    metadata_files : sequence of Document
        The files out of which `metadata` were read.
    metadata : sequence of MetadataSource
        What was stated.

    Raises
    ------
    CaimanFileError
        If the file is not what CaImAn writes.
    """
    with CaimanResults.open(file):
        session = session_of_file(file, tuple(metadata))
    places = Places(*metadata_files)
    checked = check_session(session, {}, None, places)
    findings = [
        *blank_findings(session, places),
        *checked.findings,
        *find_unused([session], [checked.in_use], places),
    ]
    return Checked(tuple(sort_findings(findings)), (session,))


def check_names(sessions: Sequence[Session], target: Target | None, file: Path | None, places: Places) -> list[Finding]:
    """Check the names of the NWB files: that none is used twice, taken already, or in a folder that is not there."""
    findings = []
    first_of: dict[str, Session] = {}
    for session in sessions:
        if session.name is None:
            continue
        path = (*session.path, "nwbfile_name")
        first = first_of.setdefault(session.name, session)
        if first is not session:
            place = places.finding(Problem((*first.path, "nwbfile_name"), "", "", "", ""), file)
            problem = Problem(
                path,
                f"two sessions have the output name '{session.name}'; the first stands in line {place.line}",
                "",
                "a name of its own for each session",
                "Give one of them another name.",
            )
            findings.append(places.finding(problem, file))
            continue
        findings += [places.finding(problem, file) for problem in _taken_names(path, session.name, target)]
        findings += _missing_folders(path, session.name, target, file, places)
    return findings


def _taken_names(path: KeyPath, name: str, target: Target | None) -> Iterator[Problem]:
    if target is not None and target.path_of(name).exists() and not target.overwrite:
        yield Problem(
            path,
            f"the output exists: {target.path_of(name)}",
            "",
            "a name that is free",
            "Convert with --overwrite to replace it, or choose another folder or name.",
        )


def _missing_folders(
    path: KeyPath, name: str, target: Target | None, file: Path | None, places: Places
) -> Iterator[Finding]:
    """Yield a name in a folder that is not there: as NeuroConv's own run, a conversion makes the output folder only."""
    folder = Path(name).parent
    if folder == Path() or (target is not None and target.path_of(name).parent.is_dir()):
        return
    where = "the output folder" if target is None else str(target.folder)
    problem = Problem(
        path,
        f"the name lies in a folder '{folder.as_posix()}', which has to be there, in {where}",
        show_value(name),
        "a name without a folder",
        f"Write `nwbfile_name: {Path(name).name}`, or make the folder.",
    )
    yield places.finding(problem, file, severity="warning" if target is None else "error")


def _check_unnamed(unnamed: Sequence[tuple[Session, CheckedSession]], file: Path, places: Places) -> Iterator[Finding]:
    """Yield the sessions that state no name and cannot get one."""
    for session, one in unnamed:
        path = (*session.path, "nwbfile_name")
        if find_spec("dandi") is None:
            problem = Problem(
                path,
                "'nwbfile_name' is missing, and the package that would name the file is not installed",
                "",
                "a name for the NWB file, or the package dandi, which names it after subject and session",
                "Add the name, or install `caiman-interface[yaml]`.",
            )
            yield places.finding(problem, file)
        # Several files get names that tell them apart, if only by their times.
        elif len(unnamed) == 1 and one.metadata is not None and not _has_subject_id(session, one.metadata):
            problem = Problem(
                path,
                "'nwbfile_name' is missing, and 'subject_id', after which the file would be named, is missing too",
                "",
                "a name for the NWB file, or a subject_id in the metadata",
                "Add for example `nwbfile_name: mouse12_day1`, or a `subject_id` under `Subject`.",
            )
            yield places.finding(problem, file)


def _has_subject_id(session: Session, metadata: Mapping[str, Any]) -> bool:
    """Whether there is a subject_id, or a blank for one, which is a finding already."""
    path = ("Subject", "subject_id")
    is_blank = any(path in blanks_of(source.values) for source in session.metadata_sources)
    return is_blank or bool(get_value(metadata, path))
