"""The images of a file: each in the shape of the frame from which CaImAn computed it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .encoding import Node, describe
from .fields import Fields
from .footprints import Footprints
from .frame import is_image
from .groups import read
from .omissions import UnusableFieldError
from .parameters import InitParameters

# CaImAn's field of each image, in the order in which images are listed. `Cn` contains the peak-to-noise ratio of each
# pixel if it is not a correlation; the mean is the sum of `b`.
IMAGE_FIELDS = {"correlation": "Cn", "peak_to_noise": "Cn", "mean": "b", "noise": "sn", "baseline": "b0"}
_STORED_IMAGES = ("correlation", "noise", "baseline")

# Correlations of single precision exceed 1 by rounding.
_GREATEST_CORRELATION = 1 + 1e-5


@dataclass(frozen=True)
class ImageShapes:
    """The shapes that images can have.

    Attributes
    ----------
    frame : tuple of int
        (rows, columns[, planes]) of the footprints.
    shrunk : tuple of int or None
        Of the frames that OnACID worked on, where it shrank them.
    downsampled : tuple of int or None
        Of the frames in which the one-photon model was initialised (``init.ssub``).
    """

    frame: tuple[int, ...]
    shrunk: tuple[int, ...] | None
    downsampled: tuple[int, ...] | None

    def of(self, name: str) -> list[tuple[int, ...]]:
        """Return the possible shapes of an image, by CaImAn's name of it."""
        shapes = [self.frame, self.shrunk, self.downsampled if name == "b0" else None]
        return [shape for shape in shapes if shape is not None]


def read_images(estimates: Fields, shapes: ImageShapes) -> dict[str, NDArray[Any]]:
    """Read the images that CaImAn stores as they are."""
    images: dict[str, NDArray[Any]] = {}
    for key in _STORED_IMAGES:
        name = IMAGE_FIELDS[key]
        image = estimates.read(name, partial(_image, estimates, name=name, shapes=shapes), ndim=1)
        if image is not None:
            images["peak_to_noise" if name == "Cn" and not _is_correlation(image) else key] = image
    return images


def with_mean_image(stored: Mapping[str, NDArray[Any]], background: Footprints | None) -> dict[str, NDArray[Any]]:
    """Return all images of a file in a fixed order: the stored ones, and the sum of the spatial background."""
    images = dict(stored) if background is None else {**stored, "mean": background.total()}
    return {name: images[name] for name in IMAGE_FIELDS if name in images}


def downsampled_shape(frame_shape: tuple[int, ...], *factors: int | None) -> tuple[int, ...] | None:
    """Return the shape of a frame that was downsampled by some factors, one after the other."""
    known = [factor for factor in factors if factor is not None]
    if not known:
        return None
    shape = frame_shape
    for factor in known:
        shape = tuple(math.ceil(length / factor) for length in shape)
    return shape


def ring_model_frame(frame_shape: tuple[int, ...], init: InitParameters, pixels: int) -> tuple[int, ...] | None:
    """Return the shape of the frame over which the ring model is defined; None if it is not clear.

    Batch analysis downsamples the frame by ``init.ssub`` and by ``init.ssub_B``; in patches and online by the latter.
    """
    candidates = (
        downsampled_shape(frame_shape, init.ssub, init.ssub_B),
        downsampled_shape(frame_shape, init.ssub_B),
        frame_shape,
    )
    return next((shape for shape in candidates if shape is not None and math.prod(shape) == pixels), None)


def _image(estimates: Fields, node: Node, *, name: str, shapes: ImageShapes) -> NDArray[Any] | None:
    """Read an image, which is stored with its shape or flattened in Fortran order."""
    if not is_image(node):
        message = f"is {describe(node)}, not an image"
        raise UnusableFieldError(message)
    assert isinstance(node, h5py.Dataset)  # noqa: S101 (for the type checker)
    if node.size == 0:
        return None
    for shape in shapes.of(name):
        if node.shape in {shape, (math.prod(shape),), (math.prod(shape), 1)}:
            return np.asarray(read(node, estimates.group.file_path).reshape(shape, order="F"))
    message = f"has shape {node.shape}, the frame {shapes.frame} has {math.prod(shapes.frame)} pixels"
    raise UnusableFieldError(message)


def _is_correlation(image: NDArray[Any]) -> bool:
    """Return whether all finite values can be correlations."""
    finite = image[np.isfinite(image)]
    return bool(np.all(np.abs(finite) <= _GREATEST_CORRELATION))
