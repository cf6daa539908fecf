"""Progress bars of conversions, on terminals only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from caiman_interface.specification.study_options import ConversionObserver

if TYPE_CHECKING:
    from rich.console import Console

    from caiman_interface.specification.checks import CheckResult
    from caiman_interface.specification.conversion import Progressed, SessionOutcome
    from caiman_interface.specification.findings import Finding
    from caiman_interface.specification.sessions import Session


def messages() -> Console:
    """Return the console of standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


class TerminalProgress(ConversionObserver):
    """A progress bar per session that is being converted, and one for all sessions.

    A context manager that draws on standard error if that is a terminal.

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

        console = messages()
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
        """Show the findings and, if there are several sessions, a bar for all of them."""
        self._show_findings(result.findings)
        self._total = len(going)
        if self._screen is not None and self._total > 1:
            self._all = self._screen.add_task("", total=self._total, amount="")
            self._show_ended()

    def started(self, session: Session) -> None:
        """Store the name of a session."""
        from .output import printable

        self._labels[session.number] = printable(session.label)

    def progressed(self, progressed: Progressed) -> None:
        """Draw the progress of a session."""
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
