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
