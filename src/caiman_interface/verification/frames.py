"""The shape of the frame and the number of frames in a CaImAn file, read for verification only."""

from __future__ import annotations

import math
import re

import h5py
import numpy as np

from .caiman_values import matrix_shape_at, node_at, text_at
from .fields import ESTIMATES

_PLACES = ("dims", "estimates/dims", "params/data/dims")
_TRACES = ("C", "f", "YrA", "S", "F_dff", "R")
_SHAPE_IN_NAME = re.compile(r"_d1_(\d+)_d2_(\d+)_d3_(\d+)_")


def frame_shape_in(file: h5py.File) -> tuple[int, ...] | None:
    """Return (rows, columns[, planes]) of the footprints; None where the file does not say.

    Without the root's ``dims``, which is right for AVI movies too, the shape of the movie that CaImAn worked on counts,
    or the correlation image decides between shapes with the same number of pixels.
    """
    matrix = matrix_shape_at(node_at(file, ESTIMATES), "A")
    shapes = {place: shape for place in _PLACES if (shape := _lengths(file, place)) is not None}
    shapes = {place: shape for place, shape in shapes.items() if matrix is not None and math.prod(shape) == matrix[0]}
    image = node_at(file, "estimates/Cn")
    of_image = image.shape if isinstance(image, h5py.Dataset) and image.ndim in {2, 3} and image.size else None
    if "dims" not in shapes and shapes:
        norm = node_at(file, "img_norm")
        of_norm = norm.shape if isinstance(norm, h5py.Dataset) and norm.size else None
        sides = sorted(next(iter(shapes.values())))
        for evidence in (_shape_in_name(file), of_norm):
            if evidence is not None and sorted(evidence) == sides:
                return evidence
        if of_image in shapes.values():
            return of_image
    guessed = (*shapes.values(), of_image, _shape_in_name(file))
    return next(
        (shape for shape in guessed if shape is not None and matrix is not None and math.prod(shape) == matrix[0]), None
    )


def _lengths(file: h5py.File, place: str) -> tuple[int, ...] | None:
    node = node_at(file, place)
    if not isinstance(node, h5py.Dataset) or node.shape not in {(2,), (3,)} or node.dtype.kind not in "biuf":
        return None
    lengths = np.asarray(node[()], dtype=np.float64)
    is_shape = np.all(np.isfinite(lengths)) and np.all(lengths == np.trunc(lengths)) and np.all(lengths >= 1)
    return tuple(int(length) for length in lengths) if is_shape else None


def _shape_in_name(file: h5py.File) -> tuple[int, ...] | None:
    """Return the shape in the name of the memory-mapped movie."""
    found = _SHAPE_IN_NAME.search(text_at(file, "mmap_file") or "")
    if found is None:
        return None
    rows, columns, planes = (int(length) for length in found.groups())
    return (rows, columns) if planes == 1 else (rows, columns, planes)


def num_frames_in(file: h5py.File) -> int | None:
    """Return the number of frames that most traces of the components have; None if there is no trace."""
    group = node_at(file, ESTIMATES)
    matrix = matrix_shape_at(group, "A")
    lengths = []
    for name in _TRACES:
        node = node_at(group, name)
        if not isinstance(node, h5py.Dataset):
            continue
        if name == "f" and node.ndim == 1 and node.size:
            lengths.append(int(node.shape[0]))
        elif node.ndim == 2 and (name == "f" or (matrix is not None and node.shape[0] == matrix[1])):  # noqa: PLR2004
            lengths.append(int(node.shape[1]))
    # Of lengths that are equally frequent, the first: C counts more than the traces made from it.
    return max(lengths, key=lengths.count) if lengths else None
