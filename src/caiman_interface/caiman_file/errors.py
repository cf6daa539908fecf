"""The error raised for a file that cannot be used at all."""

from __future__ import annotations

from pathlib import Path


class CaimanFileWarning(UserWarning):
    """A CaImAn file has fields that look wrong, or that cannot be used."""


class CaimanFileError(ValueError):
    """The file is not what CaImAn writes, or its fields contradict each other.

    Parameters
    ----------
    file_path : str or Path
        The file.
    problem : str
        What is wrong, in one sentence without a full stop.
    place : str, optional
        Path of the group or dataset inside the file, such as ``estimates/A``.
    found, expected : str, optional
        What the file contains there, and what it should contain.
    remedy : str, optional
        What the user can do.
    """

    def __init__(
        self,
        file_path: str | Path,
        problem: str,
        *,
        place: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.file_path = Path(file_path)
        self.problem = problem
        self.place = place
        self.found = found
        self.expected = expected
        self.remedy = remedy
        where = f"{file_path}, at '{place}'" if place else str(file_path)
        parts = [f"{where}: {problem}."]
        if found is not None:
            parts.append(f"Found: {found}.")
        if expected is not None:
            parts.append(f"Expected: {expected}.")
        if remedy is not None:
            parts.append(f"{remedy}.")
        super().__init__(" ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # The default calls the class with the composed message alone, which fails in a worker process.
        return _rebuild, (
            str(self.file_path),
            self.problem,
            self.place,
            self.found,
            self.expected,
            self.remedy,
        )


def _rebuild(
    file_path: str,
    problem: str,
    place: str | None,
    found: str | None,
    expected: str | None,
    remedy: str | None,
) -> CaimanFileError:
    return CaimanFileError(file_path, problem, place=place, found=found, expected=expected, remedy=remedy)
