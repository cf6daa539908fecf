"""NeuroConv's placeholders for fields of an imaging plane that NWB requires and CaImAn does not store.

NeuroConv and nwbinspector recognize them.
"""

from __future__ import annotations

import math
from typing import Any

PLANE_PLACEHOLDER: dict[str, Any] = {"excitation_lambda": math.nan, "indicator": "unknown", "location": "unknown"}
CHANNEL_PLACEHOLDER: dict[str, Any] = {
    "name": "OpticalChannel",
    "description": "An optical channel of the microscope.",
    "emission_lambda": math.nan,
}
DEVICE_PLACEHOLDER: dict[str, Any] = {
    "name": "PlaceholderMicroscope",
    "description": "The microscope, which the metadata does not describe.",
}
