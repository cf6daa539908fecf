"""Outlines of footprints, as CaImAn draws them: the smallest set of pixels that holds 90 % of the energy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csc_array

ENERGY = 0.9
"""Share of a footprint's energy (the sum of its squared weights) inside its outline."""

Outline = list[NDArray[np.float64]]
"""Closed lines, each of shape (points, 2): x, y in pixels, (0, 0) at the centre of the first pixel."""


def outlines(footprints: csc_array[Any], frame_shape: tuple[int, ...]) -> list[dict[int, Outline]]:
    """Return the outlines of footprints in each plane that they reach.

    Parameters
    ----------
    footprints : csc_array
        Shape (pixels, components); pixels in Fortran order.
    frame_shape : tuple of int
        (rows, columns[, planes]).

    Returns
    -------
    list of dict
        For each footprint: plane → outline; empty where the footprint is empty. Frames without planes have plane 0.

    Notes
    -----
    As ``caiman.utils.visualization.get_contours`` with ``thr_method='nrg'``; in a volume the energy is that of the
    whole footprint.
    """
    return [dict(_outlines_of(*pixels)) for pixels in each_footprint(footprints, frame_shape)]


def each_footprint(
    footprints: csc_array[Any], frame_shape: tuple[int, ...]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Yield x, y, plane and weight of the pixels of each footprint."""
    rows, columns = frame_shape[:2]
    rest, y = np.divmod(footprints.indices.astype(np.intp), rows)
    plane, x = np.divmod(rest, columns)
    for start, end in zip(footprints.indptr[:-1], footprints.indptr[1:], strict=True):
        part = slice(start, end)
        yield x[part], y[part], plane[part], footprints.data[part].astype(np.float64)


def flattened(footprints: csc_array[Any], frame_shape: tuple[int, ...]) -> csc_array[Any]:
    """Return footprints seen along z, (rows · columns, components): the largest weight over the planes."""
    from scipy.sparse import csc_array

    flat_size = frame_shape[0] * frame_shape[1]
    if footprints.shape[0] == flat_size:
        return footprints
    owners = np.repeat(np.arange(footprints.shape[1]), np.diff(footprints.indptr))
    places = owners * flat_size + footprints.indices % flat_size
    unique, inverse = np.unique(places, return_inverse=True)
    weights = np.zeros(len(unique), dtype=footprints.data.dtype)
    np.maximum.at(weights, inverse, footprints.data)
    owner, pixel = np.divmod(unique, flat_size)
    return csc_array((weights, (pixel, owner)), shape=(flat_size, footprints.shape[1]))


def _outlines_of(
    x: NDArray[np.intp], y: NDArray[np.intp], plane: NDArray[np.intp], weights: NDArray[np.float64]
) -> Iterator[tuple[int, Outline]]:
    energy = weights**2
    total = energy.sum()
    if not total > 0:
        return
    strongest_first = np.argsort(-energy, kind="stable")
    share = np.empty(len(energy))
    share[strongest_first] = np.cumsum(energy[strongest_first]) / total
    # A footprint of one pixel has an outline too.
    share[strongest_first[0]] = min(share[strongest_first[0]], ENERGY / 2)
    for number in np.unique(plane):
        here = plane == number
        lines = _trace(x[here], y[here], share[here])
        if lines:
            yield int(number), lines


def _trace(x: NDArray[np.intp], y: NDArray[np.intp], share: NDArray[np.float64]) -> Outline:
    """Trace one outline within the box around the footprint, so that the size of the frame does not matter."""
    from contourpy import LineType, contour_generator

    left, top = int(x.min()) - 1, int(y.min()) - 1
    box = np.ones((int(y.max()) - top + 2, int(x.max()) - left + 2))
    box[y - top, x - left] = share
    lines: Any = contour_generator(z=box, line_type=LineType.Separate).lines(ENERGY)
    return [np.add(line, (left, top)) for line in lines]
