"""The imaging plane and its device, from dictionary-based metadata."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

from pynwb import NWBFile
from pynwb.ophys import ImagingPlane, OpticalChannel

from caiman_interface._compat.neuroconv import add_device
from caiman_interface.metadata.blocks import given_fields
from caiman_interface.metadata.placeholders import CHANNEL_PLACEHOLDER, DEVICE_PLACEHOLDER, PLANE_PLACEHOLDER

# These fields are taken from the CaImAn file even if another interface defines the plane.
_MEASURED = ("imaging_rate", "grid_spacing", "grid_spacing_unit")


def measured(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the measured fields of a plane, without its name and description."""
    return {name: fields[name] for name in _MEASURED if name in fields}


def add_imaging_plane(nwbfile: NWBFile, metadata: Mapping[str, Any], plane_key: str) -> ImagingPlane:
    """Return the imaging plane of that key, added to the file unless a plane of its name exists.

    Missing measured fields are added to an existing plane in memory; a plane on disk is not changed.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    metadata : mapping
        Complete dictionary-based metadata, with ``Devices`` and ``Ophys/ImagingPlanes``.
    plane_key : str
        Key of the plane in ``Ophys/ImagingPlanes``.

    Raises
    ------
    ValueError
        If the metadata has no such plane or no such device.
    """
    planes = metadata.get("Ophys", {}).get("ImagingPlanes", {})
    if plane_key not in planes:
        message = (
            f"metadata['Ophys']['ImagingPlanes'] has no entry '{plane_key}', to which "
            f"imaging_plane_metadata_key refers. Its entries are: {', '.join(planes) or 'none'}."
        )
        raise ValueError(message)
    fields = given_fields(planes[plane_key])
    name = fields.setdefault("name", "ImagingPlane")
    if name in nwbfile.imaging_planes:
        plane = nwbfile.imaging_planes[name]
        if plane.container_source is None:
            _complete(plane, measured(fields))
        return plane
    device_key = fields.pop("device_metadata_key", None)
    device = _placeholder_device(nwbfile) if device_key is None else add_device(nwbfile, metadata, device_key)
    channels = [_optical_channel(channel, name) for channel in fields.pop("optical_channel", None) or [{}]]
    plane = ImagingPlane(**{**PLANE_PLACEHOLDER, **fields}, optical_channel=channels, device=device)
    nwbfile.add_imaging_plane(plane)
    return plane


def _complete(plane: ImagingPlane, fields: Mapping[str, Any]) -> None:
    """Set the missing fields of a plane."""
    if plane.imaging_rate is None and "imaging_rate" in fields:
        plane.imaging_rate = fields["imaging_rate"]
    # pynwb sets the unit of every plane to "meters" by default, so the spacing can only be set in that unit.
    if plane.grid_spacing is None and fields.get("grid_spacing_unit", "meters") == plane.grid_spacing_unit:
        plane.grid_spacing = fields.get("grid_spacing")


def _optical_channel(given: Mapping[str, Any], plane_name: str) -> OpticalChannel:
    """Return a channel; warn if a channel with a name or description has no wavelength, which becomes NaN."""
    fields = {**CHANNEL_PLACEHOLDER, **given_fields(given)}
    is_described = any(fields[key] != CHANNEL_PLACEHOLDER[key] for key in ("name", "description"))
    if is_described and math.isnan(fields["emission_lambda"]):
        warnings.warn(
            f"emission_lambda of the optical channel '{fields['name']}' of imaging plane '{plane_name}' is empty: it "
            "is written as NaN (unknown). Give the emission wavelength in nanometres, such as 510.0.",
            stacklevel=2,
        )
    return OpticalChannel(**fields)


def _placeholder_device(nwbfile: NWBFile) -> Any:
    name = DEVICE_PLACEHOLDER["name"]
    return nwbfile.devices[name] if name in nwbfile.devices else nwbfile.create_device(**DEVICE_PLACEHOLDER)
