"""What to write of a CaImAn file, as the conversion options and the times of its frames determine it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile

from caiman_interface.extractor import CaimanSegmentationExtractor
from caiman_interface.metadata import CaimanConversionOptions
from caiman_interface.metadata.vocabulary import COMPONENTS, name_ending
from caiman_interface.nwb.containers import OPHYS_MODULE
from caiman_interface.nwb.parameters import parameters_name
from caiman_interface.nwb.responses import Timing
from caiman_interface.nwb.segmentation import Column
from caiman_interface.nwb.write_plan import WritePlan


def plan_of(everything: CaimanSegmentationExtractor, options: CaimanConversionOptions, **given: Any) -> WritePlan:
    """Return what to write.

    Parameters
    ----------
    everything : CaimanSegmentationExtractor
        All ROIs and frames.
    options : CaimanConversionOptions
        The conversion options.
    **given
        Fields of `WritePlan` that do not depend on the options.
    """
    extractor = _chosen(everything, options)
    frames = extractor.get_num_samples()
    if options.stub_test and frames:
        extractor = extractor.slice_samples(0, min(options.num_stub_samples, frames))
    lists_background = len(extractor.background_components) > 0
    filtered = options.accepted_only or options.roi_ids_to_add is not None
    return WritePlan(
        components=extractor.components,
        background=extractor.background_components if lists_background else everything.background_components,
        frames=extractor.frames,
        timing=timing_of(extractor),
        mask_type=options.mask_type,
        columns=_own_columns(extractor),
        iterator_options=options.iterator_options or {},
        is_accepted=options.include_roi_acceptance is not False,
        centroids=options.include_roi_centroids,
        with_background=options.include_background_segmentation,
        with_discarded=options.include_discarded_components and not filtered,
        with_ring_model=options.include_ring_model,
        with_residual_correction=options.include_residual_correction,
        **given,
    )


def timing_of(extractor: CaimanSegmentationExtractor) -> Timing:
    """Return when the frames were taken: by the rate, unless times were set."""
    if not extractor.frames:  # no trace, so no frame has a time
        return Timing()
    rate = extractor.get_sampling_frequency()
    if not extractor.has_time_vector() and rate is not None:
        return Timing(rate=rate, starting_time=extractor.frames.start / rate)
    return Timing.of(extractor.get_timestamps(), rate)


def sampling_frequency_of(extractor: CaimanSegmentationExtractor) -> float | None:
    """Return the frames per second: of the times that were set, or the rate; None if there is neither."""
    rate: float | None = extractor.get_sampling_frequency()
    if not extractor.has_time_vector():
        return rate
    times = extractor.get_timestamps()
    regular = Timing.of(times, rate).rate if len(times) else rate
    if regular is not None or len(times) == 1:
        return regular
    return float(1 / np.median(np.diff(times)))


def ending_of(nwbfile: NWBFile, metadata_key: str, plane_segmentation_name: str | None) -> str:
    """Return the ending of names: that of the metadata key, or of the table of ROIs where that alone distinguishes.

    Several interfaces may have the default metadata key, and different values of ``plane_segmentation_name``. A name
    such as "PlaneSegmentation_plane0" always counts, any other only if the names without it are taken.
    """
    ending = name_ending(metadata_key)
    if plane_segmentation_name is None:
        return ending
    module = nwbfile.processing.get(OPHYS_MODULE)
    is_taken = module is not None and parameters_name(ending).name in module.data_interfaces
    starts_like_the_default = plane_segmentation_name.startswith(f"{COMPONENTS.name}_")
    own = plane_segmentation_name.removeprefix(COMPONENTS.name).strip("_")
    return f"{ending}_{own}" if own and (is_taken or (starts_like_the_default and not ending)) else ending


def _chosen(extractor: CaimanSegmentationExtractor, options: CaimanConversionOptions) -> CaimanSegmentationExtractor:
    """Return a view of the ROIs that the options choose."""
    if options.roi_ids_to_add is not None:
        extractor = extractor.select_rois(options.roi_ids_to_add)
    if not options.accepted_only:
        return extractor
    if options.accepted_by == "auto":
        return extractor.select_accepted()
    accepted = _judged(extractor, with_evaluation=options.accepted_by == "both")
    chosen = extractor.components[accepted[extractor.components]].tolist()
    if not chosen:
        message = f"{extractor.file_path}: no component is left by accepted_by='{options.accepted_by}'."
        raise ValueError(message)
    return extractor.select_rois([*chosen, *extractor.get_background_ids()])


def _judged(extractor: CaimanSegmentationExtractor, *, with_evaluation: bool) -> NDArray[np.bool_]:
    """Return which components were accepted by hand, or by the evaluation as corrected by hand."""
    components = extractor.results.components
    by_hand = components.hand_picked
    if not by_hand:
        message = (
            f"{extractor.file_path}: accepted_by needs components that were accepted or rejected by hand "
            "(estimates/accepted_list, estimates/rejected_list); the file has none. Use accepted_by='auto'."
        )
        raise ValueError(message)
    nobody = np.zeros(components.count, dtype=bool)
    accepted = np.asarray(by_hand.get("manually_accepted", nobody), dtype=bool)
    rejected = np.asarray(by_hand.get("manually_rejected", nobody), dtype=bool)
    if with_evaluation:
        accepted = accepted | components.acceptance.mask(components.count)
    return np.asarray(accepted & ~rejected)


def _own_columns(extractor: CaimanSegmentationExtractor) -> dict[str, Column]:
    """Return the properties that the user set, as columns, always in the same order."""
    keys = [key for key in extractor.get_property_keys() if key in extractor.user_properties]
    infos: Mapping[str, Any] = {key: extractor.get_property_info(key) for key in keys}
    return {
        key: Column(info.data, info.description or f"Property '{key}', set before conversion.")
        for key, info in infos.items()
    }
