"""Remove partial files when a signal ends the process."""

from __future__ import annotations

import os
import signal
from types import FrameType

from .partial_files import discard_all

_ENDING_SIGNALS = ("SIGTERM", "SIGHUP")


def remove_partial_files_on_signals() -> None:
    """Have SIGTERM and SIGHUP remove the files that this process is writing, before they end it as usual.

    SIGINT needs no handler: Python raises `KeyboardInterrupt`, after which the writers remove their files. Signals that
    the process ignores stay ignored. Call this in the main thread of a program, and of each of its worker processes; a
    library must not.
    """
    for name in _ENDING_SIGNALS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _remove_and_end)


def _remove_and_end(number: int, _frame: FrameType | None) -> None:
    discard_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
