"""The progress screen of conversions, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from caiman_interface.specification.study_options import ConversionObserver

if TYPE_CHECKING:
    from caiman_interface.specification.checks import CheckResult
    from caiman_interface.specification.conversion import Progressed, SessionOutcome
    from caiman_interface.specification.findings import Finding
    from caiman_interface.specification.sessions import Session


class Progress(ConversionObserver):
    """A bar for each session that is being converted, and one for all of them.

    A context manager; it draws on standard error where that is a terminal.

    Parameters
    ----------
    show_findings : callable
        Writes the findings of the check.

    Attributes
    ----------
    tracebacks : dict of str to str
        The traceback of each session that failed, by its name.
    """

    def __init__(self, show_findings: Callable[[Iterable[Finding]], None]) -> None:
        self._show_findings = show_findings
        self._screen: Any = None
        self._tasks: dict[int, Any] = {}
        self._labels: dict[int, str] = {}
        self._all: Any = None
        self._total = self._ended = self._failed = 0
        self.tracebacks: dict[str, str] = {}

    def __enter__(self) -> Self:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Screen

        from . import output

        console = output.messages()
        if console.is_terminal:
            amount = TextColumn("{task.fields[amount]}", markup=False)
            name = TextColumn("{task.description}", markup=False)
            self._screen = Screen(name, BarColumn(), amount, TimeRemainingColumn(), console=console, transient=True)
            self._screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen is not None:
            self._screen.stop()

    def checked(self, result: CheckResult, going: Sequence[Session]) -> None:
        """Show the findings, and a bar for all sessions where there are several."""
        self._show_findings(result.findings)
        self._total = len(going)
        if self._screen is not None and self._total > 1:
            self._all = self._screen.add_task("", total=self._total, amount="")
            self._show_ended()

    def started(self, session: Session) -> None:
        """Remember what to call a session."""
        from .output import printable

        self._labels[session.number] = printable(session.label)

    def progressed(self, progressed: Progressed) -> None:
        """Draw how far a session is."""
        from rich.filesize import decimal

        number = progressed.number
        if self._screen is None or number not in self._labels:
            return
        if number not in self._tasks:
            self._tasks[number] = self._screen.add_task(self._labels[number], amount="")
        done, total = progressed.bytes_done, progressed.bytes_total
        amount = f"{decimal(done)} of {decimal(total)}, {progressed.frames} frames"
        self._screen.update(self._tasks[number], completed=done, total=total, amount=amount)

    def ended(self, session: Session, outcome: SessionOutcome) -> None:
        """Remove the bar of a session that has ended."""
        self._labels.pop(session.number, None)
        task = self._tasks.pop(session.number, None)
        if task is not None:
            self._screen.remove_task(task)
        if outcome.details:
            self.tracebacks[session.label] = outcome.details
        self._ended += 1
        self._failed += outcome.record.state == "failed"
        self._show_ended()

    def _show_ended(self) -> None:
        if self._all is not None:
            failed = f", {self._failed} failed" if self._failed else ""
            amount = f"{self._ended} of {self._total} sessions{failed}"
            self._screen.update(self._all, completed=self._ended, amount=amount)
