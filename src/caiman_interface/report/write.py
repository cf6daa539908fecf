"""Write a report of the results in a file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from caiman_interface.caiman_file import CaimanResults

from .data import ReportData, is_nwb

if TYPE_CHECKING:
    from caiman_interface.verification.report import VerificationReport

PICTURES = (".png", ".pdf", ".svg")
FORMATS = (".html", *PICTURES)
"""The file name extensions of a report."""

# The same results give the same bytes.
_PICTURE_METADATA = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}


def write_report(
    source: str | Path,
    output: str | Path,
    *,
    title: str | None = None,
    metadata_key: str | None = None,
    caiman_file: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a report of the results in a CaImAn file, or in the NWB file that was made from it.

    Parameters
    ----------
    source : str or Path
        The CaImAn file, or the NWB file (HDF5 or Zarr).
    output : str or Path
        Where to write. The extension selects the format: ``.html`` (an interactive page that needs no network) or a
        picture, ``.png``, ``.pdf`` or ``.svg``.
    title : str, optional
        The heading; by default the name of the source.
    metadata_key : str, optional
        The key under which the results were converted; required if an NWB file contains several analyses.
    caiman_file : str or Path, optional
        The CaImAn file from which the NWB file `source` was made: the page then says whether both agree, and shows
        the notes on it.
    overwrite : bool
        Whether to replace a file at `output`.

    Returns
    -------
    Path
        Where the report is.

    Raises
    ------
    FileNotFoundError
        If the source, or the folder of the output, does not exist.
    FileExistsError
        If there is a file at `output` already.
    CaimanFileError
        If a CaImAn file cannot be read.
    ImportError
        If a package of the extra ``report`` is not installed.
    ValueError
        If `output` has another extension, the NWB file contains no results or several, or `caiman_file` is given for a
        picture or for a CaImAn file.
    """
    source, output = Path(source), Path(output)
    check_report_path(output, overwrite=overwrite)
    if caiman_file is not None and output.suffix.lower() != ".html":
        raise ValueError(f"Only a page (.html) shows a comparison with '{caiman_file}'; '{output}' is a picture.")
    heading = title or source.name
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".caiman-report-") as folder:
        finished = Path(folder) / output.name
        if output.suffix.lower() == ".html":
            _write_page(source, finished, heading, metadata_key, caiman_file)
        else:
            _write_picture(source, finished, heading, metadata_key)
        finished.replace(output)  # a report that could not be finished leaves nothing behind
    return output


def check_report_path(output: Path, *, overwrite: bool) -> None:
    """Raise the errors of `write_report` that concern its output."""
    if output.suffix.lower() not in FORMATS:
        raise ValueError(f"A report cannot be written to '{output}'. Its name must end in {', '.join(FORMATS)}.")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"The folder '{output.parent}' does not exist.")
    if output.exists() and not overwrite:
        raise FileExistsError(
            f"'{output}' already exists. Use another name, or --overwrite (in Python overwrite=True)."
        )


def _write_picture(source: Path, output: Path, title: str, metadata_key: str | None) -> None:
    from .static import draw, styled

    suffix = output.suffix.lower()
    with styled(), ReportData.open(source, metadata_key) as data:
        draw(data, title).savefig(output, format=suffix[1:], metadata=_PICTURE_METADATA[suffix])


def _write_page(
    source: Path, output: Path, title: str, metadata_key: str | None, caiman_file: str | Path | None
) -> None:
    from .page import render

    verification = None if caiman_file is None else _verified(Path(caiman_file), source, metadata_key)
    notes = _file_notes(source if caiman_file is None else Path(caiman_file))
    with ReportData.open(source, metadata_key) as data:
        page = render(data, title, notes=notes, verification=verification)
    output.write_text(page, encoding="utf-8")


def _verified(caiman_file: Path, source: Path, metadata_key: str | None) -> VerificationReport:
    from caiman_interface.verification.verify import verify

    if not is_nwb(source):
        raise ValueError(f"'{source}' is not an NWB file, so it cannot be compared with '{caiman_file}'.")
    return verify(caiman_file, source, metadata_key=metadata_key)


def _file_notes(path: Path) -> tuple[str, ...]:
    """Return the notes of `caiman-interface inspect` on a CaImAn file."""
    from caiman_interface.caiman_file.summary import describe_file

    if is_nwb(path):
        return ()
    with CaimanResults.open(path) as results:
        return tuple(note.message for note in describe_file(results).notes)
