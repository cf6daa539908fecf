"""Everything that one CaImAn analysis becomes in an NWB file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.base import TimeSeries
from pynwb.ophys import ImagingPlane

from ..caiman_file import CaimanResults, Components, Trace
from .images import add_images
from .imaging_plane import add_imaging_plane
from .parameters import add_parameters
from .responses import Timing, add_series
from .ring_model import add_ring_model
from .segmentation import Column, MaskType, add_table, component_columns, ophys_module
from .vocabulary import BACKGROUND_KEY_ENDING, COLUMNS, DISCARDED_KEY_ENDING, metadata_of, name_ending


@dataclass(frozen=True)
class Selection:
    """What of an analysis is to be written.

    Attributes
    ----------
    components, background : array of int
        CaImAn's indices of the components and of the background components, in the order of the rows.
    frames : range
        The frames.
    timing : Timing
        When these frames were taken.
    mask_type : {"image", "pixel", "voxel"} or None
        The form of the masks; None for sparse ones.
    columns : mapping
        Columns of the caller's own, which stand for those of CaImAn of the same name.
    iterator_options : mapping
        Options of NeuroConv's ``SliceableDataChunkIterator``.
    is_accepted, centroids, with_background, with_discarded, with_ring_model : bool
        Whether these are written.
    """

    components: NDArray[np.intp]
    background: NDArray[np.intp]
    frames: range
    timing: Timing
    mask_type: MaskType | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    iterator_options: Mapping[str, Any] = field(default_factory=dict)
    is_accepted: bool = True
    centroids: bool = True
    with_background: bool = True
    with_discarded: bool = True
    with_ring_model: bool = False


def add_results(
    nwbfile: NWBFile,
    results: CaimanResults,
    *,
    metadata: Mapping[str, Any],
    metadata_key: str,
    selection: Selection,
) -> None:
    """Add an analysis to an NWB file.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    results : CaimanResults
        The open CaImAn file; it must stay open until the NWB file is written.
    metadata : mapping
        Dictionary-based metadata. What it does not state is taken from the CaImAn file; a trace or image whose
        entry is None is left out.
    metadata_key : str
        The key of this analysis in the metadata.
    selection : Selection
        What is to be written.

    Raises
    ------
    ValueError
        If something of a name that is to be written stands in the file, or the metadata refers to what it lacks.
    """
    writer = _Writer(nwbfile, results, metadata, metadata_key, selection)
    writer.add_components()
    if selection.with_background:
        writer.add_background()
    if selection.with_discarded:
        writer.add_discarded()
    writer.add_images()
    ending = name_ending(metadata_key)
    add_parameters(nwbfile, results, ending=ending)
    writer.add_shifts(ending)
    if selection.with_ring_model:
        add_ring_model(nwbfile, results, ending=ending)


class _Writer:
    """The parts of one analysis, with what they share."""

    def __init__(
        self,
        nwbfile: NWBFile,
        results: CaimanResults,
        metadata: Mapping[str, Any],
        metadata_key: str,
        selection: Selection,
    ) -> None:
        self._nwbfile = nwbfile
        self._results = results
        self._key = metadata_key
        self._selection = selection
        self._defaults = metadata_of(results, metadata_key)
        stated = metadata.get("Ophys") or {}
        planes = dict(stated.get("ImagingPlanes") or {})
        for key, entry in self._defaults["ImagingPlanes"].items():
            planes[key] = {**entry, **_present(planes.get(key) or {})}
        self._stated = stated
        self._metadata = {**metadata, "Ophys": {**stated, "ImagingPlanes": planes}}
        self._frames = slice(selection.frames.start, selection.frames.stop)

    def add_components(self) -> None:
        """Add the table of components and their traces."""
        components = self._results.components
        chosen = self._selection.components
        fields, plane = self._segmentation_fields(self._key)
        columns = {
            **self._acceptance(components, chosen),
            **component_columns(components, chosen, centroids=self._selection.centroids),
            **self._frames_added(chosen),
            **self._selection.columns,
        }
        table = add_table(
            self._nwbfile,
            fields=fields,
            imaging_plane=plane,
            footprints=components.footprints.select(chosen),
            row_ids=chosen,
            roi_names=[str(component) for component in chosen],
            columns=columns,
            mask_type=self._selection.mask_type or "pixel",
        )
        traces = {name: trace.select(frames=self._frames, rois=chosen) for name, trace in components.traces.items()}
        self._add_series(traces, table, self._key)

    def add_background(self) -> None:
        """Add the background components and their traces, if there are any."""
        footprints = self._results.background_footprints
        chosen = self._selection.background
        if footprints is None or len(chosen) == 0:
            return
        fields, plane = self._segmentation_fields(self._key + BACKGROUND_KEY_ENDING)
        table = add_table(
            self._nwbfile,
            fields=fields,
            imaging_plane=plane,
            footprints=footprints.select(chosen),
            row_ids=chosen,
            roi_names=[f"background{number}" for number in chosen],
            columns={},
            mask_type=None,
        )
        trace = self._results.background_trace
        if trace is not None:
            self._add_series({"background": trace.select(frames=self._frames, rois=chosen)}, table, self._key)

    def add_discarded(self) -> None:
        """Add the components that ``select_components`` set aside, if there are any."""
        discarded = self._results.discarded
        if discarded is None:
            return
        everything = np.arange(discarded.count)
        fields, plane = self._segmentation_fields(self._key + DISCARDED_KEY_ENDING)
        table = add_table(
            self._nwbfile,
            fields=fields,
            imaging_plane=plane,
            footprints=discarded.footprints,
            row_ids=everything,
            roi_names=[f"discarded{number}" for number in everything],
            columns=component_columns(discarded, everything, centroids=self._selection.centroids),
            mask_type=self._selection.mask_type or "pixel",
        )
        traces = {name: trace.select(frames=self._frames) for name, trace in discarded.traces.items()}
        self._add_series(traces, table, self._key + DISCARDED_KEY_ENDING)

    def add_images(self) -> None:
        """Add the images of the field of view."""
        fields = self._entries("SegmentationImages", self._key, list(self._results.images))
        images = {name: image for name, image in self._results.images.items() if name in fields}
        add_images(self._nwbfile, images=images, fields=fields)

    def add_shifts(self, ending: str) -> None:
        """Add the shifts of motion correction that online analysis records, if they cover the frames."""
        shifts = self._results.shifts
        if shifts is None or len(shifts) != self._results.num_frames:
            return
        timing = self._selection.timing
        ophys_module(self._nwbfile).add(
            TimeSeries(
                name=f"MotionCorrectionShifts{ending}",
                description="Shifts of each frame in motion correction (CaImAn's shifts), in CaImAn's order of axes.",
                unit="pixels",
                data=shifts[self._frames],
                rate=timing.rate,
                starting_time=timing.starting_time,
                timestamps=timing.timestamps,
            )
        )

    def _segmentation_fields(self, key: str) -> tuple[dict[str, Any], ImagingPlane]:
        """Return what ``PlaneSegmentation`` takes, and the plane on which it lies."""
        stated = (self._stated.get("PlaneSegmentations") or {}).get(key) or {}
        fields = {**self._defaults["PlaneSegmentations"][key], **_present(stated)}
        plane_key = fields.pop("imaging_plane_metadata_key", None) or self._plane_key()
        return fields, add_imaging_plane(self._nwbfile, self._metadata, plane_key)

    def _plane_key(self) -> str:
        """Return the plane of the components: background and discarded ones lie on it too."""
        stated = (self._stated.get("PlaneSegmentations") or {}).get(self._key) or {}
        return str(stated.get("imaging_plane_metadata_key") or self._key)

    def _add_series(self, traces: Mapping[str, Trace], table: Any, key: str) -> None:
        fields = self._entries("RoiResponses", key, list(traces))
        add_series(
            self._nwbfile,
            traces={name: trace for name, trace in traces.items() if name in fields},
            fields=fields,
            table=table,
            timing=self._selection.timing,
            iterator_options=self._selection.iterator_options,
        )

    def _entries(self, block: str, key: str, names: list[str]) -> dict[str, dict[str, Any]]:
        """Return the fields of each of `names`: the file's own, then the stated ones; without those stated as None."""
        defaults = self._defaults.get(block, {}).get(key, {})
        stated = (self._stated.get(block) or {}).get(key) or {}
        unknown = [name for name in stated if name not in defaults and stated[name] is not None]
        if unknown:
            warnings.warn(
                f"metadata['Ophys']['{block}']['{key}'] describes {', '.join(unknown)}, but "
                f"{self._results.file_path} has no such data; it has {', '.join(defaults) or 'none'}.",
                UserWarning,
                stacklevel=2,
            )
        left_out = [name for name in stated if stated[name] is None]
        return {
            name: {**defaults[name], **_present(stated.get(name) or {})} for name in names if name not in left_out
        }

    def _acceptance(self, components: Components, chosen: NDArray[np.intp]) -> dict[str, Column]:
        acceptance = components.acceptance
        if not self._selection.is_accepted or acceptance.verdict == "not evaluated":
            return {}
        return {"is_accepted": Column(acceptance.mask(components.count)[chosen], COLUMNS["is_accepted"])}

    def _frames_added(self, chosen: NDArray[np.intp]) -> dict[str, Column]:
        frames = self._results.frame_added
        return {} if frames is None else {"frame_added": Column(frames[chosen], COLUMNS["frame_added"])}


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None, as JSON forms hand over what was not filled in."""
    return {name: value for name, value in fields.items() if value is not None}
