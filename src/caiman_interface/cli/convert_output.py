"""Output of `convert`: its format, and what the command prints."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from caiman_interface.writer.backends import SUFFIX_OF, Backend

from .output import echo, echo_text, echo_warning, print_json, table_text

if TYPE_CHECKING:
    from caiman_interface.specification.conversion_report import ConversionReport, SessionContents, SessionRecord

_BACKEND_OF: dict[str, Backend] = {".nwb": "hdf5", ".zarr": "zarr"}
# A folder with such a name is probably a mistake.
_SOURCES = {".hdf5", ".h5", ".mat", ".npz", ".npy", ".mmap", ".tif", ".tiff", ".avi", ".csv", ".yml", ".yaml", ".json"}


def choose_backend(output: Path, wanted: Backend | None, *, is_folder: bool) -> Backend:
    """Return the format of the output; refuse an output of another format."""
    of_ending = _BACKEND_OF.get(output.suffix)
    if not output.is_dir() or of_ending is not None:
        looks_like_source = output.suffix.lower() in _SOURCES
        if is_folder and (of_ending or looks_like_source or output.is_file()):
            raise _bad_output(f"{output} must be a folder: a specification names its NWB files itself")
        if not is_folder and of_ending is None and (looks_like_source or output.is_file()):
            guess = f"; did you mean {output.with_suffix('.nwb')}?" if looks_like_source else ""
            raise _bad_output(f"{output} must be a folder, or end in .nwb (or .nwb.zarr){guess}")
    if wanted is not None and of_ending not in {None, wanted}:
        fitting = output.with_name(output.name.removesuffix(".zarr").removesuffix(".nwb") + SUFFIX_OF[wanted])
        raise _bad_output(f"{output} has the ending of {of_ending}; write {fitting}, or leave out --backend {wanted}.")
    return wanted or of_ending or "hdf5"


def _bad_output(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="'--output'")


def print_report(
    report: ConversionReport,
    source: Path,
    folder: Path,
    tracebacks: Mapping[str, str],
    *,
    as_json: bool,
    inspects: bool,
) -> bool:
    """Print the result of each session, whose output is relative to a folder; return whether all succeeded."""
    from caiman_interface.specification.findings import count_findings, is_convertible

    if not len(report) and is_convertible(report.findings):  # more shards than sessions
        if as_json:
            print_json([])
        echo(f"{source}: no session to convert.", err=True)
        return True
    ended = [record for record in report if record.state != "not valid"]
    if not ended:
        if as_json:
            print_json([finding.as_json() for finding in report.findings])
        raise ValueError(f"Nothing was converted: {source} has {count_findings(report.findings)}.")
    written = [record for record in ended if record.is_good]
    _show_warnings(ended, is_one=len(report) == 1)
    if as_json:
        print_json([asdict(record) for record in report])
    else:
        _print_table(written, folder)
    for record in report:
        if not record.is_good:
            if record.session in tracebacks:
                echo(tracebacks[record.session], err=True)
            echo(f"Error: {record.session} was not converted: {record.error}", err=True)
    is_critical = _inspect(folder / str(record.output) for record in written) if inspects else False
    return report.ok and not is_critical


def _show_warnings(records: Iterable[SessionRecord], *, is_one: bool) -> None:
    for record in records:
        for text in record.warnings:
            echo_warning(text if is_one else f"{record.session}: {text}")


def _print_table(records: list[SessionRecord], folder: Path) -> None:
    if not records:
        return
    numbers = ("ROIs", "Accepted", "Traces", "Frames", "Size", "Time")
    echo_text(table_text((*numbers, "Session"), ((_cells(record), "") for record in records), numbers=numbers))
    echo("NWB file:" if len(records) == 1 else "NWB files:")
    for record in records:
        echo(f"  {folder / str(record.output)}")


def _cells(record: SessionRecord) -> tuple[str, ...]:
    from rich.filesize import decimal

    counts = ("-", "-", "-", "-") if record.contents is None else _counts(record.contents)
    time = "skipped" if record.state == "skipped" else f"{record.seconds:.1f} s"
    return (*counts, decimal(record.bytes), time, record.session)


def _counts(contents: SessionContents) -> tuple[str, str, str, str]:
    """Return the counts of a row; "7 of 13" are accepted if CaImAn evaluated only 13 of more components."""
    of_all = contents.evaluated in {None, contents.rois}
    accepted = _count(contents.accepted) if of_all else f"{contents.accepted} of {contents.evaluated}"
    return _count(contents.rois), accepted, str(contents.traces), str(contents.frames)


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _inspect(paths: Iterable[Path]) -> bool:
    """Show the findings of nwbinspector; return whether any is critical."""
    try:
        from nwbinspector import Importance, format_messages, inspect_nwbfile
    except ImportError as error:
        raise ImportError("--inspect needs the package nwbinspector: `python -m pip install nwbinspector`.") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of readers; nwbinspector reports its own findings
        found: list[Any] = [
            message
            for path in paths
            # Validation against the schema does not support Zarr.
            for message in inspect_nwbfile(nwbfile_path=path, skip_validate=path.is_dir())
        ]
    if not found:
        echo("nwbinspector found nothing.", err=True)
    for line in format_messages(found, levels=["importance", "file_path"]) if found else ():
        echo(line, err=True)
    return any(message.importance.value >= Importance.CRITICAL.value for message in found)
