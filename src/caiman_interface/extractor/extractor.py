"""`CaimanSegmentationExtractor`: CaImAn results as a roiextractors ``SegmentationExtractor``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from caiman_interface._compat.roiextractors import PropertyInfo, RoiId, RoiMasks
from caiman_interface.caiman_file import Footprints
from caiman_interface.caiman_file.display import html_table, public_names

from .masks import PixelMask, image_masks, locations, pixel_masks
from .rois import MOST_LISTED
from .traces import TraceExtractor

_IMAGES = ("correlation", "mean")


class CaimanSegmentationExtractor(TraceExtractor):
    """The results of a CaImAn analysis, of any kind and any release.

    Parameters
    ----------
    file_path : str or Path
        The HDF5 file that CaImAn saved.

    Attributes
    ----------
    results : CaimanResults
        The open file, with everything that roiextractors does not define.
    components, background_components : array of int
        CaImAn's indices of the components that this extractor shows, in order.
    frames : range
        The frames that it shows.
    user_properties : frozenset of str
        The properties that were set with `set_property`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CaimanFileError
        If it is not what CaImAn writes.

    Notes
    -----
    The id of a ROI is CaImAn's index of the component (0, 1, …); background components are ``background0``,
    ``background1``, …. Traces have shape (frames, ROIs) and are read when indexed. Image masks have shape
    (rows, columns[, planes], ROIs). Pixel masks have the columns y (row), x (column)[, z (plane)], weight, as in
    roiextractors' own class.

    Examples
    --------
    >>> from caiman_interface import CaimanSegmentationExtractor
    >>> extractor = CaimanSegmentationExtractor("tests/data/sim2p_full.hdf5")
    >>> extractor.select_rois([5, 7]).get_property("is_accepted", [5, 7])
    array([ True, False])
    """

    extractor_name = "CaimanSegmentation"

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}('{self.file_path}', rois={self.get_num_rois()}, "
            f"background_components={self.get_num_background_components()}, frames={len(self.frames)}, "
            f"frame_shape={self.get_frame_shape()})"
        )

    def _repr_html_(self) -> str:
        return html_table(
            Path(self.file_path).name,
            {
                "ROIs": self.get_num_rois(),
                "Background components": self.get_num_background_components(),
                "Frames": len(self.frames),
                "Frame shape": " × ".join(map(str, self.get_frame_shape())),
            },
        )

    def __dir__(self) -> list[str]:
        return public_names(super().__dir__())

    # Views

    def select_rois(self, roi_ids: Sequence[RoiId]) -> Self:
        """Return an extractor of some ROIs, in the given order, each with its own properties.

        Parameters
        ----------
        roi_ids : sequence of int or str
            Ids of ROIs and of background components.

        Raises
        ------
        ValueError
            If it is empty, contains an unknown id, or contains an id twice.
        """
        if len(roi_ids) == 0:
            message = "roi_ids cannot be empty; leave it out to keep all ROIs."
            raise ValueError(message)
        repeated = [roi_id for roi_id, times in Counter(roi_ids).items() if times > 1]
        if repeated:
            message = f"ROI ids {repeated[:MOST_LISTED]} are listed twice; list each once."
            raise ValueError(message)
        background = [roi_id for roi_id in roi_ids if roi_id in self._background_positions]
        return self._select(self._positions(self._cell_ids(roi_ids)), self._positions_of_background(background))

    def select_accepted(self) -> Self:
        """Return an extractor of the ROIs whose property ``is_accepted`` is true, and of the whole background."""
        return self._select(np.flatnonzero(self._is_accepted()), np.arange(len(self.background_components)))

    def _select(self, cells: NDArray[np.intp], background: NDArray[np.intp]) -> Self:
        """Return a view of the ROIs and background components at some positions."""
        view = self._copy()
        view.components = self.components[cells]
        view.background_components = self.background_components[background]
        view.base_properties = {
            name: PropertyInfo(data=info.data[cells], description=info.description)
            for name, info in self.base_properties.items()
        }
        return view

    def slice_samples(self, start_sample: int | None = None, end_sample: int | None = None) -> Self:
        """Return an extractor of the frames from `start_sample` up to, not including, `end_sample`.

        The frames keep their times.

        Raises
        ------
        ValueError
            If the bounds are outside of the recording or in the wrong order.
        """
        start = 0 if start_sample is None else start_sample
        end = len(self.frames) if end_sample is None else end_sample
        if not 0 <= start < end <= len(self.frames):
            message = f"Frames {start} to {end} cannot be cut from {len(self.frames)} frames."
            raise ValueError(message)
        view = self._copy()
        view.frames = self.frames[start:end]
        view.base_times = None if self.base_times is None else self.base_times[start:end]
        return view

    # Masks and images

    def get_frame_shape(self) -> tuple[int, ...]:
        """Return (rows, columns), or (rows, columns, planes) for a volume."""
        return self.results.frame_shape

    @cached_property
    def footprints(self) -> Footprints:
        """The footprints of the ROIs that this extractor shows."""
        everything = self.results.components.footprints
        complete = np.array_equal(self.components, np.arange(len(everything)))
        return everything if complete else everything.select(self.components)

    def get_roi_image_masks(self, roi_ids: Sequence[RoiId] | None = None) -> NDArray[Any]:
        """Return the footprints as dense images, of shape (rows, columns[, planes], ROIs)."""
        wanted = self._cell_ids(roi_ids)
        if len(wanted) == 0:
            return np.zeros((*self.get_frame_shape(), 0))
        return image_masks(self.footprints.select(self._positions(wanted)))

    def get_roi_pixel_masks(self, roi_ids: Sequence[RoiId] | None = None) -> list[PixelMask]:
        """Return the pixels of each footprint.

        Returns
        -------
        list of arrays
            One for each ROI, of shape (pixels, 3 or 4): y (row), x (column)[, z (plane)], weight.
        """
        return pixel_masks(self.footprints.select(self._positions(self._cell_ids(roi_ids))))

    def get_roi_locations(self, roi_ids: Sequence[RoiId] | None = None) -> NDArray[np.intp]:
        """Return the brightest point of each footprint, as defined by roiextractors.

        Returns
        -------
        array of shape (2 or 3, ROIs)
            Row, column[, plane]: the median of the pixels of greatest weight, rounded down; the middle of the frame
            for an empty footprint. The weighted centre is ``footprints.centroids()``.
        """
        return locations(self.get_roi_pixel_masks(roi_ids), self.get_frame_shape())

    def get_background_image_masks(self, background_ids: Sequence[str] | None = None) -> NDArray[Any]:
        """Return the spatial background as images, of shape (rows, columns[, planes], components)."""
        footprints = self._background_footprints(background_ids)
        if footprints is None:
            return np.zeros((*self.get_frame_shape(), 0))
        return image_masks(footprints)

    def get_background_pixel_masks(self, background_ids: Sequence[str] | None = None) -> list[PixelMask]:
        """Return the pixels of each background component, as `get_roi_pixel_masks` does for ROIs."""
        footprints = self._background_footprints(background_ids)
        return [] if footprints is None else pixel_masks(footprints)

    def _background_footprints(self, background_ids: Sequence[str] | None) -> Footprints | None:
        everything = self.results.background_footprints
        wanted = self.get_background_ids() if background_ids is None else background_ids
        if everything is None or len(wanted) == 0:
            return None
        return everything.select(self.background_components[self._positions_of_background(wanted)])

    def make_roi_masks(self) -> RoiMasks:
        """Return all masks in roiextractors' own container."""
        ids = [*self.get_roi_ids(), *self.get_background_ids()]
        return RoiMasks(
            data=[*self.get_roi_pixel_masks(), *self.get_background_pixel_masks()],
            mask_tpe="nwb-voxel_mask" if self.results.is_volumetric else "nwb-pixel_mask",
            field_of_view_shape=self.get_frame_shape(),
            roi_id_map={roi_id: position for position, roi_id in enumerate(ids)},
        )

    def get_images_dict(self) -> dict[str, NDArray[Any]]:
        """Return ``correlation`` (Cn) and ``mean`` (the sum of b), as far as the file has them; shape of the frame."""
        images = self.results.images
        return {name: images[name] for name in _IMAGES if name in images}
