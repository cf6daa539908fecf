"""The names, descriptions and units of ROI tables, traces and images in an NWB file, in CaImAn's terms.

Sources: CaImAn's ``Estimates`` class (``caiman/source_extraction/cnmf/estimates.py``) for what each field is, and
the names that NeuroConv gives to the same objects, so that scripts that read its files keep working.
"""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_METADATA_KEY = "caiman_segmentation"


class RoiTable(NamedTuple):
    """One of the ROI tables of an analysis.

    Attributes
    ----------
    key_ending : str
        Ending of its metadata key, after that of the interface.
    name : str
        Its name in the NWB file under the default metadata key.
    prefix : str
        Prefix of the names of its ROIs, before the number.
    names : str
        Description of the column ``roi_name``.
    weight : str
        CaImAn's name of its footprints.
    trace_prefix : str
        Prefix of the names of its traces.
    """

    key_ending: str
    name: str
    prefix: str
    names: str
    weight: str
    trace_prefix: str = ""

    @property
    def role(self) -> str:
        """``components``, ``background`` or ``discarded``."""
        return self.key_ending.removeprefix("_") or "components"


COMPONENTS = RoiTable(
    "", "PlaneSegmentation", "", "The unique identifier for each ROI: CaImAn's index of the component, as text.", "A"
)
BACKGROUND = RoiTable(
    "_background",
    "BackgroundPlaneSegmentation",
    "background",
    "The unique identifier for each ROI: 'background' and CaImAn's index of the background component.",
    "b",
)
DISCARDED = RoiTable(
    "_discarded",
    "DiscardedPlaneSegmentation",
    "discarded",
    "The unique identifier for each ROI: 'discarded' and the component's index among those set aside.",
    "A of discarded_components",
    trace_prefix="Discarded",
)
ROI_TABLES = (COMPONENTS, BACKGROUND, DISCARDED)


class SeriesText(NamedTuple):
    """The name, unit and description of a trace in the NWB file."""

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
    """The name and description of an image in the NWB file."""

    name: str
    description: str


IMAGES = {
    "correlation": ImageText(
        "correlation_image", "Correlation of each pixel with its neighbours: CaImAn's Cn (local_correlations), no unit."
    ),
    "peak_to_noise": ImageText(
        "peak_to_noise_image",
        "Peak-to-noise ratio of each pixel, no unit: CaImAn's Cn, with values above those of a correlation.",
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


SUMMARY_IMAGES = {
    "mean": ImageText("mean_image", "Mean of each pixel over the frames of the movie."),
    "max": ImageText("max_image", "Maximum of each pixel over the frames of the movie."),
    "correlation": ImageText("correlation_image", "Correlation of each pixel with its neighbours, no unit."),
}
"""Images of the movie from other files than CaImAn's."""


def name_ending(metadata_key: str) -> str:
    """Return the ending of the names of an interface with this key: nothing for the default key.

    Examples
    --------
    >>> name_ending("plane0"), name_ending("caiman_segmentation")
    ('_plane0', '')
    """
    if metadata_key == DEFAULT_METADATA_KEY:
        return ""
    return "_" + metadata_key.replace("/", "_").replace(":", "_")
