"""The components of one analysis: what the group ``estimates`` says of each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import FileGroup, describe, numbers, read
from .errors import CaimanFileError
from .footprints import Footprints
from .matrices import StoredMatrix
from .traces import DatasetRows, FileBytes, SumRows, Trace

Verdict = Literal["evaluated", "selected", "not evaluated"]

# CaImAn's name of each quality metric.
METRICS = {"snr": "SNR_comp", "r_values": "r_values", "cnn_preds": "cnn_preds", "eccentricity": "ecc"}

# CaImAn's name of each number that its deconvolution fits to a component.
FITS = {
    "baseline": "bl",
    "initial_calcium": "c1",
    "noise_std": "neurons_sn",
    "ar_coefficients": "g",
    "regularization": "lam",
}

# CaImAn's name of each trace that it stores as it is.
STORED_TRACES = {"dff": "F_dff", "denoised": "C", "deconvolved": "S"}

# CaImAn's name of each trace of its deconvolution of dF/F.
DFF_TRACES = {"dff_denoised": "F_dff_dec", "dff_deconvolved": "S_dff"}

# CaImAn's name of each list of components that a person chose in its viewer.
HAND_PICKED = {"manually_accepted": "accepted_list", "manually_rejected": "rejected_list"}

# The fits that are a row of values a component rather than one value.
_ROWS_OF_VALUES = {"g"}


@dataclass(frozen=True)
class Acceptance:
    """Which components CaImAn's evaluation accepted.

    Attributes
    ----------
    verdict : {"evaluated", "selected", "not evaluated"}
        "evaluated": the index lists stand in the file. "selected": ``select_components`` kept the accepted
        components and removed the others, so that all that remain were accepted, and none of those that it set
        aside. "not evaluated": CaImAn judged none.
    accepted, rejected : array of int
        Positions of the components, rising. Without evaluation all count as accepted.
    """

    verdict: Verdict
    accepted: NDArray[np.intp]
    rejected: NDArray[np.intp]

    @property
    def is_evaluated(self) -> bool:
        """Whether CaImAn judged the components (also where only the accepted ones were kept)."""
        return self.verdict != "not evaluated"

    def mask(self, count: int) -> NDArray[np.bool_]:
        """Return one bool for each of `count` components: whether it counts as accepted."""
        mask = np.zeros(count, dtype=bool)
        mask[self.accepted] = True
        return mask


class Components:
    """The components in a group of CaImAn's estimates, read when first used.

    Parameters
    ----------
    estimates : FileGroup
        ``estimates``, or ``estimates/discarded_components``.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    file_bytes : FileBytes or None
        The same file, for reading traces in parallel.
    set_aside : bool
        Whether these are the components that ``select_components`` removed.

    Attributes
    ----------
    count : int
        Number of components.
    footprints : Footprints
        Their spatial footprints.
    frame_shape : tuple of int
        (rows, columns[, planes]).

    Raises
    ------
    CaimanFileError
        If there are no footprints, or they do not fit the frame.
    """

    def __init__(
        self,
        estimates: FileGroup,
        *,
        frame_shape: tuple[int, ...],
        file_bytes: FileBytes | None,
        set_aside: bool = False,
    ) -> None:
        self._estimates = estimates
        self._file_bytes = file_bytes
        self._set_aside = set_aside
        self.frame_shape = frame_shape
        self.footprints = Footprints(stored_footprints(estimates), frame_shape)
        self.count = len(self.footprints)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(count={self.count}, frame_shape={self.frame_shape})"

    @cached_property
    def traces(self) -> dict[str, Trace]:
        """Every trace of the components that stands in the file: ``raw``, ``dff``, ``denoised``, ``deconvolved``.

        ``raw`` is the fluorescence ``C + YrA``; where YrA is absent and R is there, R serves. CaImAn's
        ``manual_merge`` leaves F_dff as it was: where it covers other components it is stale, and left out.

        Raises
        ------
        CaimanFileError
            If a trace does not fit the footprints, or another trace.
        """
        rows = {name: self._rows(stored) for name, stored in STORED_TRACES.items()}
        residual = self._rows("YrA")
        residual = self._rows("R") if residual is None else residual
        self._check_frames({**rows, "residual": residual})
        denoised = rows["denoised"]
        raw = None if denoised is None or residual is None else SumRows(denoised, residual)
        return {name: Trace(found) for name, found in {"raw": raw, **rows}.items() if found is not None}

    @cached_property
    def residual(self) -> Trace | None:
        """The residual YrA (R where YrA is absent), lazy, of shape (frames, components); None where there is none."""
        rows = self._rows("YrA")
        rows = self._rows("R") if rows is None else rows
        return None if rows is None else Trace(rows)

    @cached_property
    def dff_deconvolution(self) -> dict[str, Trace]:
        """What ``deconvolve(dff_flag=True)`` made of F_dff: ``dff_denoised`` (F_dff_dec), ``dff_deconvolved`` (S_dff).

        ``select_components`` leaves them as they were: those that cover other components are stale, and left out.
        """
        found = {name: self._estimates.array(stored, ndim=2) for name, stored in DFF_TRACES.items()}
        return {
            name: Trace(DatasetRows(dataset, self._estimates.file_path, self._file_bytes))
            for name, dataset in found.items()
            if dataset is not None and self.count and dataset.shape == (self.count, self.num_frames)
        }

    @cached_property
    def hand_picked(self) -> dict[str, NDArray[np.bool_]]:
        """Whether a person chose each component in CaImAn's viewer: ``manually_accepted``, ``manually_rejected``.

        Absent where nobody did, and after ``select_components``, to which the lists are not fitted.
        """
        if self.acceptance.verdict == "selected":
            return {}
        nodes = {name: self._estimates.array(stored, ndim=1) for name, stored in HAND_PICKED.items()}
        lists = {
            name: np.asarray(read(node, self._estimates.file_path))
            for name, node in nodes.items()
            if node is not None and node.size
        }
        return {
            name: np.isin(np.arange(self.count), chosen)
            for name, chosen in lists.items()
            if chosen.min() >= 0 and chosen.max() < self.count
        }

    @cached_property
    def num_frames(self) -> int | None:
        """Number of frames, or None where no trace stands in the file."""
        return next((trace.shape[0] for trace in self.traces.values()), None)

    @cached_property
    def acceptance(self) -> Acceptance:
        """Which components were accepted: exactly what ``idx_components`` and ``idx_components_bad`` say.

        Raises
        ------
        CaimanFileError
            If the lists are no positions of components, or a component is in both.
        """
        everything = np.arange(self.count)
        nothing = everything[:0]
        if self._set_aside:
            return Acceptance("selected", nothing, everything)
        accepted = self._indices("idx_components")
        rejected = self._indices("idx_components_bad")
        if accepted is None:
            if rejected is None:
                return Acceptance("selected" if self._were_selected() else "not evaluated", everything, nothing)
            accepted = np.setdiff1d(everything, rejected)
        elif rejected is None:
            rejected = np.setdiff1d(everything, accepted)
        elif self.count and not len(accepted) and not len(rejected):  # two empty lists judge nothing
            return Acceptance("not evaluated", everything, nothing)
        both = np.intersect1d(accepted, rejected)
        if len(both):
            raise self._estimates.error(
                "a component is both accepted and rejected",
                "idx_components",
                found=f"component {both[0]} also in idx_components_bad",
                expected="each component in one of the two lists",
                remedy="Evaluate the components again in CaImAn",
            )
        return Acceptance("evaluated", accepted, rejected)

    @cached_property
    def metrics(self) -> dict[str, NDArray[Any]]:
        """The quality metrics that CaImAn computed: ``snr``, ``r_values``, ``cnn_preds``, ``eccentricity``.

        Each of shape (components,). Values that cover other components than those in the file are stale (CaImAn's
        ``manual_merge`` leaves those of before), and left out.

        Raises
        ------
        CaimanFileError
            If a value is no number.
        """
        return self._columns(METRICS)

    @cached_property
    def fits(self) -> dict[str, NDArray[Any]]:
        """What the deconvolution fitted to each component, in the file's units.

        ``baseline``, ``initial_calcium``, ``noise_std`` and ``regularization`` have shape (components,),
        ``ar_coefficients`` (components, p). Values that cover other components than those in the file (OnACID
        keeps those of its first batch) are stale, and left out.

        Raises
        ------
        CaimanFileError
            If a value is no number.
        """
        return self._columns(FITS)

    def _were_selected(self) -> bool:
        """Tell why there are no lists of an evaluation.

        ``select_components`` clears them, and sets the removed components aside unless told not to; then their
        metrics alone tell that there was an evaluation. ``restore_discarded_components`` puts those set aside back
        without their verdicts, and leaves a group without footprints.
        """
        aside = self._estimates.subgroup("discarded_components")
        footprints = None if aside is None else aside.find("A", ndim=2)
        if footprints is not None and StoredMatrix(footprints, self._estimates.file_path).shape[1]:
            return True
        restored = aside is not None and footprints is None
        return bool(self.metrics) and not restored

    def _columns(self, names: dict[str, str]) -> dict[str, NDArray[Any]]:
        found = {name: self._column(stored) for name, stored in names.items()}
        return {name: values for name, values in found.items() if values is not None}

    def _column(self, name: str) -> NDArray[Any] | None:
        """Read one value or one row of values a component; None where absent, stale or without values."""
        node = self._estimates.find(name, ndim=1)
        if node is None or (isinstance(node, h5py.Dataset) and node.shape[0] != self.count):
            return None
        each = math.prod(node.shape[1:]) if isinstance(node, h5py.Dataset) else None
        if each is None or (each != 1 and name not in _ROWS_OF_VALUES):
            raise self._no_column(name, describe(node))
        stored = read(node, self._estimates.file_path)
        try:
            values = numbers(stored)
        except ValueError as error:
            raise self._no_column(name, str(error)) from error
        # Without autoregression (p = 0) CaImAn lists no value, or the text None, for every component.
        unstated = values.size == 0 or (values is not stored and bool(np.all(np.isnan(values))))
        if self.count and unstated:
            return None
        return values.reshape((self.count, each) if name in _ROWS_OF_VALUES else self.count)

    def _no_column(self, name: str, found: str) -> CaimanFileError:
        return self._estimates.error(
            "there is not one number for each component",
            name,
            found=found,
            expected=f"{self.count} numbers, or numbers written as text",
            remedy=f"Compute {name} again in CaImAn or set it to None, and save the results again",
        )

    def _rows(self, name: str) -> DatasetRows | None:
        dataset = self._estimates.array(name, ndim=2)
        if dataset is None:
            return None
        if dataset.shape[0] != self.count:
            if name == STORED_TRACES["dff"]:
                return None
            raise self._estimates.error(
                "the number of traces and the number of footprints differ",
                name,
                found=f"{dataset.shape[0]} traces and {self.count} footprints",
                expected="one trace for each footprint",
                remedy=f"Compute {name} again in CaImAn or set it to None, and save the results again",
            )
        return DatasetRows(dataset, self._estimates.file_path, self._file_bytes)

    def _check_frames(self, rows: Mapping[str, DatasetRows | None]) -> None:
        lengths = {name: found.shape[1] for name, found in rows.items() if found is not None}
        if len(set(lengths.values())) > 1:
            raise self._estimates.error(
                "the traces have different numbers of frames",
                found=", ".join(f"{name}: {length}" for name, length in lengths.items()),
                expected="the same number for all",
                remedy="Save the results again with CaImAn",
            )

    def _indices(self, name: str) -> NDArray[np.intp] | None:
        node = self._estimates.find(name)
        if node is None:
            return None
        if not isinstance(node, h5py.Dataset) or node.ndim != 1 or (node.size and node.dtype.kind not in "iu"):
            raise self._bad_indices(name, describe(node))
        indices = read(node, self._estimates.file_path)
        if len(indices) and (indices.min() < 0 or indices.max() >= self.count):
            raise self._bad_indices(name, f"numbers from {indices.min()} to {indices.max()}")
        return np.unique(indices.astype(np.intp))

    def _bad_indices(self, name: str, found: str) -> CaimanFileError:
        return self._estimates.error(
            "the list of components cannot be used",
            name,
            found=found,
            expected=f"whole numbers from 0 to {self.count - 1}" if self.count else "an empty list",
            remedy="Evaluate the components again in CaImAn",
        )


def stored_footprints(estimates: FileGroup) -> StoredMatrix:
    """Return the matrix of footprints ``A``, unread.

    Raises
    ------
    CaimanFileError
        If there is none.
    """
    node = estimates.find("A", ndim=2)
    if node is None:
        raise estimates.error(
            "there are no footprints",
            "A",
            found="nothing",
            expected="the spatial components A",
            remedy="Run CaImAn's fit before saving",
        )
    return StoredMatrix(node, estimates.file_path)
