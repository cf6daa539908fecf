"""What a CaImAn file specifies, as NeuroConv metadata."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from numpy.typing import NDArray

from caiman_interface.caiman_file import CaimanResults

from .vocabulary import (
    BACKGROUND,
    COMPONENTS,
    DISCARDED,
    IMAGES,
    TRACES,
    RoiTable,
    name_ending,
)


def method_description(results: CaimanResults) -> str:
    """Return the name of the analysis that found the components."""
    methods = {
        "CNMF": "constrained nonnegative matrix factorization (CNMF)",
        "CNMF-E": "CNMF-E, the model for one-photon imaging",
        "OnACID": "OnACID, the online analysis",
    }
    version = f" {results.caiman_version}" if results.caiman_version else ""
    return f"CaImAn{version}, {methods[results.method]}"


def metadata_of(
    results: CaimanResults,
    metadata_key: str,
    *,
    sampling_frequency: float | None = None,
    ending: str | None = None,
) -> dict[str, Any]:
    """Return what the file specifies, as NeuroConv's dictionary-based ``Ophys`` metadata.

    Parameters
    ----------
    results : CaimanResults
        The open file.
    metadata_key : str
        The key of the interface; the entries are under it.
    sampling_frequency : float, optional
        Frames per second, in place of the file's value.
    ending : str, optional
        Ending of all names but that of the imaging plane; by default that of the key.
    """
    rate = results.sampling_frequency if sampling_frequency is None else sampling_frequency
    ending = name_ending(metadata_key) if ending is None else ending
    background_key, discarded_key = metadata_key + BACKGROUND.key_ending, metadata_key + DISCARDED.key_ending
    segmentations = {
        metadata_key: {
            "name": COMPONENTS.name + ending,
            "description": f"ROIs found by {method_description(results)}.",
            "imaging_plane_metadata_key": metadata_key,
        }
    }
    traces = [*results.components.traces, *results.components.dff_deconvolution]
    responses = {metadata_key: {name: _series(name, ending) for name in traces}}
    if results.background_footprints is not None:
        segmentations[background_key] = {
            "name": BACKGROUND.name + ending,
            "description": f"Spatial background components (b) found by {method_description(results)}.",
        }
    if results.background_trace is not None:
        responses[metadata_key]["background"] = _series("background", ending)
    if results.discarded is not None:
        segmentations[discarded_key] = {
            "name": DISCARDED.name + ending,
            "description": "Components that were removed from the result with CaImAn's select_components, and kept "
            f"aside; found by {method_description(results)}.",
        }
        responses[discarded_key] = {name: _series(name, ending, DISCARDED) for name in results.discarded.traces}
    metadata = {
        "ImagingPlanes": {metadata_key: _imaging_plane(results, name_ending(metadata_key), rate)},
        "PlaneSegmentations": segmentations,
        "RoiResponses": responses,
    }
    images = {
        name: {"name": IMAGES[name].name + ending, "description": _image_description(name, image, results)}
        for name, image in results.images.items()
    }
    return {**metadata, "SegmentationImages": {metadata_key: images}} if images else metadata


def _image_description(name: str, image: NDArray[Any], results: CaimanResults) -> str:
    """Return the description of an image; it mentions if the image has another size than the frame."""
    if image.shape == results.frame_shape:
        return IMAGES[name].description
    if image.shape == results.shrunk_frame_shape:
        return f"{IMAGES[name].description} Of the movie as OnACID shrank it (ds_factor): its pixels are larger."
    return f"{IMAGES[name].description} Of the downsampled frame (init.ssub): its pixels are larger."


def _series(name: str, ending: str, table: RoiTable = COMPONENTS) -> dict[str, str]:
    text = TRACES[name]
    return {"name": f"{table.trace_prefix}{text.name}{ending}", "description": text.description, "unit": text.unit}


def _imaging_plane(results: CaimanResults, ending: str, rate: float | None) -> dict[str, Any]:
    """Return what CaImAn stores about the imaging plane; the experimenter has to add the rest."""
    photons = "One-photon" if results.is_one_photon else "Two-photon"
    volume = "volume" if results.is_volumetric else "plane"
    plane: dict[str, Any] = {
        "name": f"ImagingPlane{ending}",
        "description": f"{photons} imaging {volume}, as CaImAn's parameters say.",
    }
    if rate is not None:
        plane["imaging_rate"] = rate
    pixel_size = results.pixel_size
    if pixel_size is not None:
        # A tuple, since NeuroConv's converters remove duplicates from lists: a list with two equal lengths would become
        # a list with one.
        plane["grid_spacing"] = tuple(_micrometres_to_metres(spacing) for spacing in pixel_size)
        plane["grid_spacing_unit"] = "meters"
    return plane


def _micrometres_to_metres(length: float) -> float:
    """Move the decimal point, because a multiplication by 1e-6 would be inexact.

    CaImAn's demos say of ``dxy``: "spatial resolution in x and y in (um per pixel)", and divide micrometres by it. Its
    list of parameters wrongly says "pixels per um". NWB's order is x, y too.
    """
    return float(Decimal(repr(length)).scaleb(-6))


def with_new_names(metadata: dict[str, Any], own: dict[str, Any], renamed: dict[str, Any]) -> dict[str, Any]:
    """Return dictionary-based metadata in which the names that a file specifies are replaced.

    Parameters
    ----------
    metadata : dict
        The whole metadata; it is not changed. Names that a user gave stay.
    own, renamed : dict
        What `metadata_of` returns for the same file, with the names of `metadata` and with the new ones.
    """
    ophys = dict(metadata.get("Ophys") or {})
    for block in ("PlaneSegmentations", "RoiResponses", "SegmentationImages"):
        entries = _without_defaults_of_others(ophys.get(block) or {}, own.get(block) or {})
        ophys[block] = _with_new_names(entries, own.get(block) or {}, renamed.get(block) or {})
    return {**metadata, "Ophys": ophys}


def _without_defaults_of_others(entries: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Drop traces and images that only another CaImAn file of the same metadata key has."""
    default_names = {
        **{name: text.name for name, text in TRACES.items()},
        **{name: text.name for name, text in IMAGES.items()},
    }
    return {
        key: {
            part: fields
            for part, fields in entry.items()
            if part in own[key] or not isinstance(fields, dict) or fields.get("name") != default_names.get(part, False)
        }
        if key in own and isinstance(entry, dict)
        else entry
        for key, entry in entries.items()
    }


def _with_new_names(entries: Any, own: Any, renamed: Any) -> Any:
    if not isinstance(entries, dict) or not isinstance(own, dict):
        return entries
    changed = {key: _with_new_names(entry, own.get(key), renamed.get(key)) for key, entry in entries.items()}
    is_default = "name" in own and entries.get("name") == own["name"]
    return {**changed, "name": renamed["name"]} if is_default else changed
