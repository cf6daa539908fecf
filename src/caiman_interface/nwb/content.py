"""Everything that one CaImAn analysis becomes in an NWB file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile

from caiman_interface.caiman_file import CaimanResults, Components, Trace
from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS, DISCARDED, name_ending

from .containers import IMAGES, SERIES, TABLES
from .images import add_images, plane_images
from .imaging_plane import add_imaging_plane
from .names import ObjectName, check_names_are_free
from .object_fields import ObjectFields
from .object_group import ObjectGroup
from .parameters import add_parameters, parameters_name, to_pairs
from .residual import ResidualCorrection
from .responses import add_series
from .ring_model import add_ring_model, is_small, ring_model_name
from .segmentation import Column, MaskType, add_table, component_columns, computed_columns
from .shifts import add_shifts, shifts_name
from .software import add_software, package_version
from .vocabulary import RESIDUAL_CORRECTION, RESIDUAL_CORRECTION_NAME, RESIDUAL_CORRECTION_TEXT
from .write_plan import WritePlan


def add_results(
    nwbfile: NWBFile,
    results: CaimanResults,
    *,
    metadata: Mapping[str, Any],
    metadata_key: str,
    plan: WritePlan,
) -> None:
    """Add an analysis to an NWB file.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    results : CaimanResults
        The open CaImAn file; it must stay open until the NWB file is written.
    metadata : mapping
        Dictionary-based metadata. Missing fields are taken from the CaImAn file; a trace or image whose entry is None
        is not written.
    metadata_key : str
        The key of this analysis in the metadata.
    plan : WritePlan
        What to write.

    Raises
    ------
    ValueError
        If the file already contains an object of a name that would be written, or if the metadata refers to a missing
        entry. Nothing is added in the first case.
    """
    analysis = _Analysis(results, metadata, metadata_key, plan)
    groups = list(analysis.object_groups())
    groups.append(analysis.parameters(groups))
    check_names_are_free(nwbfile, [name for group in groups for name in group.names])
    for group in groups:
        group.add(nwbfile)
    add_software(nwbfile, results)


class _Analysis:
    """The objects of one analysis, and the values that they share."""

    def __init__(
        self,
        results: CaimanResults,
        metadata: Mapping[str, Any],
        metadata_key: str,
        plan: WritePlan,
    ) -> None:
        self._results = results
        self._key = metadata_key
        self._ending = name_ending(metadata_key) if plan.ending is None else plan.ending
        self._plan = plan
        self._fields = ObjectFields(
            results, metadata, metadata_key, ending=self._ending, sampling_frequency=plan.sampling_frequency
        )
        self._frames = slice(plan.frames.start, plan.frames.stop)
        self._mask_type = _mask_type_of_frame(plan.mask_type, results)

    def object_groups(self) -> Iterator[ObjectGroup]:
        """Yield the objects to write, in order; nothing is added yet."""
        yield self._components()
        if self._plan.with_background:
            yield from self._background()
        if self._plan.with_discarded:
            yield from self._discarded()
        yield self._images()
        yield from self._shifts()
        yield from self._ring_model()

    def parameters(self, groups: Sequence[ObjectGroup]) -> ObjectGroup:
        """Return the table of parameters, which records the paths of the objects of the other groups."""
        conversion: dict[str, Any] = {
            "package_version": package_version(),
            "metadata_key": self._key if name_ending(self._key) == self._ending else self._ending[1:],
            "rate_source": self._plan.rate_source,
            "num_frames": len(self._plan.frames) or self._results.num_frames,
            "objects": to_pairs({role: path for group in groups for role, path in group.paths().items()}),
            "left_out": to_pairs([vars(omission) for omission in self._results.omissions]),
            "stored_as": to_pairs(self._results.stored_as),
        }
        add = partial(add_parameters, results=self._results, ending=self._ending, conversion=conversion)
        return ObjectGroup({"parameters": parameters_name(self._ending)}, add)

    def _components(self) -> ObjectGroup:
        """Return the table of components and their traces."""
        components = self._results.components
        chosen = self._plan.components
        footprints = components.footprints.unshared().select(chosen)
        columns = {**component_columns(self._results, chosen, footprints), **self._plan.columns}
        traces = {**components.traces, **components.dff_deconvolution}
        return self._rois(
            self._key,
            footprints=footprints,
            row_ids=chosen,
            text=COMPONENTS,
            columns=self._wanted(columns),
            mask_type=self._mask_type or "pixel",
            traces={name: trace.select(frames=self._frames, rois=chosen) for name, trace in traces.items()},
            correction=self._correction(components, chosen),
        )

    def _background(self) -> Iterator[ObjectGroup]:
        """Yield the table of background components and their traces, if there are any."""
        footprints = self._results.background_footprints
        chosen = self._plan.background
        if footprints is None or len(chosen) == 0:
            return
        trace = self._results.background_trace
        yield self._rois(
            self._key + BACKGROUND.key_ending,
            footprints=footprints.unshared().select(chosen),
            row_ids=chosen,
            text=BACKGROUND,
            columns={},
            mask_type=self._mask_type,
            traces={} if trace is None else {"background": trace.select(frames=self._frames, rois=chosen)},
            traces_key=self._key,
        )

    def _discarded(self) -> Iterator[ObjectGroup]:
        """Yield the table of the components that ``select_components`` set aside, if there are any."""
        discarded = self._results.discarded
        if discarded is None:
            return
        everything = np.arange(discarded.count)
        footprints = discarded.footprints.unshared()
        yield self._rois(
            self._key + DISCARDED.key_ending,
            footprints=footprints,
            row_ids=everything,
            text=DISCARDED,
            columns=self._wanted(computed_columns(discarded, everything, footprints)),
            mask_type=self._mask_type or "pixel",
            traces={name: trace.select(frames=self._frames) for name, trace in discarded.traces.items()},
            correction=self._correction(discarded, everything),
        )

    def _correction(self, components: Components, chosen: NDArray[np.intp]) -> ResidualCorrection | None:
        """Return the correction that makes the residual exact, if it is to be written."""
        residual, denoised = components.residual, components.traces.get("denoised")
        if not self._plan.with_residual_correction or residual is None or denoised is None:
            return None
        return ResidualCorrection(denoised, residual).select(frames=self._frames, rois=chosen)

    def _wanted(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """Return the columns without those that the options switch off."""
        left_out = set()
        if not self._plan.is_accepted:
            left_out.add("is_accepted")
        if not self._plan.centroids:
            left_out.add("ROICentroids")
        return {name: column for name, column in columns.items() if name not in left_out}

    def _rois(
        self,
        key: str,
        *,
        traces: Mapping[str, Trace],
        traces_key: str | None = None,
        correction: ResidualCorrection | None = None,
        **table: Any,
    ) -> ObjectGroup:
        """Return a table of ROIs and the traces of these ROIs."""
        fields, plane_key = self._fields.table(key)
        entries = self._fields.entries("RoiResponses", traces_key or key, list(traces))
        written: dict[str, Any] = {name: traces[name] for name in entries if traces[name].size}
        if correction is not None and {"raw", "denoised"} <= set(written):
            written[RESIDUAL_CORRECTION] = correction
            entries[RESIDUAL_CORRECTION] = {
                "name": f"{table['text'].trace_prefix}{RESIDUAL_CORRECTION_NAME}{self._ending}",
                "description": RESIDUAL_CORRECTION_TEXT,
                "unit": entries["raw"]["unit"],
            }

        def add(nwbfile: NWBFile) -> None:
            plane = add_imaging_plane(nwbfile, self._fields.metadata, plane_key)
            exact = self._plan.with_residual_correction
            rois = add_table(nwbfile, fields=fields, imaging_plane=plane, with_correction=exact, **table)
            add_series(
                nwbfile,
                traces=written,
                fields=entries,
                table=rois,
                timing=self._plan.timing,
                iterator_options=self._plan.iterator_options,
            )

        role = table["text"].role
        series = {f"{role}/{name}": ObjectName(SERIES, entries[name]["name"]) for name in written}
        return ObjectGroup({role: ObjectName(TABLES, fields["name"]), **series}, add)

    def _images(self) -> ObjectGroup:
        """Return the images of the field of view."""
        entries = self._fields.entries("SegmentationImages", self._key, list(self._results.images))
        planes = {name: plane_images(self._results.images[name], **entry) for name, entry in entries.items()}
        objects: dict[str, ObjectName | list[ObjectName]] = {
            f"images/{name}": [ObjectName(IMAGES, image.name) for image in images] for name, images in planes.items()
        }
        images = [image for images in planes.values() for image in images]
        return ObjectGroup(objects, partial(add_images, images=images))

    def _shifts(self) -> Iterator[ObjectGroup]:
        """Yield the motion-correction shifts of online analysis, if there is one shift per frame."""
        shifts = self._results.shifts
        if shifts is None or len(shifts) != self._results.num_frames:
            return
        name = shifts_name(self._ending)
        add = partial(add_shifts, name=name.name, shifts=shifts[self._frames], timing=self._plan.timing)
        yield ObjectGroup({"shifts": name}, add)

    def _ring_model(self) -> Iterator[ObjectGroup]:
        """Yield the ring model, if it is to be written."""
        model = self._results.ring_model if self._plan.with_ring_model is not False else None
        if model is None or (self._plan.with_ring_model is None and not is_small(model, self._results)):
            return
        frame_shape = self._results.ring_model_frame_shape
        add = partial(add_ring_model, matrix=model, ending=self._ending, frame_shape=frame_shape)
        yield ObjectGroup({"ring_model": ring_model_name(self._ending)}, add)


def _mask_type_of_frame(mask_type: MaskType | None, results: CaimanResults) -> MaskType | None:
    """Return the sparse form that fits the frame, with a warning if the other was requested, as NeuroConv does."""
    if mask_type in {None, "image"}:
        return mask_type
    fitting: MaskType = "voxel" if results.is_volumetric else "pixel"
    if mask_type != fitting:
        warnings.warn(
            f"mask_type is '{mask_type}', but the frame of {results.file_path} has {len(results.frame_shape)} "
            f"dimensions: '{fitting}' is used.",
            UserWarning,
            stacklevel=2,
        )
    return fitting
