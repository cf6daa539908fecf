"""Footprints in the forms that roiextractors defines."""

from __future__ import annotations

from collections.abc import Sequence

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


def locations(masks: Sequence[PixelMask], frame_shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the row, column[, plane] where each pixel mask is brightest, as (2 or 3, ROIs), rounded down.

    An empty mask is located in the middle of the frame.
    """
    middle: NDArray[np.float64] = (np.array(frame_shape) - 1) / 2
    found = np.empty((len(middle), len(masks)), dtype=np.intp)
    for number, mask in enumerate(masks):
        found[:, number] = _brightest_place(mask) if len(mask) else middle
    return found


def _brightest_place(mask: PixelMask) -> NDArray[np.float64]:
    weights = mask[:, -1].astype(np.float32)  # the dtype of image masks, which decides what is a tie
    return np.asarray(np.median(mask[weights == weights.max(), :-1], axis=0))
