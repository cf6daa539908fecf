"""The imaging plane and its device, from dictionary-based metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pynwb import NWBFile
from pynwb.ophys import ImagingPlane, OpticalChannel

from ..hosts import add_device

# What NWB demands and only the experimenter knows: NeuroConv's placeholders, which it and nwbinspector recognise.
_PLACEHOLDERS: dict[str, Any] = {"excitation_lambda": math.nan, "indicator": "unknown", "location": "unknown"}
_CHANNEL_PLACEHOLDER: dict[str, Any] = {
    "name": "OpticalChannel",
    "description": "An optical channel of the microscope.",
    "emission_lambda": math.nan,
}
_DEVICE_PLACEHOLDER = "PlaceholderMicroscope"

# The list-based metadata of NeuroConv 0.9 states its placeholders, and calls the device otherwise.
LIST_FORMAT_PLACEHOLDERS: dict[str, Any] = {
    **_PLACEHOLDERS,
    "optical_channel": [_CHANNEL_PLACEHOLDER],
    "device": "Microscope",
}


def add_imaging_plane(nwbfile: NWBFile, metadata: Mapping[str, Any], plane_key: str) -> ImagingPlane:
    """Return the imaging plane of that key, added to the file if no plane of its name is there.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    metadata : mapping
        The whole dictionary-based metadata, with ``Devices`` and ``Ophys/ImagingPlanes``.
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
    fields = {key: value for key, value in planes[plane_key].items() if value is not None}
    name = fields.setdefault("name", "ImagingPlane")
    if name in nwbfile.imaging_planes:
        return nwbfile.imaging_planes[name]
    device_key = fields.pop("device_metadata_key", None)
    device = _placeholder_device(nwbfile) if device_key is None else add_device(nwbfile, metadata, device_key)
    channels = [_optical_channel(channel) for channel in fields.pop("optical_channel", None) or [{}]]
    plane = ImagingPlane(**{**_PLACEHOLDERS, **fields}, optical_channel=channels, device=device)
    nwbfile.add_imaging_plane(plane)
    return plane


def _optical_channel(stated: Mapping[str, Any]) -> OpticalChannel:
    return OpticalChannel(
        **{**_CHANNEL_PLACEHOLDER, **{key: value for key, value in stated.items() if value is not None}}
    )


def _placeholder_device(nwbfile: NWBFile) -> Any:
    if _DEVICE_PLACEHOLDER in nwbfile.devices:
        return nwbfile.devices[_DEVICE_PLACEHOLDER]
    return nwbfile.create_device(name=_DEVICE_PLACEHOLDER, description="The microscope, which the metadata does not describe.")
