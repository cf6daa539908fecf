"""Workers of a Dask cluster (package ``distributed``)."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from .conversion import Listener, Progressed, SessionConversion, SessionOutcome, convert_session
from .processes import blocked_signals, start_quiet_resource_tracker
from .workers import Cancelled, Workers

_LOCAL = "local"
# Seconds for which conversions that are cancelled are waited for, and between looks at them.
_PATIENCE = 10.0
_POLL_INTERVAL = 0.05


@contextmanager
def dask_workers(scheduler: str, jobs: int, listener: Listener | None) -> Iterator[Workers]:
    """Connect to a Dask cluster, or start one on this machine.

    Parameters
    ----------
    scheduler : str
        Its address, or "local".
    jobs : int
        The number of processes of a local cluster.
    listener : callable, optional
        Called in this process with each `Progressed`.

    Raises
    ------
    ImportError
        If the package ``distributed`` is not installed.
    OSError
        If the scheduler cannot be reached.
    """
    try:
        import distributed
    except ImportError as error:
        message = 'A Dask cluster needs the package distributed: python -m pip install "caiman-interface[dask]".'
        raise ImportError(message) from error
    dask: Any = distributed  # partly typed
    cluster = _start_cluster(dask, jobs) if scheduler == _LOCAL else None
    topic = f"caiman-interface-{uuid.uuid4().hex}"
    try:
        with dask.Client(cluster if cluster is not None else scheduler) as client:
            if listener is not None:
                client.subscribe_topic(topic, _handler(listener))
            executor = client.get_executor(pure=False)
            try:
                yield Workers(executor, partial(_convert_on_dask, topic), threads=1, reruns=True)
            except BaseException:
                executor.shutdown(wait=False)  # cancels what has not begun
                client.run(_stop, topic, on_error="ignore")  # conversions that run end without a partial file
                raise
            finally:
                if listener is not None:
                    client.unsubscribe_topic(topic)
    finally:
        if cluster is not None:
            cluster.close()


def _start_cluster(dask: Any, jobs: int) -> Any:
    """Start a cluster on this machine; Ctrl-C ends it through this process, not each of its processes on its own."""
    start_quiet_resource_tracker()  # which would end the blocking if it were started later
    with blocked_signals():
        return dask.LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # the default port may be in use, which Dask reports
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.ERROR,  # what is cancelled is a warning to Dask
        )


def _handler(listener: Listener) -> Callable[[Any], None]:
    def handle(event: Any) -> None:
        _, message = event
        listener(Progressed(**message["progress"]))

    return handle


# In worker processes

_stopped: set[str] = set()
_running: list[str] = []


async def _stop(topic: str) -> None:
    """Cancel the conversions of a topic, and wait until they have removed their partial files."""
    _stopped.add(topic)
    for _ in range(int(_PATIENCE / _POLL_INTERVAL)):
        if topic not in _running:
            return
        await asyncio.sleep(_POLL_INTERVAL)


def _convert_on_dask(topic: str, conversion: SessionConversion) -> SessionOutcome:
    import distributed

    dask: Any = distributed
    worker = dask.get_worker()

    def report(progressed: Progressed) -> None:
        if topic in _stopped:
            raise Cancelled("The conversion was cancelled.")
        worker.log_event(topic, {"progress": asdict(progressed)})

    _running.append(topic)
    try:
        return convert_session(conversion, report)
    finally:
        _running.remove(topic)
