"""The ROIs of one table in an NWB file, in the form in which `CaimanResults` presents components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hdmf.query import HDMFDataset
from numpy.typing import NDArray
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.caiman_file import Footprints, Trace
from caiman_interface.caiman_file.components import FITS, HAND_PICKED, METRICS, Acceptance, Verdict
from caiman_interface.caiman_file.display import public_names
from caiman_interface.caiman_file.matrices import OddWeights, StoredMatrix
from caiman_interface.caiman_file.named import NamedItems

from .mask_correction import exact_weights
from .residual import ResidualRows
from .vocabulary import MASK_CORRECTION_ENDING, RESIDUAL_CORRECTION

if TYPE_CHECKING:
    from scipy.sparse import csc_array

SPARSE_MASKS = ("pixel_mask", "voxel_mask")
_BLOCK_BYTES = 2**26
# Columns of a trace that are closer than this are read together: they are in the same chunk.
_COLUMN_GAP = 32


class WrittenMasks(StoredMatrix):
    """The masks of a table of ROIs as a (pixels, ROIs) matrix, read when it is used.

    Parameters
    ----------
    table : pynwb.ophys.PlaneSegmentation
        The table.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    """

    is_dense = False
    odd_weights = OddWeights(0, 0)

    def __init__(self, table: PlaneSegmentation, frame_shape: tuple[int, ...]) -> None:
        self.place = table.name
        self.file_path = Path(str(table.container_source))
        self.shape = (int(np.prod(frame_shape)), len(table.id))
        self._table = table
        self._frame_shape = frame_shape

    def read(self) -> csc_array[Any]:
        """Read the masks; the pixels of a ROI are in the order of the file."""
        from scipy.sparse import csc_array

        name = next((name for name in SPARSE_MASKS if name in self._table.colnames), None)
        if name is None and "image_mask" not in self._table.colnames:
            message = f"{self.file_path}: the table '{self._table.name}' has no masks."
            raise ValueError(message)
        parts = _image_parts(self._table["image_mask"].data) if name is None else self._sparse_parts(name)
        return csc_array(parts, shape=self.shape)

    def _sparse_parts(self, name: str) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
        """Return weights, pixels and bounds of a ragged column of (x, y[, z], weight)."""
        index = self._table[name]
        stored = index.target.data
        stored = stored.dataset if isinstance(stored, HDMFDataset) else stored  # hdmf looks for references in each row
        pixels = stored[:]
        rows, columns, *_ = self._frame_shape
        numbers = pixels["y"].astype(np.int64) + rows * pixels["x"].astype(np.int64)
        if "z" in pixels.dtype.names:
            numbers += rows * columns * pixels["z"].astype(np.int64)
        bounds = np.concatenate([[0], np.asarray(index.data[:])]).astype(np.int64)
        weights = np.ascontiguousarray(pixels["weight"])
        correction = name + MASK_CORRECTION_ENDING
        if correction in self._table.colnames:
            weights = exact_weights(weights, np.asarray(self._table[correction].target.data[:]))
        return weights, numbers, bounds


def _image_parts(images: Any) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return weights, pixels and bounds of images of shape (ROIs, x, y[, z])."""
    step = max(1, _BLOCK_BYTES // max(1, int(np.prod(images.shape[1:])) * images.dtype.itemsize))
    parts = []
    for start in range(0, images.shape[0], step):
        block = np.asarray(images[start : start + step])  # (ROIs, x, y[, z])
        block = np.moveaxis(block, -1, 1) if block.ndim > 3 else block  # noqa: PLR2004 (ROIs, x, y)
        # Flattened in C order, (z, x, y) are CaImAn's (row, column, plane) flattened in Fortran order.
        flat = block.reshape(len(block), -1)
        owners, pixels = np.nonzero(flat)
        parts.append((flat[owners, pixels], pixels, np.bincount(owners, minlength=len(block))))
    weights, numbers, counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return weights, numbers.astype(np.int64), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


class SeriesRows:
    """The data of a ``RoiResponseSeries`` as a (ROIs, frames) matrix that is read block by block.

    Parameters
    ----------
    data : h5py.Dataset or zarr.Array
        Shape (frames, ROIs).
    columns : array of int
        The column of each ROI.
    """

    def __init__(self, data: Any, columns: NDArray[np.intp]) -> None:
        self._data = data
        self._columns = columns
        self.shape: tuple[int, int] = (len(columns), int(data.shape[0]))
        self.dtype: np.dtype[Any] = np.dtype(data.dtype)

    def read(self, rows: NDArray[np.intp], start: int, stop: int) -> NDArray[Any]:
        """Read frames `start` to `stop` of some ROIs: shape (len(rows), stop - start)."""
        block = np.empty((len(rows), stop - start), dtype=self.dtype)
        if block.size == 0:
            return block
        wanted = self._columns[rows]
        order = np.argsort(wanted, kind="stable")
        ranked = wanted[order]
        breaks = np.flatnonzero(np.diff(ranked) > _COLUMN_GAP) + 1
        for part in np.split(np.arange(len(ranked)), breaks):
            first, last = int(ranked[part[0]]), int(ranked[part[-1]])
            values = np.asarray(self._data[start:stop, first : last + 1])
            block[order[part]] = values[:, ranked[part] - first].T
        return block


def series_trace(series: RoiResponseSeries) -> Trace | None:
    """Return the data of a series with one column per row of its table; None if it does not cover the table."""
    rows = np.asarray(series.rois.data[:]).astype(np.intp)
    if len(rows) != len(series.rois.table.id) or series.data.ndim != 2 or np.any(np.sort(rows) != np.arange(len(rows))):  # noqa: PLR2004
        return None
    return Trace(SeriesRows(series.data, np.argsort(rows)))


class NwbComponents:
    """The ROIs of one table in an NWB file.

    Parameters
    ----------
    table : pynwb.ophys.PlaneSegmentation
        The table.
    series : mapping
        The series on it by key.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    verdict : {"evaluated", "selected", "not evaluated"}
        What CaImAn's evaluation said.
    is_discarded : bool
        Whether these are the components that ``select_components`` removed.

    Attributes
    ----------
    table : pynwb.ophys.PlaneSegmentation
        The table.
    count : int
        Number of ROIs.
    footprints : Footprints
        Their masks.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    """

    def __init__(
        self,
        table: PlaneSegmentation,
        series: Mapping[str, RoiResponseSeries],
        *,
        frame_shape: tuple[int, ...],
        verdict: Verdict,
        is_discarded: bool = False,
    ) -> None:
        self.table = table
        self.frame_shape = frame_shape
        self.count = len(table.id)
        self.footprints = Footprints(WrittenMasks(table, frame_shape), frame_shape)
        self._series = series
        self._verdict = verdict
        self._is_discarded = is_discarded

    def __repr__(self) -> str:
        return f"{type(self).__name__}(count={self.count}, frame_shape={self.frame_shape})"

    def __dir__(self) -> list[str]:
        return public_names(super().__dir__())

    @cached_property
    def row_ids(self) -> NDArray[np.int64]:
        """CaImAn's index of each ROI."""
        return np.asarray(self.table.id[:], dtype=np.int64)

    @cached_property
    def traces(self) -> NamedItems[Trace]:
        """Lazy (frames, ROIs) arrays: ``raw``, ``dff``, ``denoised``, ``deconvolved``, …."""
        shown = {name: trace for name, trace in self._all_traces.items() if name != RESIDUAL_CORRECTION}
        return NamedItems(shown, kind="traces")

    @cached_property
    def residual(self) -> Trace | None:
        """CaImAn's residual YrA, exact and lazy, of shape (frames, ROIs); None if the file has no correction for it."""
        correction = self._all_traces.get(RESIDUAL_CORRECTION)
        raw, denoised = self.traces.get("raw"), self.traces.get("denoised")
        if raw is None or denoised is None or correction is None:
            return None
        return Trace(ResidualRows(raw, denoised, correction))

    @cached_property
    def _all_traces(self) -> dict[str, Trace]:
        found = {name: series_trace(series) for name, series in self._series.items()}
        return {name: trace for name, trace in found.items() if trace is not None}

    @cached_property
    def metrics(self) -> NamedItems[NDArray[Any]]:
        """The quality metrics in the file: ``snr``, ``r_values``, ``cnn_preds``, ``eccentricity``."""
        return NamedItems(dict(self._columns(METRICS)), kind="metrics")

    @cached_property
    def fits(self) -> NamedItems[NDArray[Any]]:
        """The results of the deconvolution in the file: ``baseline``, ``ar_coefficients``, …."""
        return NamedItems(dict(self._columns(FITS)), kind="fits")

    @cached_property
    def hand_picked(self) -> dict[str, NDArray[np.bool_]]:
        """The manual choices in the file: ``manually_accepted``, ``manually_rejected``."""
        return {name: values.astype(bool) for name, values in self._columns(HAND_PICKED)}

    @cached_property
    def frame_added(self) -> NDArray[Any] | None:
        """For OnACID, the frame at which each component was added."""
        return dict(self._columns(["frame_added"])).get("frame_added")

    @cached_property
    def acceptance(self) -> Acceptance:
        """Which components were accepted, as positions in the table."""
        everything = np.arange(self.count)
        if self._is_discarded:
            return Acceptance("selected", everything[:0], everything)
        flags = dict(self._columns(["is_accepted"])).get("is_accepted")
        if flags is None:
            return Acceptance("not evaluated", everything, everything[:0])
        return Acceptance(self._verdict, np.flatnonzero(flags), np.flatnonzero(~flags.astype(bool)))

    def column(self, name: str) -> NDArray[Any] | None:
        """Return a column of one value or one row of values per ROI; None if there is none."""
        return dict(self._columns([name])).get(name)

    def _columns(self, names: Any) -> Iterator[tuple[str, NDArray[Any]]]:
        for name in names:
            if name in self.table.colnames:
                yield name, np.asarray(self.table[name].data[:])
