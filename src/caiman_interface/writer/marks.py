"""Marks on in-memory NWB files whose authors want them written in parallel, whoever writes them."""

from __future__ import annotations

import weakref
from typing import Any

_marked: weakref.WeakSet[Any] = weakref.WeakSet()


def mark_for_fast_write(nwbfile: Any) -> None:
    """Have a file written in parallel wherever NeuroConv writes it.

    The mark does not keep the file alive, and changes nothing in it.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    """
    _marked.add(nwbfile)


def is_marked_for_fast_write(nwbfile: Any) -> bool:
    """Return whether a file is marked by `mark_for_fast_write`."""
    return nwbfile in _marked
