"""Where sessions are converted: in this process, in others on this machine, or on a Dask cluster.

All three are executors of `concurrent.futures` that run `convert_session`.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from .conversion import Listener, Progressed, SessionConversion, SessionOutcome, convert_session
from .conversion_report import SessionRecord

_LOST = "the process that converted it ended unexpectedly, twice: it was killed, perhaps because memory ran out"

# Seconds between looks at whether the workers have ended, and for which their last reports are waited for.
_POLL_INTERVAL = 0.1
_PATIENCE = 2.0


class Cancelled(Exception):  # noqa: N818 (not an error of the session)
    """The conversion of a session was cancelled."""


class SerialExecutor(Executor):
    """An executor that runs each call at once, in this thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call; only what ends the program, such as Ctrl-C, is raised."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 (it belongs to the future)
            future.set_exception(error)
        return future


class Workers:
    """An executor and the function that it runs.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        The executor.
    function : callable
        Converts a session.
    width : int or None
        How many sessions are given to it at a time; None for all.
    threads : int or None
        How many threads each session writes with.
    """

    def __init__(
        self,
        executor: Executor,
        function: Callable[[SessionConversion], SessionOutcome] = convert_session,
        *,
        width: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.executor = executor
        self.function = function
        self.width = width
        self.threads = threads

    def restart(self) -> None:
        """Replace an executor that broke."""
        raise BrokenExecutor("The executor broke: a worker ended unexpectedly.")


def run_sessions(
    conversions: Sequence[SessionConversion], workers: Workers, *, started: Callable[[SessionConversion], None]
) -> Iterator[tuple[SessionConversion, SessionOutcome]]:
    """Convert sessions. The loss of a worker costs only its sessions, which are converted again, one at a time.

    Parameters
    ----------
    conversions : sequence of SessionConversion
        What to convert.
    workers : Workers
        Where.
    started : callable
        Called with each conversion when it is given to a worker.

    Yields
    ------
    tuple of SessionConversion and SessionOutcome
        As each ends.
    """
    waiting, lost = deque(conversions), deque[SessionConversion]()
    running: dict[Future[SessionOutcome], SessionConversion] = {}
    retried: set[int] = set()
    existing = {one.session.number for one in conversions if one.path.exists()}
    width = workers.width or len(conversions)
    while waiting or running or lost:
        while waiting and len(running) < width:
            _submit(waiting.popleft(), workers, running, started)
        if not running:  # alone, so that the session that ends its worker is known
            conversion = lost.popleft()
            retried.add(conversion.session.number)
            _submit(conversion, workers, running, started)
        done = wait(running, return_when=FIRST_COMPLETED).done
        if any(isinstance(future.exception(), BrokenExecutor) for future in done):
            done = wait(running).done
            workers.restart()
        for future in done:
            conversion = running.pop(future)
            error = future.exception()
            if isinstance(error, BrokenExecutor) and conversion.session.number not in retried:
                # Its output may be complete already; an output that was there before is not touched.
                is_new = conversion.session.number not in existing
                lost.append(replace(conversion, overwrite=conversion.overwrite or is_new))
            else:
                yield conversion, future.result() if error is None else _failed(conversion, error)


def _submit(
    conversion: SessionConversion,
    workers: Workers,
    running: dict[Future[SessionOutcome], SessionConversion],
    started: Callable[[SessionConversion], None],
) -> None:
    started(conversion)
    try:
        running[workers.executor.submit(workers.function, conversion)] = conversion
    except BrokenExecutor as error:
        future: Future[SessionOutcome] = Future()
        future.set_exception(error)
        running[future] = conversion


def _failed(conversion: SessionConversion, error: BaseException) -> SessionOutcome:
    is_lost = isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"
    text = _LOST if is_lost else f"{type(error).__name__}: {error}"
    record = SessionRecord(
        session=conversion.session.label,
        sources=conversion.session.source_paths,
        output=str(conversion.path),
        state="failed",
        error=text,
    )
    return SessionOutcome(record=record, details=text)


@contextmanager
def open_workers(
    *, jobs: int = 1, scheduler: str | None = None, executor: Executor | None = None, listener: Listener | None = None
) -> Iterator[Workers]:
    """Start workers, and end them at last.

    Parameters
    ----------
    jobs : int
        How many sessions are converted at a time on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, or "local" for a cluster of `jobs` processes on this machine.
    executor : concurrent.futures.Executor, optional
        An executor to use instead; it is left open.
    listener : callable, optional
        Called in this process with each `Progressed`. An `executor` that was given reports none.
    """
    threads = max(1, available_cores() // jobs) if jobs > 1 else None
    if executor is not None:
        yield Workers(executor)
    elif scheduler is not None:
        from .dask_workers import dask_workers

        with dask_workers(scheduler, jobs, listener) as workers:
            yield workers
    elif jobs > 1:
        local = _LocalWorkers(jobs, threads, listener)
        try:
            yield local
        finally:
            local.close()
    else:
        yield Workers(SerialExecutor(), lambda conversion: convert_session(conversion, listener), width=1)


def available_cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _LocalWorkers(Workers):
    """Processes on this machine, each started from a fresh interpreter: a fork would copy locks that are held."""

    def __init__(self, jobs: int, threads: int | None, listener: Listener | None) -> None:
        self._jobs = jobs
        self._listener = listener
        executor = self._start()
        super().__init__(executor, _convert_in_worker, width=jobs, threads=threads)

    def _start(self) -> ProcessPoolExecutor:
        start_quiet_resource_tracker()
        context = multiprocessing.get_context("spawn")
        self._link = _Link(context.Queue(), context.Event())
        self._link.reports.cancel_join_thread()
        self._has_ended = threading.Event()
        arguments = (self._link.reports, self._listener, self._has_ended)
        self._reader = threading.Thread(target=_pass_on, args=arguments, daemon=True)
        self._reader.start()
        return ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_begin, initargs=(self._link,))

    def restart(self) -> None:
        self.close()
        # With a new queue: a process that is killed while it reports leaves the lock of the old one locked.
        self.executor = self._start()

    def close(self) -> None:
        self._link.stop.set()
        self.executor.shutdown(cancel_futures=True)
        # The reader ends before this process closes the queue. A worker that was killed in the middle of a report
        # leaves it waiting for the rest; then nobody waits for the reader.
        self._has_ended.set()
        self._reader.join(_PATIENCE)


def start_quiet_resource_tracker() -> None:
    """Start the process in which Python removes what ended processes leave, without its warnings.

    It warns on standard error of each semaphore of a process that was killed or told to end, and removes it. That is
    its task, and of no use to the user of a command that was ended on purpose.
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


def _pass_on(reports: Any, listener: Listener | None, has_ended: threading.Event) -> None:
    """Pass reports of the workers on until all have ended and none is left."""
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
    except SystemExit as end:  # the executor would go on
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
