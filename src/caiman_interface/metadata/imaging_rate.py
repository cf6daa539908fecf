"""The imaging rate of a plane in metadata, compared with the rate of the traces."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .blocks import LISTED_PLANE_LINK, PLANE_LINK, TABLE_LIST
from .checked import custom_error
from .known_entries import values_of
from .paths import value_at

# Rates that differ by less are the same rate, rounded.
RATE_TOLERANCE = 0.01


def is_same_rate(rate: float, other: float) -> bool:
    """Return whether two rates are equal, except for rounding."""
    return math.isclose(rate, other, rel_tol=RATE_TOLERANCE)


def with_imaging_rate(
    metadata: Mapping[str, Any], key: str, *, rate: float | None, file_rate: float | None, file_path: str | Path
) -> dict[str, Any]:
    """Return dictionary-based metadata whose imaging plane has the rate of the traces.

    Parameters
    ----------
    metadata : mapping
        The whole metadata; it is not changed.
    key : str
        The metadata key of the analysis.
    rate : float or None
        Rate of the traces, as they are written.
    file_rate : float or None
        The rate in the CaImAn file, which a given one or timestamps replace.
    file_path : str or Path
        The CaImAn file.

    Raises
    ------
    pydantic.ValidationError
        If the metadata has another rate for a plane that only this analysis uses.
    """
    plane_key = value_at(metadata, ("Ophys", "PlaneSegmentations", key, PLANE_LINK)) or key
    path = ("Ophys", "ImagingPlanes", plane_key, "imaging_rate")
    plane = value_at(metadata, path[:-1])
    written = value_at(metadata, path)
    if rate is None or not isinstance(plane, Mapping) or not isinstance(written, int | float):
        return dict(metadata)
    if is_same_rate(written, rate):
        return dict(metadata)
    if plane_key == key and written == file_rate:
        planes = {**metadata["Ophys"]["ImagingPlanes"], plane_key: {**plane, "imaging_rate": rate}}
        return {**metadata, "Ophys": {**metadata["Ophys"], "ImagingPlanes": planes}}
    found = f"imaging_rate is {written:g} Hz, but the traces of {file_path} have {rate:g} Hz"
    if _is_shared(metadata, {plane_key, plane.get("name")}):
        warnings.warn(f"{found}: is the movie on this imaging plane the one that was analysed?", stacklevel=2)
        return dict(metadata)
    expected = (
        f"expected {rate:g} Hz, the rate of the traces; if that is wrong, give the right one as sampling_frequency or "
        "timestamps_path of the interface"
    )
    error = custom_error("contradiction", f"{found}; {expected}", path, written)
    raise ValidationError.from_exception_data("metadata", [error])


def _is_shared(metadata: Mapping[str, Any], names: set[Any]) -> bool:
    """Return whether a movie or another interface uses the plane."""
    tables = ("PlaneSegmentations", TABLE_LIST[0])
    others = {block: value for block, value in metadata["Ophys"].items() if block not in tables}
    links = {*values_of(PLANE_LINK, others), *values_of(LISTED_PLANE_LINK, others)}
    return not links.isdisjoint(names)
