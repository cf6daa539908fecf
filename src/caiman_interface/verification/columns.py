"""The values that the columns of a table of ROIs must have."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caiman_interface.nwb.vocabulary import COLUMNS as NWB_COLUMNS

from .caiman_values import is_readable, node_at, numbers_at
from .context import Context
from .fields import COLUMNS, ESTIMATES, HAND_PICKED, LEFT_BEHIND, RoiSource

Values = tuple[NDArray[Any] | None, str]
"""Values, or None and why there are none that belong to the ROIs (nothing, where CaImAn has none)."""


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

    def values(self, name: str) -> Values:
        """Return the values of a column for all ROIs."""
        if name == "ROICentroids":
            return self._centroids(), ""
        if name == "is_accepted":
            return self._accepted()
        if name == "frame_added":
            return self._frames_added()
        if name in HAND_PICKED:
            return self._hand_picked(HAND_PICKED[name])
        return self._numbers(COLUMNS[name])

    def _stale(self, field: str) -> str:
        """Return why a field belongs to other ROIs, or nothing."""
        if field in LEFT_BEHIND and self._context.is_restored and self._source.group == ESTIMATES:
            return f"{field} is in the order of before restore_discarded_components"
        return ""

    def _numbers(self, field: str) -> Values:
        values = numbers_at(self._group, field)
        if values is None or values.ndim == 0 or (self._count and not values.size):
            return None, ""
        if values.shape[0] != self._count:
            return None, f"{field} covers {values.shape[0]} components, the file has {self._count}"
        reason = self._stale(field)
        if not reason and field in {"c1", "lam", "g"} and self._context.is_placeholder(values):
            reason = f"{field} is an initial value: OnACID does not deconvolve with p = 0"
        if reason:
            return None, reason
        return (
            values.reshape(self._count, int(np.prod(values.shape[1:]))) if field == "g" else values.reshape(self._count)
        ), ""

    def _indices(self, field: str) -> NDArray[np.int64] | None:
        """Return a list of components, which may be truth values or whole numbers in another type; None if it is not.

        A component that is not in the file is -1.
        """
        node = node_at(self._group, field)
        if not isinstance(node, h5py.Dataset) or node.ndim != 1 or not is_readable(self._group, field):
            return None
        stored = np.asarray(node[()])
        if stored.size == 0:
            return np.empty(0, dtype=np.int64)
        if stored.dtype.kind == "b":
            return np.flatnonzero(stored) if len(stored) == self._count else np.array([-1])
        if stored.dtype.kind not in "iuf" or not np.all(np.isfinite(stored) & (stored == np.trunc(stored))):
            return None
        return np.where((stored >= 0) & (stored < self._count), stored, -1).astype(np.int64)

    def _fits(self, *lists: NDArray[np.int64] | None) -> bool:
        numbers = np.concatenate([one for one in lists if one is not None])
        return bool(np.all(numbers >= 0))

    def _accepted(self) -> Values:
        good, bad = self._indices("idx_components"), self._indices("idx_components_bad")
        everything = np.arange(self._count)
        if good is None and bad is None:
            if self._was_selected():
                return np.ones(self._count, dtype=bool), ""
            return None, "" if self._source.group != ESTIMATES else "the components were not evaluated"
        if not self._fits(good, bad):
            return None, "the lists of accepted and rejected components number other components"
        if good is not None and bad is not None and len(np.intersect1d(good, bad)):
            return None, "a component is both accepted and rejected"
        if good is not None:
            return np.isin(everything, good), ""
        assert bad is not None  # noqa: S101 (for the type checker: one of the two lists is there)
        return ~np.isin(everything, bad), ""

    def _was_selected(self) -> bool:
        """Return whether ``select_components`` left only accepted components, and cleared the lists."""
        aside = node_at(self._context.file, "estimates/discarded_components/A")
        evaluated = any(self._numbers(field)[0] is not None for field in ("SNR_comp", "r_values", "cnn_preds"))
        return aside is not None or (evaluated and not self._context.is_restored)

    def _hand_picked(self, field: str) -> Values:
        chosen = self._indices(field)
        if chosen is None or chosen.size == 0:
            return None, ""
        reason = self._stale(field)
        if not reason and not self._fits(chosen):
            reason = f"{field} numbers other components"
        return (None, reason) if reason else (np.isin(np.arange(self._count), chosen), "")

    def _frames_added(self) -> Values:
        added = numbers_at(self._context.file, "time_neuron_added")
        if added is None:
            return None, ""
        if added.shape != (self._count, 2) or not np.array_equal(added[:, 0], np.arange(self._count)):
            return None, "time_neuron_added is of other components"
        return added[:, 1].astype(np.int64), ""

    def _centroids(self) -> NDArray[np.float64]:
        """Return the weighted centre of each footprint: x, y[, z]."""
        rows, columns, *_ = self._context.frame_shape
        pixels = np.arange(self._matrix.shape[0])
        axes = [pixels // rows % columns, pixels % rows, pixels // (rows * columns)][: len(self._context.frame_shape)]
        weights = self._matrix.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            moments = [weights.T @ axis.astype(np.float64) for axis in axes]
            return np.asarray(np.stack(moments, axis=1) / np.asarray(weights.sum(axis=0)).reshape(-1, 1))
