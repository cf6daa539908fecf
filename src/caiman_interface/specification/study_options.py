"""How the sessions of a study are converted, and who observes it."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from caiman_interface.text import near_matches
from caiman_interface.writer.backends import Backend

from .checks import CheckResult
from .conversion import Progressed, SessionOutcome
from .sessions import Session


class ConversionObserver:
    """Receives what happens during a conversion; every method may be overridden."""

    def checked(self, result: CheckResult, going: Sequence[Session]) -> None:
        """Receive the result of the check and the sessions that will be converted."""

    def progressed(self, progressed: Progressed) -> None:
        """Receive how far a session is."""

    def started(self, session: Session) -> None:
        """Receive a session whose conversion begins."""

    def ended(self, session: Session, outcome: SessionOutcome) -> None:
        """Receive what became of a session."""


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """How the sessions of a study are converted; see `convert_specification`."""

    overwrite: bool = False
    backend: Backend = "hdf5"
    keep_going: bool = False
    skip_existing: bool = False
    resume: bool = False
    verify: bool = False
    only: tuple[str, ...] = ()
    shard: tuple[int, int] | None = None
    jobs: int = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ValueError(f"jobs is {self.jobs}; expected at least 1.")
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            raise ValueError(f"shard is {self.shard[0]}/{self.shard[1]}; expected a number from 1 to {self.shard[1]}.")

    def choose(self, sessions: Sequence[Session]) -> list[Session]:
        """Return the sessions that `only` and `shard` choose."""
        chosen = list(sessions)
        if self.only:
            labels = [session.label for session in sessions]
            for pattern in self.only:
                if not fnmatch.filter(labels, pattern):
                    near = near_matches(pattern, labels)
                    guess = f" Did you mean '{near[0]}'?" if near else ""
                    raise ValueError(f"No session is called '{pattern}'.{guess}")
            chosen = [one for one in chosen if any(fnmatch.fnmatchcase(one.label, pattern) for pattern in self.only)]
        return chosen if self.shard is None else chosen[self.shard[0] - 1 :: self.shard[1]]
