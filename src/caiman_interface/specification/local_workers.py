"""Worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from .conversion import Listener, Progressed, SessionConversion, SessionOutcome, convert_session
from .processes import process_context
from .workers import Cancelled, Workers

# Seconds between looks at whether the workers have ended, and for which their last reports are waited for.
_POLL_INTERVAL = 0.1
_PATIENCE = 2.0


class LocalWorkers(Workers):
    """Processes on this machine; see `process_context`.

    Parameters
    ----------
    jobs : int
        Number of processes.
    threads : int or None
        Number of threads with which each session writes.
    listener : callable or None
        Called in this process with each `Progressed`.
    """

    def __init__(self, jobs: int, threads: int | None, listener: Listener | None) -> None:
        self._jobs = jobs
        self._listener = listener
        executor = self._start()
        super().__init__(executor, _convert_in_worker, width=jobs, threads=threads)

    def _start(self) -> ProcessPoolExecutor:
        context = process_context()
        self._link = _Link(context.Queue(), context.Event())
        self._link.reports.cancel_join_thread()
        self._has_ended = threading.Event()
        arguments = (self._link.reports, self._listener, self._has_ended)
        self._reader = threading.Thread(target=_pass_on, args=arguments, daemon=True)
        self._reader.start()
        return ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_begin, initargs=(self._link,))

    def restart(self) -> None:
        """Start other processes instead of those of which one was lost."""
        self.close()
        # With a new queue: a process that is killed while it reports leaves the lock of the old one locked.
        self.executor = self._start()

    def close(self) -> None:
        """Cancel what has not begun, and wait until the processes have ended."""
        self._link.stop.set()
        self.executor.shutdown(cancel_futures=True)
        # The reader ends before this process closes the queue. A worker that was killed in the middle of a report
        # leaves it waiting for the rest; then nobody waits for the reader.
        self._has_ended.set()
        self._reader.join(_PATIENCE)


def _pass_on(reports: Any, listener: Listener | None, has_ended: threading.Event) -> None:
    """Forward the reports of the workers until all have ended and no report is left."""
    while True:
        try:
            report = reports.get(timeout=_POLL_INTERVAL)
        except queue.Empty:
            if has_ended.is_set():
                return
            continue
        if listener is not None:
            listener(report)


# In worker processes


class _Link(NamedTuple):
    """What a worker process shares with the one that started it."""

    reports: Any
    stop: Any


_link: _Link | None = None
_is_idle = threading.Event()


def _begin(link: _Link) -> None:
    global _link  # noqa: PLW0603 (how a process pool hands over what can only be inherited)
    _link = link
    _is_idle.set()
    link.reports.cancel_join_thread()  # a process that was killed may have left its lock locked
    # Signals of the terminal go to all its processes; a worker ends where it leaves no partial file.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _terminate(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone; the session in progress leaves no partial file."""
    parent = multiprocessing.parent_process()
    if parent is not None and _link is not None:
        parent.join()
        _link.stop.set()
        _is_idle.wait()
        os._exit(1)


def _convert_in_worker(conversion: SessionConversion) -> SessionOutcome:
    _is_idle.clear()
    try:
        _report(None)
        return convert_session(conversion, _report)
    except SystemExit as end:  # the executor would continue
        os._exit(int(end.code or 0))
    finally:
        _is_idle.set()


def _report(report: Progressed | None) -> None:
    """Send a report, or end the conversion if it was cancelled."""
    if _link is None:
        return
    if _link.stop.is_set():
        raise Cancelled("The conversion was cancelled.")
    if report is not None:
        _link.reports.put(report)
