"""The comparison of the tables of ROIs and of the traces on them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.nwb.vocabulary import COLUMNS as NWB_COLUMNS
from caiman_interface.nwb.vocabulary import MASK_CORRECTION_ENDING, RESIDUAL_CORRECTION

from .caiman_values import matrix_at, node_at
from .columns import ExpectedColumns
from .comparison import difference, mask_difference, text_difference
from .context import NOT_IN_CAIMAN, Context, Result, compared, different, listed, missing, not_from_caiman, not_stored
from .fields import RoiSource
from .lazy_arrays import Correction, Sum, Transposed
from .traces import ExpectedTraces

_MASKS = ("pixel_mask", "voxel_mask", "image_mask")


class TableComparison:
    """The comparison of one table with its ROIs in the CaImAn file.

    Parameters
    ----------
    context : Context
        Both files.
    source : RoiSource
        Where the ROIs are in the CaImAn file.
    """

    def __init__(self, context: Context, source: RoiSource) -> None:
        self._context = context
        self._source = source
        self._group: h5py.Group = context.file[source.group]
        self._table: PlaneSegmentation | None = context.objects.table(source.kind)
        self._columns = ExpectedColumns(context, source, self._matrix)
        self._traces = ExpectedTraces(context, source, int(self._matrix.shape[1]))

    @cached_property
    def _matrix(self) -> Any:
        return matrix_at(self._group, self._source.footprints)

    def results(self) -> Iterator[Result]:
        """Yield what is found of the table, its columns and its traces."""
        context, source = self._context, self._source
        footprints = context.paths(source.group, [source.footprints])
        count = self._matrix.shape[1]
        if self._table is None:
            place = f"ImageSegmentation/{source.kind.name}{context.objects.ending}"
            yield missing(footprints, place, "the whole table")
            for name in sorted(self._columns.names):
                yield missing(self._columns.paths(name), f"{place}/{name}")
            yield from self._missing_series(self._traces.names)
            return
        place = f"ImageSegmentation/{self._table.name}"
        rows = np.asarray(self._table.id[:]).astype(np.intp)
        strange = np.setdiff1d(rows, np.arange(count))
        if len(strange) or len(np.unique(rows)) < len(rows):
            detail = f"rows {listed(strange)} that CaImAn does not have" if len(strange) else "rows that occur twice"
            yield different(footprints, f"{place}/id", detail)
            return
        absent = np.setdiff1d(np.arange(count), rows)
        if len(absent):
            yield missing(footprints, place, f"{source.what}s {listed(absent)}, with all that belongs to them")
        yield from self._mask_results(self._table, rows)
        yield from self._column_results(self._table, rows)
        yield from self._series_results(rows)

    # Masks and columns

    def _mask_results(self, table: PlaneSegmentation, rows: NDArray[np.intp]) -> Iterator[Result]:
        footprints = self._context.paths(self._source.group, [self._source.footprints])
        name = next((name for name in _MASKS if name in table.colnames), None)
        place = f"ImageSegmentation/{table.name}/{name or 'pixel_mask'}"
        if name is None:
            yield missing(footprints, place)
            return
        matrix, shape = self._matrix[:, rows], self._context.frame_shape
        note = ""
        if len(rows) == 0:
            found = None
        elif name == "image_mask":
            images = table[name].data
            note = "weights as float32" if images.dtype == np.float32 and not _fits_float32(matrix) else ""
            found = difference(_Images(matrix, shape, images.dtype), images, ("ROI", "x", "y", "z"))
        else:
            has_correction = name + MASK_CORRECTION_ENDING in table.colnames
            note = "weights as float32" if not has_correction and not _fits_float32(matrix) else ""
            found = mask_difference(matrix, shape, table[name])
            if has_correction:
                stored = table[name + MASK_CORRECTION_ENDING].target.data
                wrong = difference(_rounding(matrix.data), stored, ("pixel",))
                yield compared(footprints, place + MASK_CORRECTION_ENDING, wrong)
        yield compared(footprints, place, found, note=note)
        for path in footprints:
            zeros = self._context.present[path].entries - self._matrix.nnz
            if zeros > 0:
                yield not_stored((path,), place, f"{zeros} pixels of weight 0")

    def _column_results(self, table: PlaneSegmentation, rows: NDArray[np.intp]) -> Iterator[Result]:
        place = f"ImageSegmentation/{table.name}"
        names = [f"{self._source.kind.prefix}{row}" for row in rows]
        if "roi_name" in table.colnames:
            found = text_difference(names, [str(name) for name in table["roi_name"][:]], "row")
            yield compared((), f"{place}/roi_name", found)
        else:
            yield missing((), f"{place}/roi_name")
        for name in table.colnames:
            if name in {"roi_name", *_MASKS} or name.endswith(MASK_CORRECTION_ENDING):
                continue
            if not self._columns.is_known(name):
                yield not_from_caiman(f"{place}/{name}", claimed=False)
                continue
            values, reason = self._columns.values(name)
            paths = self._columns.paths(name)
            if values is None:
                detail = f"{NOT_IN_CAIMAN}: {reason}" if reason else NOT_IN_CAIMAN
                yield different(paths if reason else (), f"{place}/{name}", detail)
            elif len(rows):
                stored = np.asarray(table[name].data[:])
                yield compared(paths, f"{place}/{name}", difference(values[rows], stored, ("row", "value")))
            else:
                yield compared(paths, f"{place}/{name}", None)
        for name in sorted(self._columns.names - set(table.colnames), key=list(NWB_COLUMNS).index):
            yield missing(self._columns.paths(name), f"{place}/{name}")

    # Traces

    def _missing_series(self, names: set[str]) -> Iterator[Result]:
        for name in sorted(names):
            yield missing(self._trace_paths(name), f"Fluorescence/{self._context.series_name(self._source, name)}")

    def _series_results(self, rows: NDArray[np.intp]) -> Iterator[Result]:
        series = self._context.objects.series(self._source.kind)
        correction = series.pop(RESIDUAL_CORRECTION, None)
        yield from self._missing_series(self._traces.names - set(series))
        for name, one in series.items():
            yield from self._one_series(name, one, rows)
            yield from self._timing_results(one)
        if correction is not None:
            yield from self._residual_results(correction, rows)
        elif "raw" in series:
            detail = f"only as {series['raw'].name} less the denoised trace, which rounds it"
            yield not_stored(self._trace_paths("raw")[1:], f"Fluorescence/{series['raw'].name}", detail)
        known = [*series.values(), correction]
        for other in self._context.objects.all_series(self._source.kind):
            if all(other is not one for one in known):
                yield not_from_caiman(f"Fluorescence/{other.name}", claimed=False)

    def _trace_paths(self, name: str) -> tuple[str, ...]:
        return self._context.paths(self._source.group, self._traces.fields(name))

    def _one_series(self, name: str, series: RoiResponseSeries, rows: NDArray[np.intp]) -> Iterator[Result]:
        place, paths = f"Fluorescence/{series.name}", self._trace_paths(name)
        shown = rows[np.asarray(series.rois.data[:]).astype(np.intp)]
        absent = np.setdiff1d(rows, shown)
        if len(absent):
            yield missing(paths, place, f"ROIs {listed(absent)}")
        frames, total = int(series.data.shape[0]), self._context.num_frames or 0
        if frames < total:
            yield missing(paths, place, f"frames {frames} to {total - 1}")
        parts = [self._traces.values(field, shown, min(frames, total)) for field in self._traces.fields(name)]
        reasons = [part for part in parts if isinstance(part, str)]
        if reasons:
            detail = f"{NOT_IN_CAIMAN}: {reasons[0]}" if reasons[0] else NOT_IN_CAIMAN
            yield different(paths if reasons[0] else (), place, detail)
            return
        traces = [part for part in parts if isinstance(part, Transposed)]
        expected: Any = Sum(*traces) if len(traces) > 1 else traces[0]
        yield compared(paths, place, difference(expected, series.data, ("frame", "ROI")))

    def _residual_results(self, correction: RoiResponseSeries, rows: NDArray[np.intp]) -> Iterator[Result]:
        """Compare the residual that the raw trace, the denoised one and the correction give."""
        place, name = f"Fluorescence/{correction.name}", self._traces.residual
        paths = self._context.paths(self._source.group, [name])
        frames = min(int(correction.data.shape[0]), self._context.num_frames or 0)
        one, other = (self._traces.values(field, rows, frames) for field in ("C", name))
        if isinstance(one, str) or isinstance(other, str):
            yield different((), place, NOT_IN_CAIMAN)
            return
        exact = Correction(one, other)
        yield compared(paths, place, difference(exact, correction.data, ("frame", "ROI")))

    def _timing_results(self, series: RoiResponseSeries) -> Iterator[Result]:
        rate, place = self._context.rate, f"Fluorescence/{series.name}"
        if series.rate is None:
            times, frames = len(series.timestamps), series.data.shape[0]
            if times != frames:
                yield different((), f"{place}/timestamps", f"{times} times for {frames} frames")
            else:
                yield not_from_caiman(f"{place}/timestamps", claimed=False)
        elif rate is None or self._context.is_rate_given:
            yield not_from_caiman(f"{place}/rate", claimed=False)
        else:
            found = None if rate == series.rate else f"{rate} from CaImAn, {series.rate} in the NWB file"
            yield compared(self._context.paths("params/data", ["fr"]), f"{place}/rate", found)


class _Images:
    """Footprints as lazy images of shape (ROIs, x, y[, z])."""

    def __init__(self, matrix: Any, frame_shape: tuple[int, ...], dtype: Any) -> None:
        rows, columns, *planes = frame_shape
        self._matrix, self._frame_shape = matrix, frame_shape
        self.shape = (matrix.shape[1], columns, rows, *planes)
        self.dtype = np.dtype(dtype) if np.dtype(dtype) == np.float32 else np.dtype(np.float64)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        rois, *within = block
        dense = self._matrix[:, rois].toarray()
        images = np.moveaxis(dense.reshape((*self._frame_shape, dense.shape[1]), order="F"), -1, 0)
        with np.errstate(over="ignore"):
            return np.asarray(np.swapaxes(images, 1, 2)[:, within[0], within[1]].astype(self.dtype))


def _rounding(weights: NDArray[Any]) -> NDArray[Any]:
    """Return what rounding to float32 takes from weights.

    In units in the last place of float64 if these fit into int32; otherwise the difference, and where rounding gives
    infinity, the weights.
    """
    exact = weights.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = exact.astype(np.float32).astype(np.float64)
        units = exact.view(np.int64) - rounded.view(np.int64)
        if np.array_equal(units, units.astype(np.int32)):
            return units.astype(np.int32)
        return np.where(np.isfinite(rounded), exact - rounded, exact)


def _fits_float32(matrix: Any) -> bool:
    return bool(np.can_cast(matrix.dtype, np.float32))


def has_rois(context: Context, source: RoiSource) -> bool:
    """Return whether a CaImAn file has ROIs of a kind that belong to the frame."""
    group = node_at(context.file, source.group)
    matrix = matrix_at(group, source.footprints) if isinstance(group, h5py.Group) else None
    return matrix is not None and matrix.shape[1] > 0 and matrix.shape[0] == int(np.prod(context.frame_shape))
