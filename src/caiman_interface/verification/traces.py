"""The traces that an NWB file must have, and their values."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS

from .caiman_values import array_at, is_given
from .context import Context
from .fields import LEFT_BEHIND, TRACES, RoiSource
from .lazy_arrays import OneRow, Transposed

_OF_KIND = {True: ("dff", "denoised", "deconvolved", "dff_denoised", "dff_deconvolved"), False: tuple(TRACES)[:3]}
_COMPARED_FRAMES = 2000
_LEAST_AGREEMENT = 0.8


class ExpectedTraces:
    """The traces of the ROIs of one kind.

    Parameters
    ----------
    context : Context
        Both files.
    source : RoiSource
        Where the ROIs are in the CaImAn file.
    count : int
        Number of ROIs.
    """

    def __init__(self, context: Context, source: RoiSource, count: int) -> None:
        self._context = context
        self._source = source
        self._group: h5py.Group = context.file[source.group]
        self._count = count

    @property
    def names(self) -> set[str]:
        """The traces of which the CaImAn file has values that belong to these ROIs."""
        if not self._count:
            return set()
        if self._source.kind == BACKGROUND:
            possible: tuple[str, ...] = ("background",)
        else:
            possible = (*_OF_KIND[self._source.kind == COMPONENTS], "raw")
        return {name for name in possible if all(self._has_values(field) for field in self.fields(name))}

    def fields(self, name: str) -> list[str]:
        """Return the fields of the CaImAn file whose sum is a trace."""
        return ["C", self.residual] if name == "raw" else [TRACES[name]]

    @property
    def residual(self) -> str:
        """The field with the residual: R where there is no YrA."""
        return "YrA" if is_given(self._group, "YrA", 2) else "R"

    def values(self, field: str, rows: NDArray[np.intp], frames: int | None = None) -> Transposed | str:
        """Return the values of a trace, or why there are none that belong to the ROIs."""
        dataset = self._dataset(field)
        if dataset is None:
            return ""
        if dataset.shape[0] != self._count:
            return f"{field} covers {dataset.shape[0]} components, the file has {self._count}"
        length = int(dataset.shape[1])
        total = length if self._context.num_frames is None else self._context.num_frames
        has_passes = self._context.history.is_online and total and length > total and length % total == 0
        if length != total and not has_passes:
            return f"{field} covers {length} frames, the file has {total}"
        reason = self._reason(field, dataset)
        if reason:
            return reason
        first = length - total  # of several passes over the movie, the last one
        return Transposed(dataset, rows, slice(first, first + (total if frames is None else frames)))

    def _has_values(self, field: str) -> bool:
        values = self.values(field, np.arange(self._count))
        return not isinstance(values, str) and values.shape[0] > 0

    def _dataset(self, field: str) -> Any | None:
        dataset = array_at(self._group, field, 2)
        if dataset is None and field == "f" and (one := array_at(self._group, field, 1)) is not None:
            dataset = OneRow(one)
        return None if dataset is None or dataset.dtype.kind == "b" else dataset

    def _reason(self, field: str, dataset: Any) -> str:
        history = self._context.history
        if field == "S":
            return history.reason_against_deconvolved(dataset)
        if field not in LEFT_BEHIND or self._source.kind != COMPONENTS:
            return ""
        reason = history.reason_against_order
        if reason and (history.is_restored or not self._follows_dff()):
            return f"{field} {reason}"
        return ""

    def _follows_dff(self) -> bool:
        """Return whether F_dff_dec is in the order of F_dff: a deconvolution after the edit."""
        dff, denoised = self._dataset("F_dff"), self._dataset("F_dff_dec")
        if dff is None or denoised is None or dff.shape != denoised.shape or dff.shape[0] != self._count:
            return False
        rows = np.unique(np.linspace(0, self._count - 1, min(self._count, 256)).astype(np.intp))
        with np.errstate(all="ignore"):
            parts = [
                np.vstack([one[row, :_COMPARED_FRAMES] for row in rows]).astype(np.float64) for one in (dff, denoised)
            ]
            both = np.corrcoef(parts[0], parts[1])[: len(rows), len(rows) :]
        usable = np.isfinite(np.diag(both))
        best = np.argmax(np.where(np.isfinite(both), both, -1), axis=1)
        return bool(np.any(usable) and np.mean((best == np.arange(len(rows)))[usable]) >= _LEAST_AGREEMENT)
