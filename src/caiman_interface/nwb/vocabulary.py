"""The names, descriptions and units of everything that this package writes, in CaImAn's terms.

Sources: CaImAn's ``Estimates`` class (``caiman/source_extraction/cnmf/estimates.py``) for what each field is, and
the names that NeuroConv gives to the same objects, so that scripts that read its files go on working.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from numpy.typing import NDArray

from caiman_interface.caiman_file import CaimanResults

DEFAULT_METADATA_KEY = "caiman_segmentation"

OPHYS_MODULE = "ophys"

BACKGROUND_KEY_ENDING = "_background"
DISCARDED_KEY_ENDING = "_discarded"


class RoiText(NamedTuple):
    """What stands before the number in the names of ROIs, what is said of them, and what CaImAn calls their masks."""

    prefix: str
    names: str
    weight: str


COMPONENTS = RoiText("", "The unique identifier for each ROI: CaImAn's index of the component, as text.", "A")
BACKGROUND = RoiText(
    "background",
    "The unique identifier for each ROI: 'background' and CaImAn's index of the background component.",
    "b",
)
DISCARDED = RoiText(
    "discarded",
    "The unique identifier for each ROI: 'discarded' and the component's index among those set aside.",
    "A of discarded_components",
)


class SeriesText(NamedTuple):
    """What is said of a trace."""

    name: str
    unit: str
    description: str


TRACES = {
    "raw": SeriesText(
        "RoiResponseSeries",
        "a.u.",
        "Fluorescence of each component before deconvolution: CaImAn's C + YrA, the denoised trace plus its residual. "
        "Arbitrary units: the trace times the footprint (A) is in the units of the movie.",
    ),
    "dff": SeriesText(
        "DfOverF",
        "n.a.",
        "Detrended dF/F of each component: CaImAn's F_dff (detrend_df_f), a ratio without unit; with its option "
        "detrend_only, as for one-photon imaging, the baseline is subtracted and nothing is divided.",
    ),
    "denoised": SeriesText(
        "Denoised",
        "a.u.",
        "Denoised fluorescence of each component: CaImAn's C, the calcium trace of the fitted autoregressive model. "
        "Arbitrary units: the trace times the footprint (A) is in the units of the movie.",
    ),
    "deconvolved": SeriesText(
        "Deconvolved",
        "a.u.",
        "Deconvolved neural activity of each component: CaImAn's S, in arbitrary units; it does not count spikes.",
    ),
    "dff_denoised": SeriesText(
        "DfOverFDenoised",
        "n.a.",
        "Denoised dF/F of each component: CaImAn's F_dff_dec (deconvolve with dff_flag), a ratio without unit.",
    ),
    "dff_deconvolved": SeriesText(
        "DfOverFDeconvolved",
        "a.u.",
        "Deconvolved neural activity of each component, from its dF/F: CaImAn's S_dff (deconvolve with dff_flag), in "
        "arbitrary units; it does not count spikes.",
    ),
    "background": SeriesText(
        "Background",
        "a.u.",
        "Temporal background: CaImAn's f, one trace for each background component. Arbitrary units: the trace times "
        "the spatial component (b) is in the units of the movie.",
    ),
}


class ImageText(NamedTuple):
    """What is said of an image."""

    name: str
    description: str


IMAGES = {
    "correlation": ImageText(
        "correlation_image", "Correlation of each pixel with its neighbours: CaImAn's Cn (local_correlations), no unit."
    ),
    "mean": ImageText(
        "mean_image", "Sum of the spatial background components: CaImAn's b summed over components, arbitrary units."
    ),
    "noise": ImageText(
        "noise_image",
        "Standard deviation of the noise of each pixel: CaImAn's sn, in the units of the movie as CaImAn analysed it.",
    ),
    "baseline": ImageText(
        "baseline_image",
        "Constant baseline of each pixel in the one-photon ring model: CaImAn's b0, in the units of the movie as "
        "CaImAn analysed it.",
    ),
}

COLUMNS = {
    "is_accepted": "Whether CaImAn's evaluation accepted the component (idx_components) or rejected it "
    "(idx_components_bad).",
    "manually_accepted": "Whether a person accepted the component by hand in CaImAn's viewer (CaImAn's accepted_list).",
    "manually_rejected": "Whether a person rejected the component by hand in CaImAn's viewer (CaImAn's rejected_list).",
    "snr": "Signal-to-noise ratio of the component's transients (CaImAn's SNR_comp), no unit.",
    "r_values": "Spatial correlation between the component's footprint and the movie while it is active (CaImAn's "
    "r_values), no unit.",
    "cnn_preds": "Score from 0 to 1 of CaImAn's neural network for how much the footprint looks like a neuron "
    "(CaImAn's cnn_preds), no unit.",
    "eccentricity": "Length of the footprint over its width (CaImAn's ecc): the square root of the ratio of the larger "
    "to the smaller variance along its axes, 1 where it is round; no unit.",
    "ROICentroids": "Weighted centre of the footprint in pixels, counted from 0: x (column), y (row){z}. The same "
    "numbers as caiman.base.rois.com, whose order is (row, column{plane}).",
    "baseline": "Fluorescence baseline that the deconvolution fitted (CaImAn's bl), in the units of the raw trace.",
    "initial_calcium": "Calcium in the first frame that the deconvolution fitted (CaImAn's c1), in the units of the "
    "raw trace.",
    "noise_std": "Standard deviation of the trace's noise (CaImAn's neurons_sn), in the units of the raw trace.",
    "ar_coefficients": "Coefficients of the autoregressive model of calcium, the lag of one frame first (CaImAn's g), "
    "no unit.",
    "regularization": "Weight of the sparsity penalty in the deconvolution (CaImAn's lam), in the units of the raw "
    "trace.",
    "frame_added": "Frame at which online analysis (OnACID) added the component (CaImAn's time_neuron_added), counted "
    "from 0 through all passes over the movie; components of the first batch bear its length (init_batch).",
}

MASKS = {
    "pixel_mask": "Footprint of the ROI: the pixels x (column), y (row), counted from 0, and CaImAn's "
    "weight ({weight}).",
    "voxel_mask": "Footprint of the ROI: the voxels x (column), y (row), z (plane), counted from 0, and CaImAn's "
    "weight ({weight}).",
    "image_mask": "Footprint of the ROI as an image of shape (x, y{z}): CaImAn's weight ({weight}) of each pixel, "
    "0 outside.",
}


def name_ending(metadata_key: str) -> str:
    """Return what distinguishes the names of one interface among several: nothing for the default key.

    Examples
    --------
    >>> name_ending("plane0"), name_ending("caiman_segmentation")
    ('_plane0', '')
    """
    if metadata_key == DEFAULT_METADATA_KEY:
        return ""
    return "_" + metadata_key.replace("/", "_").replace(":", "_")


def method_description(results: CaimanResults) -> str:
    """Say with what the components were found."""
    methods = {
        "CNMF": "constrained nonnegative matrix factorization (CNMF)",
        "CNMF-E": "CNMF-E, the model for one-photon imaging",
        "OnACID": "OnACID, the online analysis",
    }
    version = f" {results.caiman_version}" if results.caiman_version else ""
    return f"CaImAn{version}, {methods[results.method]}"


def metadata_of(results: CaimanResults, metadata_key: str) -> dict[str, Any]:
    """Return what the file states, as NeuroConv's dictionary-based ``Ophys`` metadata.

    Parameters
    ----------
    results : CaimanResults
        The open file.
    metadata_key : str
        The key of the interface; the entries stand under it.
    """
    ending = name_ending(metadata_key)
    background_key, discarded_key = metadata_key + BACKGROUND_KEY_ENDING, metadata_key + DISCARDED_KEY_ENDING
    segmentations = {
        metadata_key: {
            "name": f"PlaneSegmentation{ending}",
            "description": f"ROIs found by {method_description(results)}.",
            "imaging_plane_metadata_key": metadata_key,
        }
    }
    traces = [*results.components.traces, *results.components.dff_deconvolution]
    responses = {metadata_key: {name: _series(name, ending) for name in traces}}
    if results.background_footprints is not None:
        segmentations[background_key] = {
            "name": f"BackgroundPlaneSegmentation{ending}",
            "description": f"Spatial background components (b) found by {method_description(results)}.",
        }
    if results.background_trace is not None:
        responses[metadata_key]["background"] = _series("background", ending)
    if results.discarded is not None:
        segmentations[discarded_key] = {
            "name": f"DiscardedPlaneSegmentation{ending}",
            "description": "Components that were removed from the result with CaImAn's select_components, and kept "
            f"aside; found by {method_description(results)}.",
        }
        responses[discarded_key] = {
            name: _series(name, ending, name_start="Discarded") for name in results.discarded.traces
        }
    metadata = {
        "ImagingPlanes": {metadata_key: _imaging_plane(results, ending)},
        "PlaneSegmentations": segmentations,
        "RoiResponses": responses,
    }
    images = {
        name: {"name": IMAGES[name].name + ending, "description": _image_description(name, image, results)}
        for name, image in results.images.items()
    }
    return {**metadata, "SegmentationImages": {metadata_key: images}} if images else metadata


def _image_description(name: str, image: NDArray[Any], results: CaimanResults) -> str:
    """Describe an image, and say so where it is not of the frame's size."""
    if image.shape == results.frame_shape:
        return IMAGES[name].description
    return f"{IMAGES[name].description} Of the movie as OnACID shrank it (ds_factor): its pixels are larger."


def _series(name: str, ending: str, *, name_start: str = "") -> dict[str, str]:
    text = TRACES[name]
    return {"name": f"{name_start}{text.name}{ending}", "description": text.description, "unit": text.unit}


def _imaging_plane(results: CaimanResults, ending: str) -> dict[str, Any]:
    """Return what CaImAn knows of the imaging plane; the rest only the experimenter knows."""
    photons = "One-photon" if results.is_one_photon else "Two-photon"
    volume = "volume" if results.is_volumetric else "plane"
    plane: dict[str, Any] = {
        "name": f"ImagingPlane{ending}",
        "description": f"{photons} imaging {volume}, as CaImAn's parameters say.",
    }
    if results.sampling_frequency is not None:
        plane["imaging_rate"] = results.sampling_frequency
    dxy = results.parameters.data.dxy
    if dxy is not None:
        # A tuple, since NeuroConv's converters merge lists and drop what is in them twice: of a list, one length would
        # remain of square pixels.
        plane["grid_spacing"] = tuple(_micrometres_to_metres(spacing) for spacing in dxy)
        plane["grid_spacing_unit"] = "meters"
    return plane


def _micrometres_to_metres(length: float) -> float:
    """Move the decimal point, which a multiplication by 1e-6 would do only nearly.

    CaImAn's demos say of ``dxy``: "spatial resolution in x and y in (um per pixel)", and divide micrometres by it. Its
    list of parameters says "pixels per um", which it is not. NWB's order is x, y too.
    """
    return float(Decimal(repr(length)).scaleb(-6))
