"""How processes on this machine are started, without loading anything before they are."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext

_PRELOADED = "caiman_interface.specification.local_workers"
# Workers ignore these signals too: those of a terminal go to all its processes.
_OF_TERMINALS = ("SIGINT", "SIGHUP")


def process_context() -> BaseContext:
    """Return how worker processes are started, and load what they need in the background.

    On Linux they are forked from a fresh interpreter with a single thread, which imports the packages once for all of
    them while this process does its own work. Elsewhere each is a fresh interpreter, because system libraries do not
    support forking. A fork of this process would copy locks that are held.
    """
    start_quiet_resource_tracker()
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    from multiprocessing.forkserver import ensure_running

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOADED])
    with blocked_signals():
        ensure_running()
    return context


@contextmanager
def blocked_signals() -> Iterator[None]:
    """Block the signals of terminals; processes that are started meanwhile never receive them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in _OF_TERMINALS])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_quiet_resource_tracker() -> None:
    """Start the process in which Python removes what ended processes leave, without its warnings.

    It warns on standard error of each semaphore of a process that was killed or ended, and removes it. That is its
    task, and of no use to the user of a command that was ended on purpose.
    """
    if os.name == "nt":  # Windows has none
        return
    from multiprocessing import resource_tracker

    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker:UserWarning"]))
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before
