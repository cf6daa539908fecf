"""`caiman-interface report`: a picture of the results."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="report", short_help="Draw results, from a CaImAn file or its NWB file.")
@click.argument("source", metavar="FILE_OR_NWB", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Where to write the report: a name that ends on .html, .png, .pdf or .svg.",
)
@click.option("--title", help="The heading; the name of the file, and of the table if one was chosen, by default.")
@click.option(
    "--plane-segmentation",
    metavar="NAME",
    help="Which table of ROIs to show, where an NWB file holds several.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(source: Path, output: Path, title: str | None, plane_segmentation: str | None, overwrite: bool) -> None:
    """Draw contours, traces and quality scores, so that one sees at a glance whether a result is right.

    \b
    Examples:
      caiman-interface report results.hdf5 -o report.html
      caiman-interface report session.nwb -o report.png

    Takes a CaImAn file or the NWB file that was made of it (in HDF5, not Zarr), and draws the same of both. The HTML
    page holds everything in itself and needs no network. Needs matplotlib: pip install "caiman-interface[report]".
    """  # noqa: D301
    from caiman_interface.report import write_report

    from .output import messages

    written = write_report(source, output, title=title, plane_segmentation=plane_segmentation, overwrite=overwrite)
    messages().print(f"Wrote {written}", soft_wrap=True)
