"""What is left out of a CaImAn file, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Omission:
    """A field of a CaImAn file that cannot be used.

    Attributes
    ----------
    field : str
        Path of the field in the CaImAn file, such as ``estimates/F_dff_dec``.
    reason : str
        Why it cannot be used: a sentence fragment such as "covers 12 components, the file has 8".
    """

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class UnusableFieldError(Exception):
    """A field cannot be used; the message is the reason of its `Omission`."""


class OmissionLog:
    """The omissions found so far in one file; each field is listed once, with the first reason found."""

    def __init__(self) -> None:
        self._by_field: dict[str, Omission] = {}

    def add(self, field: str, reason: str) -> None:
        """Record that a field is left out."""
        self._by_field.setdefault(field, Omission(field, reason))

    def __contains__(self, field: str) -> bool:
        return field in self._by_field

    def sorted(self) -> tuple[Omission, ...]:
        """Return all omissions, ordered by field."""
        return tuple(self._by_field[field] for field in sorted(self._by_field))
