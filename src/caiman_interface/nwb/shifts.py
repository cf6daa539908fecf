"""The shifts of motion correction that online analysis records, as a ``TimeSeries``."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.base import TimeSeries

from .containers import ophys_module
from .names import ObjectName
from .responses import Timing

_DESCRIPTION = (
    "Shifts of each frame in motion correction (CaImAn's shifts), in CaImAn's order of axes (row, column[, plane]) and "
    "in pixels of the frame of the footprints. Of several passes over the movie, the last one."
)


def shifts_name(ending: str) -> ObjectName:
    """Return where the series of one analysis stands."""
    return ObjectName("", f"MotionCorrectionShifts{ending}")


def add_shifts(nwbfile: NWBFile, *, name: str, shifts: NDArray[Any], timing: Timing) -> None:
    """Add shifts of shape (frames, 2 or 3) to ``processing/ophys``."""
    ophys_module(nwbfile).add(
        TimeSeries(name=name, description=_DESCRIPTION, unit="pixels", data=shifts, **timing.fields())
    )
