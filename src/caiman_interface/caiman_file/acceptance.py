"""Which components were accepted: by CaImAn's evaluation, by a selection, and by hand in its viewer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import Node, describe, is_numeric
from .fields import Fields
from .groups import read
from .omissions import UnusableFieldError

Verdict = Literal["evaluated", "selected", "not evaluated"]

ACCEPTED, REJECTED = "idx_components", "idx_components_bad"

# CaImAn's name of each list of components that the user chose in its viewer.
HAND_PICKED = {"manually_accepted": "accepted_list", "manually_rejected": "rejected_list"}

# The metrics that CaImAn computes together with the lists.
_EVALUATED = ("SNR_comp", "r_values", "cnn_preds")


@dataclass(frozen=True)
class Acceptance:
    """Which components were accepted by CaImAn's evaluation, or kept by a selection.

    Attributes
    ----------
    verdict : {"evaluated", "selected", "not evaluated"}
        "evaluated": the file contains the index lists. "selected": ``select_components`` kept these components, which
        CaImAn's evaluation or the user had chosen, and removed the others.
        "not evaluated": CaImAn did not evaluate the components.
    accepted, rejected : array of int
        Indices of the components, increasing. Without an evaluation, all count as accepted.
    """

    verdict: Verdict
    accepted: NDArray[np.intp]
    rejected: NDArray[np.intp]

    @property
    def is_evaluated(self) -> bool:
        """Whether CaImAn evaluated the components (also where only the accepted ones were kept)."""
        return self.verdict != "not evaluated"

    def mask(self, count: int) -> NDArray[np.bool_]:
        """Return one bool for each of `count` components: whether it counts as accepted."""
        mask = np.zeros(count, dtype=bool)
        mask[self.accepted] = True
        return mask


class _StaleListError(UnusableFieldError):
    """A list refers to other components than those in the file."""


def read_acceptance(estimates: Fields, count: int, *, were_selected: bool) -> Acceptance:
    """Read the lists of an evaluation.

    Parameters
    ----------
    estimates : Fields
        The group of the components.
    count : int
        Number of components.
    were_selected : bool
        Whether, in the absence of lists, ``select_components`` kept these components and removed the others.

    Notes
    -----
    If one list cannot be read, the other one decides: CaImAn always makes the two complementary. Both are left out if
    they have indices from before an edit (such as ``merge_components``).
    """
    everything = np.arange(count)
    not_evaluated = Acceptance("not evaluated", everything, everything[:0])
    accepted, rejected = (_read_list(estimates, name, count) for name in (ACCEPTED, REJECTED))
    present = [name for name in (ACCEPTED, REJECTED) if estimates.is_present(name)]
    problem = _problem(estimates, accepted, rejected, count) if present else None
    if problem is not None:
        for name in present:
            estimates.omit(name, problem)
        return not_evaluated
    good, bad = accepted.positions, rejected.positions
    if good is None and bad is None:
        is_selected = were_selected and not present
        return Acceptance("selected", everything, everything[:0]) if is_selected else not_evaluated
    if good is None:
        good = np.setdiff1d(everything, bad if bad is not None else everything)
    elif bad is None:
        bad = np.setdiff1d(everything, good)
    elif count and not len(good) and not len(bad):  # two empty lists
        return not_evaluated
    return Acceptance("evaluated", good, bad if bad is not None else everything[:0])


def read_hand_picked(estimates: Fields, count: int, *, stale: str | None) -> dict[str, NDArray[np.bool_]]:
    """Read the lists of CaImAn's viewer as one bool per component.

    Parameters
    ----------
    estimates : Fields
        The group of the components.
    count : int
        Number of components.
    stale : str or None
        Why the lists refer to other components than those in the file; None if they do not.
    """
    picked: dict[str, NDArray[np.bool_]] = {}
    for name, stored in HAND_PICKED.items():
        chosen = estimates.read(stored, partial(_indices, estimates, count=count), ndim=1)
        if chosen is None or not len(chosen):
            continue
        if stale is not None:
            estimates.omit(stored, stale)
        else:
            picked[name] = np.isin(np.arange(count), chosen)
    return picked


def contradictions(acceptance: Acceptance, hand_picked: dict[str, NDArray[np.bool_]]) -> NDArray[np.intp]:
    """Return the components on which the evaluation and the lists of the viewer disagree."""
    if acceptance.verdict != "evaluated":
        return np.zeros(0, dtype=np.intp)
    accepted = np.flatnonzero(hand_picked.get("manually_accepted", ()))
    rejected = np.flatnonzero(hand_picked.get("manually_rejected", ()))
    return np.union1d(np.intersect1d(accepted, acceptance.rejected), np.intersect1d(rejected, acceptance.accepted))


@dataclass(frozen=True)
class _StoredList:
    """A list of components: their indices, or why it refers to other components than those in the file."""

    positions: NDArray[np.intp] | None = None
    stale: str | None = None


def _read_list(estimates: Fields, name: str, count: int) -> _StoredList:
    """Read a list; a stale one does not raise, since it makes the other list stale too."""

    def convert(node: Node) -> _StoredList:
        try:
            return _StoredList(_indices(estimates, node, count=count))
        except _StaleListError as error:
            return _StoredList(stale=str(error))

    return estimates.read(name, convert) or _StoredList()


def _problem(estimates: Fields, accepted: _StoredList, rejected: _StoredList, count: int) -> str | None:
    """Return why the lists do not refer to the components in the file; None if they do."""
    if accepted.stale or rejected.stale:
        return accepted.stale or rejected.stale
    is_complete = False
    if accepted.positions is not None and rejected.positions is not None:
        both = np.intersect1d(accepted.positions, rejected.positions)
        if len(both):
            return f"contradicts the other list: component {both[0]} is in both"
        # `manual_merge` updates the lists, but not the metrics.
        is_complete = len(accepted.positions) + len(rejected.positions) == count
    if not is_complete and _metrics_are_stale(estimates, count):
        return f"is from before the components were edited: the metrics do not cover the {count} in the file"
    return None


def _indices(estimates: Fields, node: Node, *, count: int) -> NDArray[np.intp]:
    """Read the indices of components: whole numbers, or a bool per component.

    Raises
    ------
    UnusableFieldError
        If they are not indices, or refer to other components.
    """
    if not isinstance(node, h5py.Dataset) or node.ndim != 1 or (node.size and not is_numeric(node)):
        message = f"is {describe(node)}, not a list of components"
        raise UnusableFieldError(message)
    if node.size == 0:
        return np.zeros(0, dtype=np.intp)
    stored = read(node, estimates.group.file_path)
    if stored.dtype.kind == "b":
        if len(stored) != count:
            message = f"covers {len(stored)} components, the file has {count}"
            raise _StaleListError(message)
        return np.flatnonzero(stored)
    if stored.dtype.kind == "f" and not (np.all(np.isfinite(stored)) and np.all(stored == np.trunc(stored))):
        message = "contains numbers that are not whole"
        raise UnusableFieldError(message)
    lowest, highest = stored.min(), stored.max()
    if lowest < 0 or highest >= count:
        message = f"numbers components from {lowest:g} to {highest:g}, the file has {count} (0 to {count - 1})"
        raise _StaleListError(message if count else f"numbers components up to {highest:g}, the file has none")
    return np.unique(stored.astype(np.intp))


def _metrics_are_stale(estimates: Fields, count: int) -> bool:
    lengths = [shape[0] for name in _EVALUATED if (shape := estimates.shape(name)) is not None]
    return any(length != count for length in lengths)
