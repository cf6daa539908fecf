"""Conversion of sessions, one after the other or several at a time, with an account of each."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pynwb import NWBFile
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.metadata.from_results import metadata_of
from caiman_interface.writer.file import FastNWBConverter

from .document import get_value
from .sessions import Session, suppress_list_format_warning

Backend = Literal["hdf5", "zarr"]

# Progress is reported this often, in seconds: more is not seen, and costs time between processes.
_REPORT_INTERVAL = 0.1


@dataclass(frozen=True)
class Conversion:
    """All that the conversion of one session takes; it can be sent to another process.

    Attributes
    ----------
    session : Session
        The session.
    path : Path
        Where its NWB file goes.
    overwrite : bool
        Whether to replace what is there.
    backend : {"hdf5", "zarr"}
        The format of the file.
    options : dict
        Conversion options that go before all others, given to each interface that has them.
    """

    session: Session
    path: Path
    overwrite: bool = False
    backend: Backend = "hdf5"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contents:
    """What was put into an NWB file.

    Attributes
    ----------
    rois : int or None
        Components of the CaImAn files; None where there are none.
    accepted, evaluated : int or None
        How many of them CaImAn accepted, and how many it evaluated: of several files, it may have evaluated the
        components of some. None where it evaluated none.
    traces, frames : int
        How many series of traces there are, and how many frames the longest has.
    """

    rois: int | None
    accepted: int | None
    evaluated: int | None
    traces: int
    frames: int


@dataclass(frozen=True)
class Outcome:
    """What became of a conversion.

    Attributes
    ----------
    session : str
        Which one.
    path : str
        The NWB file.
    contents : Contents or None
        What stands in it; None if it failed.
    nbytes : int
        Size of the file in bytes.
    seconds : float
        How long it took.
    error : str
        Why it failed; empty if it did not.
    details : str
        The traceback of that.
    warnings : tuple of str
        What was warned of on the way, each on one line.
    """

    session: str
    path: str
    contents: Contents | None
    nbytes: int
    seconds: float
    error: str = ""
    details: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progressed:
    """How far a conversion is.

    Attributes
    ----------
    number : int
        The session's number.
    bytes_done, bytes_total : int
        Bytes of large datasets that are written, and that are to be.
    frames : int
        Frames of the recording.
    """

    number: int
    bytes_done: int
    bytes_total: int
    frames: int


Listener = Callable[[Progressed], None]


def convert_all(
    conversions: Sequence[Conversion], *, jobs: int = 1, listener: Listener | None = None
) -> Iterator[tuple[Conversion, Outcome]]:
    """Convert sessions; one that fails does not keep back the others.

    Parameters
    ----------
    conversions : sequence of Conversion
        What to convert.
    jobs : int
        How many at a time, each in a process of its own if more than one.
    listener : callable, optional
        Called with each `Progressed`, in this process.

    Yields
    ------
    tuple of Conversion and Outcome
        As each ends.
    """
    if jobs <= 1 or len(conversions) <= 1:
        for conversion in conversions:
            yield conversion, convert(conversion, listener)
    else:
        yield from _convert_in_processes(conversions, min(jobs, len(conversions)), listener)


def convert(conversion: Conversion, listener: Listener | None = None) -> Outcome:
    """Convert one session; what goes wrong stands in the outcome."""
    start = time.perf_counter()
    label, path = conversion.session.label, str(conversion.path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("ignore", message="Date is missing timezone")  # the check says so, and where
        try:
            contents, notes = _convert(conversion, listener)
        except Exception as error:  # noqa: BLE001 - any interface may fail in any way, and the next session is waiting
            seconds = time.perf_counter() - start
            outcome = Outcome(label, path, None, 0, seconds, error=_words_of(error), details=traceback.format_exc())
        else:
            outcome = Outcome(label, path, contents, size_of(conversion.path), time.perf_counter() - start)
            outcome = replace(outcome, warnings=tuple(notes))
    texts = (" ".join(str(warning.message).split()) for warning in caught)
    return replace(outcome, warnings=tuple(dict.fromkeys([*outcome.warnings, *texts])))


def size_of(path: Path) -> int:
    """Return the size in bytes of a file, or of all files of a Zarr store."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


class _Converter(FastNWBConverter):
    """A converter that says what it wrote, and how far it is."""

    listener: Callable[[int, int, int], None] | None = None
    tables: tuple[str, ...] = ()
    contents: Contents | None = None

    def write(self, nwbfile: NWBFile, path: str | Path, **backend: Any) -> None:
        self.contents = describe_contents(nwbfile, self.tables)
        frames = self.contents.frames
        listener = self.listener
        if listener is not None:
            self.progress = lambda done, total, _: listener(done, total, frames)
        super().write(nwbfile, path, **backend)


def _convert(conversion: Conversion, listener: Listener | None) -> tuple[Contents, list[str]]:
    session = conversion.session
    with suppress_list_format_warning():
        converter = session.make_converter(_Converter)
        metadata = session.merge_metadata(converter)
        options = session.resolve_options(converter.data_interface_objects)
        for name, interface in converter.data_interface_objects.items():
            known = interface.get_conversion_options_schema().get("properties", {})
            options[name].update({key: value for key, value in conversion.options.items() if key in known})
        converter.tables = tuple(_tables(converter, metadata, options))
        converter.listener = throttled(listener, session.number) if listener is not None else None
        converter.run_conversion(
            nwbfile_path=str(conversion.path),
            metadata=metadata,
            overwrite=conversion.overwrite,
            backend=conversion.backend,
            conversion_options=options,
        )
    return converter.contents, list(_notes(converter, options))


def _notes(converter: Any, options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what someone should know of the result who has only the options before his eyes."""
    for name, interface in converter.data_interface_objects.items():
        if isinstance(interface, CaimanSegmentationInterface) and options[name].get("accepted_only"):
            results = interface.segmentation_extractor.results
            components = results.components
            if components.acceptance.verdict == "not evaluated":
                yield (
                    f"{results.file_path.name} was not evaluated by CaImAn: all {components.count} components count as "
                    "accepted."
                )


def throttled(listener: Listener, number: int) -> Callable[[int, int, int], None]:
    """Return a listener that passes on the first and the last report, and some between."""
    last = 0.0

    def report(bytes_done: int, bytes_total: int, frames: int) -> None:
        nonlocal last
        now = time.monotonic()
        if bytes_done >= bytes_total or now - last >= _REPORT_INTERVAL:
            last = now
            listener(Progressed(number, bytes_done, bytes_total, frames))

    return report


def _tables(converter: Any, metadata: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of the tables that hold the components of the CaImAn files."""
    for name, interface in converter.data_interface_objects.items():
        if isinstance(interface, CaimanSegmentationInterface):
            stated = options[name].get("plane_segmentation_name")
            yield stated or _stated_name(interface, metadata)


def _stated_name(interface: CaimanSegmentationInterface, metadata: Mapping[str, Any]) -> str:
    key = interface.metadata_key
    own = metadata_of(interface.segmentation_extractor.results, key)["PlaneSegmentations"][key]["name"]
    return str(get_value(metadata, ("Ophys", "PlaneSegmentations", key, "name")) or own)


def describe_contents(nwbfile: NWBFile, tables: Sequence[str]) -> Contents:
    """Count what stands in an NWB file in memory.

    Parameters
    ----------
    nwbfile : NWBFile
        The file.
    tables : sequence of str
        Names of the tables whose rows count.
    """
    objects = list(nwbfile.objects.values())
    counted = [table for table in objects if isinstance(table, PlaneSegmentation) and table.name in tables]
    judged = [table for table in counted if "is_accepted" in table.colnames]
    series = [series for series in objects if isinstance(series, RoiResponseSeries)]
    return Contents(
        rois=sum(len(table) for table in counted) if counted else None,
        accepted=sum(int(sum(table["is_accepted"].data)) for table in judged) if judged else None,
        evaluated=sum(len(table) for table in judged) if judged else None,
        traces=len(series),
        frames=max((_length(one.data) for one in series), default=0),
    )


def _length(data: Any) -> int:
    shape = getattr(data, "maxshape", None) or getattr(data, "shape", None)
    return int(shape[0]) if shape else len(data)


def _words_of(error: Exception) -> str:
    text = str(error)
    return text if isinstance(error, ValueError | OSError | ImportError) and text else f"{type(error).__name__}: {text}"


# In worker processes


class _Parent(NamedTuple):
    """What a worker process shares with the one that started it."""

    reports: Any
    stop: Any


_parent: _Parent | None = None


def _begin(parent: _Parent) -> None:
    global _parent  # noqa: PLW0603 - how a process pool hands over what can only be inherited
    _parent = parent
    # Ctrl-C goes to all processes of a terminal, at any line of theirs; a worker ends where it leaves no half file.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _convert_for(conversion: Conversion) -> Outcome:
    _report(None)
    return convert(conversion, _report)


def _report(report: Progressed | None) -> None:
    """Send a report, or end what this process does if the one that started it was interrupted."""
    if _parent is None:
        return
    if _parent.stop.is_set():
        raise KeyboardInterrupt
    if report is not None:
        _parent.reports.put(report)


def _convert_in_processes(
    conversions: Sequence[Conversion], jobs: int, listener: Listener | None
) -> Iterator[tuple[Conversion, Outcome]]:
    # A fresh interpreter for each: a copy of this one would copy the locks that its threads hold.
    context = multiprocessing.get_context("spawn")
    parent = _Parent(context.Queue(), context.Event())
    reader = threading.Thread(target=_pass_on, args=(parent.reports, listener), daemon=True)
    reader.start()
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(parent,))
    try:
        futures: dict[Future[Outcome], Conversion] = {
            pool.submit(_convert_for, conversion): conversion for conversion in conversions
        }
        for future in as_completed(futures):
            conversion = futures[future]
            error = future.exception()
            if error is None:
                yield conversion, future.result()
            else:  # the process itself died
                yield conversion, Outcome(conversion.session.label, str(conversion.path), None, 0, 0.0, str(error))
    finally:
        parent.stop.set()
        pool.shutdown(cancel_futures=True)
        parent.reports.put(None)
        reader.join()
        parent.reports.close()


def _pass_on(reports: Any, listener: Listener | None) -> None:
    while (report := reports.get()) is not None:
        if listener is not None:
            listener(report)
