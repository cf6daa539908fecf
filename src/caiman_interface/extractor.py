"""`CaimanSegmentationExtractor`: CaImAn results as a roiextractors ``SegmentationExtractor``."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._compat.roiextractors import ExtractorBase, PropertyInfo, RoiId, RoiMasks
from .caiman_file import CaimanResults, Footprints, Trace
from .caiman_file.display import html_table

_METRIC_DESCRIPTIONS = {
    "snr": "Signal-to-noise ratio for each component",
    "r_values": "Spatial correlation values for each component",
    "cnn_preds": "CNN classifier predictions for component quality",
}
_IMAGES = ("correlation", "mean")
_TRACES = ("raw", "dff", "denoised", "deconvolved", "background")
_TRACES_OF_OTHER_PIPELINES = ("neuropil", "baseline")
_FEW = 10  # ids that a message lists


class CaimanSegmentationExtractor(ExtractorBase):
    """The results of a CaImAn analysis, of any kind and any release.

    Parameters
    ----------
    file_path : str or Path
        The HDF5 file that CaImAn saved.

    Attributes
    ----------
    results : CaimanResults
        The open file, with all that this contract has no name for.
    components, background_components : array of int
        Which of CaImAn's components this extractor shows, in order.
    frames : range
        Which frames it shows.
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
    (rows, columns[, planes], ROIs). Pixel masks have the columns y (row), x (column)[, z (plane)], weight, as
    those of roiextractors' own class.

    Examples
    --------
    >>> from caiman_interface import CaimanSegmentationExtractor
    >>> extractor = CaimanSegmentationExtractor("tests/data/sim2p_full.hdf5")
    >>> extractor.select_rois([5, 7]).get_property("is_accepted", [5, 7])
    array([ True, False])
    """

    extractor_name = "CaimanSegmentation"

    def __init__(self, file_path: str | Path) -> None:
        super().__init__()
        self.file_path = file_path
        self.results = CaimanResults.open(file_path)
        background = self.results.background_footprints
        self.components: NDArray[np.intp] = np.arange(self.results.components.count)
        self.background_components: NDArray[np.intp] = np.arange(0 if background is None else len(background))
        self.frames = range(self.results.num_frames or 0)
        self.base_rate = self.results.sampling_frequency
        self.base_planes = self.results.frame_shape[2] if self.results.is_volumetric else 1
        self.base_properties = self._metrics_as_properties()
        self.user_properties: frozenset[str] = frozenset()

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
        return [name for name in super().__dir__() if not name.startswith("_") or name.startswith("__")]

    def _metrics_as_properties(self) -> dict[str, PropertyInfo]:
        components = self.results.components
        accepted = PropertyInfo(
            data=components.acceptance.mask(components.count),
            description="Whether the ROI was accepted during quality assessment",
        )
        metrics = {
            name: PropertyInfo(data=components.metrics[name], description=description)
            for name, description in _METRIC_DESCRIPTIONS.items()
            if name in components.metrics
        }
        return {"is_accepted": accepted, **metrics}

    # ROIs

    def get_roi_ids(self) -> list[int]:
        """Return the ids of the ROIs: CaImAn's index of each component."""
        return list(self.components.tolist())

    def get_num_rois(self) -> int:
        """Return the number of ROIs."""
        return len(self.components)

    def get_background_ids(self) -> list[str]:
        """Return the ids of the background components: ``background0``, ``background1``, …."""
        return [f"background{number}" for number in self.background_components]

    def get_num_background_components(self) -> int:
        """Return the number of background components."""
        return len(self.background_components)

    def get_accepted_list(self) -> list[int]:
        """Return the ids of the ROIs whose property ``is_accepted`` is true; all where CaImAn evaluated none."""
        return list(self.components[self._is_accepted()].tolist())

    def get_rejected_list(self) -> list[int]:
        """Return the ids of the ROIs that were rejected: none where CaImAn evaluated none.

        A ROI that CaImAn lists neither as accepted nor as rejected is in neither list, unless the property
        ``is_accepted`` was set since.
        """
        rejected = ~self._is_accepted()
        if "is_accepted" not in self.user_properties:
            rejected &= np.isin(self.components, self.results.components.acceptance.rejected)
        return list(self.components[rejected].tolist())

    def _is_accepted(self) -> NDArray[np.bool_]:
        return np.asarray(self.get_property_info("is_accepted").data, dtype=bool)

    def select_rois(self, roi_ids: Sequence[RoiId]) -> CaimanSegmentationExtractor:
        """Return an extractor of some ROIs, in the given order, each with its own properties.

        Parameters
        ----------
        roi_ids : sequence of int or str
            Ids of ROIs and of background components.

        Raises
        ------
        ValueError
            If it is empty, names an id that is not here, or names one twice.
        """
        if len(roi_ids) == 0:
            message = "roi_ids cannot be empty; leave it out to keep all ROIs."
            raise ValueError(message)
        repeated = [roi_id for roi_id, times in Counter(roi_ids).items() if times > 1]
        if repeated:
            message = f"ROI ids {repeated[:_FEW]} are listed twice; list each once."
            raise ValueError(message)
        background = [roi_id for roi_id in roi_ids if roi_id in self._background_positions]
        return self._select(self._positions(self._cell_ids(roi_ids)), self._positions_of_background(background))

    def select_accepted(self) -> CaimanSegmentationExtractor:
        """Return an extractor of the ROIs whose property ``is_accepted`` is true, and of the whole background."""
        return self._select(np.flatnonzero(self._is_accepted()), np.arange(len(self.background_components)))

    def _select(self, cells: NDArray[np.intp], background: NDArray[np.intp]) -> CaimanSegmentationExtractor:
        """Return a view of the ROIs and background components at some positions."""
        view = self._copy()
        view.components = self.components[cells]
        view.background_components = self.background_components[background]
        view.base_properties = {
            name: PropertyInfo(data=info.data[cells], description=info.description)
            for name, info in self.base_properties.items()
        }
        return view

    def slice_samples(
        self, start_sample: int | None = None, end_sample: int | None = None
    ) -> CaimanSegmentationExtractor:
        """Return an extractor of the frames from `start_sample` up to, not including, `end_sample`.

        The frames keep their times.

        Raises
        ------
        ValueError
            If the bounds are not within the recording, or the wrong way round.
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

    def _copy(self) -> CaimanSegmentationExtractor:
        """Return a view of the same open file whose properties and times can be set on their own."""
        view = copy.copy(self)
        view.base_properties = dict(self.base_properties)
        for name in ("footprints", "_roi_positions", "_background_positions"):
            view.__dict__.pop(name, None)
        return view

    # The position of each id in this extractor: looked up, not searched for, since there can be as many ROIs as the
    # largest recordings have, and as many background components as pixels.

    @cached_property
    def _roi_positions(self) -> dict[RoiId, int]:
        return {roi_id: position for position, roi_id in enumerate(self.get_roi_ids())}

    @cached_property
    def _background_positions(self) -> dict[RoiId, int]:
        return {background_id: position for position, background_id in enumerate(self.get_background_ids())}

    def _positions(self, roi_ids: Iterable[RoiId]) -> NDArray[np.intp]:
        return self._looked_up(roi_ids, self._roi_positions, "ROI ids")

    def _positions_of_background(self, background_ids: Iterable[RoiId]) -> NDArray[np.intp]:
        return self._looked_up(background_ids, self._background_positions, "Background ids")

    def _looked_up(self, ids: Iterable[RoiId], positions: Mapping[RoiId, int], kind: str) -> NDArray[np.intp]:
        plain = [item.item() if isinstance(item, np.generic) else item for item in ids]
        missing = [item for item in plain if item not in positions]
        if missing:
            message = (
                f"{kind} {missing[:_FEW]} not found in extractor of {self.file_path}. It holds the ROIs "
                f"{_shown(self.get_roi_ids())} and the background components {_shown(self.get_background_ids())}."
            )
            raise ValueError(message)
        return np.array([positions[item] for item in plain], dtype=np.intp)

    # Time

    def get_num_samples(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def get_native_timestamps(
        self,
        start_sample: int | None = None,  # noqa: ARG002 (roiextractors' signature)
        end_sample: int | None = None,  # noqa: ARG002
    ) -> None:
        """Return None: CaImAn saves no times."""
        return

    def get_timestamps(self, start_sample: int | None = None, end_sample: int | None = None) -> NDArray[Any]:
        """Return the time of each frame in seconds: those set with `set_times`, or frame number over rate.

        Raises
        ------
        ValueError
            If no times were set and the file does not specify an imaging rate.
        """
        wanted = slice(start_sample, end_sample)
        if self.base_times is not None:
            return np.asarray(self.base_times[wanted])
        return np.asarray(self.frames[wanted]) / self._known_rate()

    def time_to_sample_indices(self, times: float | ArrayLike) -> Any:
        """Return the number of the frame, counted in this extractor, for each time in seconds: int64.

        Raises
        ------
        ValueError
            If no times were set and the file does not specify an imaging rate.
        """
        if self.base_times is not None:
            frames = np.searchsorted(self.base_times, times, side="right") - 1
        else:
            frames = np.round(np.asarray(times) * self._known_rate() - self.frames.start)
        return np.asarray(frames, dtype=np.int64)[()]  # a number for a number

    def _known_rate(self) -> float:
        if self.base_rate is None:
            message = (
                f"{self.file_path} does not specify an imaging rate (params/data/fr), so its frames have no times. Set "
                "them (set_times, or set_aligned_timestamps of the interface), or set `fr` in CaImAn and save again."
            )
            raise ValueError(message)
        return float(self.base_rate)

    # Traces

    def get_traces_dict(self) -> dict[str, Trace | None]:
        """Return the traces by name, each (frames, ROIs) and lazy; None where the file has none.

        ``raw`` (C + YrA), ``dff`` (F_dff), ``denoised`` (C), ``deconvolved`` (S) and ``background`` (f).
        """
        frames = slice(self.frames.start, self.frames.stop)
        found: dict[str, Trace | None] = {
            name: trace.select(frames=frames, rois=self.components)
            for name, trace in self.results.components.traces.items()
        }
        background = self.results.background_trace
        if background is not None and len(self.background_components):
            found["background"] = background.select(frames=frames, rois=self.background_components)
        absent = [name for name in (*_TRACES, *_TRACES_OF_OTHER_PIPELINES) if name not in found]
        return {**found, **dict.fromkeys(absent)}

    def get_traces(
        self,
        roi_ids: Sequence[RoiId] | None = None,
        start_frame: int | None = None,
        end_frame: int | None = None,
        name: str = "raw",
    ) -> NDArray[Any] | None:
        """Read a trace.

        Parameters
        ----------
        roi_ids : sequence, optional
            The ROIs (for ``background``: the background components) to read; all by default.
        start_frame, end_frame : int, optional
            The frames to read, counted in this extractor; all by default.
        name : str
            A key of `get_traces_dict`.

        Returns
        -------
        array of shape (frames, ROIs), or None
            None where the file has no such trace.

        Raises
        ------
        ValueError
            If the name is not that of a trace; the message lists the available ones.
        """
        traces = self.get_traces_dict()
        if name not in traces:
            available = ", ".join(key for key, trace in traces.items() if trace is not None)
            message = f"There is no trace '{name}' in {self.file_path}; available are {available or 'none'}."
            raise ValueError(message)
        trace = traces[name]
        if trace is None:
            return None
        frames = slice(start_frame, end_frame)
        if roi_ids is None:
            return np.asarray(trace[frames])
        if name == "background":
            return np.asarray(trace[frames, self._positions_of_background(roi_ids)])
        return np.asarray(trace[frames, self._positions(roi_ids)])

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
        return self.footprints.select(self._positions(wanted)).images().astype(np.float32)

    def get_roi_pixel_masks(self, roi_ids: Sequence[RoiId] | None = None) -> list[NDArray[np.float64]]:
        """Return the pixels of each footprint.

        Returns
        -------
        list of arrays
            One for each ROI, of shape (pixels, 3 or 4): y (row), x (column)[, z (plane)], weight.
        """
        return _pixel_masks(self.footprints.select(self._positions(self._cell_ids(roi_ids))))

    def get_roi_locations(self, roi_ids: Sequence[RoiId] | None = None) -> NDArray[np.intp]:
        """Return where each footprint is brightest, as roiextractors defines it.

        Returns
        -------
        array of shape (2 or 3, ROIs)
            Row, column[, plane]: the median of the pixels of greatest weight, rounded down; the middle of the frame
            where a footprint is empty. The weighted centre is ``footprints.centroids()``.
        """
        middle: NDArray[np.float64] = (np.array(self.get_frame_shape()) - 1) / 2
        masks = self.get_roi_pixel_masks(roi_ids)
        locations = np.empty((len(middle), len(masks)), dtype=np.intp)
        for number, mask in enumerate(masks):
            locations[:, number] = _brightest_place(mask) if len(mask) else middle
        return locations

    def _cell_ids(self, roi_ids: Sequence[RoiId] | None) -> Sequence[RoiId]:
        if roi_ids is None:
            return self.get_roi_ids()
        return [roi_id for roi_id in roi_ids if roi_id not in self._background_positions]

    def get_background_image_masks(self, background_ids: Sequence[str] | None = None) -> NDArray[Any]:
        """Return the spatial background as images, of shape (rows, columns[, planes], components)."""
        footprints = self._background_footprints(background_ids)
        if footprints is None:
            return np.zeros((*self.get_frame_shape(), 0))
        return footprints.images().astype(np.float32)

    def get_background_pixel_masks(self, background_ids: Sequence[str] | None = None) -> list[NDArray[np.float64]]:
        """Return the pixels of each background component, in the form of `get_roi_pixel_masks`."""
        footprints = self._background_footprints(background_ids)
        return [] if footprints is None else _pixel_masks(footprints)

    def _background_footprints(self, background_ids: Sequence[str] | None) -> Footprints | None:
        everything = self.results.background_footprints
        wanted = self.get_background_ids() if background_ids is None else background_ids
        if everything is None or len(wanted) == 0:
            return None
        return everything.select(self.background_components[self._positions_of_background(wanted)])

    def make_roi_masks(self) -> RoiMasks:
        """Return all masks as roiextractors keeps them."""
        ids = [*self.get_roi_ids(), *self.get_background_ids()]
        return RoiMasks(
            data=[*self.get_roi_pixel_masks(), *self.get_background_pixel_masks()],
            mask_tpe="nwb-voxel_mask" if self.results.is_volumetric else "nwb-pixel_mask",
            field_of_view_shape=self.get_frame_shape(),
            roi_id_map={roi_id: position for position, roi_id in enumerate(ids)},
        )

    def get_images_dict(self) -> dict[str, NDArray[Any]]:
        """Return the images of the frame's shape: ``correlation`` (Cn) and ``mean`` (the sum of b), if there."""
        images = self.results.images
        return {name: images[name] for name in _IMAGES if name in images}

    # Properties

    def set_property(self, key: str, values: ArrayLike, ids: Sequence[RoiId], *, description: str = "") -> None:
        """Set a property of all ROIs; it is written to NWB as a column.

        Parameters
        ----------
        key : str
            Name of the property.
        values : array
            One value for each of `ids`.
        ids : sequence of int
            All ROIs of this extractor, in any order.
        description : str
            What the values mean.

        Raises
        ------
        ValueError
            If values and ids do not cover exactly the ROIs.
        """
        array = np.asarray(values)
        count = self.get_num_rois()
        if len(array) != count or len(ids) != count:
            message = f"Length of values ({len(array)}) and ids ({len(ids)}) must match number of ROIs ({count})"
            raise ValueError(message)
        positions = self._positions(ids)
        if len(np.unique(positions)) != count:
            message = "Provided ids must match the extractor's ROI ids"
            raise ValueError(message)
        ordered = np.empty_like(array)
        ordered[positions] = array
        self.base_properties[key] = PropertyInfo(data=ordered, description=description)
        self.user_properties |= {key}

    def get_property(self, key: str, ids: Sequence[RoiId]) -> NDArray[Any]:
        """Return a property of some ROIs, in the order of `ids`.

        Raises
        ------
        KeyError
            If there is no such property; the message lists those that there are.
        ValueError
            If an id is not here.
        """
        return np.asarray(self.get_property_info(key).data[self._positions(ids)])


def _pixel_masks(footprints: Footprints) -> list[NDArray[np.float64]]:
    """Cut the table of all pixels into one array per footprint, with roiextractors' order of columns."""
    table = footprints.pixels()
    x, y, *z = table.coordinates
    columns = np.column_stack([y, x, *z, table.weights]).astype(np.float64, copy=False)
    return np.split(columns, table.ends[:-1]) if len(table.ends) else []


def _brightest_place(mask: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = mask[:, -1].astype(np.float32)  # the dtype of image masks, which decides what is a tie
    return np.asarray(np.median(mask[weights == weights.max(), :-1], axis=0))


def _shown(ids: Sequence[RoiId]) -> str:
    """Show ids in a message without flooding it."""
    return str(list(ids)) if len(ids) <= 2 * _FEW else f"{list(ids[:_FEW])} … ({len(ids)} in all)"
