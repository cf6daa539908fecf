"""Conversion of one session, in any process; errors are part of the outcome."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pynwb import NWBFile
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.caiman_file.links import linked_files
from caiman_interface.nwb.vocabulary import RESIDUAL_CORRECTION_NAME
from caiman_interface.verification.verify import verify
from caiman_interface.writer.backends import Backend
from caiman_interface.writer.file import FastNWBConverter
from caiman_interface.writer.partial_files import PartialFile

from .conversion_report import SessionContents, SessionRecord
from .fingerprint import fingerprint
from .session_checks import words_of
from .sessions import Session, caiman_interfaces, suppress_list_format_warning
from .text import get_value

# In seconds; more frequent reports are not visible and take time between processes.
_REPORT_INTERVAL = 0.1
# Locations of the sources; the fingerprint contains their bytes instead.
_PATHS = ("file_path", "folder_path", "file_paths", "timestamps_path")


@dataclass(frozen=True, kw_only=True)
class SessionConversion:
    """Everything that the conversion of one session needs; it can be sent to another process.

    Attributes
    ----------
    session : Session
        The session.
    path : Path
        The NWB file.
    overwrite : bool
        Whether to replace an existing file.
    backend : {"hdf5", "zarr"}
        Format of the file.
    threads : int or None
        Number of threads that write; by default one per processor.
    verifies : bool
        Whether the file is kept only if it equals the CaImAn files, value by value.
    resumes : bool
        Whether an existing file is kept if it was made from the same sources, settings and versions.
    previous : SessionRecord or None
        Record of the conversion that wrote the existing file.
    has_fingerprint : bool
        Whether to store a fingerprint in the record, for which the sources are read once more.
    """

    session: Session
    path: Path
    overwrite: bool = False
    backend: Backend = "hdf5"
    threads: int | None = None
    verifies: bool = False
    resumes: bool = False
    previous: SessionRecord | None = None
    has_fingerprint: bool = True


@dataclass(frozen=True, kw_only=True)
class SessionOutcome:
    """Result of a conversion.

    Attributes
    ----------
    record : SessionRecord
        Entry for the report.
    details : str
        The traceback of a failure.
    """

    record: SessionRecord
    details: str = ""


@dataclass(frozen=True)
class Progressed:
    """Progress of a conversion.

    Attributes
    ----------
    number : int
        The session's number.
    bytes_done, bytes_total : int
        Bytes of large datasets, written so far and in total.
    frames : int
        Frames of the recording.
    """

    number: int
    bytes_done: int
    bytes_total: int
    frames: int


Listener = Callable[[Progressed], None]


def convert_session(conversion: SessionConversion, listener: Listener | None = None) -> SessionOutcome:
    """Convert one session; a failure is part of the outcome."""
    start = time.perf_counter()
    record = SessionRecord(
        session=conversion.session.label,
        sources=conversion.session.source_paths,
        output=str(conversion.path),
        state="failed",
    )
    details = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("ignore", message="Date is missing timezone")  # a finding of the check
        try:
            record = _convert(conversion, record, listener)
        except Exception as error:  # noqa: BLE001 (any interface may raise anything)
            verified = False if isinstance(error, _OutputDiffersError) else None
            record = replace(record, error=words_of(error), verified=verified)
            details = traceback.format_exc()
    texts = (" ".join(str(warning.message).split()) for warning in caught)
    record = replace(
        record,
        warnings=tuple(dict.fromkeys([*record.warnings, *texts])),
        seconds=round(time.perf_counter() - start, 3),
    )
    return SessionOutcome(record=record, details=details)


def size_of(path: Path) -> int:
    """Return the size in bytes of a file, or of all files of a Zarr store."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _convert(conversion: SessionConversion, record: SessionRecord, listener: Listener | None) -> SessionRecord:
    if conversion.has_fingerprint:
        record = replace(record, fingerprint=fingerprint(_sources(conversion.session), _settings(conversion)))
    if conversion.resumes and conversion.path.exists():
        resumed = _resume(conversion, record)
        if resumed is not None:
            return resumed
    with _unverified(conversion) as path:
        contents, notes = _write(replace(conversion, path=path), listener)
        if conversion.verifies:
            try:
                _verify(conversion.session, path)
            except _OutputDiffersError as error:
                raise _OutputDiffersError(f"The NWB file was not kept. {error}") from error
    return replace(
        record,
        state="converted",
        contents=contents,
        bytes=size_of(conversion.path),
        warnings=tuple(notes),
        verified=True if conversion.verifies else None,
    )


def _resume(conversion: SessionConversion, record: SessionRecord) -> SessionRecord | None:
    """Return the record of a session whose output is up to date; None if it has to be converted."""
    previous = conversion.previous
    nbytes = size_of(conversion.path)
    # Of a conversion that was killed, it is not known whether it replaced the output.
    is_known = previous is not None and (previous.state != "started" or previous.bytes == nbytes)
    if previous is not None and is_known and previous.fingerprint == record.fingerprint:
        verified = previous.verified
        if conversion.verifies and not verified:
            try:
                _verify(conversion.session, conversion.path)
            except _OutputDiffersError as error:
                if conversion.overwrite:
                    return None
                message = f"{conversion.path} exists, and differs from its source. {error}"
                raise _OutputDiffersError(f"{message} Convert with --overwrite to replace it.") from error
            verified = True
        return replace(record, state="skipped", contents=previous.contents, bytes=nbytes, verified=verified)
    if conversion.overwrite:
        return None
    why = (
        "no report contains its sources"
        if previous is None or previous.fingerprint is None
        else "it was made from other sources, metadata, options or versions"
    )
    raise FileExistsError(f"{conversion.path} exists, and {why}. Convert with --overwrite to replace it.")


@contextmanager
def _unverified(conversion: SessionConversion) -> Iterator[Path]:
    """Provide the path to write to; an output that has to be verified is renamed to its final path afterwards."""
    if not conversion.verifies:
        yield conversion.path
        return
    partial = PartialFile(conversion.path, replace="always" if conversion.overwrite else "never", folder=True)
    try:
        yield partial.path
        partial.commit()
    finally:
        partial.discard()


def _sources(session: Session) -> Iterator[str | Path]:
    """Yield the files whose bytes are read, with those to which CaImAn files link."""
    yield from session.source_paths
    for name in session.caiman_interfaces:
        yield from linked_files(Path(session.source_data[name]["file_path"]))


def _settings(conversion: SessionConversion) -> dict[str, Any]:
    """Return everything but the sources that determines the output."""
    session = conversion.session
    return {
        "interfaces": {
            name: f"{made.__module__}.{made.__qualname__}" for name, made in session.interface_classes.items()
        },
        "arguments": {
            name: {
                key: sorted(value) if key == "summary_images" else value
                for key, value in session.source_data[name].items()
                if key not in _PATHS
            }
            | {"timestamps_dataset": str(session.source_data[name].get("timestamps_path", "")).partition("::")[2]}
            for name in session.used_interfaces
        },
        "metadata": [source.values for source in session.metadata_sources],
        "options": [session.global_options, session.session_options, session.overrides],
        "backend": conversion.backend,
        "versions": {name: version(name) for name in ("caiman-interface", "neuroconv")},
    }


def _verify(session: Session, path: Path) -> None:
    for name in session.caiman_interfaces:
        arguments = session.source_data[name]
        file, key = arguments["file_path"], arguments.get("metadata_key")
        report = verify(file, path, metadata_key=key, summary_images=session.summary_images_of(name))
        if not report.ok:
            raise _OutputDiffersError(f"It differs from {file}: {report}")


class _OutputDiffersError(ValueError):
    """An NWB file that does not equal its CaImAn files."""


class _Converter(FastNWBConverter):
    """A converter that records what it writes and reports its progress."""

    listener: Callable[[int, int, int], None] | None = None
    tables: tuple[str, ...] = ()
    contents: SessionContents | None = None
    write_threads: int | None = None

    def write(self, nwbfile: NWBFile, path: str | Path, **backend: Any) -> None:
        self.contents = describe_contents(nwbfile, self.tables)
        frames = self.contents.frames
        listener = self.listener
        if listener is not None:
            self.progress = lambda done, total, _: listener(done, total, frames)
        super().write(nwbfile, path, threads=self.write_threads, **backend)


def _write(conversion: SessionConversion, listener: Listener | None) -> tuple[SessionContents | None, list[str]]:
    session = conversion.session
    with suppress_list_format_warning():
        converter = session.make_converter(_Converter)
        metadata = session.merge_metadata(converter)
        options = session.options_of(converter.data_interface_objects)
        converter.tables = tuple(_tables(converter, metadata, options))
        converter.listener = throttled(listener, session.number) if listener is not None else None
        converter.write_threads = conversion.threads
        converter.run_conversion(
            nwbfile_path=str(conversion.path),
            metadata=metadata,
            overwrite=conversion.overwrite,
            backend=conversion.backend,
            conversion_options=options,
        )
    return converter.contents, list(_notes(converter, options))


def _notes(converter: Any, options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what the options alone do not reveal about the result."""
    for name, interface in caiman_interfaces(converter.data_interface_objects).items():
        results = interface.segmentation_extractor.results
        if options[name].get("accepted_only") and not results.components.acceptance.is_evaluated:
            count = results.components.count
            yield f"CaImAn did not evaluate {results.file_path.name}: all {count} components count as accepted."


def throttled(listener: Listener, number: int) -> Callable[[int, int, int], None]:
    """Return a listener that forwards the first and last report, and those between at intervals."""
    last = 0.0

    def report(bytes_done: int, bytes_total: int, frames: int) -> None:
        nonlocal last
        now = time.monotonic()
        if bytes_done >= bytes_total or now - last >= _REPORT_INTERVAL:
            last = now
            listener(Progressed(number, bytes_done, bytes_total, frames))

    return report


def _tables(converter: Any, metadata: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of the tables of components from CaImAn files."""
    for name, interface in caiman_interfaces(converter.data_interface_objects).items():
        path = ("Ophys", "PlaneSegmentations", interface.metadata_key, "name")
        given = options[name].get("plane_segmentation_name") or get_value(metadata, path)
        yield str(given or get_value(interface.file_metadata, path))


def describe_contents(nwbfile: NWBFile, tables: Sequence[str]) -> SessionContents:
    """Count the contents of an NWB file in memory.

    Parameters
    ----------
    nwbfile : NWBFile
        The file.
    tables : sequence of str
        Names of the tables whose rows count.
    """
    objects = list(nwbfile.objects.values())
    counted = [table for table in objects if isinstance(table, PlaneSegmentation) and table.name in tables]
    evaluated = [table for table in counted if "is_accepted" in table.colnames]
    all_series = [series for series in objects if isinstance(series, RoiResponseSeries)]
    series = [one for one in all_series if RESIDUAL_CORRECTION_NAME not in one.name]  # rounding, not a trace
    return SessionContents(
        rois=sum(len(table) for table in counted) if counted else None,
        accepted=sum(int(sum(table["is_accepted"].data)) for table in evaluated) if evaluated else None,
        evaluated=sum(len(table) for table in evaluated) if evaluated else None,
        traces=len(series),
        frames=max((_length(one.data) for one in series), default=0),
    )


def _length(data: Any) -> int:
    shape = getattr(data, "maxshape", None) or getattr(data, "shape", None)
    return int(shape[0]) if shape else len(data)
