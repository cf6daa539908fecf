"""Descriptions of the columns, masks and corrections that this package writes.

Sources: CaImAn's ``Estimates`` class (``caiman/source_extraction/cnmf/estimates.py``) for the meaning of each
field, and the names that NeuroConv gives to the same objects, so that scripts that read its files keep working.
"""

from __future__ import annotations

RESIDUAL_CORRECTION = "residual_correction"
RESIDUAL_CORRECTION_NAME = "ResidualCorrection"
RESIDUAL_CORRECTION_TEXT = (
    "Correction of the rounding error of CaImAn's residual (YrA): YrA is exactly (raw - denoised) + correction, "
    "computed in the number type of this series, where raw is the RoiResponseSeries (C + YrA) and denoised is C. Where "
    "raw - denoised is not finite, the correction is YrA itself. This is not a fluorescence trace."
)
SELECTED_TEXT = (
    "Whether the component was accepted: true for all, because CaImAn's select_components kept them, as chosen by its "
    "evaluation or by the user, and removed the others."
)

COLUMNS = {
    "is_accepted": "Whether CaImAn's evaluation accepted the component (idx_components) or rejected it "
    "(idx_components_bad).",
    "manually_accepted": "Whether the user accepted the component by hand in CaImAn's viewer (CaImAn's accepted_list).",
    "manually_rejected": "Whether the user rejected the component by hand in CaImAn's viewer (CaImAn's rejected_list).",
    "snr": "Signal-to-noise ratio of the component's transients (CaImAn's SNR_comp), no unit.",
    "r_values": "Spatial correlation between the component's footprint and the movie while it is active (CaImAn's "
    "r_values), no unit.",
    "cnn_preds": "Score from 0 to 1 of CaImAn's neural network for how much the footprint looks like a neuron "
    "(CaImAn's cnn_preds), no unit.",
    "eccentricity": "Ratio of the length of the footprint to its width (CaImAn's ecc): the square root of the ratio of "
    "the larger to the smaller variance along its axes, 1 for a round footprint; no unit.",
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
    "from 0 through all passes over the movie; for components of the first batch, its length (init_batch).",
}

MASK_CORRECTION_ENDING = "_correction"
MASK_CORRECTIONS = {
    "int32": "Correction of rounding for the weights in {name}, pixel by pixel, in units in the last place: the bits "
    "of CaImAn's weight (float64) as a 64-bit integer are those of the weight in {name} as float64, plus this value.",
    "float64": "Correction of rounding for the weights in {name}, pixel by pixel. CaImAn's weight (float64) is exactly "
    "the weight in {name} plus this value, or this value alone where the weight in {name} is not finite.",
}

MASKS = {
    "pixel_mask": "Footprint of the ROI: the pixels x (column), y (row), counted from 0, and CaImAn's "
    "weight ({weight}).",
    "voxel_mask": "Footprint of the ROI: the voxels x (column), y (row), z (plane), counted from 0, and CaImAn's "
    "weight ({weight}).",
    "image_mask": "Footprint of the ROI as an image of shape (x, y{z}): CaImAn's weight ({weight}) of each pixel, "
    "0 outside.",
}
