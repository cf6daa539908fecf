"""From a file to a report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py

from .data import Analysis, ReportData, build
from .from_caiman import open_caiman
from .from_nwb import open_nwb


def _write_html(data: ReportData, title: str, output: Path) -> None:
    from .html import render_page

    output.write_text(render_page(data, title), encoding="utf-8")


def _write_svg(data: ReportData, title: str, output: Path) -> None:
    from .figure import draw_picture
    from .html import svg_bytes

    output.write_bytes(svg_bytes(draw_picture(data, title)))


def _write_pdf(data: ReportData, title: str, output: Path) -> None:
    from .figure import draw_picture

    draw_picture(data, title).savefig(output, format="pdf", metadata={"CreationDate": None})


def _write_png(data: ReportData, title: str, output: Path) -> None:
    from .figure import draw_picture

    draw_picture(data, title).savefig(output, format="png")


FORMATS: dict[str, Callable[[ReportData, str, Path], None]] = {
    ".html": _write_html,
    ".png": _write_png,
    ".pdf": _write_pdf,
    ".svg": _write_svg,
}
"""What writes a report, by the ending of the file."""


def write_report(
    source: str | Path,
    output: str | Path,
    *,
    title: str | None = None,
    plane_segmentation: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a report of the results in a CaImAn file or in the NWB file that was made of it.

    Parameters
    ----------
    source : str or Path
        The CaImAn file or the NWB file (HDF5).
    output : str or Path
        Where to write; its ending says what: ``.html`` (a self-contained page), ``.png``, ``.pdf`` or ``.svg``.
    title : str, optional
        The heading; the name of the source, and of the table if one was chosen, by default.
    plane_segmentation : str, optional
        Which table of ROIs of an NWB file to show; needed where there are several.
    overwrite : bool
        Whether a file at `output` may be replaced.

    Returns
    -------
    Path
        Where the report is.

    Raises
    ------
    FileNotFoundError
        If there is no source, or no folder for the output.
    FileExistsError
        If there is a file at `output` already.
    CaimanFileError, NWBContentError
        If the source holds no results.
    ImportError
        If matplotlib is not installed.
    ValueError
        If `output` ends on something else.
    """
    source, output = Path(source), Path(output)
    check_output(output, overwrite=overwrite)
    data = read_report_data(source, plane_segmentation)
    from .figure import styled

    with styled(), tempfile.TemporaryDirectory(dir=output.parent, prefix=".caiman-report-") as folder:
        finished = Path(folder) / output.name
        FORMATS[output.suffix.lower()](data, title or data.analysis.name, finished)
        finished.replace(output)  # a report that could not be finished leaves nothing behind
    return output


def check_output(output: Path, *, overwrite: bool) -> None:
    """Raise the errors of `write_report` that have to do with its output."""
    if output.suffix.lower() not in FORMATS:
        raise ValueError(f"A report cannot be written to '{output}': its name has to end on {', '.join(FORMATS)}.")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"There is no folder '{output.parent}' to write the report to.")
    if output.exists() and not overwrite:
        raise FileExistsError(
            f"'{output}' exists already. Choose another name, or replace it: --overwrite, in Python overwrite=True."
        )


def read_report_data(source: Path, plane_segmentation: str | None = None) -> ReportData:
    """Read what a report shows; the parameters and errors are those of `write_report`."""
    with _open(source, plane_segmentation) as analysis:
        return build(analysis)


def _open(source: Path, plane_segmentation: str | None) -> AbstractContextManager[Analysis]:
    if (source / ".zgroup").exists() or (source / "zarr.json").exists():
        raise ValueError(f"'{source}' is a Zarr store; a report reads CaImAn files and NWB files in HDF5.")
    return open_nwb(source, plane_segmentation) if is_nwb(source) else open_caiman(source)


def is_nwb(source: Path) -> bool:
    """Tell whether a file is an NWB file in HDF5."""
    try:
        with h5py.File(source, "r") as file:
            return "nwb_version" in file.attrs
    except OSError:  # what is wrong with it is told by whoever opens it as a CaImAn file
        return False
