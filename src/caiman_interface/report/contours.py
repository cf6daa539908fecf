"""Outlines of footprints, as CaImAn draws them: the smallest set of pixels that holds 90 % of the energy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import PixelTable

ENERGY = 0.9
"""Share of a footprint's energy (the sum of its squared weights) inside its outline."""


def project(pixels: PixelTable, axes: tuple[int, int]) -> PixelTable:
    """Look at footprints along the axes that are left out: each pixel takes the largest weight on its line.

    Parameters
    ----------
    pixels : PixelTable
        Footprints with two or three axes (x, y[, z]).
    axes : tuple of int
        The axes that become x and y: (0, 1) looks along z, (0, 2) along y, (2, 1) along x.

    Returns
    -------
    PixelTable
        With two axes, the pixels of a footprint in the order of x, then y.
    """
    across, down = (pixels.coordinates[axis].astype(np.int64) for axis in axes)
    owner = owners(pixels)
    order = np.lexsort((down, across, owner))
    owner, across, down, weights = owner[order], across[order], down[order], pixels.weights[order]
    is_new = np.ones(len(owner), dtype=bool)
    is_new[1:] = (np.diff(owner) != 0) | (np.diff(across) != 0) | (np.diff(down) != 0)
    first = np.flatnonzero(is_new)
    largest = np.maximum.reduceat(weights, first) if len(first) else weights
    count = len(pixels.ends)
    return PixelTable(
        coordinates=(across[first].astype(np.uint32), down[first].astype(np.uint32)),
        weights=largest,
        ends=np.cumsum(np.bincount(owner[first], minlength=count)).astype(np.int64),
    )


def owners(pixels: PixelTable) -> NDArray[np.int64]:
    """Return for each pixel the position of the footprint to which it belongs."""
    return np.repeat(np.arange(len(pixels.ends)), np.diff(pixels.ends, prepend=0))


def centroids(pixels: PixelTable) -> NDArray[np.float64]:
    """Return the weighted centre of each footprint, (footprints, axes) in the order x, y[, z]; NaN where empty."""
    owner, count = owners(pixels), len(pixels.ends)
    weights = pixels.weights.astype(np.float64)
    mass = np.bincount(owner, weights=weights, minlength=count)
    moments = [np.bincount(owner, weights=weights * axis, minlength=count) for axis in pixels.coordinates]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack(moments, axis=1) / mass[:, np.newaxis]


def outlines(pixels: PixelTable) -> list[list[NDArray[np.float64]]]:
    """Return the outlines of footprints with two axes.

    Returns
    -------
    list of list of array
        For each footprint its closed lines, each of shape (points, 2) as (x, y) in pixels, where the centre of the
        first pixel is (0, 0). Without a line where a footprint is empty.
    """
    return [_outline(x, y, weights) for x, y, weights in _each(pixels)]


def _each(pixels: PixelTable) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]]:
    x, y = (axis.astype(np.int64) for axis in pixels.coordinates)
    start = 0
    for end in pixels.ends.tolist():
        yield x[start:end], y[start:end], pixels.weights[start:end]
        start = end


def _outline(x: NDArray[np.int64], y: NDArray[np.int64], weights: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Draw one outline within the box around the footprint, so that the size of the frame does not matter."""
    from contourpy import LineType, contour_generator

    energy = weights.astype(np.float64) ** 2
    total = energy.sum()
    if not total > 0:
        return []
    strongest_first = np.argsort(-energy, kind="stable")
    share = np.empty(len(energy))
    share[strongest_first] = np.cumsum(energy[strongest_first]) / total
    share[strongest_first[0]] = min(
        share[strongest_first[0]], ENERGY / 2
    )  # a footprint of one pixel has an outline too
    left, top = int(x.min()) - 1, int(y.min()) - 1
    box = np.ones((int(y.max()) - top + 2, int(x.max()) - left + 2))
    box[y - top, x - left] = share
    lines: Any = contour_generator(z=box, line_type=LineType.Separate).lines(ENERGY)
    return [np.add(line, (left, top)) for line in lines]
