"""Which field of a CaImAn file each object of the NWB file contains."""

from __future__ import annotations

from typing import NamedTuple

from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS, DISCARDED, RoiTable

ESTIMATES = "estimates"
DISCARDED_GROUP = "estimates/discarded_components"

TRACES = {
    "dff": "F_dff",
    "denoised": "C",
    "deconvolved": "S",
    "dff_denoised": "F_dff_dec",
    "dff_deconvolved": "S_dff",
    "background": "f",
}
COLUMNS = {
    "snr": "SNR_comp",
    "r_values": "r_values",
    "cnn_preds": "cnn_preds",
    "eccentricity": "ecc",
    "baseline": "bl",
    "initial_calcium": "c1",
    "noise_std": "neurons_sn",
    "ar_coefficients": "g",
    "regularization": "lam",
}
HAND_PICKED = {"manually_accepted": "accepted_list", "manually_rejected": "rejected_list"}
IMAGES = {"correlation": "Cn", "peak_to_noise": "Cn", "mean": "b", "noise": "sn", "baseline": "b0"}

# What `select_components` and `restore_discarded_components` of CaImAn do not put in the new order.
LEFT_BEHIND = {"ecc", "F_dff_dec", "S_dff", "accepted_list", "rejected_list"}


class RoiSource(NamedTuple):
    """Where the ROIs of a table are in a CaImAn file."""

    kind: RoiTable
    what: str
    group: str
    footprints: str


ROI_SOURCES = (
    RoiSource(COMPONENTS, "component", ESTIMATES, "A"),
    RoiSource(BACKGROUND, "background component", ESTIMATES, "b"),
    RoiSource(DISCARDED, "discarded component", DISCARDED_GROUP, "A"),
)
