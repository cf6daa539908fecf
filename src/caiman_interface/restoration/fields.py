"""Every field of a CaImAn file, one after the other, with a record of what could not be restored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS, DISCARDED
from caiman_interface.nwb.nwb_results import NwbResults

from .assumed import assumed_storage, doubt_about, lost_without_record
from .dialect import DialectWriter, SparseParts
from .parameters import ParameterWriter
from .reasons import reason_for
from .report import Difference
from .values import FieldOfViewValues, Found, RoiValues

_ESTIMATES, _DISCARDED = "estimates/", "estimates/discarded_components/"
_NO_RECORD = (
    "The NWB file was written by version 0.1, which did not record how CaImAn stored each value: what was None, the "
    "types of numbers and the order of pixels are those that CaImAn 1.12 usually has."
)
_LISTED = {
    *("bl", "c1", "lam", "neurons_sn"),
    *("idx_components", "idx_components_bad", "accepted_list", "rejected_list"),
}
_ONLINE = {"ind_new_all", "time_neuron_added", "t_online"}
_PER_COMPONENT_COUNTS = {"nr", "N"}


class FieldWriter:
    """Writes all fields of an analysis to a CaImAn file.

    Parameters
    ----------
    results : NwbResults
        The analysis.
    writer : DialectWriter
        The new file.
    movie : str, Path or None
        The new place of the movie.

    Attributes
    ----------
    exact : list of str
        Paths of the fields that were restored exactly.
    differences : list of Difference
        The others.
    notes : list of str
        What concerns the file as a whole.
    """

    def __init__(self, results: NwbResults, writer: DialectWriter, movie: str | Path | None) -> None:
        self._results = results
        self._writer = writer
        self._movie = None if movie is None else os.path.abspath(movie)  # noqa: PTH100 (CaImAn stores text)
        self.exact: list[str] = []
        self.differences: list[Difference] = []
        self.notes: list[str] = []
        recorded = results.parameters.get("analysis", {}).get("stored_as")
        self._is_recorded = recorded is not None
        if not self._is_recorded:
            self.notes.append(_NO_RECORD)
        self._stored: dict[str, Any] = assumed_storage(results) if recorded is None else dict(recorded)
        self._omitted = {omission.field: omission.reason for omission in results.omissions}
        self._rois = self._roi_values()
        self._field_of_view = FieldOfViewValues(results, self._chunk_frames(BACKGROUND), self._stored)
        self._note_selection()

    def write(self) -> None:
        """Write every field; those that equal another one last."""
        same = {path: entry for path, entry in self._stored.items() if entry is not None and entry[0] == "="}
        for path, entry in self._stored.items():
            if path not in same and not path.startswith("params/"):
                self._write_field(path, entry)
        for path, entry in same.items():
            self._write_equal(path, entry[1])
        self._mark_online_analysis()
        if not self._is_recorded:
            self._add_lost_fields()
        parameters = ParameterWriter(self._results.parameters, self._stored, self._movie, is_recorded=self._is_recorded)
        parameters.write(self._writer)
        self.exact += parameters.exact
        self.differences += parameters.differences

    def _write_field(self, path: str, entry: Any) -> None:
        if entry is None:
            self._writer.none(path)
            self._note_restored(path, entry)
        elif entry[0] in {"attribute", "text"}:
            self._write_text(path, as_attribute=entry[0] == "attribute")
        elif entry[0] == "group":
            self._writer.group(path)
            self.exact.append(path)
        elif _is_empty(entry):
            self._writer.empty(path, self._empty_shape(path, entry), entry[0])
            self._note_restored(path, entry)
        else:
            found = self._find(path, entry)
            if found is None:
                self._leave_out(path)
            else:
                self._write_found(path, entry, found)

    def _write_found(self, path: str, entry: Any, found: Found) -> None:
        values = found.values
        if isinstance(values, SparseParts):
            self._writer.sparse(path, values, entry[2])
        elif isinstance(values, np.ndarray | np.generic):
            self._writer.array(path, values, _width(entry[0], values))
        else:
            self._writer.blocks(path, values, (found.shape[0], found.shape[1]), entry[0])
        if found.note is None:
            self._note_restored(path, entry)
        else:
            self.differences.append(Difference(path, found.note, is_written=True))

    def _note_restored(self, path: str, entry: Any) -> None:
        """Count a field as exact, unless only an assumption says how CaImAn stored it."""
        doubt = None if self._is_recorded else doubt_about(path, entry, self._results.method)
        if doubt is None:
            self.exact.append(path)
        else:
            self.differences.append(Difference(path, doubt, is_written=entry is not None))

    def _add_lost_fields(self) -> None:
        listed = {*self.exact, *(item.field for item in self.differences)}
        lost = (path for path in lost_without_record(self._results.method) if path not in listed)
        self.differences += [Difference(path, reason_for(path)) for path in lost]

    def _write_equal(self, path: str, other: str) -> None:
        difference = next((item for item in self.differences if item.field == other), None)
        if difference is not None:
            self.differences.append(Difference(path, difference.reason, is_written=difference.is_written))
        else:
            self.exact.append(path)
        if difference is None or difference.is_written:
            self._writer.copy(other, path)
        else:
            self._writer.none(path)

    def _write_text(self, path: str, *, as_attribute: bool) -> None:
        """Write a text of the file's root: the place of the memory-mapped movie."""
        if path == "mmap_file" and self._movie is not None and self._movie.endswith(".mmap"):
            self._writer.text(path, self._movie, as_attribute=as_attribute)
            self.differences.append(Difference(path, "the given movie", is_written=True))
            return
        value = self._results.parameters.get("analysis", {}).get(path)
        if value is None:
            self._leave_out(path)
        else:
            self._writer.text(path, str(value), as_attribute=as_attribute)
            self.differences.append(Difference(path, reason_for(path), is_written=True))

    def _leave_out(self, path: str) -> None:
        """Write None for a field of ``estimates``, as CaImAn has before it computes the field; nothing for others."""
        if path.rpartition("/")[2] == "g":
            self._writer.array(path, 0.0, "float64")  # what CaImAn writes for None here
        elif path.startswith(_ESTIMATES):
            self._writer.none(path)
        self.differences.append(Difference(path, self._omitted.get(path) or reason_for(path)))

    def _mark_online_analysis(self) -> None:
        """Write empty lists for what shows that OnACID made the results, and finished, if it is not restored."""
        if self._results.method != "OnACID":
            return
        if self._stored.get("t_online") is not None:
            self._write_mark("t_online", "empty; shows that the online analysis was finished")
        if _ONLINE.isdisjoint(self.exact) and "t_online" not in self._stored:
            self._write_mark("ind_new_all", "empty; shows that OnACID made the results")

    def _write_mark(self, path: str, reason: str) -> None:
        if path in self.exact:
            return
        self._writer.empty(path, (0,), "float64")
        self.differences = [item for item in self.differences if item.field != path]
        self.differences.append(Difference(path, reason, is_written=True))

    def _find(self, path: str, entry: Any) -> Found | None:
        group, name = _split(path)
        if name == "R" and self._stored.get(f"{group}YrA") is not None:
            return None  # CaImAn had another R than YrA; the NWB file has YrA
        without_rois = _scalar_g(name, entry) or _empty_sparse(entry)
        if without_rois is not None:
            return without_rois
        if group in self._rois:
            rois = self._rois[group]
            found = _number(name, entry, rois) or rois.find(name, entry)
            if found is not None or group == _DISCARDED:
                return found
            return self._field_of_view.find(name, entry)
        if path == "time_neuron_added":
            return self._rois[_ESTIMATES].time_neuron_added()
        return _number(name, entry, self._rois[_ESTIMATES])

    def _roi_values(self) -> dict[str, RoiValues]:
        rois = {_ESTIMATES: (COMPONENTS, self._results.components), _DISCARDED: (DISCARDED, self._results.discarded)}
        return {
            group: RoiValues(components, self._count(group, components.count), self._chunk_frames(kind))
            for group, (kind, components) in rois.items()
            if components is not None
        }

    def _count(self, group: str, otherwise: int) -> int:
        """Return the number of components in CaImAn's file."""
        entry = self._stored.get(f"{group}A")
        if entry is None:
            return otherwise
        return int(entry[1][1]) if len(entry[1]) > 1 else 1

    def _chunk_frames(self, kind: Any) -> Any:
        series = self._results.objects.series(kind)

        def chunk_frames(key: str) -> int:
            chunks = getattr(series[key].data, "chunks", None) if key in series else None
            return int(chunks[0]) if chunks else 1

        return chunk_frames

    def _empty_shape(self, path: str, entry: Any) -> list[int]:
        """Return the shape of an empty array, fitted to the components and frames of the NWB file."""
        shape = list(entry[1])
        group, name = _split(path)
        if name == "g" and len(shape) > 1 and group in self._rois and shape[0]:
            shape[0] = self._rois[group].count
        return shape

    def _note_selection(self) -> None:
        rois = self._rois[_ESTIMATES]
        if not rois.is_complete:
            total = self._count(_ESTIMATES, rois.count)
            self.notes.append(
                f"The NWB file contains {rois.count} of CaImAn's {total} components; they are numbered from 0."
            )
        frames, recorded = self._results.num_frames, self._stored.get("estimates/C")
        if frames is not None and recorded is not None and recorded[1][1] != frames:
            self.notes.append(f"The NWB file contains {frames} of {recorded[1][1]} frames.")


def _split(path: str) -> tuple[str, str]:
    group, _, name = path.rpartition("/")
    return (f"{group}/" if group else ""), name


def _is_empty(entry: Any) -> bool:
    if entry[0] == "sparse":
        return False
    return bool(entry[1]) and 0 in entry[1]


def _number(name: str, entry: Any, rois: RoiValues) -> Found | None:
    """Return a recorded number or shape; numbers of components are those in the NWB file."""
    if len(entry) < 3 or entry[0] == "sparse" or name in _LISTED:  # noqa: PLR2004 (dtype, shape, values)
        return None
    value = rois.count if name in _PER_COMPONENT_COUNTS and not rois.is_complete else entry[2]
    array = np.array(value)
    return Found(array, array.shape)


def _scalar_g(name: str, entry: Any) -> Found | None:
    """Return what CaImAn writes where ``g`` is None."""
    return Found(np.array(0.0), ()) if name == "g" and entry[1] == [] else None


def _empty_sparse(entry: Any) -> Found | None:
    """Return a sparse matrix without entries, for which the NWB file has no ROIs or empty ones."""
    if entry[0] != "sparse" or entry[2].get("nnz") != 0:
        return None
    rows, columns = entry[1]
    nothing = np.empty(0)
    return Found(SparseParts(nothing, nothing, np.zeros(columns + 1), (rows, columns)), (rows, columns))


def _width(dtype: str, values: Any) -> str:
    """Return the dtype, wide enough for the texts."""
    if not dtype.startswith("S"):
        return dtype
    widest = max((len(str(text).encode()) for text in np.ravel(values)), default=1)
    return f"S{max(widest, int(dtype[1:]))}"
