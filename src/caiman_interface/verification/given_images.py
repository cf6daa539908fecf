"""The comparison of images that were given to the conversion beside the CaImAn file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caiman_interface.metadata.vocabulary import SUMMARY_IMAGES

from .comparison import difference
from .context import Context, Result, compared, missing, not_stored


class GivenImages:
    """The images of ``summary_images``, read independently of the conversion.

    Parameters
    ----------
    context : Context
        Both files.
    paths : mapping of str to path
        The ``.npy`` files by kind.
    in_caiman : collection of str
        The kinds of images that the CaImAn file contains; they are written instead.
    """

    def __init__(self, context: Context, paths: Mapping[str, str | Path], *, in_caiman: Collection[str]) -> None:
        self._objects = context.objects
        self._frame_shape = context.frame_shape
        self._paths = paths
        self._images = {kind: np.load(path, allow_pickle=False) for kind, path in paths.items()}
        self._in_caiman = in_caiman

    @property
    def names(self) -> set[str]:
        """The names of the images in the NWB file."""
        return {name for kind in self._images for name, _ in self._planes(kind)}

    def results(self) -> Iterator[Result]:
        """Yield what is found of each image."""
        stored = {image.name: image for image in self._objects.all_images()}
        for kind, image in self._images.items():
            paths = (str(self._paths[kind]),)
            if kind in self._in_caiman or image.shape != self._frame_shape:
                yield not_stored(paths, None, "the CaImAn file contains this image, or its frame has another shape")
                continue
            for name, pixels in self._planes(kind):
                place = f"SegmentationImages/{name}"
                if name in stored:
                    yield compared(paths, place, difference(pixels, stored[name].data, ("x", "y")))
                else:
                    yield missing(paths, place)

    def _planes(self, kind: str) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the name and the pixels (x, y) of each plane of an image that belongs in the NWB file."""
        image = self._images[kind]
        if kind in self._in_caiman or image.shape != self._frame_shape:
            return
        name = f"{SUMMARY_IMAGES[kind].name}{self._objects.ending}"
        if image.ndim == 2:  # noqa: PLR2004 (rows, columns)
            yield name, image.T
            return
        for plane in range(image.shape[2]):
            yield f"plane{plane}_{name}", image[:, :, plane].T
