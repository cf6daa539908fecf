"""What was done to the components in CaImAn, and which arrays that left behind; read for verification only.

The rules are those of CaImAn's ``estimates.py`` (``select_components``, ``restore_discarded_components``,
``merge_components``, ``evaluate_components``) and ``online_cnmf.py``.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .caiman_values import column_at, is_given, is_readable, matrix_shape_at, node_at, numbers_at, scalar_at, text_at
from .fields import ESTIMATES, LEFT_BEHIND
from .frames import num_frames_in

Values = tuple[NDArray[Any] | None, str]
"""Values, or None and why there are none that belong to the ROIs (nothing, where CaImAn has none)."""

_ONLINE = ("ind_new_all", "time_neuron_added", "t_online")
_METRICS = ("SNR_comp", "r_values", "cnn_preds")
_BY_COMPONENT = (*_METRICS, "ecc", "F_dff", "R", "F_dff_dec", "S_dff")
# OnACID computes these for the components of its first batch, and never for those that it adds.
_OF_FIRST_BATCH = {"g", "c1", "lam", "neurons_sn"}


class History:
    """The edits and the evaluation of the components in the group ``estimates``.

    Parameters
    ----------
    file : h5py.File
        The CaImAn file.
    count : int
        Number of components.
    """

    def __init__(self, file: h5py.File, count: int) -> None:
        self._file = file
        self._group = node_at(file, ESTIMATES)
        self._count = count

    # Online analysis

    @cached_property
    def is_online(self) -> bool:
        """Whether the analysis is OnACID's."""
        return any(is_given(self._file, name, 0) for name in _ONLINE)

    @cached_property
    def _is_finished(self) -> bool:
        return is_given(self._file, "t_online", 0)

    @cached_property
    def _has_order_zero(self) -> bool:
        return scalar_at(self._file, "params/preprocess/p") == 0

    @cached_property
    def _starts_from_zeros(self) -> bool:
        online = node_at(self._file, "params/online")
        return isinstance(online, h5py.Group) and text_at(online, "init_method") in {"bare", "seeded"}

    @cached_property
    def _lost_components_added_online(self) -> bool:
        """Return whether OnACID added components, and some components were removed afterwards."""
        added = numbers_at(self._file, "time_neuron_added")
        if not self.is_online or added is None or added.ndim != 2 or added.shape[1] != 2:  # noqa: PLR2004 (its columns)
            return False
        return len(added) > self._count and len(np.unique(added[:, 1])) > 1

    def reason_against_deconvolved(self, dataset: h5py.Dataset) -> str:
        """Return why S is not a result, or nothing."""
        never = self.is_online and self._has_order_zero
        not_yet = self.is_online and not self._is_finished and self._starts_from_zeros
        if (never or not_yet) and not _has_other_than_zeros(dataset):
            return "S is filled with zeros: OnACID did not deconvolve"
        return ""

    def reason_against_fit(self, field: str, values: NDArray[Any]) -> str:
        """Return why numbers of the deconvolution are not results, or nothing."""
        is_zero = not np.any(values)
        if not self._count:
            return ""
        if not self.is_online:
            is_initial = field == "g" and self._has_order_zero and is_zero
        elif field == "g":
            is_initial = self._has_order_zero
        else:
            is_used = field == "bl" and self._is_finished and not self._has_order_zero
            is_initial = field in {"c1", "lam", "bl"} and is_zero and not is_used
        if is_initial:
            return f"{field} is an initial value, not fitted"
        if field in _OF_FIRST_BATCH and self._is_finished and self._lost_components_added_online:
            return f"{field} is of OnACID's first batch, before components were added and others removed"
        return ""

    # Edits

    @cached_property
    def is_restored(self) -> bool:
        """Whether ``restore_discarded_components`` ran: it leaves ``discarded_components`` without A."""
        aside = node_at(self._file, "estimates/discarded_components")
        return isinstance(aside, h5py.Group) and "A" in set(aside) and not is_given(aside, "A", 2)

    @cached_property
    def removed(self) -> int | None:
        """How many components ``select_components`` set aside after the analysis; None where it did not run.

        What it set aside in OnACID's first batch covers fewer frames.
        """
        aside = node_at(self._file, "estimates/discarded_components")
        shape = matrix_shape_at(aside, "A") if isinstance(aside, h5py.Group) else None
        if shape is None or not self.is_online:
            return None if shape is None else shape[1]
        traces = node_at(aside, "C")
        if not self._is_finished or not isinstance(traces, h5py.Dataset) or traces.ndim != 2:  # noqa: PLR2004 (axes)
            return shape[1] or None
        frames = num_frames_in(self._file)
        return None if frames is not None and traces.shape[1] < frames else shape[1]

    @cached_property
    def _covers_others(self) -> bool:
        nodes = [node_at(self._group, name) for name in _BY_COMPONENT]
        if not self.is_online:
            nodes.append(node_at(self._group, "lam"))
        elif self._is_finished:
            added = node_at(self._file, "time_neuron_added")
            if isinstance(added, h5py.Dataset) and added.ndim and added.shape[0] > self._count:
                return True
        return any(
            isinstance(one, h5py.Dataset) and one.ndim and one.size and one.shape[0] != self._count for one in nodes
        )

    @cached_property
    def reason_against_order(self) -> str:
        """Why what edits do not move may be in another order, or nothing."""
        if self.is_restored:
            return "is in the order from before restore_discarded_components"
        if self.is_selected or self.removed == 0:
            return "may be in the order from before select_components"
        return ""

    def reason_against_column(self, field: str) -> str:
        """Return why a field that edits leave behind belongs to other ROIs, or nothing."""
        if field not in LEFT_BEHIND:
            return ""
        reason = self.reason_against_order
        if field == "ecc":
            uses = scalar_at(self._file, "params/quality/use_ecc")
            reason = "" if self._is_evaluated and uses else reason
        elif field in {"accepted_list", "rejected_list"}:
            was_selected = self.is_selected or self.removed is not None
            other = "may be from before components were removed" if was_selected or self._covers_others else ""
            reason = reason or other
        return f"{field} {reason}" if reason else ""

    # Evaluation

    def indices(self, field: str) -> NDArray[np.int64] | None:
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

    @cached_property
    def accepted(self) -> Values:
        """Which components were accepted, as one bool for each."""
        good, bad = self.indices("idx_components"), self.indices("idx_components_bad")
        if self.is_selected:
            return np.ones(self._count, dtype=bool), ""
        reason = self._reason_against_lists([one for one in (good, bad) if one is not None])
        if reason:
            return None, reason
        everything = np.arange(self._count)
        return (np.isin(everything, good) if good is not None else ~np.isin(everything, bad)), ""  # type: ignore[arg-type]

    def _reason_against_lists(self, lists: list[NDArray[np.int64]]) -> str:
        """Return why lists of accepted and rejected components are not an evaluation of these, or nothing."""
        if not lists:
            return "the components were not evaluated"
        numbers = np.concatenate(lists)
        if np.any(numbers < 0):
            return "the lists of accepted and rejected components number other components"
        has_both = len(lists) > 1
        if has_both and len(np.intersect1d(lists[0], lists[1])):
            return "a component is both accepted and rejected"
        if self._metrics_cover_others and not (has_both and len(np.unique(numbers)) == self._count):
            return "the lists are from before the components were edited"
        is_empty = has_both and self._count and not len(numbers)
        return "the components were not evaluated: both lists are empty" if is_empty else ""

    @property
    def verdict(self) -> str:
        """What is known of the acceptance: "evaluated", "selected" or "not evaluated"."""
        if self.is_selected:
            return "selected"
        return "evaluated" if self._is_evaluated else "not evaluated"

    @cached_property
    def _metrics_cover_others(self) -> bool:
        nodes = [node_at(self._group, name) for name in _METRICS]
        return any(
            isinstance(one, h5py.Dataset) and one.ndim and one.size and one.shape[0] != self._count for one in nodes
        )

    @cached_property
    def _is_evaluated(self) -> bool:
        return self.accepted[0] is not None and not self.is_selected

    @cached_property
    def is_selected(self) -> bool:
        """Whether ``select_components`` left only accepted components, and cleared the lists."""
        names = ("idx_components", "idx_components_bad")
        if any(is_given(self._group, name, 0) for name in names):
            return False
        if self.removed:
            return True
        evaluated = any(column_at(self._group, field, self._count)[0] is not None for field in _METRICS)
        is_complete = self._group is not None and set(names) <= set(self._group)
        return evaluated and is_complete and not self.is_restored


def _has_other_than_zeros(dataset: h5py.Dataset) -> bool:
    return any(np.any(dataset[row]) for row in range(dataset.shape[0]))
