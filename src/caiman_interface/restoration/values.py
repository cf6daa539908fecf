"""The values of CaImAn's fields, from the objects of an NWB file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import Trace
from caiman_interface.caiman_file.components import DFF_TRACES, FITS, HAND_PICKED, METRICS, STORED_TRACES
from caiman_interface.caiman_file.images import IMAGE_FIELDS
from caiman_interface.caiman_file.online import shrink_factor_of
from caiman_interface.caiman_file.storage import number_text
from caiman_interface.nwb.nwb_components import NwbComponents
from caiman_interface.nwb.nwb_results import NwbResults

from .dialect import Block, SparseParts

if TYPE_CHECKING:
    from scipy.sparse import csc_array

_TRACE_KEYS = {stored: key for key, stored in {**STORED_TRACES, **DFF_TRACES}.items()}
_COLUMN_KEYS = {stored: key for key, stored in {**METRICS, **FITS}.items()}
_PICKED_KEYS = {stored: key for key, stored in HAND_PICKED.items()}
_LISTS = {"idx_components", "idx_components_bad", *_PICKED_KEYS}
_BLOCK_BYTES = 2**24

_SINGLE_PRECISION = "the NWB file has it in {found}, CaImAn had {wanted}"
_ROUNDED_RESIDUAL = "computed as raw trace minus C, which may differ in the last place"


@dataclass(frozen=True)
class Found:
    """Values of a field.

    Attributes
    ----------
    values : array, SparseParts or iterator of Block
        The values; traces come block by block.
    shape : tuple of int
        Their shape.
    note : str or None
        Why they are not exactly those of CaImAn; None if they are.
    """

    values: NDArray[Any] | SparseParts | Iterator[Block]
    shape: tuple[int, ...]
    note: str | None = None


class RoiValues:
    """The fields of the components of one table.

    Parameters
    ----------
    components : NwbComponents
        The components.
    full_count : int
        How many components CaImAn's file had.
    chunk_frames : callable
        Number of frames in a chunk of a trace, by the key of the trace.
    """

    def __init__(self, components: NwbComponents, full_count: int, chunk_frames: Callable[[str], int]) -> None:
        self._components = components
        self._chunk_frames = chunk_frames
        self.count = components.count
        self.is_complete = np.array_equal(components.row_ids, np.arange(full_count))

    def find(self, name: str, entry: Any) -> Found | None:
        """Return the values of a field of ``estimates``; None if the NWB file does not have them.

        Parameters
        ----------
        name : str
            CaImAn's name of the field.
        entry : list
            How CaImAn's file stored it, see `describe_storage`.
        """
        if name == "A":
            return matrix_value(self._components.footprints.matrix, entry, with_zeros=self.is_complete)
        if name in {"YrA", "R"}:
            return self._residual(entry)
        if name in _TRACE_KEYS:
            return self._trace(_TRACE_KEYS[name], entry)
        if name in _COLUMN_KEYS:
            return self._column(_COLUMN_KEYS[name], entry)
        return self._list(name, entry) if name in _LISTS else None

    def time_neuron_added(self) -> Found | None:
        """Return OnACID's table of component and frame at which it was added."""
        frames = self._components.frame_added
        if frames is None:
            return None
        table = np.stack([np.arange(self.count), frames], axis=1)
        return Found(table, table.shape)

    def _trace(self, key: str, entry: Any) -> Found | None:
        trace = self._components.traces.get(key)
        if trace is None:
            return None
        blocks = _frames(lambda part: trace[part], trace, self._chunk_frames(key))
        return Found(blocks, (trace.shape[1], trace.shape[0]), _precision_note(trace.dtype, entry[0]))

    def _residual(self, entry: Any) -> Found | None:
        """Return YrA: exact if the NWB file has a correction for it, see `nwb.residual`."""
        exact, traces = self._components.residual, self._components.traces
        if exact is not None:
            blocks = _frames(lambda part: exact[part], exact, self._chunk_frames("raw"))
            return Found(blocks, (exact.shape[1], exact.shape[0]), _precision_note(exact.dtype, entry[0]))
        raw, denoised = traces.get("raw"), traces.get("denoised")
        if raw is None or denoised is None:
            return None

        def difference(part: slice) -> NDArray[Any]:
            with np.errstate(invalid="ignore"):
                return np.asarray(raw[part] - denoised[part])

        blocks = _frames(difference, raw, self._chunk_frames("raw"))
        return Found(blocks, (raw.shape[1], raw.shape[0]), _ROUNDED_RESIDUAL)

    def _column(self, key: str, entry: Any) -> Found | None:
        values = self._components.column(key)
        dtype, shape, *texts = entry
        if texts and self.is_complete:
            return Found(np.array(texts[0]), (self.count,))
        if values is None:
            return None
        if dtype.startswith("S"):
            return Found(np.array([number_text(value) for value in values]), (self.count,))
        values = values.reshape(self.count, *shape[1:]) if len(shape) > 1 else values.reshape(self.count)
        return Found(values, values.shape, _precision_note(values.dtype, dtype))

    def _list(self, name: str, entry: Any) -> Found | None:
        """Return positions of components, in CaImAn's order."""
        recorded = entry[2] if len(entry) > 2 else None  # noqa: PLR2004 (dtype, shape, values)
        if recorded is not None:
            place = {int(number): position for position, number in enumerate(self._components.row_ids)}
            positions = np.array([place[number] for number in recorded if number in place], dtype=np.int64)
            return Found(positions, positions.shape)
        flags = self._flags(name)
        if flags is None:
            return None
        positions = np.flatnonzero(flags)
        return Found(positions, positions.shape)

    def _flags(self, name: str) -> NDArray[np.bool_] | None:
        if name in _PICKED_KEYS:
            return self._components.hand_picked.get(_PICKED_KEYS[name])
        accepted = self._components.column("is_accepted")
        if accepted is None:
            return None
        return accepted.astype(bool) if name == "idx_components" else ~accepted.astype(bool)


class FieldOfViewValues:
    """The fields that belong to no component.

    Parameters
    ----------
    results : NwbResults
        The analysis.
    chunk_frames : callable
        Number of frames in a chunk of a trace, by the key of the trace.
    stored : mapping
        How CaImAn's file stored each field, by its path.
    """

    def __init__(self, results: NwbResults, chunk_frames: Callable[[str], int], stored: Mapping[str, Any]) -> None:
        self._results = results
        self._chunk_frames = chunk_frames
        self._stored = stored

    def find(self, name: str, entry: Any) -> Found | None:
        """Return the values of a field of ``estimates``; None if the NWB file does not have them."""
        if name == "b":
            footprints = self._results.background_footprints
            return None if footprints is None else matrix_value(footprints.matrix, entry, with_zeros=True)
        if name == "f":
            trace = self._results.background_trace
            return None if trace is None else self._background_trace(trace, entry)
        if name == "W":
            model = self._results.ring_model
            return None if model is None else matrix_value(model.tocsc(), entry, with_zeros=True)
        if name in IMAGE_FIELDS.values():
            return self._image(name, entry)
        if name == "shifts":
            return self._shifts(entry)
        return None

    def _background_trace(self, trace: Trace, entry: Any) -> Found:
        blocks = _frames(lambda part: trace[part], trace, self._chunk_frames("background"))
        return Found(blocks, (trace.shape[1], trace.shape[0]), _precision_note(trace.dtype, entry[0]))

    def _image(self, name: str, entry: Any) -> Found | None:
        image = next((image for key, image in self._results.images.items() if IMAGE_FIELDS.get(key) == name), None)
        dtype, shape = entry[:2]
        if image is None or image.size != np.prod(shape):
            return None
        values = image.reshape(shape) if image.ndim == len(shape) else image.ravel(order="F")
        return Found(values, values.shape, _precision_note(values.dtype, dtype))

    def _shifts(self, entry: Any) -> Found | None:
        shifts = self._results.shifts
        if shifts is None or list(shifts.shape[1:]) != entry[1][1:]:
            return None
        scale = np.ones(shifts.shape[1])
        scale[:2] = self._shrink_of_shifts()  # OnACID shrinks rows and columns, not planes
        note = None if shifts.shape[0] == entry[1][0] else f"covers {shifts.shape[0]} of {entry[1][0]} shifts"
        return Found(shifts / scale, shifts.shape, note)

    def _shrink_of_shifts(self) -> float:
        """Return the factor by which the shifts were enlarged: 1 where the footprints are of the shrunk frame too."""
        factor = shrink_factor_of(self._results.parameters.get("online", {}).get("ds_factor"))
        norm = self._stored.get("img_norm")
        if norm is not None and len(norm[1]) > 1:
            return factor if tuple(norm[1]) != tuple(self._results.frame_shape) else 1
        return factor if self._stored.get("t_online") is not None else 1


def matrix_value(matrix: csc_array[Any], entry: Any, *, with_zeros: bool) -> Found:
    """Return a matrix in the form in which CaImAn's file stored it.

    Parameters
    ----------
    matrix : csc_array
        The matrix; the entries of a column are in CaImAn's order.
    entry : list
        How the file stored it.
    with_zeros : bool
        Whether the recorded explicit zeros belong to these columns.
    """
    if entry[0] != "sparse":
        return Found(matrix.toarray(), matrix.shape, _precision_note(matrix.dtype, entry[0]))
    recorded: Mapping[str, Any] = entry[2]
    parts = SparseParts(matrix.data, matrix.indices, matrix.indptr, matrix.shape)
    note = _precision_note(matrix.dtype, recorded["data"])
    if with_zeros and "zeros" in recorded:
        parts = _with_zeros(parts, *(np.asarray(values, dtype=np.int64) for values in recorded["zeros"]))
    if with_zeros and note is None and recorded.get("nnz", len(parts.data)) != len(parts.data):
        note = "without the explicit zeros of CaImAn's file, which change no result"
    return Found(parts, matrix.shape, note)


def _with_zeros(
    parts: SparseParts, positions: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> SparseParts:
    """Put explicit zeros back at their positions among the entries."""
    total = len(parts.data) + len(positions)
    is_zero = np.zeros(total, dtype=bool)
    is_zero[positions] = True
    data, indices = np.zeros(total, dtype=parts.data.dtype), np.zeros(total, dtype=np.int64)
    data[~is_zero], indices[~is_zero], indices[is_zero] = parts.data, parts.indices, rows
    added = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=parts.shape[1]))])
    return SparseParts(data, indices, parts.indptr + added, parts.shape)


def _frames(read: Callable[[slice], NDArray[Any]], trace: Trace, chunk_frames: int) -> Iterator[Block]:
    """Yield the values of some frames at a time, whole chunks if possible."""
    frames, rois = trace.shape
    step = max(1, _BLOCK_BYTES // max(1, rois * trace.dtype.itemsize))
    step = max(chunk_frames, step - step % chunk_frames)
    for start in range(0, frames, step):
        yield Block(start, read(slice(start, start + step)).T)


def _precision_note(found: np.dtype[Any], wanted: str) -> str | None:
    """Return a note if the NWB file has fewer digits than CaImAn's file had."""
    if wanted in {found.name, "str"} or wanted.startswith("S"):
        return None
    is_exact = np.can_cast(np.dtype(wanted), found, casting="safe")
    return None if is_exact else _SINGLE_PRECISION.format(found=found.name, wanted=wanted)
