"""Images of the movie that another program saved, such as the projections of mesmerize-core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile

from caiman_interface.caiman_file import CaimanResults
from caiman_interface.metadata.vocabulary import SUMMARY_IMAGES
from caiman_interface.nwb.containers import IMAGES
from caiman_interface.nwb.images import PlaneImage, add_images, plane_images
from caiman_interface.nwb.names import ObjectName, check_names_are_free

from .timestamps import find_file

_NUMBERS = "fiu"


class SummaryImageError(ValueError):
    """A summary image that cannot be read; the message names its file."""

    def __init__(self, name: str, path: object, problem: str) -> None:
        super().__init__(f"summary_images '{name}' ({path}): {problem}.")


@dataclass(frozen=True)
class SummaryImages:
    """The images that are written.

    Attributes
    ----------
    paths : dict of str to Path
        The files of all images that were given, by kind: ``mean``, ``max``, ``correlation``.
    images : dict of str to array, shape (rows, columns[, planes])
        Those that are written.
    left_out : dict of str to str
        Why the others are not.
    """

    paths: Mapping[str, Path] = field(default_factory=dict)
    images: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, paths: Mapping[Any, str], results: CaimanResults) -> SummaryImages:
        """Read the images of a CaImAn file.

        Parameters
        ----------
        paths : mapping of str to str
            A ``.npy`` file per kind of image; relative paths as for `find_file`.
        results : CaimanResults
            The file. An image that it contains is left out, as is one whose shape is not that of its frame.

        Raises
        ------
        SummaryImageError
            If there is no such file, or it does not contain an array of numbers.
        """
        found = {name: find_file(path, results.file_path) for name, path in paths.items()}
        images = {name: _load(name, path) for name, path in found.items()}
        left_out = {}
        for name, image in images.items():
            if name in results.images:
                left_out[name] = "the CaImAn file contains this image"
            elif image.shape != tuple(results.frame_shape):
                left_out[name] = f"its shape is {image.shape}, that of the frame {tuple(results.frame_shape)}"
        return cls(found, {name: image for name, image in images.items() if name not in left_out}, left_out)

    @property
    def warnings(self) -> list[str]:
        """One sentence per image that is left out."""
        return [f"the summary image '{name}' is left out: {why}" for name, why in self.left_out.items()]

    def check(self, nwbfile: NWBFile, ending: str) -> None:
        """Check that the names of the images are not in use.

        Raises
        ------
        ValueError
            If one is.
        """
        check_names_are_free(nwbfile, [ObjectName(IMAGES, image.name) for image in self._planes(ending)])

    def add_to(self, nwbfile: NWBFile, ending: str) -> None:
        """Add the images to ``processing/ophys/SegmentationImages``; `ending` is the ending of their names."""
        add_images(nwbfile, images=self._planes(ending))

    def _planes(self, ending: str) -> list[PlaneImage]:
        return [
            plane
            for name, image in self.images.items()
            for plane in plane_images(
                image,
                name=SUMMARY_IMAGES[name].name + ending,
                description=f"{SUMMARY_IMAGES[name].description} From {self.paths[name].name}, not from CaImAn's file.",
            )
        ]


def _load(name: str, path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise SummaryImageError(name, path, "there is no such file")
    try:
        image: NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise SummaryImageError(name, path, f"the file cannot be read ({error})") from error
    if not isinstance(image, np.ndarray) or image.dtype.kind not in _NUMBERS:
        raise SummaryImageError(name, path, "the file does not contain an array of numbers")
    return image
