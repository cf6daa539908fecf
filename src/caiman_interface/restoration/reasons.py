"""Why fields of CaImAn files are not restored."""

from __future__ import annotations

_ONLINE_STATE = "working memory of the online analysis (OnACID), without which it cannot be continued"
_ONLINE_TIMES = "computing times of the online analysis (OnACID)"
_DERIVED = "computed from A and b by CaImAn when it is needed"

_REASONS = {
    "A_thr": "footprints after a threshold; CaImAn's threshold_spatial_components computes them from A",
    "Ab": _DERIVED,
    "Ab_dense": _DERIVED,
    "OASISinstances": "CaImAn saves only the beginning of a description of these objects",
    "R": "differs from YrA (CaImAn's deconvolve changes YrA only); without it CaImAn uses YrA",
    "W": (
        "the NWB file has no ring model: one that takes a tenth of the file or more is stored only with the option "
        "include_ring_model"
    ),
    "center": "centres of the initialization, which do not match the components",
    "mmap_file": "without its directory, which may identify someone",
    "fnames": "without their directories, which may identify someone",
}
# Of the estimates, and of the online analysis itself.
_ESTIMATES_BUFFERS = (
    *("AtA", "AtY_buf", "AtW", "AtWA", "Atb", "CC", "CY", "C_on", "Yr_buf", "Yres_buf", "mean_buff", "mn", "noisyC"),
    *("rho_buf", "sv", "vr", "ind_new", "time_new_comp", "W_ind", "XXt_mats", "XXt_vecs"),
    *("_dims_B", "_ringidx", "downscale_matrix", "upscale_matrix"),
)
_BUFFERS = (
    *("M", "N", "is1p", "cnn_pos", "comp_upd", "ind_new_all", "update_counter", "img_norm", "img_min", "min_mov"),
)
_TIMES = ("t_detect", "t_motion", "t_online", "t_shapes", "t_stat", "t_init", "time_spend")
# What only OnACID saves and is not restored.
ONLINE_FIELDS = (*_BUFFERS, *_TIMES, *(f"estimates/{name}" for name in _ESTIMATES_BUFFERS))
_OTHERWISE = "not in the NWB file"


def reason_for(path: str) -> str:
    """Return why a field is not restored, or not exactly."""
    return reason_if_known(path) or _OTHERWISE


def reason_if_known(path: str) -> str | None:
    """Return why a field is never restored; None if it usually is."""
    name = path.rpartition("/")[2]
    if name in _BUFFERS or name in _ESTIMATES_BUFFERS:
        return _ONLINE_STATE
    return _ONLINE_TIMES if name in _TIMES else _REASONS.get(name)
