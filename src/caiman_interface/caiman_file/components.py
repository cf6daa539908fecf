"""The components of one analysis: what the group ``estimates`` says of each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import describe, find, find_array, numbers
from .errors import CaimanFileError
from .footprints import Footprints, matrix_shape
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


@dataclass(frozen=True)
class Acceptance:
    """Which components CaImAn's evaluation accepted.

    Attributes
    ----------
    verdict : {"evaluated", "selected", "not evaluated"}
        "evaluated": the index lists stand in the file. "selected": ``select_components`` removed the rejected
        ones, so that all that remain were accepted. "not evaluated": CaImAn judged none.
    accepted, rejected : array of int
        Positions of the components. Without evaluation all count as accepted.
    """

    verdict: Verdict
    accepted: NDArray[np.intp]
    rejected: NDArray[np.intp]

    def mask(self, count: int) -> NDArray[np.bool_]:
        """Return one bool for each of `count` components: whether it counts as accepted."""
        mask = np.zeros(count, dtype=bool)
        mask[self.accepted] = True
        return mask


class Components:
    """The components in a group of CaImAn's estimates, read when first used.

    Parameters
    ----------
    estimates : h5py.Group
        ``estimates``, or ``estimates/discarded_components``.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    file_path : Path
        For messages.
    file_bytes : FileBytes or None
        The same file, for reading traces in parallel.
    """

    def __init__(
        self,
        estimates: h5py.Group,
        *,
        frame_shape: tuple[int, ...],
        file_path: Path,
        file_bytes: FileBytes | None,
    ) -> None:
        self._estimates = estimates
        self._file_path = file_path
        self._file_bytes = file_bytes
        self.frame_shape = frame_shape
        self.footprints = Footprints(find_footprints(estimates, file_path), frame_shape, file_path)
        self.count = len(self.footprints)

    @cached_property
    def traces(self) -> dict[str, Trace]:
        """Every trace of the components that stands in the file: ``raw``, ``dff``, ``denoised``, ``deconvolved``.

        ``raw`` is the fluorescence ``C + YrA``; where YrA is absent and R is there, R serves.
        """
        residual = self._rows("YrA") or self._rows("R")
        rows = {name: self._rows(stored) for name, stored in STORED_TRACES.items()}
        denoised = rows["denoised"]
        raw = SumRows(denoised, residual) if denoised is not None and residual is not None else None
        return {name: Trace(found) for name, found in {"raw": raw, **rows}.items() if found is not None}

    @cached_property
    def num_frames(self) -> int | None:
        """Number of frames, or None where no trace stands in the file."""
        lengths = {trace.shape[0] for trace in self.traces.values()}
        if len(lengths) > 1:
            raise CaimanFileError(
                self._file_path,
                "the traces have different numbers of frames",
                place=self._place(),
                found=", ".join(f"{name}: {trace.shape[0]}" for name, trace in self.traces.items()),
                expected="the same number for all",
                remedy="Save the results again with CaImAn",
            )
        return lengths.pop() if lengths else None

    @cached_property
    def acceptance(self) -> Acceptance:
        """Which components were accepted: exactly what ``idx_components`` and ``idx_components_bad`` say."""
        accepted = self._indices("idx_components")
        rejected = self._indices("idx_components_bad")
        everything = np.arange(self.count)
        if accepted is None and rejected is None:
            # Evaluation always leaves its lists. Metrics without lists, or components set aside, mean that
            # `select_components` removed the rejected ones and cleared the lists.
            selected = bool(self.metrics) or self._anything_discarded()
            return Acceptance("selected" if selected else "not evaluated", everything, everything[:0])
        if accepted is None:
            accepted = np.setdiff1d(everything, everything[:0] if rejected is None else rejected)
        if rejected is None:
            rejected = np.setdiff1d(everything, accepted)
        if self.count and not len(accepted) and not len(rejected):  # two empty lists judge nothing
            return Acceptance("not evaluated", everything, everything[:0])
        both = np.intersect1d(accepted, rejected)
        if len(both):
            raise CaimanFileError(
                self._file_path,
                "a component is both accepted and rejected",
                place=self._place("idx_components"),
                found=f"component {both[0]} also in idx_components_bad",
                expected="each component in one of the two lists",
                remedy="Evaluate the components again in CaImAn",
            )
        return Acceptance("evaluated", accepted, rejected)

    @cached_property
    def metrics(self) -> dict[str, NDArray[Any]]:
        """The quality metrics that CaImAn computed: ``snr``, ``r_values``, ``cnn_preds``, ``eccentricity``."""
        return self._columns(METRICS)

    @cached_property
    def fits(self) -> dict[str, NDArray[Any]]:
        """What the deconvolution fitted to each component, in the file's units.

        ``baseline``, ``initial_calcium``, ``noise_std`` and ``regularization`` have shape (components,),
        ``ar_coefficients`` (components, p). Values that cover other components than those in the file (OnACID
        keeps those of its first batch) are stale, and left out.
        """
        return self._columns(FITS)

    def _anything_discarded(self) -> bool:
        discarded = find(self._estimates, "discarded_components")
        footprints = find(discarded, "A", ndim=2) if isinstance(discarded, h5py.Group) else None
        return footprints is not None and matrix_shape(footprints, self._file_path)[1] > 0

    def _columns(self, names: dict[str, str]) -> dict[str, NDArray[Any]]:
        found = {name: self._column(stored) for name, stored in names.items()}
        return {name: values for name, values in found.items() if values is not None}

    def _column(self, name: str) -> NDArray[Any] | None:
        """Read one value or one row of values a component; None where absent, stale or without values."""
        node = find(self._estimates, name, ndim=1)
        if not isinstance(node, h5py.Dataset) or node.shape[0] != self.count or node.size == 0:
            return None
        try:
            values = numbers(node[()])
        except ValueError as error:
            raise CaimanFileError(
                self._file_path,
                "a value of a component is no number",
                place=self._place(name),
                found=str(error),
                expected="numbers, or numbers written as text",
                remedy="Save the results again with CaImAn",
            ) from error
        # Without autoregression (p = 0) CaImAn lists None for every component.
        text_without_values = node.dtype.kind not in "fiub" and bool(np.all(np.isnan(values)))
        return None if text_without_values else values

    def _rows(self, name: str) -> DatasetRows | None:
        dataset = find_array(self._estimates, name, ndim=2, file_path=self._file_path)
        if dataset is None:
            return None
        if dataset.shape[0] != self.count:
            raise CaimanFileError(
                self._file_path,
                "the number of traces and the number of footprints differ",
                place=self._place(name),
                found=f"{dataset.shape[0]} traces and {self.count} footprints",
                expected="one trace for each footprint",
                remedy="Save the results again with CaImAn",
            )
        return DatasetRows(dataset, self._file_bytes)

    def _indices(self, name: str) -> NDArray[np.intp] | None:
        node = find(self._estimates, name)
        if node is None:
            return None
        values = node[()] if isinstance(node, h5py.Dataset) else None
        if values is None or values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
            raise self._bad_indices(name, describe(node))
        indices = values.astype(np.intp)
        if len(indices) and (indices.min() < 0 or indices.max() >= self.count):
            raise self._bad_indices(name, f"indices from {indices.min()} to {indices.max()}")
        return np.unique(indices)

    def _bad_indices(self, name: str, found: str) -> CaimanFileError:
        return CaimanFileError(
            self._file_path,
            "the list of components cannot be used",
            place=self._place(name),
            found=found,
            expected=f"whole numbers from 0 to {self.count - 1}",
            remedy="Evaluate the components again in CaImAn",
        )

    def _place(self, name: str = "") -> str:
        return f"{self._estimates.name}/{name}".strip("/")


def find_footprints(estimates: h5py.Group, file_path: Path) -> Any:
    """Return the node of the footprints ``A``.

    Raises
    ------
    CaimanFileError
        If there is none.
    """
    node = find(estimates, "A", ndim=2)
    if node is None:
        raise CaimanFileError(
            file_path,
            "there are no footprints",
            place=f"{estimates.name}/A".lstrip("/"),
            found=describe(estimates.get("A")),
            expected="the spatial components A",
            remedy="Run CaImAn's fit before saving",
        )
    matrix_shape(node, file_path)
    return node
