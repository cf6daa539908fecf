"""Whether a file is complete and consistent: what is missing where saving was interrupted, and what is suspicious."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from .errors import CaimanFileError
from .fields import Fields
from .footprints import Footprints
from .frame import FrameShape
from .omissions import UnusableFieldError

# The fields of `estimates` that every file has, in all kinds of analysis and all releases.
_FIELDS = (
    *("A", "A_thr", "Ab", "Ab_dense", "AtA", "AtY_buf", "C", "CC", "CY", "C_on", "Cf", "F_dff", "OASISinstances", "R"),
    *("S", "SNR_comp", "W", "YrA", "Yr_buf", "b", "b0", "bl", "c1", "center", "cnn_preds", "dims"),
    *("discarded_components", "f", "g", "idx_components", "idx_components_bad", "ind_new", "lam", "mn", "neurons_sn"),
    *("noisyC", "r_values", "rho_buf", "shifts", "sn", "sv", "vr"),
)

# Those of them that are converted.
_CONVERTED = (
    *("C", "F_dff", "S", "SNR_comp", "W", "YrA", "b", "b0", "bl", "c1", "cnn_preds", "discarded_components", "f", "g"),
    *("idx_components", "idx_components_bad", "lam", "neurons_sn", "r_values", "shifts", "sn"),
)

_SHOWN_COMPONENTS = 10


def missing_fields(estimates: Fields) -> tuple[str, ...]:
    """Return the missing fields: an interrupted save omits all later fields."""
    present = set(estimates.names())
    return tuple(name for name in _FIELDS if name not in present)


def record_missing_fields(estimates: Fields) -> None:
    """Record the missing fields that would have been converted as left out."""
    for name in missing_fields(estimates):
        if name in _CONVERTED:
            estimates.omit(name, "is missing: CaImAn stopped before it saved the field")


def read_warnings(
    missing: tuple[str, ...],
    frame: FrameShape,
    contradicting: NDArray[np.intp],
    footprints: Mapping[str, Footprints | None],
) -> Iterator[str]:
    """Yield what is suspicious, one sentence each.

    Parameters
    ----------
    missing : tuple of str
        The fields that the file lacks.
    frame : FrameShape
        The shape of the frame, and the fields that contain it.
    contradicting : array of int
        The components on which the evaluation and the user's lists disagree.
    footprints : mapping of Footprints
        By the path of the field.
    """
    if missing:
        yield (
            f"CaImAn did not finish saving this file: {len(missing)} of the {len(_FIELDS)} fields that every file has "
            f"are missing ({', '.join(missing)}). CaImAn up to 1.10 stops at the first NaN."
        )
    if frame.inferred_from is not None:
        yield f"The frame shape {frame.shape} is not stored in the file; it was inferred from {frame.inferred_from}."
    if len(contradicting):
        shown = ", ".join(map(str, contradicting[:_SHOWN_COMPONENTS]))
        more = ", …" if len(contradicting) > _SHOWN_COMPONENTS else ""
        yield (
            f"idx_components and the lists made by hand in CaImAn's viewer contradict each other for "
            f"{len(contradicting)} components ({shown}{more}): the file was probably saved while the viewer showed a "
            "part of the components."
        )
    for field, one in footprints.items():
        if one is not None:
            yield from _odd_weights(field, one)


def _odd_weights(field: str, footprints: Footprints) -> Iterator[str]:
    try:
        not_finite, too_large = footprints.odd_weights
    except (UnusableFieldError, CaimanFileError):
        return
    if not_finite and field.endswith("/b"):
        yield (
            f"{field} contains {_weights(not_finite)} of NaN or infinity: one component that failed in OnACID, as at "
            "borders that motion correction left without variance, makes C, S, YrA and a part of b NaN."
        )
    elif not_finite:
        yield (
            f"{field} contains {_weights(not_finite)} of NaN or infinity, which {'are' if not_finite > 1 else 'is'} "
            "kept: a movie with NaN pixels gives such components."
        )
    if too_large:
        yield (
            f"{field} contains {_weights(too_large)} too large for single precision: infinity in the image masks of "
            "roiextractors and in pixel_mask, whose correction contains the value."
        )


def _weights(count: int) -> str:
    return f"{count} weight{'s' * (count != 1)}"
