"""What edits in CaImAn did to the order and number of components, and which arrays they left behind.

``select_components`` and ``restore_discarded_components`` (``caiman/source_extraction/cnmf/estimates.py``) move the
rows of the arrays in a list of names. ``ecc``, ``F_dff_dec``, ``S_dff``, ``accepted_list`` and ``rejected_list`` are
not in that list, nor is anything outside ``estimates``: these keep the old order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import Fields
from .matrices import StoredMatrix
from .omissions import UnusableFieldError
from .online import OnlineAnalysis
from .rows import Rows

# The arrays of components whose length shows that components were removed or merged since.
_COMPONENT_ARRAYS = ("SNR_comp", "r_values", "cnn_preds", "ecc", "F_dff", "R", "F_dff_dec", "S_dff")

# How much of two matrices is compared to find out whether their rows are in the same order.
_COMPARED_ROWS = 256
_COMPARED_FRAMES = 2000
_LEAST_AGREEMENT = 0.8


@dataclass(frozen=True)
class Edits:
    """The edits that can be recognized in a file.

    Attributes
    ----------
    are_restored : bool
        Whether ``restore_discarded_components`` put components back: it leaves ``discarded_components`` without ``A``.
    removed : int or None
        How many components ``select_components`` set aside; None where it did not run after the analysis. OnACID calls
        it for its first batch: what that set aside covers fewer frames.
    are_stale : bool
        Whether an array of components covers another number of components, as after a merge or a selection.
    """

    are_restored: bool
    removed: int | None
    are_stale: bool

    @classmethod
    def read(cls, estimates: Fields, count: int, *, num_frames: int | None, online: OnlineAnalysis | None) -> Edits:
        """Recognize the edits of `count` components from their group; no omission is recorded."""
        names = _COMPONENT_ARRAYS if online is not None else (*_COMPONENT_ARRAYS, "lam")  # OnACID's: of its first batch
        lengths = [shape[0] for name in names if (shape := estimates.shape(name)) is not None]
        is_stale = any(length != count for length in lengths) or (online is not None and online.has_lost_components)
        removed, restored = _discarded(estimates)
        if online is not None and _is_of_first_batch(estimates, removed, num_frames, is_finished=online.is_finished):
            removed = None
        return cls(restored, removed, is_stale)

    def reason_for_lists(self, *, is_selected: bool) -> str | None:
        """Return why the lists of the viewer refer to other components; None if they do not."""
        if self.are_restored:
            return "is from before restore_discarded_components, which changed the order of the components"
        if is_selected or self.removed is not None:
            return "may be from before select_components, which changed the numbers of the components"
        if self.are_stale:
            return "may be from before components were removed or merged: other arrays do not cover the same number"
        return None

    def reason_for_order(self, *, is_selected: bool) -> str | None:
        """Return why arrays that edits do not update may be in another order; None if they are not.

        An array from before a selection that removed components is recognized by its length, unless another selection
        followed, which then cleared the lists of the evaluation.
        """
        if self.are_restored:
            return "is in the order from before restore_discarded_components"
        if is_selected or self.removed == 0:
            return "may be in the order from before select_components"
        return None


def _is_of_first_batch(estimates: Fields, removed: int | None, num_frames: int | None, *, is_finished: bool) -> bool:
    """Return whether OnACID's initialisation set components aside: their traces cover the first batch of frames."""
    aside = estimates.subgroup("discarded_components")
    shape = None if aside is None else aside.shape("C", allow_empty=True)
    if shape is None or len(shape) != 2 or not is_finished:  # noqa: PLR2004 (components, frames)
        return removed == 0
    return num_frames is not None and shape[1] < num_frames


def _discarded(estimates: Fields) -> tuple[int | None, bool]:
    """Return how many components are set aside, and whether they were restored."""
    aside = estimates.subgroup("discarded_components")
    if aside is None or "A" not in aside.group.names():
        return None, False
    try:
        node = aside.group.find("A", ndim=2)
        return (None, True) if node is None else (StoredMatrix(node, aside.group.file_path).shape[1], False)
    except (UnusableFieldError, ValueError):
        return None, False


def have_same_order(first: Rows, second: Rows) -> bool:
    """Return whether the rows of two traces belong to the same components, from the correlation of parts of them."""
    rows = np.unique(np.linspace(0, first.shape[0] - 1, min(first.shape[0], _COMPARED_ROWS)).astype(np.intp))
    frames = min(first.shape[1], second.shape[1], _COMPARED_FRAMES)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        parts = [np.asarray(matrix.read(rows, 0, frames), dtype=np.float64) for matrix in (first, second)]
        centred = [part - part.mean(axis=1, keepdims=True) for part in parts]
        scaled = [part / np.sqrt((part**2).sum(axis=1, keepdims=True)) for part in centred]
        correlation = scaled[0] @ scaled[1].T
    usable = np.isfinite(np.diag(correlation))
    if not np.any(usable):
        return False
    best = np.nanargmax(np.where(np.isfinite(correlation), correlation, -1), axis=1)
    return bool(np.mean((best == np.arange(len(best)))[usable]) >= _LEAST_AGREEMENT)
