"""Everything that one CaImAn analysis becomes in an NWB file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile

from caiman_interface.caiman_file import CaimanResults, Components, Trace
from caiman_interface.metadata.blocks import given_fields
from caiman_interface.metadata.from_results import metadata_of
from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS, DISCARDED, name_ending

from .containers import IMAGES, SERIES, TABLES
from .images import add_images, plane_images
from .imaging_plane import add_imaging_plane, measured
from .names import ObjectName, check_names
from .parameters import add_parameters, parameters_name, to_pairs
from .residual import ResidualCorrection
from .responses import Timing, add_series
from .ring_model import add_ring_model, is_small, ring_model_name
from .segmentation import Column, MaskType, add_table, component_columns, computed_columns
from .shifts import add_shifts, shifts_name
from .software import add_software, package_version
from .vocabulary import RESIDUAL_CORRECTION, RESIDUAL_CORRECTION_NAME, RESIDUAL_CORRECTION_TEXT


@dataclass(frozen=True)
class WritePlan:
    """What of an analysis is written.

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
    sampling_frequency : float or None
        Frames per second of the imaging plane, in place of the CaImAn file's.
    rate_source : {"CaImAn", "given"}
        Whether the times of frames come from the CaImAn file.
    ending : str or None
        Ending of all names but that of the imaging plane; None for that of the metadata key.
    is_accepted, centroids, with_background, with_discarded, with_residual_correction : bool
        Whether these are written.
    with_ring_model : bool or None
        Whether the ring model is written; None: if it is small, see `is_small`.
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
    with_residual_correction: bool = True
    with_ring_model: bool | None = None
    sampling_frequency: float | None = None
    rate_source: Literal["CaImAn", "given"] = "CaImAn"
    ending: str | None = None


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
        Dictionary-based metadata. What it does not state is taken from the CaImAn file; a trace or image whose
        entry is None is left out.
    metadata_key : str
        The key of this analysis in the metadata.
    plan : WritePlan
        What to write.

    Raises
    ------
    ValueError
        If something of a name that is to be written stands in the file, or the metadata refers to what it lacks.
        Nothing is added then.
    """
    writer = _Writer(results, metadata, metadata_key, plan)
    parts = list(writer.parts())
    parts.append(writer.parameters(parts))
    check_names(nwbfile, [name for part in parts for name in part.names])
    for part in parts:
        part.add(nwbfile)
    add_software(nwbfile, results)


class _Part(NamedTuple):
    """Objects that are written together: where each is, by its role, and the function that adds them."""

    objects: dict[str, ObjectName | list[ObjectName]]
    add: Callable[[NWBFile], None]

    @property
    def names(self) -> list[ObjectName]:
        """The names that the part takes."""
        entries = (entry if isinstance(entry, list) else [entry] for entry in self.objects.values())
        return [name for entry in entries for name in entry]

    def record(self) -> dict[str, Any]:
        """Return the path of each object below ``processing/ophys``."""
        return {
            role: [str(name) for name in entry] if isinstance(entry, list) else str(entry)
            for role, entry in self.objects.items()
        }


class _Writer:
    """The parts of one analysis, with what they share."""

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
        self._defaults = metadata_of(
            results, metadata_key, sampling_frequency=plan.sampling_frequency, ending=self._ending
        )
        self._stated: Mapping[str, Any] = metadata.get("Ophys") or {}
        self._metadata = {**metadata, "Ophys": {**self._stated, "ImagingPlanes": self._planes()}}
        self._frames = slice(plan.frames.start, plan.frames.stop)
        self._mask_type = _fitting(plan.mask_type, results)

    def parts(self) -> Iterator[_Part]:
        """Yield what is to be written, in order; nothing is added yet."""
        yield self._components()
        if self._plan.with_background:
            yield from self._background()
        if self._plan.with_discarded:
            yield from self._discarded()
        yield self._images()
        yield from self._shifts()
        yield from self._ring_model()

    def _ring_model(self) -> Iterator[_Part]:
        """Describe the ring model, if it is wanted."""
        model = self._results.ring_model if self._plan.with_ring_model is not False else None
        if model is None or (self._plan.with_ring_model is None and not is_small(model, self._results)):
            return
        name = ring_model_name(self._ending)
        frame_shape = self._results.ring_model_frame_shape
        yield _Part(
            {"ring_model": name},
            partial(add_ring_model, matrix=model, ending=self._ending, frame_shape=frame_shape),
        )

    def parameters(self, parts: Sequence[_Part]) -> _Part:
        """Describe the table of parameters, which records where the objects of the other parts are."""
        conversion: dict[str, Any] = {
            "package_version": package_version(),
            "metadata_key": self._key if name_ending(self._key) == self._ending else self._ending[1:],
            "rate_source": self._plan.rate_source,
            "num_frames": len(self._plan.frames) or self._results.num_frames,
            "objects": to_pairs({role: path for part in parts for role, path in part.record().items()}),
            "left_out": to_pairs([vars(omission) for omission in self._results.omissions]),
            "stored_as": to_pairs(self._results.stored_as),
        }
        add = partial(add_parameters, results=self._results, ending=self._ending, conversion=conversion)
        return _Part({"parameters": parameters_name(self._ending)}, add)

    def _components(self) -> _Part:
        """Describe the table of components and their traces."""
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

    def _correction(self, components: Components, chosen: NDArray[np.intp]) -> ResidualCorrection | None:
        """Return what makes the residual exact, if it is wanted."""
        residual, denoised = components.residual, components.traces.get("denoised")
        if not self._plan.with_residual_correction or residual is None or denoised is None:
            return None
        return ResidualCorrection(denoised, residual).select(frames=self._frames, rois=chosen)

    def _background(self) -> Iterator[_Part]:
        """Describe the background components and their traces, if there are any."""
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

    def _discarded(self) -> Iterator[_Part]:
        """Describe the components that ``select_components`` set aside, if there are any."""
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

    def _wanted(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """Leave out the columns that the options switch off."""
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
    ) -> _Part:
        """Describe a table of ROIs and the traces on it."""
        stated = (self._stated.get("PlaneSegmentations") or {}).get(key) or {}
        fields = {**self._defaults["PlaneSegmentations"][key], **given_fields(stated)}
        plane_key = fields.pop("imaging_plane_metadata_key", None) or self._plane_key()
        entries = self._entries("RoiResponses", traces_key or key, list(traces))
        written: dict[str, Any] = {name: traces[name] for name in entries if traces[name].size}
        if correction is not None and {"raw", "denoised"} <= set(written):
            written[RESIDUAL_CORRECTION] = correction
            entries[RESIDUAL_CORRECTION] = {
                "name": f"{table['text'].trace_prefix}{RESIDUAL_CORRECTION_NAME}{self._ending}",
                "description": RESIDUAL_CORRECTION_TEXT,
                "unit": entries["raw"]["unit"],
            }

        def add(nwbfile: NWBFile) -> None:
            plane = add_imaging_plane(nwbfile, self._metadata, plane_key)
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
        return _Part({role: ObjectName(TABLES, fields["name"]), **series}, add)

    def _images(self) -> _Part:
        """Describe the images of the field of view."""
        entries = self._entries("SegmentationImages", self._key, list(self._results.images))
        planes = {name: plane_images(self._results.images[name], **entry) for name, entry in entries.items()}
        objects: dict[str, ObjectName | list[ObjectName]] = {
            f"images/{name}": [ObjectName(IMAGES, image.name) for image in images] for name, images in planes.items()
        }
        return _Part(objects, partial(add_images, images=[image for images in planes.values() for image in images]))

    def _shifts(self) -> Iterator[_Part]:
        """Describe the shifts of motion correction that online analysis records, if they cover the frames."""
        shifts = self._results.shifts
        if shifts is None or len(shifts) != self._results.num_frames:
            return
        name = shifts_name(self._ending)
        add = partial(add_shifts, name=name.name, shifts=shifts[self._frames], timing=self._plan.timing)
        yield _Part({"shifts": name}, add)

    def _plane_key(self) -> str:
        """Return the plane of the components: background and discarded ones lie on it too."""
        stated = (self._stated.get("PlaneSegmentations") or {}).get(self._key) or {}
        return str(stated.get("imaging_plane_metadata_key") or self._key)

    def _planes(self) -> dict[str, Any]:
        """Return the imaging planes as stated; to the plane of the components, what the file knows is added."""
        planes = dict(self._stated.get("ImagingPlanes") or {})
        own = self._defaults["ImagingPlanes"][self._key]
        key = self._plane_key()
        if key == self._key:
            planes[key] = {**own, **given_fields(planes.get(key) or {})}
        elif key in planes:  # another interface names and describes it
            planes[key] = {**measured(own), **given_fields(planes[key] or {})}
        return planes

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
            name: {**defaults[name], **given_fields(stated.get(name) or {})} for name in names if name not in left_out
        }


def _fitting(mask_type: MaskType | None, results: CaimanResults) -> MaskType | None:
    """Return the sparse form that the frame asks for, and say so where another was wanted, as NeuroConv does."""
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
