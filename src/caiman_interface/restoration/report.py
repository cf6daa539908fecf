"""What a restored CaImAn file contains, and what it lacks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_COLUMNS = 80


@dataclass(frozen=True)
class Difference:
    """A field that is not in the restored file as it was in CaImAn's.

    Attributes
    ----------
    field : str
        Its path in the CaImAn file, such as ``estimates/center``.
    reason : str
        Why, as a sentence fragment.
    is_written : bool
        Whether the field has values that are nearly those of CaImAn; False if it is None or absent.
    """

    field: str
    reason: str
    is_written: bool = False

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


@dataclass(frozen=True)
class RestoreReport:
    """The result of `restore`.

    Attributes
    ----------
    nwb_path, hdf5_path : Path
        The NWB file and the restored CaImAn file.
    metadata_key : str
        Key of the analysis in the NWB file.
    exact : tuple of str
        Paths of the fields that are as they were in CaImAn's file.
    differences : tuple of Difference
        The fields that are not.
    notes : tuple of str
        What concerns the file as a whole.
    """

    nwb_path: Path
    hdf5_path: Path
    metadata_key: str
    exact: tuple[str, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether every field is as it was in CaImAn's file."""
        return not self.differences and not self.notes

    @property
    def not_restored(self) -> tuple[Difference, ...]:
        """The fields that are None or absent."""
        return tuple(item for item in self.differences if not item.is_written)

    @property
    def approximate(self) -> tuple[Difference, ...]:
        """The fields whose values are nearly those of CaImAn."""
        return tuple(item for item in self.differences if item.is_written)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        return {
            "nwb_path": str(self.nwb_path),
            "hdf5_path": str(self.hdf5_path),
            "metadata_key": self.metadata_key,
            "exact": list(self.exact),
            "differences": [asdict(item) for item in self.differences],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"{self.hdf5_path}: {len(self.exact)} fields restored exactly, {self._counts()}."]
        for title, items in (("Not exact:", self.approximate), ("Not restored:", self.not_restored)):
            if items:
                lines += ["", title, *_by_reason(items)]
        if self.notes:
            lines += ["", "Notes:", *(f"  {note}" for note in self.notes)]
        return "\n".join(lines)

    def _counts(self) -> str:
        return f"{len(self.approximate)} not exactly, {len(self.not_restored)} not restored"


def _by_reason(items: tuple[Difference, ...]) -> Iterator[str]:
    """Yield a line per field, or per reason if several fields share it."""
    fields: dict[str, list[str]] = {}
    for item in items:
        fields.setdefault(item.reason, []).append(item.field)
    for reason, names in fields.items():
        yield from textwrap.wrap(
            f"{', '.join(names)}: {reason}",
            _COLUMNS,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
