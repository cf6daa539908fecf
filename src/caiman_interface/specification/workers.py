"""The conversion of sessions on an executor of `concurrent.futures`, which survives the loss of a process."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace

from .conversion import SessionConversion, SessionOutcome, convert_session
from .conversion_report import SessionRecord

_LOST = "the process that converted it ended unexpectedly, twice: it was killed, perhaps because memory ran out"


class Cancelled(Exception):  # noqa: N818 (not an error of the session)
    """The conversion of a session was cancelled."""


class Workers:
    """An executor and the function that it runs.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        The executor.
    function : callable
        Converts a session.
    width : int or None
        Number of sessions that are submitted at a time; None for all.
    threads : int or None
        Number of threads with which each session writes.
    reruns : bool
        Whether the executor itself repeats the call of a worker that was lost, as that of Dask does.
    """

    def __init__(
        self,
        executor: Executor,
        function: Callable[[SessionConversion], SessionOutcome] = convert_session,
        *,
        width: int | None = None,
        threads: int | None = None,
        reruns: bool = False,
    ) -> None:
        self.executor = executor
        self.function = function
        self.width = width
        self.threads = threads
        self.reruns = reruns

    def restart(self) -> None:
        """Replace an executor that broke."""
        raise BrokenExecutor("The executor broke: a worker ended unexpectedly.")


def run_sessions(
    conversions: Sequence[SessionConversion],
    workers: Workers,
    *,
    starting: Callable[[Sequence[SessionConversion]], None],
) -> Iterator[tuple[SessionConversion, SessionOutcome]]:
    """Convert sessions. The loss of a worker costs only its sessions, which are converted again, each alone.

    Parameters
    ----------
    conversions : sequence of SessionConversion
        The sessions to convert.
    workers : Workers
        The executor and its function.
    starting : callable
        Called with conversions before they are submitted.

    Yields
    ------
    tuple of SessionConversion and SessionOutcome
        As each ends.
    """
    existing = {one.session.number for one in conversions if one.path.exists()}

    def again(conversion: SessionConversion) -> SessionConversion:
        # The output of a worker that was lost may be complete; one that was there before is not touched.
        return replace(conversion, overwrite=conversion.overwrite or conversion.session.number not in existing)

    waiting, lost = deque(map(again, conversions) if workers.reruns else conversions), deque[SessionConversion]()
    running = _Running(workers, starting)
    retried: set[int] = set()
    width = workers.width or len(conversions)
    try:
        while waiting or running or lost:
            running.submit([waiting.popleft() for _ in range(min(len(waiting), width - len(running)))])
            if not running:  # alone, so that the session that ends its worker is known
                retried.add(lost[0].session.number)
                running.submit([lost.popleft()])
            for conversion, future in running.next_ended():
                error = future.exception()
                if isinstance(error, BrokenExecutor) and conversion.session.number not in retried:
                    lost.append(again(conversion))
                else:
                    yield conversion, future.result() if error is None else _failed(conversion, error)
    finally:
        running.cancel()


class _Running:
    """The conversions that were given to workers and have not ended; the time for each does not depend on how many."""

    def __init__(self, workers: Workers, starting: Callable[[Sequence[SessionConversion]], None]) -> None:
        self._workers = workers
        self._starting = starting
        self._conversions: dict[Future[SessionOutcome], SessionConversion] = {}
        self._ended: queue.SimpleQueue[Future[SessionOutcome]] = queue.SimpleQueue()

    def __len__(self) -> int:
        return len(self._conversions)

    def submit(self, conversions: Sequence[SessionConversion]) -> None:
        if conversions:
            self._starting(conversions)
        for conversion in conversions:
            future: Future[SessionOutcome]
            try:
                future = self._workers.executor.submit(self._workers.function, conversion)
            except BrokenExecutor as error:
                future = Future()
                future.set_exception(error)
            self._conversions[future] = conversion
            future.add_done_callback(self._ended.put)

    def next_ended(self) -> list[tuple[SessionConversion, Future[SessionOutcome]]]:
        """Wait until a conversion has ended; all, if an executor broke, which is then replaced."""
        ended = [self._ended.get()]
        if isinstance(ended[0].exception(), BrokenExecutor):
            ended += [self._ended.get() for _ in range(len(self) - 1)]
            self._workers.restart()
        return [(self._conversions.pop(future), future) for future in ended]

    def cancel(self) -> None:
        """Cancel what has not begun, as after Ctrl-C: an executor of the caller would go on with it."""
        for future in self._conversions:
            future.cancel()


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
