"""`caiman-interface convert`: CaImAn files, or a specification, to NWB."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from .program import echo_warning, is_debugging

if TYPE_CHECKING:
    from caiman_interface.specification.checks import Checked
    from caiman_interface.specification.findings import Finding
    from caiman_interface.specification.running import Contents, Conversion, Outcome

Backend = Literal["hdf5", "zarr"]

_SPECIFICATIONS = (".yml", ".yaml", ".json")
_SUFFIX_OF: dict[Backend, str] = {"hdf5": ".nwb", "zarr": ".nwb.zarr"}
_BACKEND_OF: dict[str, Backend] = {".nwb": "hdf5", ".zarr": "zarr"}
# Endings of files from which people convert: nobody wants a folder of such a name.
_SOURCES = {".hdf5", ".h5", ".mat", ".npz", ".npy", ".mmap", ".tif", ".tiff", ".avi", ".csv", *_SPECIFICATIONS}


@dataclass(frozen=True)
class ConvertRequest:
    """What was asked for."""

    source: Path
    output: Path
    data_folder: Path | None
    metadata: Path | None
    session_start_time: str | None
    options: dict[str, bool]
    overwrite: bool
    backend: Backend

    @property
    def is_specification(self) -> bool:
        """Whether the source is a YAML specification rather than a CaImAn file."""
        return self.source.suffix in _SPECIFICATIONS

    @property
    def suffix(self) -> str:
        """Filename extension of the outputs."""
        return _SUFFIX_OF[self.backend]


@click.command(name="convert")
@click.argument("source", metavar="FILE_OR_SPEC", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder, which is made if need be; for a CaImAn file also the NWB file itself (.nwb, or .nwb.zarr).",
)
@click.option("--overwrite", is_flag=True, help="Replace NWB files that exist.")
@click.option("--stub", is_flag=True, help="Convert only the first frames, to try it out.")
@click.option(
    "--accepted-only",
    is_flag=True,
    help="Convert only the components that CaImAn accepted: all of a file that it did not evaluate.",
)
@click.option(
    "--session-start-time",
    metavar="TIME",
    help="Date, time and time zone of the first frame, such as 2024-05-03T14:30:00+02:00.",
)
@click.option(
    "--metadata",
    type=click.Path(path_type=Path),
    help="A YAML file with metadata; what it states wins over SPEC.",
)
@click.option(
    "--data-folder-path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder to which the paths in SPEC are relative; by default that of SPEC. As for `neuroconv`.",
)
@click.option(
    "--backend",
    type=click.Choice(list(_SUFFIX_OF)),
    help="Format of the NWB files; by default what the ending of the NWB file says, else hdf5.",
)
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="How many sessions at a time."
)
@click.option("--inspect", "inspects", is_flag=True, help="Check the NWB files with nwbinspector at the end.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array in place of the table, for programs.")
def command(
    source: Path,
    output: Path,
    overwrite: bool,
    stub: bool,
    accepted_only: bool,
    session_start_time: str | None,
    metadata: Path | None,
    data_folder_path: Path | None,
    backend: Backend | None,
    jobs: int,
    inspects: bool,
    as_json: bool,
) -> None:
    """Convert a CaImAn file or a specification.

    \b
    Examples:
      caiman-interface convert results.hdf5 -o results.nwb --session-start-time 2024-05-03T14:30:00+02:00
      caiman-interface convert session.yml -o nwb --inspect

    A specification (.yml, .yaml or .json) has the same result as with the command `neuroconv`, whichever interfaces it
    names. Everything is checked before anything is converted. A session that fails keeps back no other. Exit status 1
    if anything failed, or if nwbinspector finds something critical.
    """  # noqa: D301
    options = {name: True for name, wanted in (("stub_test", stub), ("accepted_only", accepted_only)) if wanted}
    _check_output(output, is_folder=source.suffix in _SPECIFICATIONS)
    backend = _choose_backend(output, backend)
    wish = ConvertRequest(source, output, data_folder_path, metadata, session_start_time, options, overwrite, backend)
    checked = _check(wish)
    _show(checked.findings)
    _refuse_if_wrong(wish, checked.findings, as_json=as_json)
    outcomes = _convert(wish, checked, jobs)
    _show_warnings(wish, outcomes)
    if as_json:
        from .output import print_json

        print_json([_as_json(outcome) for outcome in outcomes])
    else:
        _print_table([outcome for outcome in outcomes if not outcome.error])
    failed = _report_failures(outcomes)
    written = [Path(outcome.path) for outcome in outcomes if not outcome.error]
    is_critical = _inspect(written) if inspects else False
    if failed or is_critical:
        raise click.exceptions.Exit(1)


def _check_output(output: Path, *, is_folder: bool) -> None:
    """Refuse an output that is, or looks like, something else than what is asked for."""
    if output.is_dir() and output.suffix not in _BACKEND_OF:
        return
    if is_folder:
        problem = "must be a folder: a specification names its NWB files itself"
        is_wrong = output.suffix in _BACKEND_OF or output.suffix.lower() in _SOURCES or output.is_file()
    else:
        problem = "must be a folder, or end in .nwb (or .nwb.zarr)"
        is_wrong = output.suffix not in _BACKEND_OF and (output.suffix.lower() in _SOURCES or output.is_file())
        if output.suffix.lower() in _SOURCES:
            problem = f"{problem}; did you mean {output.with_suffix('.nwb')}?"
    if is_wrong:
        raise click.BadParameter(f"{output} {problem}", param_hint="'--output'")


def _choose_backend(output: Path, asked_for: Backend | None) -> Backend:
    """Return the format that was asked for, or else that of the ending; refuse a contradiction between the two."""
    of_ending = _BACKEND_OF.get(output.suffix)
    if asked_for is None or of_ending in {None, asked_for}:
        return asked_for or of_ending or "hdf5"
    bare = output.name.removesuffix(".zarr").removesuffix(".nwb")
    fitting = output.with_name(bare + _SUFFIX_OF[asked_for])
    raise click.BadParameter(
        f"{output} ends as a file of {of_ending} does; write {fitting}, or leave out --backend {asked_for}.",
        param_hint="'--output'",
    )


def _check(wish: ConvertRequest) -> Checked:
    """Read what is to be converted, and find what is wrong with it."""
    from caiman_interface.specification.checks import Target, check_file, check_specification
    from caiman_interface.specification.document import Document
    from caiman_interface.specification.sessions import MetadataSource

    documents = [] if wish.metadata is None else [Document.read(wish.metadata)]
    for document in documents:
        if not isinstance(document.data, dict):
            message = f"{document.path} holds no metadata: expected keys such as 'NWBFile' and 'Subject'."
            raise ValueError(message)  # noqa: TRY004 - what stands in a file is a value
    stated = [MetadataSource(document.path, (), document.data) for document in documents]
    if wish.session_start_time is not None:
        stated.append(MetadataSource(None, (), {"NWBFile": {"session_start_time": wish.session_start_time}}))
    if wish.is_specification:
        checked = check_specification(
            wish.source,
            data_folder=wish.data_folder,
            target=Target(wish.output, wish.suffix, wish.overwrite),
            metadata_files=documents,
            more_metadata=stated,
        )
        _check_wish(wish, checked)
    else:
        if wish.data_folder is not None:
            raise click.UsageError("--data-folder-path is for specifications.")
        checked = check_file(wish.source, metadata_files=documents, metadata=stated)
        path = _path_of_file(wish)
        if path.exists() and not wish.overwrite:
            raise FileExistsError(f"{path} exists. Give another path, or --overwrite to replace it.")
    return checked


def _refuse_if_wrong(wish: ConvertRequest, findings: Sequence[Finding], *, as_json: bool) -> None:
    """Convert nothing where anything is wrong; for programs, say what as `validate --json` does."""
    from caiman_interface.specification.findings import count_findings, is_convertible

    from .output import print_json

    if is_convertible(findings):
        return
    if as_json:
        print_json([asdict(finding) for finding in findings])
    raise ValueError(f"Nothing was converted: {wish.source} has {count_findings(findings)}.")


def _check_wish(wish: ConvertRequest, checked: Checked) -> None:
    """Refuse options that do not go with the specification."""
    from caiman_interface.interface import CaimanSegmentationInterface

    sessions = checked.sessions
    if wish.session_start_time is not None and len(sessions) > 1:
        raise click.UsageError(f"--session-start-time is for one session, and {wish.source} has {len(sessions)}.")
    classes = [made for session in sessions for made in session.interface_classes.values()]
    if "accepted_only" in wish.options and not any(issubclass(made, CaimanSegmentationInterface) for made in classes):
        raise click.UsageError(f"--accepted-only is for CaImAn files, and {wish.source} names none.")
    if wish.backend == "zarr" and any(session.name is None for session in sessions):
        raise click.UsageError("--backend zarr is for sessions that state an nwbfile_name.")


def _path_of_file(wish: ConvertRequest) -> Path:
    is_file = wish.output.suffix in _BACKEND_OF
    return wish.output if is_file else wish.output / f"{wish.source.stem}{wish.suffix}"


def _show(findings: Sequence[Finding]) -> None:
    from caiman_interface.specification.findings import write_finding

    for finding in findings:
        click.echo(write_finding(finding), err=True)


def _show_warnings(wish: ConvertRequest, outcomes: Sequence[Outcome]) -> None:
    """Show what was warned of on the way, once the progress bars are gone."""
    for outcome in outcomes:
        session = f"{outcome.session}: " if wish.is_specification else ""
        for text in outcome.warnings:
            echo_warning(session + text)


def _convert(wish: ConvertRequest, checked: Checked, jobs: int) -> list[Outcome]:
    """Convert every session; the files of those without a name get theirs at the end."""
    import tempfile

    from caiman_interface.specification.running import Conversion

    folder = wish.output if wish.is_specification else _path_of_file(wish).parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unnamed-", dir=folder) as unnamed:
        conversions = [
            Conversion(
                session=session,
                path=_path_of_session(wish, session.name, Path(unnamed) / f"{session.number}{wish.suffix}"),
                overwrite=wish.overwrite,
                backend=wish.backend,
                options=wish.options,
            )
            for session in checked.sessions
        ]
        outcomes = _run(conversions, jobs)
        return _named(outcomes, Path(unnamed), folder, overwrite=wish.overwrite)


def _path_of_session(wish: ConvertRequest, name: str | None, unnamed: Path) -> Path:
    if not wish.is_specification:
        return _path_of_file(wish)
    return unnamed if name is None else wish.output / f"{name}{wish.suffix}"


def _run(conversions: Sequence[Conversion], jobs: int) -> list[Outcome]:
    from caiman_interface.specification.running import convert_all

    from .progress import progress_bars

    labels = {conversion.session.number: conversion.session.label for conversion in conversions}
    done: dict[int, Outcome] = {}
    with progress_bars(labels) as bars:
        for conversion, outcome in convert_all(conversions, jobs=jobs, listener=bars.show):
            done[conversion.session.number] = outcome
            bars.end(conversion.session.number)
    return [done[number] for number in sorted(done)]


def _named(outcomes: list[Outcome], unnamed: Path, folder: Path, *, overwrite: bool) -> list[Outcome]:
    """Give the files of sessions without a name theirs."""
    from caiman_interface.specification.naming import name_files

    waiting = [outcome for outcome in outcomes if Path(outcome.path).parent == unnamed and not outcome.error]
    if not waiting:
        return outcomes
    paths = name_files([Path(outcome.path) for outcome in waiting], folder, overwrite=overwrite)
    renamed = {
        outcome.path: replace(outcome, path=str(path), session=path.stem)
        for outcome, path in zip(waiting, paths, strict=True)
    }
    return [renamed.get(outcome.path, outcome) for outcome in outcomes]


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {name: value for name, value in asdict(outcome).items() if name != "details"}


def _print_table(outcomes: Sequence[Outcome]) -> None:
    from rich.filesize import decimal
    from rich.table import Table

    from .output import output

    if not outcomes:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Session", overflow="fold")
    for heading in ("ROIs", "Accepted", "Traces", "Frames", "Size", "Time"):
        table.add_column(heading, justify="right")
    table.add_column("NWB file", overflow="fold")
    for outcome in outcomes:
        contents = outcome.contents
        counts = (
            ("", "", "", "")
            if contents is None
            else (_count(contents.rois), _accepted(contents), str(contents.traces), str(contents.frames))
        )
        table.add_row(outcome.session, *counts, decimal(outcome.nbytes), f"{outcome.seconds:.1f} s", outcome.path)
    output().print(table)


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _accepted(contents: Contents) -> str:
    """Say how many were accepted; of how many, where CaImAn did not evaluate all: the rest was not rejected."""
    of_all = contents.evaluated in {None, contents.rois}
    return _count(contents.accepted) if of_all else f"{contents.accepted} of {contents.evaluated}"


def _report_failures(outcomes: Sequence[Outcome]) -> bool:
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        if is_debugging(click.get_current_context()):
            click.echo(outcome.details, err=True)
        click.echo(f"Error: {outcome.session} was not converted: {outcome.error}", err=True)
    return bool(failed)


def _inspect(paths: Sequence[Path]) -> bool:
    """Show what nwbinspector says; return whether any of it is critical."""
    try:
        from nwbinspector import Importance, format_messages, inspect_nwbfile
    except ImportError as error:
        raise ImportError("--inspect needs the package nwbinspector: `pip install nwbinspector`.") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what readers warn of is for programmers, and nwbinspector has its own word
        found: list[Any] = [
            message
            for path in paths
            # It cannot validate Zarr against the schema.
            for message in inspect_nwbfile(nwbfile_path=path, skip_validate=path.is_dir())
        ]
    if not found:
        click.echo("nwbinspector found nothing.", err=True)
    for line in format_messages(found, levels=["importance", "file_path"]) if found else ():
        click.echo(line, err=True)
    return any(message.importance.value >= Importance.CRITICAL.value for message in found)
