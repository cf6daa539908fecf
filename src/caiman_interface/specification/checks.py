"""`check_specification`: everything that is wrong with a specification and its files, without converting them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from caiman_interface.caiman_file import CaimanResults

from .document import Document, DocumentError
from .findings import Finding, sort_findings
from .places import Places
from .problems import Problem
from .session_checks import blank_findings, check_session
from .sessions import MetadataSource, Session, read_sessions, session_of_file
from .structure import check_structure


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
    for session in sessions:
        findings += blank_findings(session, places)
        findings += check_session(session, document.data, file, places)
    findings += check_names(sessions, target, file, places)
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
    findings = [*blank_findings(session, places), *check_session(session, {}, None, places)]
    return Checked(tuple(sort_findings(findings)), (session,))


def check_names(sessions: Sequence[Session], target: Target | None, file: Path | None, places: Places) -> list[Finding]:
    """Check the names of the NWB files: that none is used twice, or taken already."""
    problems = []
    first_of: dict[str, Session] = {}
    for session in sessions:
        if session.name is None:
            problems += _name_problems(session)
            continue
        path = (*session.path, "nwbfile_name")
        first = first_of.setdefault(session.name, session)
        if first is not session:
            place = places.finding(Problem((*first.path, "nwbfile_name"), "", "", "", ""), file)
            problems.append(
                Problem(
                    path,
                    f"two sessions have the output name '{session.name}'; the first stands in line {place.line}",
                    "",
                    "a name of its own for each session",
                    "Give one of them another name.",
                )
            )
        elif target is not None and target.path_of(session.name).exists() and not target.overwrite:
            problems.append(
                Problem(
                    path,
                    f"the output exists: {target.path_of(session.name)}",
                    "",
                    "a name that is free",
                    "Convert with --overwrite to replace it, or choose another folder or name.",
                )
            )
    return [places.finding(problem, file) for problem in problems]


def _name_problems(session: Session) -> list[Problem]:
    """Return what keeps a session without a name from getting one."""
    if find_spec("dandi") is not None:
        return []
    return [
        Problem(
            (*session.path, "nwbfile_name"),
            "'nwbfile_name' is missing, and the package that would name the file is not installed",
            "",
            "a name for the NWB file, or the package dandi, which names it after subject and session",
            "Add the name, or install `caiman-interface[yaml]`.",
        )
    ]
