"""`caiman-interface convert`: CaImAn files, or a specification, to NWB."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .convert_output import choose_backend, print_report, show_findings
from .program import is_debugging

if TYPE_CHECKING:
    from caiman_interface.specification.checks import Request
    from caiman_interface.specification.conversion_report import ConversionReport
    from caiman_interface.specification.sessions import Session
    from caiman_interface.specification.study_options import StudyOptions

_SPECIFICATIONS = (".yml", ".yaml", ".json")
_PATH = click.Path(path_type=Path)
# Options that concern several sessions.
_OF_SPECIFICATIONS = {
    "data_folder_path": "--data-folder-path",
    "keep_going": "--keep-going",
    "resume": "--resume",
    "only": "--only",
    "shard": "--shard",
    "scheduler": "--scheduler",
}


def _shard(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    try:
        number, count = map(int, value.split("/"))
    except ValueError:
        raise click.BadParameter(f"'{value}' is not of the form 1/8.") from None
    return number, count


@click.command(name="convert")
@click.argument("source", metavar="FILE_OR_SPEC", type=_PATH)
@click.option(
    "-o",
    "--output",
    required=True,
    type=_PATH,
    help="Output folder (created if missing); for a CaImAn file also the NWB file itself (.nwb, or .nwb.zarr).",
)
@click.option("--overwrite", is_flag=True, help="Replace existing NWB files.")
@click.option("--skip-existing", is_flag=True, help="Skip sessions whose NWB file exists.")
@click.option("--stub", is_flag=True, help="Convert only the first frames, to try it out.")
@click.option(
    "--accepted-only", is_flag=True, help="Convert only accepted components; all of a file without evaluation."
)
@click.option("--accepted-by", type=click.Choice(["auto", "manual", "both"]), help="Whose judgement is meant by that.")
@click.option("--rate", type=float, metavar="HZ", help="Frames per second, instead of the rate in the CaImAn file.")
@click.option(
    "--timestamps", metavar="FILE", help="Times of the frames in seconds (.npy, .csv, .txt, or file.h5::dataset)."
)
@click.option(
    "--session-start-time", metavar="TIME", help="Time of the first frame, such as 2024-05-03T14:30:00+02:00."
)
@click.option("--metadata", type=_PATH, help="A YAML file with metadata; it takes precedence over SPEC.")
@click.option(
    "--data-folder-path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder to which the paths in SPEC are relative; by default that of SPEC. As for `neuroconv`.",
)
@click.option(
    "--backend", type=click.Choice(["hdf5", "zarr"]), help="Format; by default from the ending of the output."
)
@click.option("--strict", is_flag=True, help="Refuse suspicious CaImAn files, such as those of an incomplete save.")
@click.option("--verify", is_flag=True, help="Keep an NWB file only if it equals its CaImAn files, value by value.")
@click.option("--keep-going", is_flag=True, help="Convert the other sessions if some cannot be converted.")
@click.option("--resume", is_flag=True, help="Skip sessions that an earlier run converted from the same input.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="Convert only this session (* and ? are wildcards; repeatable)."
)
@click.option("--shard", callback=_shard, metavar="I/N", help="Convert every N-th session from the I-th on.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Sessions at a time.")
@click.option(
    "--scheduler", metavar="ADDRESS", help="A Dask cluster to convert on; 'local' starts one of --jobs processes."
)
@click.option("--inspect", "inspects", is_flag=True, help="Check the NWB files with nwbinspector at the end.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of the table, for programs.")
def command(source: Path, output: Path, *, inspects: bool, as_json: bool, **given: Any) -> None:
    """Convert a CaImAn file or a specification.

    \b
    Examples:
      caiman-interface convert results.hdf5 -o results.nwb \\
          --session-start-time 2024-05-03T14:30:00+02:00
      caiman-interface convert session.yml -o nwb --inspect
      caiman-interface convert study.yml -o nwb --jobs 4 --keep-going --resume

    A specification (.yml, .yaml or .json) gives the same result as with the command `neuroconv`, whichever interfaces
    it names. Everything is checked before anything is converted. A session that fails does not stop the others. Exit
    status 1 if anything failed, or if nwbinspector finds something critical.
    """  # noqa: D301
    is_specification = source.suffix in _SPECIFICATIONS
    backend = choose_backend(output, given["backend"], is_folder=is_specification)
    for name, option in {} if is_specification else _OF_SPECIFICATIONS.items():
        if given[name]:
            raise click.UsageError(f"{option} is for specifications.")
    report, tracebacks = _convert(source, output, {**given, "backend": backend}, is_specification=is_specification)
    shown = tracebacks if is_debugging(click.get_current_context()) else {}
    folder = output if is_specification else Path()
    if not print_report(report, source, folder, shown, as_json=as_json, inspects=inspects):
        raise click.exceptions.Exit(1)


def _convert(
    source: Path, output: Path, given: dict[str, Any], *, is_specification: bool
) -> tuple[ConversionReport, dict[str, str]]:
    from caiman_interface.specification.study import SUFFIX_OF, convert_single_file, convert_study
    from caiman_interface.specification.study_options import StudyOptions

    from .progress import Progress

    names = (
        "overwrite",
        "backend",
        "keep_going",
        "skip_existing",
        "resume",
        "verify",
        "only",
        "shard",
        "jobs",
        "scheduler",
    )
    try:
        options = StudyOptions(**{name: given[name] for name in names})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    request = _request(given, options)
    with Progress(show_findings) as progress:
        if is_specification:
            report = convert_study(source, output, request, options, observer=progress)
        else:
            is_file = output.suffix in {".nwb", ".zarr"}
            path = output if is_file else output / f"{source.stem}{SUFFIX_OF[options.backend]}"
            report = convert_single_file(source, path, request, options, observer=progress)
    return report, progress.tracebacks


def _request(given: dict[str, Any], options: StudyOptions) -> Request:
    from caiman_interface.specification.checks import Request
    from caiman_interface.specification.document import Document

    documents = [] if given["metadata"] is None else [Document.read(given["metadata"])]
    for document in documents:
        if not isinstance(document.data, dict):
            raise ValueError(f"{document.path} contains no metadata: expected keys such as 'NWBFile' and 'Subject'.")  # noqa: TRY004
    time = given["session_start_time"]
    overrides = {
        "stub_test": given["stub"],
        "accepted_only": given["accepted_only"],
        "accepted_by": given["accepted_by"],
    }
    arguments = {
        "sampling_frequency": given["rate"],
        "timestamps_path": given["timestamps"] and os.path.abspath(given["timestamps"]),  # noqa: PTH100 (file::dataset)
    }
    if options.verify and given["stub"]:
        raise click.UsageError("--verify needs all frames: leave out --stub.")
    return Request(
        data_folder=given["data_folder_path"],
        metadata_files=tuple(documents),
        metadata={} if time is None else {"NWBFile": {"session_start_time": time}},
        overrides={name: value for name, value in overrides.items() if value},
        arguments={name: value for name, value in arguments.items() if value is not None},
        is_strict=given["strict"],
        chosen=lambda sessions: _refuse_unfit(sessions, given),
    )


def _refuse_unfit(sessions: list[Session], given: dict[str, Any]) -> list[Session]:
    """Refuse options that do not fit the sessions of a specification."""
    for name, option in {"session_start_time": "--session-start-time", "timestamps": "--timestamps"}.items():
        if given[name] is not None and len(sessions) > 1:
            raise click.UsageError(f"{option} is for one session, and the specification has {len(sessions)}.")
    if given["accepted_only"] and not any(session.caiman_interfaces for session in sessions):
        raise click.UsageError("--accepted-only is for CaImAn files, and the specification names none.")
    return sessions
