"""Progress bars of conversions, on a terminal only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caiman_interface.specification.running import Progressed


class ProgressBars:
    """A bar for each session that is being converted, and one for all of them.

    Parameters
    ----------
    progress : rich.progress.Progress or None
        What draws; None to draw nothing.
    labels : mapping of int to str
        What to call each session, by its number.
    """

    def __init__(self, progress: Any, labels: Mapping[int, str]) -> None:
        self._progress = progress
        self._labels = labels
        self._tasks: dict[int, Any] = {}
        self._ended = 0
        several = len(labels) > 1
        self._all = None if progress is None or not several else progress.add_task("", total=len(labels), amount="")
        self._show_ended()

    def show(self, report: Progressed) -> None:
        """Draw how far a session is."""
        from rich.filesize import decimal

        if self._progress is None:
            return
        if report.number not in self._tasks:
            self._tasks[report.number] = self._progress.add_task(self._labels[report.number], amount="")
        amount = f"{decimal(report.bytes_done)} of {decimal(report.bytes_total)}, {report.frames} frames"
        task = self._tasks[report.number]
        self._progress.update(task, completed=report.bytes_done, total=report.bytes_total, amount=amount)

    def end(self, number: int) -> None:
        """Take away the bar of a session that has ended."""
        task = self._tasks.pop(number, None)
        if task is not None:
            self._progress.remove_task(task)
        self._ended += 1
        self._show_ended()

    def _show_ended(self) -> None:
        if self._all is not None:
            amount = f"{self._ended} of {len(self._labels)} sessions"
            self._progress.update(self._all, completed=self._ended, amount=amount)


@contextmanager
def progress_bars(labels: Mapping[int, str]) -> Iterator[ProgressBars]:
    """Draw progress on standard error while sessions are converted, where that is a terminal.

    Parameters
    ----------
    labels : mapping of int to str
        What to call each session, by its number.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from .output import messages

    console = messages()
    if not console.is_terminal:
        yield ProgressBars(None, labels)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield ProgressBars(progress, labels)
