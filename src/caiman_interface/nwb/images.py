"""Images of the field of view as NWB ``GrayscaleImage``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.image import GrayscaleImage

from .containers import segmentation_images


class PlaneImage(NamedTuple):
    """An image as it is written, of shape (x, y): x is the column, y the row."""

    name: str
    description: str
    pixels: NDArray[Any]


def plane_images(image: NDArray[Any], *, name: str, description: str) -> list[PlaneImage]:
    """Return what an image of shape (rows, columns[, planes]) becomes.

    NWB's images have two dimensions, so a volume becomes one image per plane, see `plane_image_names`.
    """
    if image.ndim == 2:  # noqa: PLR2004 (rows, columns)
        return [PlaneImage(name, description, image.T)]
    return [
        PlaneImage(plane_name, f"Plane {plane} of the volume. {description}", image[:, :, plane].T)
        for plane, plane_name in enumerate(plane_image_names(name, image.shape[2]))
    ]


def plane_image_names(name: str, planes: int) -> list[str]:
    """Return the names of the images of a volume: ``plane0_mean_image``, ….

    The plane is in front because a metadata key determines the end of a name: no key gives the same name.
    """
    return [f"plane{plane}_{name}" for plane in range(planes)]


def add_images(nwbfile: NWBFile, *, images: Iterable[PlaneImage]) -> None:
    """Add images to ``processing/ophys/SegmentationImages``."""
    for image in images:
        shown = GrayscaleImage(name=image.name, data=image.pixels, description=image.description)
        segmentation_images(nwbfile).add_image(shown)
