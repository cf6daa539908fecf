"""Marks of in-memory NWB files that are to be written in parallel, also by NeuroConv's own writers."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

_marked: weakref.WeakKeyDictionary[Any, list[Callable[[], None]]] = weakref.WeakKeyDictionary()


def mark_for_fast_write(nwbfile: Any, *, check: Callable[[], None] | None = None) -> None:
    """Mark a file, so that NeuroConv writes it in parallel in all of its ways.

    The mark does not keep the file alive, and changes nothing in it.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    check : callable, optional
        Called after all data were written and before the written file gets its name. It raises if the file must not
        be kept, for example because a source of its data has changed.
    """
    checks = _marked.setdefault(nwbfile, [])
    if check is not None:
        checks.append(check)


def run_checks(nwbfile: Any) -> None:
    """Run the checks of a file that was written."""
    for check in _marked.get(nwbfile, ()):
        check()


def is_marked_for_fast_write(nwbfile: Any) -> bool:
    """Return whether a file is marked by `mark_for_fast_write`."""
    return nwbfile in _marked
