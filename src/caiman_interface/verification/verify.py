"""Compare an NWB file with the CaImAn file from which it was converted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py

from caiman_interface.caiman_file import CaimanResults
from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS, DISCARDED, RoiTable
from caiman_interface.nwb.nwb_results import NwbResults

from .context import Context, Result, not_from_caiman, not_stored
from .fields import ROI_SOURCES
from .given_images import GivenImages
from .inventory import members, reason_not_stored
from .other_objects import image_results, parameter_results, plane_results, ring_model_results, shift_results
from .report import ComparedItem, VerificationReport
from .roi_tables import TableComparison

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
    The CaImAn file is read twice: once by the code that converts it, which says what belongs in the NWB file, and once
    by code that only this comparison uses, which says what the values are and whether they belong to the ROIs. An error
    of the conversion is therefore found.

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
        context = Context(
            file,
            written.objects,
            members(file, omitted),
            frame_shape=tuple(results.frame_shape),
            num_frames=results.num_frames,
            omitted=omitted,
        )
        given = GivenImages(context, summary_images or {}, in_caiman=set(results.images))
        found = [*_results(context, results, given)]
        found += _not_stored(context, results, found)
    by_result: dict[str, list[ComparedItem]] = {}
    for result, item in found:
        by_result.setdefault(result, []).append(item)
    return VerificationReport(caiman_file=str(caiman_file), nwb_file=str(nwb_file), **by_result)


def _results(context: Context, results: CaimanResults, given: GivenImages) -> Iterator[Result]:
    """Yield what is found of everything that an NWB file can hold."""
    for source in ROI_SOURCES:
        traces, columns = _expected_rois(results, source.kind)
        if traces is not None:
            yield from TableComparison(context, source, traces, columns).results()
        elif (table := context.objects.table(source.kind)) is not None:
            yield not_from_caiman(f"ImageSegmentation/{table.name}", claimed=True)
    yield from plane_results(context)
    yield from image_results(context, set(results.images), given.names)
    yield from given.results()
    yield from parameter_results(context, _analysis(results))
    yield from ring_model_results(context)
    shifts = results.shifts
    yield from shift_results(context, is_expected=shifts is not None and len(shifts) == results.num_frames)


def _expected_rois(results: CaimanResults, kind: RoiTable) -> tuple[set[str] | None, set[str]]:
    """Return the names of the traces and columns that the conversion writes; None if there are no such ROIs."""
    if kind == BACKGROUND:
        trace = results.background_trace
        if results.background_footprints is None:
            return None, set()
        return ({"background"} if trace is not None and trace.size else set()), set()
    components = results.components if kind == COMPONENTS else results.discarded
    if components is None:
        return None, set()
    traces = {name for name, trace in components.traces.items() if trace.size}
    columns = {*components.metrics, *components.fits, "ROICentroids"}
    if kind == DISCARDED:
        return traces, columns
    traces |= {name for name, trace in components.dff_deconvolution.items() if trace.size}
    columns |= set(components.hand_picked)
    columns |= {"is_accepted"} if components.acceptance.is_evaluated else set()
    columns |= {"frame_added"} if results.frame_added is not None else set()
    return traces, columns


def _analysis(results: CaimanResults) -> dict[str, Any]:
    return {
        "method": results.method,
        "one_photon": results.is_one_photon,
        "evaluation": results.components.acceptance.verdict,
        "frame_shape": list(results.frame_shape),
        **results.settings,
    }


def _not_stored(context: Context, results: CaimanResults, found: list[Result]) -> Iterator[Result]:
    """Yield everything of the CaImAn file that has not been compared, with the reason."""
    covered = {path for _, item in found for path in item.caiman}
    omitted = {omission.field: omission.reason for omission in results.omissions}
    for path, member in context.present.items():
        if path not in covered:
            yield not_stored((path,), None, omitted.get(path) or reason_not_stored(member, context.file))
