"""`check_specification`: all errors and warnings of a specification and its files, without a conversion."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from caiman_interface.caiman_file import CaimanResults

from .document import Document, DocumentError
from .findings import Finding, is_convertible, sort_findings
from .locations import Locator
from .outputs import OutputFolder, check_output, name_outputs
from .session_checks import check_session
from .sessions import MetadataSource, Session, read_sessions, session_of_file
from .structure import check_structure
from .unused import find_unused

_GENERAL = 0
"""Number of the findings that do not belong to a single session."""


@dataclass(frozen=True)
class CheckResult:
    """Result of a check.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of their positions.
    sessions : tuple of Session
        The chosen sessions that could be read.
    names : dict of int to str
        Name of the NWB file by number of the session, for sessions with a usable name.
    by_session : dict of int to tuple of Finding
        The findings that concern one session only, by its number.
    """

    findings: tuple[Finding, ...]
    sessions: tuple[Session, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    by_session: Mapping[int, tuple[Finding, ...]] = field(default_factory=dict)

    @property
    def general_findings(self) -> tuple[Finding, ...]:
        """The findings that concern the specification as a whole."""
        return self.by_session.get(_GENERAL, ())

    def is_session_convertible(self, session: Session) -> bool:
        """Return whether no finding prevents the conversion of a session."""
        return session.number in self.names and is_convertible(self.by_session.get(session.number, ()))


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to check or convert, in addition to the specification.

    Attributes
    ----------
    data_folder : Path or None
        The folder to which paths in the specification are relative; by default its own.
    target : OutputFolder or None
        Folder of the NWB files; None if it is not checked.
    metadata_files : tuple of Document
        Files with more metadata.
    metadata : dict
        More metadata, which take precedence over all others.
    overrides : dict
        Conversion options that take precedence, for each interface that has them.
    arguments : dict
        More arguments for each CaImAn interface, which take precedence.
    chosen : callable or None
        Function of all sessions that returns those to convert; by default all.
    is_strict : bool
        Whether a suspicious CaImAn file is an error.
    """

    data_folder: Path | None = None
    target: OutputFolder | None = None
    metadata_files: tuple[Document, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    chosen: Callable[[list[Session]], list[Session]] | None = None
    is_strict: bool = False

    @property
    def more_metadata(self) -> tuple[MetadataSource, ...]:
        """The metadata from outside the specification, in order of precedence."""
        given = [MetadataSource(document.path, (), document.data) for document in self.metadata_files]
        return (*given, MetadataSource(None, (), dict(self.metadata))) if self.metadata else tuple(given)


def check_specification(
    file: str | Path, request: Request | None = None, *, executor: Executor | None = None
) -> CheckResult:
    """Check a specification and the files that it names.

    Parameters
    ----------
    file : str or Path
        The YAML file.
    request : Request, optional
        What to do with it.
    executor : concurrent.futures.Executor, optional
        Runs the checks of the sessions; by default they run here, one after the other.
    """
    file, request = Path(file), request or Request()
    try:
        document = Document.read(file)
    except DocumentError as error:
        line, column = error.position
        finding = Finding(message=error.problem, remedy=error.remedy, file=str(file), line=line, column=column)
        return CheckResult((finding,), by_session={_GENERAL: (finding,)})
    locator = Locator(document, *request.metadata_files)
    structure = check_structure(document)
    if not isinstance(document.data, dict):
        return _result(structure, [], {}, {}, locator)
    sessions = read_sessions(
        document.data,
        file,
        data_folder=file.parent if request.data_folder is None else request.data_folder,
        more_metadata=request.more_metadata,
        overrides=request.overrides,
        arguments=request.arguments,
    )
    return _check_sessions(sessions, request, structure, locator, executor)


def check_file(file: Path, request: Request | None = None, *, name: str | None = None) -> CheckResult:
    """Check one CaImAn file and its conversion without a specification.

    Parameters
    ----------
    file : Path
        The CaImAn file.
    request : Request, optional
        What to do with it.
    name : str, optional
        Name of the NWB file without ending; by default that of the CaImAn file.

    Raises
    ------
    CaimanFileError
        If CaImAn did not write the file.
    """
    request = request or Request()
    with CaimanResults.open(file):
        session = session_of_file(file, request.more_metadata, name=name, overrides=request.overrides)
    sessions = [session.with_arguments(request.arguments)]
    return _check_sessions(sessions, request, [], Locator(*request.metadata_files), None)


def _check_sessions(
    sessions: list[Session],
    request: Request,
    structure: list[Finding],
    locator: Locator,
    executor: Executor | None,
) -> CheckResult:
    chosen = sessions if request.chosen is None else request.chosen(sessions)
    numbers = {session.number for session in chosen}
    # Names that are made from metadata depend on all sessions without one.
    to_check = [one for one in sessions if one.number in numbers or one.name is None]
    checks = dict(
        zip(
            (one.number for one in to_check),
            (map if executor is None else executor.map)(check_session, to_check),
            strict=True,
        )
    )
    outputs = name_outputs(sessions, {number: check.identity for number, check in checks.items()}, locator)
    findings = {
        number: [
            replace(one, severity="error") if one.is_suspicious and request.is_strict else one
            for one in checks[number].findings
        ]
        for number in numbers
    }
    for number, finding in outputs.findings:
        if number in numbers:
            findings[number].append(finding)
    for session in chosen:
        if session.number in outputs.names:
            findings[session.number] += check_output(session, outputs.names[session.number], request.target)
    chosen = [replace(one, name=outputs.names.get(one.number, one.name)) for one in chosen]
    general = [*structure, *find_unused(chosen, [checks[one.number].known for one in chosen])]
    return _result(general, chosen, findings, outputs.names, locator)


def _result(
    general: Sequence[Finding],
    sessions: Sequence[Session],
    of_sessions: Mapping[int, Sequence[Finding]],
    names: Mapping[int, str],
    locator: Locator,
) -> CheckResult:
    by_session: dict[int, list[Finding]] = {number: [] for number in (_GENERAL, *of_sessions)}
    paths = {session.path: session.number for session in sessions if session.path}
    for number, findings in ((_GENERAL, general), *of_sessions.items()):
        for finding in map(locator.locate, findings):
            # General findings within the path of a session belong to it.
            by_session[paths.get(finding.path[:4], number) if number == _GENERAL else number].append(finding)
    found = sort_findings(finding for findings in by_session.values() for finding in findings)
    return CheckResult(
        tuple(found),
        tuple(sessions),
        names,
        {number: tuple(sort_findings(findings)) for number, findings in by_session.items()},
    )


def convertible_sessions(result: CheckResult, *, keep_going: bool) -> list[Session]:
    """Return the sessions to convert: all or none, or with `keep_going` those without errors."""
    if keep_going and is_convertible(result.general_findings):
        return [session for session in result.sessions if result.is_session_convertible(session)]
    return list(result.sessions) if is_convertible(result.findings) else []


def refused_sessions(result: CheckResult, converted: Collection[Session]) -> Iterator[tuple[Session, str]]:
    """Yield the sessions that are not converted, each with the reason."""
    going = {session.number for session in converted}
    for session in result.sessions:
        if session.number not in going:
            findings = [*result.by_session.get(session.number, ()), *result.general_findings]
            messages = [
                f"{finding.message} ({finding.found})" if finding.found else finding.message
                for finding in findings
                if finding.severity != "warning"
            ]
            yield session, "; ".join(dict.fromkeys(messages)) or "another session is not valid"
