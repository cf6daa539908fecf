"""The shape of the frame and the number of frames, from the places where CaImAn stores or implies them."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import h5py

from .encoding import Node, describe, is_numeric
from .errors import CaimanFileError
from .fields import Fields
from .groups import read
from .omissions import UnusableFieldError

# In the order of their reliability: CaImAn 1.4 to 1.5.2 stored rows and columns of an AVI movie swapped in all but the
# first, which is the shape of the array that it analysed.
FRAME_SHAPE_PLACES = ("dims", "estimates/dims", "params/data/dims")

VOLUME_DIMENSIONS = 3
_IMAGE_DIMENSIONS = 2

# The frame shape in the name of a memory-mapped movie, "…_d1_60_d2_80_d3_1_order_C_frames_600.mmap".
_MAPPED_SHAPE = re.compile(r"_d1_(\d+)_d2_(\d+)_d3_(\d+)_")

# The arrays with one column per frame, in the order of their reliability.
_FRAME_ARRAYS = ("C", "f", "YrA", "S", "F_dff", "R")


@dataclass(frozen=True)
class FrameShape:
    """The shape of the frame.

    Attributes
    ----------
    shape : tuple of int
        (rows, columns[, planes]).
    places : tuple of str
        The fields of the file that contain it. Empty where it was inferred.
    inferred_from : str or None
        The field from which it was inferred, because no field contains it.
    """

    shape: tuple[int, ...]
    places: tuple[str, ...]
    inferred_from: str | None = None


def find_frame_shape(root: Fields, pixels: int) -> FrameShape:
    """Find the shape of the frame, which must have `pixels` pixels.

    Raises
    ------
    CaimanFileError
        If no field contains or implies such a shape.
    """
    stored = {
        place: shape for place in FRAME_SHAPE_PLACES if (shape := root.read(place, partial(_shape, root), ndim=1))
    }
    fitting = {place: shape for place, shape in stored.items() if math.prod(shape) == pixels}
    if fitting:
        shape = _most_reliable(root, fitting)
        for place, other in stored.items():
            if place not in fitting:
                root.omit(place, f"{other} has {math.prod(other)} pixels, the footprints have {pixels}")
            elif other != shape:
                root.omit(place, f"{other} contradicts the frame shape {shape}")
        places = tuple(place for place, other in fitting.items() if other == shape)
        return FrameShape(shape, places, None if places else "the movie on which CaImAn worked")
    inferred = _inferred(root)
    for place, shape in inferred.items():
        if math.prod(shape) == pixels:
            for unfit, wrong in stored.items():
                root.omit(unfit, f"{wrong} has {math.prod(wrong)} pixels, the footprints have {pixels}")
            return FrameShape(shape, (), inferred_from=place)
    raise CaimanFileError(
        root.group.file_path,
        "the shape of the frame is not clear",
        place=" or ".join(FRAME_SHAPE_PLACES),
        found=", ".join(f"{place} = {shape}" for place, shape in stored.items()) or "none of these",
        expected=f"one shape (rows, columns[, planes]) with the {pixels} pixels of the footprints",
        remedy="Set `cnmf.dims` and `cnmf.estimates.dims` in CaImAn and save the results again",
    )


def count_frames(estimates: Fields, count: int) -> int | None:
    """Return the most frequent number of frames among the traces; None if there is no trace.

    Parameters
    ----------
    estimates : Fields
        The group of the components.
    count : int
        Number of components; arrays with another number of components are ignored.
    """
    lengths = [length for name in _FRAME_ARRAYS if (length := _frames_of(estimates, name, count)) is not None]
    if not lengths:
        return None
    # Of lengths that are equally frequent, Counter returns the first: that of the most reliable array.
    return Counter(lengths).most_common(1)[0][0]


def _frames_of(estimates: Fields, name: str, count: int) -> int | None:
    shape = estimates.shape(name, allow_empty=True)
    if shape is None or (name == "f" and len(shape) == 1):
        return None if shape is None or not shape[0] else shape[0]
    fits = len(shape) == _IMAGE_DIMENSIONS and (name == "f" or shape[0] == count)
    return shape[1] if fits else None


def _shape(root: Fields, node: Node) -> tuple[int, ...]:
    """Read the shape of a frame."""
    lengths = read(node, root.group.file_path) if is_numeric(node) and node.shape in {(2,), (3,)} else None
    if lengths is None or not all(length >= 1 and float(length).is_integer() for length in lengths):
        found = describe(node) if lengths is None else str(lengths.tolist())
        message = f"is {found}, not two or three whole numbers (rows, columns[, planes])"
        raise UnusableFieldError(message)
    return tuple(int(length) for length in lengths)


def _most_reliable(root: Fields, fitting: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Choose among shapes with the right number of pixels.

    Without ``/dims``, the name of the memory-mapped movie, the image by which OnACID divides the frames or, between
    several shapes, the correlation image decides: the other two places have rows and columns of an AVI movie swapped.
    """
    first = next(iter(fitting.values()))
    if FRAME_SHAPE_PLACES[0] in fitting:
        return first
    same_lengths = [shape for shape in (_mapped_shape(root), root.shape("img_norm")) if shape is not None]
    evidence = next((shape for shape in same_lengths if sorted(shape) == sorted(first)), None)
    image = root.shape("estimates/Cn")
    return evidence or (image if image is not None and image in fitting.values() else first)


def _mapped_shape(root: Fields) -> tuple[int, ...] | None:
    """Return the shape in the name of the memory-mapped movie."""
    name: Any = root.value("mmap_file")
    found = _MAPPED_SHAPE.search(name) if isinstance(name, str) else None
    if found is None:
        return None
    rows, columns, planes = (int(length) for length in found.groups())
    return (rows, columns) if planes == 1 else (rows, columns, planes)


def _inferred(root: Fields) -> dict[str, tuple[int, ...]]:
    """Return the shapes that other fields imply: the correlation image, and the name of the memory-mapped movie."""
    shapes: dict[str, tuple[int, ...]] = {}
    image = root.shape("estimates/Cn")
    if image is not None and len(image) in {_IMAGE_DIMENSIONS, VOLUME_DIMENSIONS}:
        shapes["estimates/Cn"] = image
    mapped = _mapped_shape(root)
    return shapes if mapped is None else {**shapes, "mmap_file": mapped}


def is_image(node: Node) -> bool:
    """Return whether a node may contain the pixels of an image: a dataset of numbers that are not bool."""
    return isinstance(node, h5py.Dataset) and is_numeric(node) and node.dtype.kind != "b"
