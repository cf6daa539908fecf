"""`caiman-interface report`: an interactive page or a picture of the results."""

from __future__ import annotations

from pathlib import Path

import click

from .shared_options import metadata_key_named_as_option, metadata_key_option


@click.command(name="report", short_help="Show results as an interactive page or a picture.")
@click.argument("source", metavar="FILE_OR_NWB", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Where to write the report. Its extension selects the format: .html, .png, .pdf or .svg.",
)
@click.option("--title", help="The heading; by default the name of the file.")
@click.option(
    "--source",
    "caiman_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="CaImAn file from which the NWB file was made: the page says whether both agree.",
)
@metadata_key_option
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(
    source: Path, output: Path, title: str | None, caiman_file: Path | None, metadata_key: str | None, overwrite: bool
) -> None:
    """Show contours, traces and quality metrics, to check a result at a glance.

    \b
    Examples:
      caiman-interface report results.hdf5 -o report.html
      caiman-interface report session.nwb --source results.hdf5 -o report.html
      caiman-interface report session.nwb -o report.pdf

    Reads a CaImAn file or the NWB file made from it (HDF5 or Zarr). The page (.html) is interactive: every component
    can be selected, filtered and compared. It is one file that needs no network. Requires the extra "report":
    pip install "caiman-interface[report]".
    """  # noqa: D301
    from caiman_interface.report import write_report

    from .output import echo

    with metadata_key_named_as_option():
        written = write_report(
            source, output, title=title, caiman_file=caiman_file, metadata_key=metadata_key, overwrite=overwrite
        )
    echo(f"Wrote {written}", err=True)
