"""Footprints in the forms that roiextractors defines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import Footprints

PixelMask = NDArray[np.float64]


def pixel_masks(footprints: Footprints) -> list[PixelMask]:
    """Return one array per footprint with the columns y (row), x (column)[, z (plane)], weight."""
    table = footprints.pixels()
    x, y, *z = table.coordinates
    columns = np.column_stack([y, x, *z, table.weights]).astype(np.float64, copy=False)
    return np.split(columns, table.ends[:-1]) if len(table.ends) else []


def image_masks(footprints: Footprints) -> NDArray[np.float32]:
    """Return the footprints as dense images of shape (rows, columns[, planes], ROIs), in roiextractors' type.

    A weight that is too large for it is infinite; opening the file warns of such weights.
    """
    return _as_single(footprints.images())


def locations(masks: Sequence[PixelMask], frame_shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the row, column[, plane] where each pixel mask is brightest, as (2 or 3, ROIs), rounded down.

    A mask without a weight that is a number is located in the middle of the frame.
    """
    middle: NDArray[np.float64] = (np.array(frame_shape) - 1) / 2
    found = np.empty((len(middle), len(masks)), dtype=np.intp)
    for number, mask in enumerate(masks):
        is_number = ~np.isnan(mask[:, -1])
        found[:, number] = _brightest_place(mask[is_number]) if np.any(is_number) else middle
    return found


def _brightest_place(mask: PixelMask) -> NDArray[np.float64]:
    weights = _as_single(mask[:, -1])  # the dtype of image masks, which decides what is a tie
    return np.asarray(np.median(mask[weights == weights.max(), :-1], axis=0))


def _as_single(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
