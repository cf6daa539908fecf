"""Progress bars of conversions, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from caiman_interface.specification.running import Progressed


@contextmanager
def progress_bars(labels: Mapping[int, str]) -> Iterator[Callable[[Progressed], None] | None]:
    """Draw a bar for each session that is being converted.

    Parameters
    ----------
    labels : mapping of int to str
        What to call each session, by its number.

    Yields
    ------
    callable or None
        To be called with each report; None where standard error is no terminal.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from .output import messages

    console = messages()
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[frames]} frames"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {
            number: progress.add_task(label, total=None, frames="?", visible=False) for number, label in labels.items()
        }

        def show(report: Progressed) -> None:
            is_done = report.bytes_done >= report.bytes_total
            progress.update(
                tasks[report.number],
                completed=report.bytes_done,
                total=report.bytes_total,
                frames=report.frames,
                visible=not is_done,
            )

        yield show
