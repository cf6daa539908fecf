"""Where sessions are converted: in this process, in others on this machine, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from caiman_interface.writer.chunk_writer import available_threads

from .conversion import Listener, convert_session
from .workers import Workers


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


@contextmanager
def open_workers(
    *, jobs: int = 1, scheduler: str | None = None, executor: Executor | None = None, listener: Listener | None = None
) -> Iterator[Workers]:
    """Start workers, and stop them at the end.

    Parameters
    ----------
    jobs : int
        Number of sessions that are converted at a time on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, or "local" for a cluster of `jobs` processes on this machine.
    executor : concurrent.futures.Executor, optional
        An executor to use instead; it is left open.
    listener : callable, optional
        Called in this process with each `Progressed`. An `executor` that was given reports none.
    """
    if executor is not None:
        yield Workers(executor, reruns=True)  # it may be that of Dask
    elif scheduler is not None:
        from .dask_workers import dask_workers

        with dask_workers(scheduler, jobs, listener) as workers:
            yield workers
    elif jobs > 1:
        from .local_workers import LocalWorkers

        local = LocalWorkers(jobs, available_threads(jobs), listener)
        try:
            yield local
        finally:
            local.close()
    else:
        yield Workers(SerialExecutor(), lambda conversion: convert_session(conversion, listener), width=1)
