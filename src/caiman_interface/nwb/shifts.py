"""Motion-correction shifts of online analysis as a ``TimeSeries``."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.base import TimeSeries

from .containers import ophys_module
from .names import ObjectName
from .responses import Timing

_DESCRIPTION = (
    "Motion-correction shifts of each frame (CaImAn's shifts), in CaImAn's order of axes (row, column[, plane]) and in "
    "pixels of the frame of the footprints. If there were several passes over the movie, those of the last pass."
)


def shifts_name(ending: str) -> ObjectName:
    """Return the location of the series of one analysis."""
    return ObjectName("", f"MotionCorrectionShifts{ending}")


def add_shifts(nwbfile: NWBFile, *, name: str, shifts: NDArray[Any], timing: Timing) -> None:
    """Add shifts of shape (frames, 2 or 3) to ``processing/ophys``."""
    ophys_module(nwbfile).add(
        TimeSeries(name=name, description=_DESCRIPTION, unit="pixels", data=shifts, **timing.fields())
    )
