"""Images of the field of view as NWB ``GrayscaleImage``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.image import GrayscaleImage

from .segmentation import ophys_module

_CONTAINER = "SegmentationImages"
_CONTAINER_DESCRIPTION = "Summary images for segmentation."


def add_images(
    nwbfile: NWBFile, *, images: Mapping[str, NDArray[Any]], fields: Mapping[str, Mapping[str, Any]]
) -> None:
    """Add images to ``processing/ophys/SegmentationImages``, as (x, y): x is the column, y the row.

    NWB's images have two dimensions, so a volume becomes one image a plane: ``mean_image_plane0``, ….

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    images : mapping
        Images of shape (rows, columns[, planes]) by name.
    fields : mapping
        For each image ``name`` and ``description``.
    """
    if not images:
        return
    module = ophys_module(nwbfile)
    if _CONTAINER not in module.data_interfaces:
        module.add(Images(name=_CONTAINER, description=_CONTAINER_DESCRIPTION))
    container = module[_CONTAINER]
    for key, image in images.items():
        for name, description, plane in _planes(image, fields[key]):
            if name in container.images:
                message = (
                    f"An image named '{name}' is already in the NWB file. Give this interface a metadata_key of its "
                    "own, or the image another name in metadata['Ophys']['SegmentationImages']."
                )
                raise ValueError(message)
            container.add_image(GrayscaleImage(name=name, data=plane.T, description=description))


def plane_image_name(name: str, plane: int) -> str:
    """Return the name of the image of one plane of a volume."""
    return f"{name}_plane{plane}"


def _planes(image: NDArray[Any], fields: Mapping[str, Any]) -> list[tuple[str, str, NDArray[Any]]]:
    """Return name, description and pixels of each image to write."""
    name, description = fields["name"], fields["description"]
    if image.ndim == 2:  # noqa: PLR2004 (rows, columns)
        return [(name, description, image)]
    return [
        (plane_image_name(name, plane), f"Plane {plane} of the volume. {description}", image[:, :, plane])
        for plane in range(image.shape[2])
    ]
