"""`caiman-interface convert`: CaImAn files, or a specification, to NWB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from caiman_interface.writer.backends import SUFFIX_OF

from .convert_output import choose_backend, print_report
from .shared_options import is_debugging

if TYPE_CHECKING:
    from caiman_interface.specification.conversion_report import ConversionReport

_SPECIFICATIONS = (".yml", ".yaml", ".json")
_PATH = click.Path(path_type=Path)
# Options that need a specification.
_OF_SPECIFICATIONS = ("--data-folder-path", "--keep-going", "--resume", "--only", "--shard", "--scheduler")


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
@click.option("--stub", is_flag=True, help="Convert only the first 100 frames, as a trial.")
@click.option(
    "--accepted-only", is_flag=True, help="Convert only accepted components (all, if CaImAn did not evaluate them)."
)
@click.option(
    "--accepted-by", type=click.Choice(["auto", "manual", "both"]), help="Whose decision --accepted-only uses."
)
@click.option("--rate", type=float, metavar="HZ", help="Frames per second, instead of the rate in the CaImAn file.")
@click.option(
    "--timestamps", metavar="FILE", help="Times of the frames in seconds (.npy, .csv, .txt, or file.h5::dataset)."
)
@click.option(
    "--session-start-time", metavar="TIME", help="Time of the first frame, such as 2024-05-03T14:30:00+02:00."
)
@click.option("--metadata", type=_PATH, help="YAML file with metadata, which take precedence over those in SPEC.")
@click.option(
    "--data-folder-path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder to which the paths in SPEC are relative; by default that of SPEC. As for `neuroconv`.",
)
@click.option(
    "--backend", type=click.Choice(["hdf5", "zarr"]), help="Format; by default that of the ending of --output."
)
@click.option("--strict", is_flag=True, help="Refuse suspicious CaImAn files, such as incompletely saved ones.")
@click.option("--verify", is_flag=True, help="Keep an NWB file only if it equals its CaImAn files, value by value.")
@click.option("--keep-going", is_flag=True, help="Convert the valid sessions if the check refuses others.")
@click.option("--resume", is_flag=True, help="Skip sessions that an earlier run converted from the same input.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="Convert only this session (* and ? are wildcards; repeatable)."
)
@click.option("--shard", callback=_shard, metavar="I/N", help="Convert every N-th session from the I-th on.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Sessions at a time.")
@click.option(
    "--scheduler", metavar="ADDRESS", help="Address of a Dask scheduler; 'local' starts a cluster of --jobs processes."
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

    A specification (.yml, .yaml or .json) gives the same result as with the command `neuroconv`, with all of its
    interfaces. Everything is checked before anything is converted. A session that fails does not stop the others. Exit
    status 1 if anything failed, or if nwbinspector finds something critical.
    """  # noqa: D301
    is_specification = source.suffix in _SPECIFICATIONS
    backend = choose_backend(output, given["backend"], is_folder=is_specification)
    for option in () if is_specification else _OF_SPECIFICATIONS:
        if given[_name_of(option)]:
            raise click.UsageError(f"{option} is for specifications, not for a single CaImAn file.")
    report, tracebacks = _convert(source, output, {**given, "backend": backend}, is_specification=is_specification)
    shown = tracebacks if is_debugging(click.get_current_context()) else {}
    folder = output if is_specification else Path()
    if not print_report(report, source, folder, shown, as_json=as_json, inspects=inspects):
        raise click.exceptions.Exit(1)


def _convert(
    source: Path, output: Path, given: dict[str, Any], *, is_specification: bool
) -> tuple[ConversionReport, dict[str, str]]:
    from caiman_interface.specification.processes import process_context

    if given["jobs"] > 1 and is_specification and given["scheduler"] is None:
        process_context()  # the processes load the same packages as this one, at the same time
    from caiman_interface.specification.study import convert_single_file, convert_study

    from .convert_findings import OPTION_OF, show_findings
    from .convert_request import read_options, read_request
    from .progress import TerminalProgress

    options = read_options(given)
    request = read_request(given)
    # Without a specification, nothing else sets these.
    named = [name for name, option in OPTION_OF.items() if not is_specification or given[_name_of(option)] is not None]
    with TerminalProgress(lambda findings: show_findings(findings, named)) as progress:
        if is_specification:
            report = convert_study(source, output, request, options, observer=progress)
        else:
            is_file = output.suffix in {".nwb", ".zarr"}
            path = output if is_file else output / f"{source.stem}{SUFFIX_OF[options.backend]}"
            report = convert_single_file(source, path, request, options, observer=progress)
    return report, progress.tracebacks


def _name_of(option: str) -> str:
    """Return the name under which click passes an option."""
    return option.removeprefix("--").replace("-", "_")
