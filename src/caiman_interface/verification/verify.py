"""Proof that an NWB file holds what a CaImAn file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.caiman_file import CaimanResults, Components, Footprints, Trace
from caiman_interface.caiman_file.components import DFF_TRACES, FITS, HAND_PICKED, METRICS, STORED_TRACES
from caiman_interface.metadata.from_results import metadata_of
from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS, DISCARDED, IMAGES, TRACES, RoiTable
from caiman_interface.nwb.analysis_objects import AnalysisObjects
from caiman_interface.nwb.images import plane_images
from caiman_interface.nwb.masks import ImageMasks
from caiman_interface.nwb.nwb_results import NwbResults
from caiman_interface.nwb.parameters import parameter_rows, parameters_name, read_rows
from caiman_interface.nwb.ring_model import ring_model_columns, ring_model_name
from caiman_interface.nwb.segmentation import Column, component_columns, computed_columns
from caiman_interface.nwb.shifts import shifts_name
from caiman_interface.nwb.vocabulary import COLUMNS, MASK_CORRECTION_ENDING, RESIDUAL_CORRECTION

from .comparison import difference, mask_difference, text_difference
from .inventory import Member, members, reason_not_stored
from .report import Finding, Outcome, VerificationReport

__all__ = ["Finding", "VerificationReport", "verify"]

_ESTIMATES = "estimates"
_DISCARDED = "estimates/discarded_components"
_MASKS = ("pixel_mask", "voxel_mask", "image_mask")
_NOT_IN_CAIMAN = "the CaImAn file has no such values"

# What each object of the NWB file holds, by CaImAn's names in ``estimates``.
_TRACE_MEMBERS = {name: (stored,) for name, stored in {**STORED_TRACES, **DFF_TRACES, "background": "f"}.items()}
_IMAGE_MEMBERS = {"correlation": "Cn", "mean": "b", "noise": "sn", "baseline": "b0"}
_COLUMN_MEMBERS = {
    **{name: (stored,) for name, stored in {**METRICS, **FITS, **HAND_PICKED}.items()},
    "is_accepted": ("idx_components", "idx_components_bad"),
    "ROICentroids": ("A",),
}

_OF_THE_CONVERSION = {
    ("analysis", name)
    for name in ("package_version", "metadata_key", "objects", "rate_source", "left_out", "stored_as")
}

_Result = tuple[Outcome, Finding]


def verify(caiman_file: str | Path, nwb_file: str | Path, *, metadata_key: str | None = None) -> VerificationReport:
    """Compare every value of a CaImAn file with an NWB file, both ways.

    Integers, text and traces are compared exactly, all other numbers bit for bit too; weights of masks at the
    rounding to float32 that NWB demands. Traces are read block by block, so that memory stays flat.

    Parameters
    ----------
    caiman_file : str or Path
        The file that CaImAn saved.
    nwb_file : str or Path
        The NWB file that this package wrote from it, HDF5 or Zarr.
    metadata_key : str, optional
        The key under which it was written; needed where the NWB file holds several CaImAn analyses.

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
        If the second is no NWB file, or holds several CaImAn analyses and no `metadata_key` is given.

    Notes
    -----
    The times of the frames are the experimenter's: CaImAn knows a rate alone. A series with a rate is compared with
    it; timestamps are listed as extra.

    Examples
    --------
    >>> from caiman_interface import verify
    >>> report = verify("session.hdf5", "session.nwb")  # doctest: +SKIP
    >>> report.ok  # doctest: +SKIP
    True
    """
    with CaimanResults.open(caiman_file) as results, NwbResults.open(nwb_file, metadata_key) as written:
        present = members(caiman_file)
        found = list(_Verification(results, written.objects, present).results())
    covered = {path for _, finding in found for path in finding.caiman}
    found += [
        ("not_stored", Finding(caiman=(path,), nwb=None, detail=reason_not_stored(member, caiman_file)))
        for path, member in present.items()
        if path not in covered
    ]
    by_outcome: dict[str, list[Finding]] = {}
    for outcome, finding in found:
        by_outcome.setdefault(outcome, []).append(finding)
    return VerificationReport(caiman_file=str(caiman_file), nwb_file=str(nwb_file), **by_outcome)


class _Rois(NamedTuple):
    """Some of CaImAn's components, and where they are to be found in the NWB file.

    Attributes
    ----------
    what, folder, footprints_member : str
        What one is called, the group in the CaImAn file, and the name of the footprints there.
    table_key, traces_key : str
        Keys in the metadata.
    name_start : str
        What stands before the number in ``roi_name``.
    columns : callable
        Returns the columns of the components at some positions.
    """

    kind: RoiTable
    what: str
    folder: str
    footprints_member: str
    table_key: str
    traces_key: str
    name_start: str
    footprints: Footprints
    traces: Mapping[str, Trace]
    columns: Callable[[NDArray[np.intp]], Mapping[str, Column]]


class _Verification:
    """The comparison of one analysis with its objects in an NWB file."""

    def __init__(self, results: CaimanResults, written: AnalysisObjects, present: Mapping[str, Member]) -> None:
        self._results = results
        self._written = written
        self._present = present
        self._metadata = metadata_of(results, written.key)

    def results(self) -> Iterator[_Result]:
        """Yield what is found of everything that an NWB file can hold."""
        for rois in self._rois():
            yield from self._table_results(rois)
        yield from self._image_results()
        yield from self._parameter_results()
        yield from self._ring_model_results()
        yield from self._shift_results()

    def _members(self, folder: str, names: Sequence[str]) -> tuple[str, ...]:
        """Return the paths of those that stand in the CaImAn file."""
        paths = (f"{folder}/{name}".strip("/") for name in names)
        return tuple(path for path in paths if path in self._present)

    # Tables of ROIs and their traces

    def _rois(self) -> Iterator[_Rois]:
        results, key = self._results, self._written.key
        components, discarded, background = results.components, results.discarded, results.background_footprints
        yield _Rois(
            *(COMPONENTS, "component", _ESTIMATES, "A", key, key, ""),
            components.footprints,
            {**components.traces, **components.dff_deconvolution},
            lambda rows: component_columns(results, rows),
        )
        if background is not None:
            trace = results.background_trace
            yield _Rois(
                *(BACKGROUND, "background component", _ESTIMATES, "b", key + BACKGROUND.key_ending, key, "background"),
                background,
                {} if trace is None else {"background": trace},
                lambda _: {},
            )
        if discarded is not None:
            aside: Components = discarded
            discarded_key = key + DISCARDED.key_ending
            yield _Rois(
                *(DISCARDED, "discarded component", _DISCARDED, "A", discarded_key, discarded_key, "discarded"),
                aside.footprints,
                aside.traces,
                lambda rows: computed_columns(aside, rows),
            )

    def _table_results(self, rois: _Rois) -> Iterator[_Result]:
        entry = self._metadata["PlaneSegmentations"][rois.table_key]
        table = self._written.table(rois.kind)
        footprints = self._members(rois.folder, [rois.footprints_member])
        if table is None:
            everything = np.arange(len(rois.footprints))
            place = f"ImageSegmentation/{entry['name']}"
            yield _missing(footprints, place, "the whole table")
            for name in rois.columns(everything):
                yield _missing(self._column_members(rois, name), f"{place}/{name}")
            yield from self._series_results(rois, None, everything)
            return
        place = f"ImageSegmentation/{table.name}"
        rows = np.asarray(table.id[:]).astype(np.intp)
        strange = np.setdiff1d(rows, np.arange(len(rois.footprints)))
        if len(strange) or len(np.unique(rows)) < len(rows):
            detail = f"rows {_numbers(strange)} that CaImAn does not have" if len(strange) else "rows that occur twice"
            yield "different", Finding(caiman=footprints, nwb=f"{place}/id", detail=detail)
            return
        absent = np.setdiff1d(np.arange(len(rois.footprints)), rows)
        if len(absent):
            yield _missing(footprints, place, f"{rois.what}s {_numbers(absent)}, with all that belongs to them")
        yield from self._mask_results(rois, table, rows)
        yield from self._column_results(rois, table, rows)
        yield from self._series_results(rois, table, rows)
        if rois.table_key == self._written.key:
            yield from self._plane_results(table)

    def _mask_results(self, rois: _Rois, table: PlaneSegmentation, rows: NDArray[np.intp]) -> Iterator[_Result]:
        footprints = self._members(rois.folder, [rois.footprints_member])
        column = next((name for name in _MASKS if name in table.colnames), None)
        place = f"ImageSegmentation/{table.name}/{column or 'pixel_mask'}"
        if column is None:
            yield _missing(footprints, place)
            return
        selected = rois.footprints.select(rows)
        if len(rows) == 0:
            found = None
        elif column == "image_mask":
            found = difference(ImageMasks(selected), table[column].data, ("ROI", "x", "y", "z"))
        else:
            found = mask_difference(selected, table[column])
        yield _compared(footprints, place, found, note="weights as float32")
        for path in footprints:
            zeros = self._present[path].entries - rois.footprints.matrix.nnz
            if zeros > 0 and selected is not None:
                yield "not_stored", Finding(caiman=(path,), nwb=place, detail=f"{zeros} pixels of weight 0")

    def _column_results(self, rois: _Rois, table: PlaneSegmentation, rows: NDArray[np.intp]) -> Iterator[_Result]:
        place = f"ImageSegmentation/{table.name}"
        names = [f"{rois.name_start}{row}" for row in rows]
        if "roi_name" in table.colnames:
            found = text_difference(names, [str(name) for name in table["roi_name"][:]], "row")
            yield _compared((), f"{place}/roi_name", found)
        else:
            yield _missing((), f"{place}/roi_name")
        columns = rois.columns(rows)
        for name, column in columns.items():
            caiman = self._column_members(rois, name)
            if name not in table.colnames:
                yield _missing(caiman, f"{place}/{name}")
            elif len(rows):
                found = difference(column.values, np.asarray(table[name].data[:]), ("row", "value"))
                yield _compared(caiman, f"{place}/{name}", found)
        for name in table.colnames:
            if name not in {"roi_name", *_MASKS, *columns} and not name.endswith(MASK_CORRECTION_ENDING):
                yield _not_from_caiman(f"{place}/{name}", claimed=name in COLUMNS)

    def _column_members(self, rois: _Rois, name: str) -> tuple[str, ...]:
        if name == "frame_added":
            return self._members("", ["time_neuron_added"])
        return self._members(rois.folder, _COLUMN_MEMBERS[name])

    def _series_results(
        self, rois: _Rois, table: PlaneSegmentation | None, rows: NDArray[np.intp]
    ) -> Iterator[_Result]:
        entries = self._metadata["RoiResponses"].get(rois.traces_key, {})
        on_table = [] if table is None else self._written.all_series(rois.kind)
        found_series = {} if table is None else self._written.series(rois.kind)
        matched = []
        for name, trace in rois.traces.items():
            if not trace.size:
                continue
            caiman = self._trace_members(rois, name)
            series = found_series.get(name)
            if series is None:
                yield _missing(caiman, f"Fluorescence/{entries[name]['name']}")
                continue
            matched.append(series)
            yield from self._one_series(caiman, trace, series, rows)
            if name == "raw":
                detail = f"no series of its own: {series.name} less the denoised trace, but for rounding"
                yield "not_stored", Finding(caiman=caiman[1:], nwb=f"Fluorescence/{series.name}", detail=detail)
        yield from self._timing_results(matched)
        for series in on_table:
            known = [*matched, found_series.get(RESIDUAL_CORRECTION)]
            if all(series is not other for other in known):
                claimed = any(series.name.startswith(text.name) for text in TRACES.values())
                yield _not_from_caiman(f"Fluorescence/{series.name}", claimed=claimed)

    def _trace_members(self, rois: _Rois, name: str) -> tuple[str, ...]:
        if name != "raw":
            return self._members(rois.folder, _TRACE_MEMBERS[name])
        residual = self._members(rois.folder, ["YrA"]) or self._members(rois.folder, ["R"])
        return (*self._members(rois.folder, ["C"]), *residual)

    def _one_series(
        self, caiman: tuple[str, ...], trace: Trace, series: RoiResponseSeries, rows: NDArray[np.intp]
    ) -> Iterator[_Result]:
        place = f"Fluorescence/{series.name}"
        shown_rois = rows[np.asarray(series.rois.data[:]).astype(np.intp)]
        absent = np.setdiff1d(rows, shown_rois)
        if len(absent):
            yield _missing(caiman, place, f"ROIs {_numbers(absent)}")
        frames = series.data.shape[0]
        if frames < trace.shape[0]:
            yield _missing(caiman, place, f"frames {frames} to {trace.shape[0] - 1}")
        expected = trace.select(frames=slice(0, frames), rois=shown_rois)
        yield _compared(caiman, place, difference(expected, series.data, ("frame", "ROI")))

    def _timing_results(self, matched: Sequence[RoiResponseSeries]) -> Iterator[_Result]:
        rate = self._results.sampling_frequency
        caiman = self._members("params/data", ["fr"])
        for series in matched:
            place = f"Fluorescence/{series.name}"
            if series.rate is None:
                times, frames = len(series.timestamps), series.data.shape[0]
                if times != frames:
                    detail = f"{times} times for {frames} frames"
                    yield "different", Finding(caiman=(), nwb=f"{place}/timestamps", detail=detail)
                else:
                    yield _not_from_caiman(f"{place}/timestamps", claimed=False)
            elif rate is None:
                yield _not_from_caiman(f"{place}/rate", claimed=False)
            else:
                yield _compared(caiman, f"{place}/rate", _number_difference(rate, series.rate))

    def _plane_results(self, table: PlaneSegmentation) -> Iterator[_Result]:
        plane = table.imaging_plane
        expected = self._metadata["ImagingPlanes"][self._written.key]
        units = expected.get("grid_spacing_unit"), plane.grid_spacing_unit
        for field, stored in (("imaging_rate", "fr"), ("grid_spacing", "dxy")):
            if field not in expected:
                continue
            caiman, place = self._members("params/data", [stored]), f"{plane.name}/{field}"
            found = getattr(plane, field)
            if found is None:
                yield _missing(caiman, place)
            elif field == "grid_spacing" and units[0] != units[1]:
                detail = f"in {units[0]} from CaImAn, in {units[1]} in the NWB file"
                yield "different", Finding(caiman=caiman, nwb=place, detail=detail)
            else:
                yield _compared(caiman, place, _number_difference(expected[field], np.asarray(found)[()]))

    # Images, parameters and the rest

    def _image_results(self) -> Iterator[_Result]:
        entries = self._metadata.get("SegmentationImages", {}).get(self._written.key, {})
        stored = self._written.all_images()
        matched = []
        for name, pixels in self._results.images.items():
            caiman = self._members(_ESTIMATES, [_IMAGE_MEMBERS[name]])
            written = {image.name: image for image in self._written.images.get(name, [])}
            planes = plane_images(pixels, **entries[name])
            in_order = list(written.values()) if len(written) == len(planes) else [None] * len(planes)
            for image, at_place in zip(planes, in_order, strict=True):
                found = written.get(image.name, at_place)
                place = f"SegmentationImages/{image.name}"
                if found is None:
                    yield _missing(caiman, place)
                    continue
                matched.append(found)
                place = f"SegmentationImages/{found.name}"
                yield _compared(caiman, place, difference(image.pixels, found.data, ("x", "y")))
        ending = self._written.ending
        for image in stored:
            if all(image is not other for other in matched):
                claimed = any(image.name == text.name + ending for text in IMAGES.values())
                if claimed or self._written.is_only:
                    yield _not_from_caiman(f"SegmentationImages/{image.name}", claimed=claimed)

    def _parameter_results(self) -> Iterator[_Result]:
        rows = {(row.group, row.parameter): row for row in parameter_rows(self._results)}
        caiman = {key: self._parameter_members(*key) for key in rows}
        place = parameters_name(self._written.ending).name
        table = self._written.parameters_table
        if table is None:
            yield _missing(sum(caiman.values(), ()), place, "the whole table")
            return
        stored = read_rows(table)
        equal = [key for key, row in rows.items() if stored.get(key) == row.value]
        yield (
            "equal",
            Finding(caiman=sum((caiman[key] for key in equal), ()), nwb=place, detail=f"{len(equal)} parameters"),
        )
        for key, row in rows.items():
            row_place = f"{place}/{'/'.join(key)}"
            if key not in stored:
                yield _missing(caiman[key], row_place)
            elif stored[key] != row.value:
                detail = f"{row.value} in CaImAn, {stored[key]} in the NWB file"
                yield "different", Finding(caiman=caiman[key], nwb=row_place, detail=detail)
            if row.shortened:
                detail = "the folders: they often bear the name of a person"
                yield "not_stored", Finding(caiman=caiman[key], nwb=row_place, detail=detail)
        for key in stored:
            if key not in rows and key not in _OF_THE_CONVERSION:
                yield _not_from_caiman(f"{place}/{'/'.join(key)}", claimed=True)

    def _parameter_members(self, group: str, name: str) -> tuple[str, ...]:
        if group != "analysis":
            return self._members(f"params/{group}", [name])
        if name == "frame_shape":
            return self._members("", ["dims", f"{_ESTIMATES}/dims", f"{_DISCARDED}/dims"])
        return self._members("", [name])

    def _ring_model_results(self) -> Iterator[_Result]:
        matrix = self._results.ring_model
        place = ring_model_name(self._written.ending).name
        table = self._written.ring_model
        caiman = self._members(_ESTIMATES, ["W"])
        if matrix is None and table is not None:
            yield _not_from_caiman(place, claimed=True)
        if matrix is None:
            return
        if table is None:
            detail = "a part of the model of the background; it is stored with include_ring_model"
            yield "not_stored", Finding(caiman=caiman, nwb=None, detail=detail)
            return
        for name, column in ring_model_columns(matrix).items():
            if name not in table.colnames:
                yield _missing(caiman, f"{place}/{name}")
                continue
            found = difference(column.values, table[name].data, ("row",))
            yield _compared(caiman, f"{place}/{name}", found)

    def _shift_results(self) -> Iterator[_Result]:
        shifts = self._results.shifts
        place = shifts_name(self._written.ending).name
        series = self._written.shifts
        if shifts is None or len(shifts) != self._results.num_frames:
            if series is not None:
                yield _not_from_caiman(place, claimed=True)
            return
        caiman = self._members(_ESTIMATES, ["shifts"])
        if series is None:
            yield _missing(caiman, place)
            return
        frames = series.data.shape[0]
        if frames < len(shifts):
            yield _missing(caiman, place, f"frames {frames} to {len(shifts) - 1}")
        yield _compared(caiman, place, difference(shifts[:frames], series.data, ("frame", "axis")))


def _compared(caiman: tuple[str, ...], nwb: str, found: str | None, *, note: str = "") -> _Result:
    return (
        ("equal", Finding(caiman=caiman, nwb=nwb, detail=note))
        if found is None
        else (
            "different",
            Finding(caiman=caiman, nwb=nwb, detail=found),
        )
    )


def _missing(caiman: tuple[str, ...], nwb: str, detail: str = "") -> _Result:
    return "missing", Finding(caiman=caiman, nwb=nwb, detail=detail)


def _not_from_caiman(nwb: str, *, claimed: bool) -> _Result:
    """Describe what is in the NWB file alone; what bears the name of a value of CaImAn's claims to be one."""
    return "different" if claimed else "extra", Finding(caiman=(), nwb=nwb, detail=_NOT_IN_CAIMAN if claimed else "")


def _number_difference(expected: Any, found: Any) -> str | None:
    """Compare numbers of any type by their values."""
    equal = np.array_equal(np.asarray(expected, dtype=np.float64), np.asarray(found, dtype=np.float64))
    return None if equal else f"{expected} from CaImAn, {np.asarray(found).tolist()} in the NWB file"


def _numbers(values: NDArray[Any], most: int = 8) -> str:
    listed = ", ".join(str(value) for value in values[:most])
    return listed if len(values) <= most else f"{listed}, … ({len(values)} in all)"
