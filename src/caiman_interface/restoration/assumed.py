"""How CaImAn 1.12 stores an analysis: for NWB files that do not record how it was stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from caiman_interface.caiman_file.components import DFF_TRACES, FITS, HAND_PICKED, METRICS, STORED_TRACES
from caiman_interface.caiman_file.images import IMAGE_FIELDS
from caiman_interface.nwb.nwb_components import NwbComponents
from caiman_interface.nwb.nwb_results import NwbResults

from .reasons import ONLINE_FIELDS, reason_if_known

# What CaImAn's Estimates has from the beginning.
_ATTRIBUTES = (
    *("A", "A_thr", "Ab", "Ab_dense", "AtA", "AtY_buf", "C", "CC", "CY", "C_on", "Cf", "Cn", "F_dff", "OASISinstances"),
    *("R", "S", "SNR_comp", "W", "YrA", "Yr_buf", "b", "b0", "bl", "c1", "center", "cnn_preds", "dims", "ecc", "f"),
    *("discarded_components", "idx_components", "idx_components_bad", "ind_new", "lam", "mn", "neurons_sn", "noisyC"),
    *("psx", "r_values", "rho_buf", "sn", "sv", "vr"),
)
# Before anything is computed.
_UNSET: dict[str, Any] = {**dict.fromkeys(_ATTRIBUTES), "g": ["float64", []], "shifts": ["float64", [0]]}
_TEXT_FITS = {"bl", "c1", "lam", "neurons_sn"}
_RING = {"W", "b0"}
_ONLINE_STATE = {path.rpartition("/")[2] for path in ONLINE_FIELDS}
_COUNTS = {"dims", "nr"}
_NOTHING_FOUND = "None, because the NWB file has no values; whether CaImAn had some is not recorded"
_SETTINGS = ("remove_very_bad_comps", "skip_refinement")
_SPARSE = {"data": "float64", "indices": "int32", "indptr": "int32", "shape": "int64"}


def assumed_storage(results: NwbResults) -> dict[str, Any]:
    """Return how CaImAn 1.12 would have stored the analysis, in the form of `describe_storage`."""
    dims = ["int64", [len(results.frame_shape)], list(results.frame_shape)]
    stored: dict[str, Any] = {"dims": dims, "dview": None}
    analysis = results.parameters.get("analysis", {})
    stored.update({name: ["bool", [], analysis[name]] for name in _SETTINGS if isinstance(analysis.get(name), bool)})
    if analysis.get("mmap_file") is not None:
        stored["mmap_file"] = ["attribute"]
    stored.update({f"estimates/{name}": entry for name, entry in _UNSET.items()})
    found = {**_component_storage(results.components), **_other_storage(results), "dims": dims}
    stored.update({f"estimates/{name}": entry for name, entry in found.items()})
    if results.discarded is not None:
        del stored["estimates/discarded_components"]
        aside = {**_UNSET, **_component_storage(results.discarded), "dims": dims}
        stored.update({f"estimates/discarded_components/{name}": entry for name, entry in aside.items()})
    if results.components.frame_added is not None:
        stored["time_neuron_added"] = ["int64", [results.components.count, 2]]
    return stored


def doubt_about(path: str, entry: Any, method: str | None) -> str | None:
    """Return what is not known about a value that was restored without a record; None if nothing.

    Parameters
    ----------
    path : str
        Path of the field.
    entry : list or None
        How it is assumed to have been stored, see `assumed_storage`.
    method : str or None
        The kind of analysis, such as ``CNMF-E``.
    """
    name = path.rpartition("/")[2]
    is_never_set = (name in _RING and method != "CNMF-E") or (name in _ONLINE_STATE and method != "OnACID")
    if entry is None:
        return None if is_never_set else reason_if_known(path) or _NOTHING_FOUND
    if name == "g" and not entry[1]:
        return _NOTHING_FOUND
    if name in _COUNTS:
        return "taken from the frame and the components; CaImAn may have had None"
    if name in _TEXT_FITS:
        return "as text, as CaImAn usually stores it; it may have been numbers"
    if 0 in entry[1]:
        return "an empty array, as CaImAn usually has; it may have been None"
    return None


def lost_without_record(method: str | None) -> tuple[str, ...]:
    """Return the fields that CaImAn saves with such an analysis and that an NWB file without record never has."""
    return ONLINE_FIELDS if method == "OnACID" else ()


def _component_storage(components: NwbComponents) -> dict[str, Any]:
    count = components.count
    traces = components.traces
    found: dict[str, Any] = {
        "A": ["sparse", list(components.footprints.matrix.shape), _SPARSE],
        "nr": ["int64", [], count],
    }
    for key, name in {**STORED_TRACES, **DFF_TRACES}.items():
        if key in traces:
            found[name] = _array(traces[key].dtype, (count, traces[key].shape[0]))
    if "raw" in traces and "denoised" in traces:
        found["YrA"] = _array(traces["raw"].dtype, (count, traces["raw"].shape[0]))
        found["R"] = ["=", "estimates/YrA"]
    for key, name in {**METRICS, **FITS}.items():
        values = components.column(key)
        if values is not None:
            found[name] = ["S32", [count]] if name in _TEXT_FITS else _array(values.dtype, values.shape)
    found.update(_list_storage(components))
    return found


def _list_storage(components: NwbComponents) -> dict[str, Any]:
    acceptance = components.acceptance
    picked = {HAND_PICKED[key]: flags for key, flags in components.hand_picked.items()}
    found = {name: ["int64", [int(np.count_nonzero(flags))]] for name, flags in picked.items()}
    if acceptance.verdict == "evaluated":
        found["idx_components"] = ["int64", [len(acceptance.accepted)]]
        found["idx_components_bad"] = ["int64", [len(acceptance.rejected)]]
    return found


def _other_storage(results: NwbResults) -> dict[str, Any]:
    found: dict[str, Any] = {}
    footprints, trace = results.background_footprints, results.background_trace
    if footprints is not None:
        found["b"] = ["float64", list(footprints.matrix.shape)]
    if trace is not None:
        found["f"] = _array(trace.dtype, (trace.shape[1], trace.shape[0]))
    model = results.ring_model
    if model is not None:
        found["W"] = ["sparse", list(model.shape), {**_SPARSE, "data": model.dtype.name}]
    for key, image in results.images.items():
        name = IMAGE_FIELDS[key]
        if name != "b":
            found[name] = _array(image.dtype, image.shape if name == "Cn" else (image.size,))
    if results.shifts is not None:
        found["shifts"] = _array(results.shifts.dtype, results.shifts.shape)
    return found


def _array(dtype: np.dtype[Any], shape: tuple[int, ...]) -> list[Any]:
    return [dtype.name, [int(length) for length in shape]]
