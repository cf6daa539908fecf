"""`convert_specification`: all sessions of a specification, on any executor, with a report that stays on disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from caiman_interface.writer.backends import SUFFIX_OF, Backend
from caiman_interface.writer.partial_files import remove_leftovers

from .checks import (
    CheckResult,
    Request,
    check_file,
    check_specification,
    convertible_sessions,
    refused_sessions,
)
from .conversion import SessionConversion, SessionOutcome, size_of
from .conversion_report import ConversionReport, ReportFiles, SessionRecord, read_reports
from .open_workers import open_workers
from .outputs import OutputFolder
from .sessions import Session
from .study_options import ConversionObserver, StudyOptions
from .workers import Workers, run_sessions


def convert_specification(
    path: str | Path,
    output_folder: str | Path,
    *,
    executor: Executor | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    data_folder: str | Path | None = None,
    metadata: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    backend: Backend = "hdf5",
    keep_going: bool = False,
    skip_existing: bool = False,
    resume: bool = False,
    verify: bool = False,
    strict: bool = False,
    only: Sequence[str] = (),
    shard: tuple[int, int] | None = None,
    observer: ConversionObserver | None = None,
) -> ConversionReport:
    """Convert the sessions of a specification.

    Everything is checked before anything is converted. Each session is converted completely or not at all, and one
    that fails does not stop the others. `output_folder` gets the NWB files, ``conversion-report.json`` and ``.csv``,
    which are rewritten after each session, and ``ERROR_<session>.txt`` with the traceback of each failure.

    Parameters
    ----------
    path : str or Path
        The YAML specification.
    output_folder : str or Path
        Folder for the NWB files (created if missing).
    executor : concurrent.futures.Executor, optional
        Runs the checks and conversions, for example ``dask.distributed.Client(...).get_executor()``.
    jobs : int, default: 1
        Number of sessions to convert at a time, each in its own process; the processors are divided among them.
    scheduler : str, optional
        Address of a Dask scheduler, or "local" for a Dask cluster of `jobs` processes on this machine.
    data_folder : str or Path, optional
        Folder to which paths in the specification are relative; by default that of the specification.
    metadata : mapping, optional
        Metadata for all sessions that take precedence over the specification.
    options : mapping, optional
        Conversion options that take precedence, for each interface that has them.
    overwrite : bool, default: False
        Whether to replace existing files.
    backend : {"hdf5", "zarr"}
        Format of the NWB files.
    keep_going : bool, default: False
        Whether to convert the other sessions if the check refuses some. By default nothing is converted then.
    skip_existing : bool, default: False
        Whether to skip sessions whose output exists.
    resume : bool, default: False
        Whether to skip sessions whose output was made from the same source bytes, metadata, options and versions,
        according to the report in `output_folder`. Other outputs are converted again with `overwrite`, and are errors
        without it.
    verify : bool, default: False
        Whether an NWB file is kept only if it equals its CaImAn files, value by value.
    strict : bool, default: False
        Whether to refuse CaImAn files that are suspicious, such as those of an incomplete save.
    only : sequence of str
        Names of the sessions to convert (``*`` and ``?`` are wildcards); by default all.
    shard : tuple of int, optional
        ``(i, n)``: convert every n-th session from the i-th on, counted from 1, for n runs at once.
    observer : ConversionObserver, optional
        Receives what happens, such as for a progress screen.

    Returns
    -------
    ConversionReport
        What became of each session. ``ok`` is false if a session failed or was refused.

    Raises
    ------
    ValueError
        If an option is wrong, or `only` names no session.
    OSError
        If the output folder cannot be written.

    Examples
    --------
    >>> from caiman_interface import convert_specification
    >>> report = convert_specification("study.yml", "nwb", jobs=4, keep_going=True)  # doctest: +SKIP
    >>> [record.session for record in report if not record.is_good]  # doctest: +SKIP
    []
    """
    study_options = StudyOptions(
        overwrite=overwrite,
        backend=backend,
        keep_going=keep_going,
        skip_existing=skip_existing,
        resume=resume,
        verify=verify,
        only=tuple(only),
        shard=shard,
        jobs=jobs,
        scheduler=scheduler,
    )
    request = Request(
        data_folder=None if data_folder is None else Path(data_folder),
        metadata=metadata or {},
        overrides=options or {},
        is_strict=strict,
    )
    return convert_study(Path(path), Path(output_folder), request, study_options, observer=observer, executor=executor)


def convert_study(
    path: Path,
    output_folder: Path,
    request: Request,
    options: StudyOptions,
    *,
    observer: ConversionObserver | None = None,
    executor: Executor | None = None,
) -> ConversionReport:
    """Convert the sessions of a specification, as `convert_specification` does."""
    observer = observer or ConversionObserver()
    target = OutputFolder(
        folder=output_folder,
        suffix=SUFFIX_OF[options.backend],
        overwrite=options.overwrite,
        keeps_existing=options.skip_existing or options.resume,
    )
    choose = request.chosen or list
    request = replace(request, target=target, chosen=lambda sessions: options.choose(choose(sessions)))
    with open_workers(
        jobs=options.jobs, scheduler=options.scheduler, executor=executor, listener=observer.progressed
    ) as workers:
        result = check_specification(path, request, executor=workers.executor)
        going = convertible_sessions(result, keep_going=options.keep_going)
        observer.checked(result, going)
        if not going and not (options.keep_going and result.sessions):
            return ConversionReport(tuple(_refused(result, going)), result.findings)
        output_folder.mkdir(parents=True, exist_ok=True)
        order = [session.label for session in result.sessions]
        files = ReportFiles(output_folder, shard=options.shard, order=order)
        study = _Study(output_folder, options, observer, target, result, files)
        study.convert(going, workers)
        return study.report()


def convert_single_file(
    file: Path, output: Path, request: Request, options: StudyOptions, *, observer: ConversionObserver | None = None
) -> ConversionReport:
    """Convert one CaImAn file to the NWB file `output`, without a specification and without a report on disk."""
    observer = observer or ConversionObserver()
    if output.exists() and not (options.overwrite or options.skip_existing):
        raise FileExistsError(f"{output} exists. Give another path, or --overwrite to replace it.")
    result = check_file(file, request)
    going = convertible_sessions(result, keep_going=False)
    observer.checked(result, going)
    if not going:
        return ConversionReport(tuple(_refused(result, going)), result.findings)
    output.parent.mkdir(parents=True, exist_ok=True)
    conversion = SessionConversion(
        session=going[0],
        path=output,
        overwrite=options.overwrite,
        backend=options.backend,
        verifies=options.verify,
        has_fingerprint=False,
    )
    records = []
    with open_workers(listener=observer.progressed) as workers:
        for one, outcome in run_sessions([conversion], workers, starting=lambda _: observer.started(going[0])):
            observer.ended(one.session, outcome)
            records.append(outcome.record)
    return ConversionReport(tuple(records), result.findings)


def _refused(result: CheckResult, going: Sequence[Session]) -> Iterator[SessionRecord]:
    for session, why in refused_sessions(result, going):
        yield SessionRecord(session=session.label, sources=session.source_paths, state="not valid", error=why)


@dataclass
class _Study:
    """The conversion of some sessions of a specification, and its files in the output folder."""

    folder: Path
    options: StudyOptions
    observer: ConversionObserver
    target: OutputFolder
    result: CheckResult
    files: ReportFiles
    previous: dict[str, SessionRecord] = field(default_factory=dict)

    def convert(self, sessions: Sequence[Session], workers: Workers) -> None:
        """Convert sessions and keep the report up to date."""
        self.previous = {record.session: record for record in read_reports(self.folder)}
        for record in self._earlier():
            self.files.keep(record)
        for record in _refused(self.result, sessions):
            self.files.keep(self._with_existing_output(record))
        conversions = []
        for session in sessions:
            conversion = self._conversion(session, workers.threads)
            if self.options.skip_existing and conversion.path.exists():
                self._end(session, SessionOutcome(record=self._skipped(conversion)))
            else:
                conversions.append(conversion)
        self.files.write()
        for conversion, outcome in run_sessions(conversions, workers, starting=self._start):
            self._end(conversion.session, outcome)
            self.files.write()
        remove_leftovers(self.folder)  # of workers that were killed

    def report(self) -> ConversionReport:
        """Return the records of the sessions of this run, in the order of the specification."""
        order = [session.label for session in self.result.sessions]
        return ConversionReport(tuple(self.files.records[label] for label in order), self.result.findings)

    def _earlier(self) -> Iterator[SessionRecord]:
        """Yield the records that stay in the report until a session is converted again, if ever."""
        own = {*self.files.stored_sessions(), *(session.label for session in self.result.sessions)}
        for record in self.previous.values():
            # The sessions of other shards are in their reports.
            if self.options.shard is None or record.session in own:
                yield record

    def _with_existing_output(self, record: SessionRecord) -> SessionRecord:
        """Describe the output of an earlier run in the record of a session that could not be converted again."""
        previous = self.previous.get(record.session)
        if record.verified is False or previous is None or previous.fingerprint is None or previous.output is None:
            return record
        if size_of(self.folder / previous.output) != previous.bytes:  # replaced, or gone
            return record
        return replace(
            previous, state=record.state, error=record.error, warnings=record.warnings, seconds=record.seconds
        )

    def _conversion(self, session: Session, threads: int | None) -> SessionConversion:
        path = self.target.path_of(self.result.names[session.number])
        previous = self.previous.get(session.label)
        # An output whose conversion was killed was made by it: it did not exist before, or was to be replaced.
        was_killed = (
            self.options.resume
            and previous is not None
            and previous.state == "started"
            and previous.fingerprint is None
            and previous.output == self._relative(str(path))
        )
        return SessionConversion(
            session=session,
            path=path,
            overwrite=self.options.overwrite or was_killed,
            backend=self.options.backend,
            threads=threads,
            verifies=self.options.verify,
            resumes=self.options.resume and not was_killed,
            previous=previous,
        )

    def _skipped(self, conversion: SessionConversion) -> SessionRecord:
        previous = self.previous.get(conversion.session.label)
        if previous is not None and previous.bytes == size_of(conversion.path):
            return replace(previous, state="skipped", error=None, seconds=0.0)
        return SessionRecord(
            session=conversion.session.label,
            sources=conversion.session.source_paths,
            output=str(conversion.path),
            state="skipped",
        )

    def _start(self, conversions: Sequence[SessionConversion]) -> None:
        for conversion in conversions:
            session, previous = conversion.session, conversion.previous
            record = SessionRecord(
                session=session.label,
                sources=session.source_paths,
                output=self._relative(str(conversion.path)),
                state="started",
            )
            if not (conversion.resumes and conversion.path.exists()):
                self.files.keep(record)
            elif previous is not None and previous.fingerprint is not None:  # of the output until it is replaced
                self.files.keep(replace(previous, state="started", error=None))
        self.files.write()
        for conversion in conversions:
            self.observer.started(conversion.session)

    def _end(self, session: Session, outcome: SessionOutcome) -> None:
        found = self.result.by_session.get(session.number, ())
        warnings = [finding.message for finding in found if finding.severity == "warning"]
        record = replace(
            outcome.record,
            output=self._relative(outcome.record.output),
            warnings=tuple(dict.fromkeys([*warnings, *outcome.record.warnings])),
        )
        self.files.keep(self._with_existing_output(record) if record.state == "failed" else record)
        self._write_error(session, record, outcome.details)
        self.observer.ended(session, outcome)

    def _relative(self, path: str | None) -> str | None:
        if path is None or not Path(path).is_relative_to(self.folder):
            return path
        return Path(path).relative_to(self.folder).as_posix()

    def _write_error(self, session: Session, record: SessionRecord, details: str) -> None:
        """Write the traceback and the inputs of a failure; remove those of an earlier run."""
        path = self.folder / f"ERROR_{re.sub(r'[^A-Za-z0-9._+-]+', '_', session.label)}.txt"
        if record.state != "failed":
            path.unlink(missing_ok=True)
            return
        inputs = {
            "session": session.label,
            "source_data": session.source_data,
            "metadata": [source.values for source in session.metadata_sources],
            "conversion_options": [session.global_options, session.session_options, session.overrides],
        }
        text = json.dumps(inputs, indent=2, ensure_ascii=False, default=str)
        path.write_text(f"{record.error}\n\n{details}\n{text}\n", encoding="utf-8")
