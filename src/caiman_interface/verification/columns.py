"""The values that the columns of a table of ROIs must have."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS
from caiman_interface.nwb.vocabulary import COLUMNS as NWB_COLUMNS

from .caiman_values import column_at, node_at
from .context import Context
from .fields import COLUMNS, HAND_PICKED, RoiSource
from .history import Values

_FITS = {"bl", "c1", "neurons_sn", "g", "lam"}
_OF_COMPONENTS = ("is_accepted", "frame_added", *HAND_PICKED)


class ExpectedColumns:
    """The columns of the ROIs of one kind.

    Parameters
    ----------
    context : Context
        Both files.
    source : RoiSource
        Where the ROIs are in the CaImAn file.
    matrix : csc_array
        Their footprints, (pixels, ROIs).
    """

    def __init__(self, context: Context, source: RoiSource, matrix: Any) -> None:
        self._context = context
        self._source = source
        self._group = context.file[source.group]
        self._matrix = matrix
        self._count = int(matrix.shape[1])
        self._history = context.history

    def is_known(self, name: str) -> bool:
        """Return whether a column has the name of one of CaImAn's."""
        return name in NWB_COLUMNS

    def paths(self, name: str) -> tuple[str, ...]:
        """Return the fields of the CaImAn file that a column contains."""
        if name == "frame_added":
            return self._context.paths("", ["time_neuron_added"])
        special = {"is_accepted": ["idx_components", "idx_components_bad"], "ROICentroids": [self._source.footprints]}
        fields = special.get(name) or [{**COLUMNS, **HAND_PICKED}[name]]
        return self._context.paths(self._source.group, fields)

    @property
    def names(self) -> set[str]:
        """The columns that the NWB file must have: those of which the CaImAn file has values for these ROIs."""
        if self._source.kind == BACKGROUND:
            return set()
        return {name for name in (*COLUMNS, *_OF_COMPONENTS, "ROICentroids") if self.values(name)[0] is not None}

    def values(self, name: str) -> Values:
        """Return the values of a column for all ROIs."""
        if name == "ROICentroids":
            return self._centroids(), ""
        if name in COLUMNS:
            return self._numbers(COLUMNS[name])
        if self._source.kind != COMPONENTS:
            return None, ""
        if name == "is_accepted":
            return self._history.accepted
        return self._frames_added() if name == "frame_added" else self._hand_picked(HAND_PICKED[name])

    def _numbers(self, field: str) -> Values:
        values, reason = column_at(self._group, field, self._count)
        if values is None:
            return None, reason
        if field in _FITS:
            reason = self._history.reason_against_fit(field, values)
        elif self._source.kind == COMPONENTS:
            reason = self._history.reason_against_column(field)
        return (None, reason) if reason else (values, "")

    def _hand_picked(self, field: str) -> Values:
        chosen = self._history.indices(field)
        if chosen is None or chosen.size == 0:
            return None, ""
        reason = self._history.reason_against_column(field)
        if not reason and np.any(chosen < 0):
            reason = f"{field} numbers other components"
        return (None, reason) if reason else (np.isin(np.arange(self._count), chosen), "")

    def _frames_added(self) -> Values:
        node = node_at(self._context.file, "time_neuron_added")
        if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "biuf" or not node.size:
            return None, ""
        added = np.asarray(node[()])
        is_whole = bool(np.all(np.isfinite(added) & (added == np.trunc(added))))
        if added.shape != (self._count, 2) or not is_whole or not np.array_equal(added[:, 0], np.arange(self._count)):
            return None, "time_neuron_added is of other components"
        reason = self._history.reason_against_order
        return (None, f"time_neuron_added {reason}") if reason else (added[:, 1].astype(np.int64), "")

    def _centroids(self) -> NDArray[np.float64]:
        """Return the weighted centre of each footprint: x, y[, z]."""
        rows, columns, *_ = self._context.frame_shape
        pixels = np.arange(self._matrix.shape[0])
        axes = [pixels // rows % columns, pixels % rows, pixels // (rows * columns)][: len(self._context.frame_shape)]
        weights = self._matrix.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            moments = [weights.T @ axis.astype(np.float64) for axis in axes]
            return np.asarray(np.stack(moments, axis=1) / np.asarray(weights.sum(axis=0)).reshape(-1, 1))
