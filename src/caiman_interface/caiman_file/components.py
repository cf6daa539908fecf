"""The components of one analysis: what the group ``estimates`` contains for each of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .acceptance import HAND_PICKED, Acceptance, Verdict, read_acceptance, read_hand_picked
from .analysis import AnalysisContext
from .display import html_table, public_names
from .edits import Edits, have_same_order
from .encoding import Node, check_is_stored, describe, is_numeric
from .errors import CaimanFileError
from .fields import Fields
from .footprints import Footprints
from .frame import count_frames
from .groups import FileGroup
from .matrices import StoredMatrix
from .named import NamedItems
from .omissions import UnusableFieldError
from .rows import DatasetRows, Rows, SumRows, has_values, of_frames
from .traces import Trace

__all__ = ["DFF_TRACES", "FITS", "HAND_PICKED", "METRICS", "STORED_TRACES", "Acceptance", "Components", "Verdict"]

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

# The fits with a row of values per component rather than one value.
_ROWS_OF_VALUES = {"g"}


class Components:
    """The components in a group of CaImAn's estimates, read when first used.

    Attributes
    ----------
    count : int
        Number of components.
    footprints : Footprints
        Their spatial footprints.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    num_frames : int or None
        Number of frames; None if there is no trace.
    """

    def __init__(
        self, fields: Fields, stored: StoredMatrix, context: AnalysisContext, *, is_discarded: bool = False
    ) -> None:
        self._fields = fields
        self._context = context
        self._is_discarded = is_discarded
        self.frame_shape = context.frame_shape
        self.num_frames = context.num_frames
        self.footprints = Footprints(stored, context.frame_shape)
        self.count = len(self.footprints)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(count={self.count}, frame_shape={self.frame_shape}, num_frames={self.num_frames})"
        )

    def _repr_html_(self) -> str:
        accepted = str(len(self.acceptance.accepted)) if self.acceptance.is_evaluated else "not evaluated"
        names = {"Traces": list(self.traces), "Metrics": list(self.metrics), "Fits": list(self.fits)}
        facts = {kind: ", ".join(found) or "none" for kind, found in names.items()}
        return html_table(f"{self.count} components", {"Accepted": accepted, **facts})

    def __dir__(self) -> list[str]:
        return public_names(super().__dir__())

    @cached_property
    def traces(self) -> NamedItems[Trace]:
        """The traces of the components in the file: ``raw``, ``dff``, ``denoised``, ``deconvolved``.

        Each is lazy, of shape (frames, components). ``raw`` is the fluorescence ``C + YrA``; where YrA is absent and R
        is not, R is used. A trace that covers other components or frames is left out, and ``S`` of OnACID without
        deconvolution if it is filled with zeros, for which it is read.
        """
        rows = {name: self._rows(stored) for name, stored in STORED_TRACES.items()}
        denoised, residual = rows["denoised"], self._rows(self._residual_name)
        raw = None if denoised is None or residual is None else SumRows(denoised, residual)
        if residual is not None and raw is None:
            self._fields.omit(self._residual_name, "is added to C, which is left out or absent")
        return NamedItems({name: _trace(one) for name, one in {"raw": raw, **rows}.items()}, kind="traces")

    @cached_property
    def residual(self) -> Trace | None:
        """The residual YrA (R where YrA is absent), lazy, of shape (frames, components); None if there is none."""
        return _trace(self._rows(self._residual_name))

    @cached_property
    def dff_deconvolution(self) -> NamedItems[Trace]:
        """The results of ``deconvolve(dff_flag=True)``: ``dff_denoised`` (F_dff_dec), ``dff_deconvolved`` (S_dff).

        ``select_components`` does not update them: those that cover other components, or may be in another order, are
        left out.
        """
        rows = {name: self._rows(stored) for name, stored in DFF_TRACES.items()} if self.count else {}
        reason = self._reason_for_order
        if reason is not None and (self._edits.are_restored or not self._follow_dff(rows.get("dff_denoised"))):
            for name, one in rows.items():
                if one is not None:
                    self._fields.omit(DFF_TRACES[name], reason)
            rows = {}
        return NamedItems({name: _trace(one) for name, one in rows.items()}, kind="traces of dF/F")

    @cached_property
    def acceptance(self) -> Acceptance:
        """Which components were accepted, as in ``idx_components`` and ``idx_components_bad``."""
        everything = np.arange(self.count)
        if self._is_discarded:
            return Acceptance("selected", everything[:0], everything)
        return read_acceptance(self._fields, self.count, were_selected=self._were_selected())

    @cached_property
    def hand_picked(self) -> NamedItems[NDArray[np.bool_]]:
        """The user's choices in CaImAn's viewer: ``manually_accepted``, ``manually_rejected``.

        Each has one bool per component. Empty if there are none, or after edits that changed the indices of the
        components.
        """
        if self._is_discarded:
            return NamedItems({}, kind="manual lists")
        stale = self._edits.reason_for_lists(is_selected=self._is_selected)
        return NamedItems(read_hand_picked(self._fields, self.count, stale=stale), kind="manual lists")

    @cached_property
    def metrics(self) -> NamedItems[NDArray[Any]]:
        """The quality metrics that CaImAn computed: ``snr``, ``r_values``, ``cnn_preds``, ``eccentricity``.

        Each has shape (components,). Values that cover other components or may be in another order are left out.
        """
        return NamedItems({name: self._metric(name) for name in METRICS}, kind="metrics")

    @cached_property
    def fits(self) -> NamedItems[NDArray[Any]]:
        """The results of the deconvolution of each component, in the file's units.

        ``baseline``, ``initial_calcium``, ``noise_std`` and ``regularization`` have shape (components,),
        ``ar_coefficients`` (components, p). Values that cover other components than those in the file (OnACID
        keeps those of its first batch) and initial values are left out.
        """
        return NamedItems({name: self._fit(name) for name in FITS}, kind="fits")

    def read_all_fields(self) -> None:
        """Read every field except the values of traces, so that all omissions are known."""
        self._rows("R")  # equal to YrA, and used in its place only
        _ = self.traces, self.dff_deconvolution, self.metrics, self.fits, self.acceptance, self.hand_picked

    @property
    def order_is_unreliable(self) -> str | None:
        """Why arrays that CaImAn's edits do not update may be in another order; None if they are not."""
        return self._reason_for_order

    @property
    def _residual_name(self) -> str:
        return "YrA" if self._fields.is_present("YrA", ndim=2) else "R"

    @cached_property
    def _edits(self) -> Edits:
        return Edits.read(self._fields, self.count, num_frames=self.num_frames, online=self._context.online)

    @property
    def _is_online(self) -> bool:
        return self._context.online is not None

    @property
    def _is_selected(self) -> bool:
        return not self._is_discarded and self.acceptance.verdict == "selected"

    @property
    def _reason_for_order(self) -> str | None:
        if self._is_discarded:
            return None
        return self._edits.reason_for_order(is_selected=self._is_selected)

    def _were_selected(self) -> bool:
        """Return whether ``select_components`` explains the absence of the lists of an evaluation.

        It clears them. Unless it keeps the removed components (``save_discarded_components``), only the metrics show
        that there was an evaluation. ``restore_discarded_components`` puts components back without their evaluation. A
        missing key means that saving was interrupted.
        """
        if self._edits.removed:
            return True
        names = self._fields.group.names()
        is_complete = "idx_components" in names and "idx_components_bad" in names
        evaluated = any(self._column(METRICS[name]) is not None for name in ("snr", "r_values", "cnn_preds"))
        return evaluated and is_complete and not self._edits.are_restored

    def _metric(self, name: str) -> NDArray[Any] | None:
        values = self._column(METRICS[name])
        if values is None or name != "eccentricity":
            return values
        # An evaluation that computes the eccentricity is newer than any edit: edits clear its lists.
        is_new = self.acceptance.verdict == "evaluated" and self._context.uses_eccentricity
        reason = None if is_new else self._reason_for_order
        if reason is not None:
            self._fields.omit(METRICS[name], reason)
        return values if reason is None else None

    def _fit(self, name: str) -> NDArray[Any] | None:
        stored = FITS[name]
        values = self._column(stored)
        if values is None or not self.count:
            return values
        reason = None
        if self._context.online is not None:
            reason = self._context.online.reason_against_fit(stored, values)
        elif stored == "g" and self._context.order == 0 and not np.any(values):
            reason = "is filled with zeros: there is no autoregressive model with p = 0"
        if reason is not None:
            self._fields.omit(stored, reason)
        return values if reason is None else None

    def _column(self, name: str) -> NDArray[Any] | None:
        convert = partial(self._fields.column, count=self.count, allow_rows=name in _ROWS_OF_VALUES)
        return self._fields.read(name, convert, ndim=1)

    def _rows(self, name: str) -> Rows | None:
        rows = self._fields.read(name, self._convert_rows, ndim=2)
        online = self._context.online
        if rows is None or online is None or name != "S":
            return rows
        reason = online.reason_against_zeros()
        if reason is None or has_values(rows):
            return rows
        self._fields.omit(name, reason)
        return None

    def _convert_rows(self, node: Node) -> Rows:
        """Return the rows of a trace, unread."""
        if not is_numeric(node) or node.ndim != 2 or node.dtype.kind == "b":  # noqa: PLR2004 (components, frames)
            message = f"is {describe(node)}, not a trace per component"
            raise UnusableFieldError(message)
        assert isinstance(node, h5py.Dataset)  # noqa: S101 (for the type checker)
        if node.shape[0] != self.count:
            message = f"covers {node.shape[0]} components, the file has {self.count}"
            raise UnusableFieldError(message)
        check_is_stored(node)
        rows = DatasetRows(node, self._fields.group.file_path, self._context.file_bytes)
        return of_frames(rows, self.num_frames, allow_passes=self._is_online)

    def _follow_dff(self, rows: Rows | None) -> bool:
        """Return whether the deconvolved ΔF/F is in the order of F_dff, which edits keep up to date."""
        dff = self._rows(STORED_TRACES["dff"])
        return rows is not None and dff is not None and have_same_order(dff, rows)


def _trace(rows: Rows | None) -> Trace | None:
    return None if rows is None else Trace(rows)


def stored_footprints(estimates: FileGroup) -> StoredMatrix:
    """Return the matrix of footprints ``A``, unread but checked.

    Raises
    ------
    CaimanFileError
        If there is none, or it contradicts itself.
    """
    problem, found = "there are no footprints", "nothing"
    try:
        node = estimates.find("A", ndim=2)
        if node is not None:
            return StoredMatrix.checked(node, estimates.file_path)
    except UnusableFieldError as error:
        problem, found = "the footprints cannot be used", str(error)
    except CaimanFileError as error:
        problem, found = "the footprints cannot be read", error.found or error.problem
    raise estimates.error(
        problem,
        "A",
        found=found,
        expected="the spatial components A, as a sparse or a dense matrix",
        remedy="Save the results again with CaImAn after the fit",
    )


def read_discarded(estimates: Fields, context: AnalysisContext) -> Components | None:
    """Return the components that ``select_components`` removed and kept in the file; None if there are none.

    Also None if they cover frames that OnACID shrank (``ds_factor``): it enlarges only the other components.
    """
    fields = estimates.subgroup("discarded_components")
    if fields is None:
        return None
    if "A" not in fields.group.names():
        estimates.omit("discarded_components", "has no footprints (A)")
    stored = fields.read("A", partial(_footprints_of_frame, fields, context.frame_shape), ndim=2)
    if stored is None or stored.shape[1] == 0:
        return None
    frames = count_frames(fields, stored.shape[1]) if context.num_frames is None else context.num_frames
    return Components(fields, stored, replace(context, num_frames=frames), is_discarded=True)


def _footprints_of_frame(fields: Fields, frame_shape: tuple[int, ...], node: Node) -> StoredMatrix:
    stored = StoredMatrix.checked(node, fields.group.file_path)
    if stored.shape[1]:
        Footprints(stored, frame_shape)  # compares the numbers of pixels
    return stored
