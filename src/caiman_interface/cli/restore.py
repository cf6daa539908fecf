"""`caiman-interface restore`: from an NWB file back to a CaImAn file."""

from __future__ import annotations

from pathlib import Path

import click

from .shared_options import metadata_key_named_as_option, metadata_key_option


@click.command(name="restore")
@click.argument("nwb_file", metavar="NWB", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The CaImAn file to write; its name ends in .hdf5 or .h5.",
)
@metadata_key_option
@click.option(
    "--movie",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Where the movie is now: NWB files contain its name without the directory.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object, for programs.")
def command(
    *, nwb_file: Path, output: Path, metadata_key: str | None, movie: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Write the CaImAn file from which an NWB file was converted.

    \b
    Examples:
      caiman-interface restore results.nwb -o restored.hdf5
      caiman-interface restore planes.nwb -o plane0.hdf5 --metadata-key plane0 --movie plane0.tif

    CaImAn's load_CNMF opens FILE. The output lists what was not restored, or not exactly, and why.
    """  # noqa: D301
    from caiman_interface import restore

    from .output import echo, print_json

    with metadata_key_named_as_option():
        try:
            report = restore(nwb_file, output, metadata_key=metadata_key, movie=movie, overwrite=overwrite)
        except FileExistsError as error:
            message = f"'{output}' exists already; choose another name or use --overwrite."
            raise FileExistsError(message) from error
    if as_json:
        print_json(report.as_dict())
    else:
        echo(str(report))
