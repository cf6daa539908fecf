"""The processing module ``ophys`` and its containers, created if they are not in the file yet."""

from __future__ import annotations

from typing import Any

from neuroconv.tools.nwb_helpers import get_module
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.ophys import Fluorescence, ImageSegmentation

OPHYS_MODULE = "ophys"
TABLES = "ImageSegmentation"
SERIES = "Fluorescence"
IMAGES = "SegmentationImages"

_OPHYS_DESCRIPTION = "contains optical physiology processed data"  # NeuroConv's; it warns of another one
_IMAGES_DESCRIPTION = "Summary images for segmentation."


def ophys_module(nwbfile: NWBFile) -> Any:
    """Return the processing module ``ophys``."""
    return get_module(nwbfile=nwbfile, name=OPHYS_MODULE, description=_OPHYS_DESCRIPTION)


def image_segmentation(nwbfile: NWBFile) -> ImageSegmentation:
    """Return the container of ROI tables."""
    return _container(nwbfile, TABLES, ImageSegmentation)


def fluorescence(nwbfile: NWBFile) -> Fluorescence:
    """Return the container of traces."""
    return _container(nwbfile, SERIES, Fluorescence)


def segmentation_images(nwbfile: NWBFile) -> Images:
    """Return the container of images of the field of view."""
    return _container(nwbfile, IMAGES, Images, description=_IMAGES_DESCRIPTION)


def _container(nwbfile: NWBFile, name: str, kind: Any, **fields: Any) -> Any:
    module = ophys_module(nwbfile)
    if name not in module.data_interfaces:
        module.add(kind(name=name, **fields))
    return module[name]
