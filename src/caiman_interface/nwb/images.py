"""Images of the field of view as NWB ``GrayscaleImage``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.image import GrayscaleImage

from .segmentation import ophys_module

CONTAINER = "SegmentationImages"

_CONTAINER_DESCRIPTION = "Summary images for segmentation."


class PlaneImage(NamedTuple):
    """An image as it is written: (x, y), where x is the column and y the row."""

    name: str
    description: str
    pixels: NDArray[Any]


def plane_images(image: NDArray[Any], *, name: str, description: str) -> list[PlaneImage]:
    """Return what an image of shape (rows, columns[, planes]) becomes.

    NWB's images have two dimensions, so a volume becomes one image a plane: ``mean_image_plane0``, ….
    """
    if image.ndim == 2:  # noqa: PLR2004 (rows, columns)
        return [PlaneImage(name, description, image.T)]
    return [
        PlaneImage(f"{name}_plane{plane}", f"Plane {plane} of the volume. {description}", image[:, :, plane].T)
        for plane in range(image.shape[2])
    ]


def add_images(nwbfile: NWBFile, *, images: Iterable[PlaneImage]) -> None:
    """Add images to ``processing/ophys/SegmentationImages``."""
    for image in images:
        module = ophys_module(nwbfile)
        if CONTAINER not in module.data_interfaces:
            module.add(Images(name=CONTAINER, description=_CONTAINER_DESCRIPTION))
        module[CONTAINER].add_image(GrayscaleImage(name=image.name, data=image.pixels, description=image.description))
