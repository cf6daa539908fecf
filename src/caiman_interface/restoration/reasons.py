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
    "W": "the NWB file has no ring model: it is left out if it takes a tenth of the file (option include_ring_model)",
    "center": "centres of the initialization, which do not match the components",
    "mmap_file": "without its directory, which may identify a person",
    "fnames": "without their directories, which may identify a person",
}
_BUFFERS = (
    *("AtA", "AtY_buf", "AtW", "AtWA", "Atb", "CC", "CY", "C_on", "Yr_buf", "Yres_buf", "mean_buff", "mn", "noisyC"),
    *("rho_buf", "sv", "vr", "ind_new", "time_new_comp", "cnn_pos", "comp_upd", "ind_new_all", "update_counter"),
    *("img_norm", "img_min", "min_mov", "_dims_B", "_ringidx", "downscale_matrix", "upscale_matrix", "W_ind"),
    *("XXt_mats", "XXt_vecs"),
)
_TIMES = ("t_detect", "t_motion", "t_online", "t_shapes", "t_stat", "t_init", "time_spend")
_OTHERWISE = "not in the NWB file"


def reason_for(path: str) -> str:
    """Return why a field is not restored, or not exactly."""
    name = path.rpartition("/")[2]
    if name in _BUFFERS:
        return _ONLINE_STATE
    return _ONLINE_TIMES if name in _TIMES else _REASONS.get(name, _OTHERWISE)
