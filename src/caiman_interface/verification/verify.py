"""Compare an NWB file with the CaImAn file from which it was converted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py

from caiman_interface.caiman_file import CaimanResults
from caiman_interface.metadata.vocabulary import COMPONENTS
from caiman_interface.nwb.nwb_results import NwbResults

from .context import Context, Result, not_from_caiman, not_stored
from .fields import ROI_SOURCES
from .given_images import GivenImages
from .inventory import members, reason_not_stored
from .other_objects import (
    expected_images,
    image_results,
    parameter_results,
    plane_results,
    ring_model_results,
    shift_results,
)
from .report import ComparedItem, VerificationReport
from .roi_tables import TableComparison, has_rois

__all__ = ["ComparedItem", "VerificationReport", "verify"]


def verify(
    caiman_file: str | Path,
    nwb_file: str | Path,
    *,
    metadata_key: str | None = None,
    summary_images: Mapping[str, str | Path] | None = None,
) -> VerificationReport:
    """Compare every value of a CaImAn file with an NWB file, both ways.

    All values are compared bit for bit. Traces are read block by block, so that memory use does not grow with them.

    Parameters
    ----------
    caiman_file : str or Path
        The file that CaImAn saved.
    nwb_file : str or Path
        The NWB file that this package wrote from it, HDF5 or Zarr.
    metadata_key : str, optional
        The key under which it was written; required if the NWB file contains several CaImAn analyses.
    summary_images : mapping of str to path, optional
        The images that were given to the conversion, see `CaimanSegmentationInterface`. Without it, those in the NWB
        file are listed as extra.

    Returns
    -------
    VerificationReport
        Its `ok` is true if nothing is different and nothing missing. `str` of it is a text for people.

    Raises
    ------
    FileNotFoundError
        If one of the files does not exist.
    CaimanFileError
        If the first is not what CaImAn writes.
    ValueError
        If the second is not an NWB file, or contains several CaImAn analyses and no `metadata_key` is given.

    Notes
    -----
    What belongs in the NWB file, and with which values, is determined by code that only this comparison uses. It finds
    errors of the conversion: stale fields that it wrote, and fields that it left out although they belong to the ROIs.
    The code that converts CaImAn files only says why a field is left out, and gives single settings.

    The times of the frames are the experimenter's: CaImAn only knows a rate. A series with a rate is compared with it;
    timestamps are listed as extra.

    Examples
    --------
    >>> from caiman_interface import verify
    >>> report = verify("session.hdf5", "session.nwb")  # doctest: +SKIP
    >>> report.ok  # doctest: +SKIP
    True
    """
    with (
        CaimanResults.open(caiman_file) as results,
        NwbResults.open(nwb_file, metadata_key) as written,
        h5py.File(caiman_file, "r") as file,
    ):
        omitted = frozenset(omission.field for omission in results.omissions)
        context = Context.read(file, written.objects, members(file, omitted), omitted)
        given = GivenImages(context, summary_images or {}, in_caiman=expected_images(context))
        found = [*_results(context, results, given)]
        found += _not_stored(context, results, found)
    by_result: dict[str, list[ComparedItem]] = {}
    for result, item in found:
        by_result.setdefault(result, []).append(item)
    return VerificationReport(caiman_file=str(caiman_file), nwb_file=str(nwb_file), **by_result)


def _results(context: Context, results: CaimanResults, given: GivenImages) -> Iterator[Result]:
    """Yield what is found of everything that an NWB file can hold."""
    for source in ROI_SOURCES:
        if source.kind == COMPONENTS or has_rois(context, source):
            yield from TableComparison(context, source).results()
        elif (table := context.objects.table(source.kind)) is not None:
            yield not_from_caiman(f"ImageSegmentation/{table.name}", claimed=True)
    yield from plane_results(context)
    yield from image_results(context, given.names)
    yield from given.results()
    yield from parameter_results(context, _analysis(context, results))
    yield from ring_model_results(context)
    yield from shift_results(context)


def _analysis(context: Context, results: CaimanResults) -> dict[str, Any]:
    return {
        "method": results.method,
        "one_photon": results.is_one_photon,
        "evaluation": context.history.verdict,
        "frame_shape": list(context.frame_shape),
        **results.settings,
    }


def _not_stored(context: Context, results: CaimanResults, found: list[Result]) -> Iterator[Result]:
    """Yield everything of the CaImAn file that has not been compared, with the reason."""
    covered = {path for _, item in found for path in item.caiman}
    omitted = {omission.field: omission.reason for omission in results.omissions}
    for path, member in context.present.items():
        if path not in covered:
            yield not_stored((path,), None, omitted.get(path) or reason_not_stored(member, context.file))
