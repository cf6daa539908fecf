"""What a verification found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

ComparisonResult = Literal["different", "missing", "extra", "not_stored", "equal"]

_HEADINGS: dict[ComparisonResult, str] = {
    "different": "Different in the NWB file",
    "missing": "Missing in the NWB file",
    "extra": "In the NWB file, but not from CaImAn",
    "not_stored": "Of the CaImAn file, not stored",
    "equal": "Equal",
}
_MOST_SHOWN = 4


class ComparedItem(BaseModel):
    """One thing that was compared."""

    model_config = ConfigDict(frozen=True)

    caiman: tuple[str, ...] = Field(description="Paths in the CaImAn file; none for what only the NWB file holds.")
    nwb: str | None = Field(description="Path in the NWB file; none for what has no place there.")
    detail: str = Field(default="", description="What was found, or why something is not stored.")

    def __str__(self) -> str:
        shown = ", ".join(self.caiman[:_MOST_SHOWN])
        if len(self.caiman) > _MOST_SHOWN:
            shown += f" and {len(self.caiman) - _MOST_SHOWN} more"
        places = " = ".join(place for place in (shown, self.nwb) if place)
        return f"{places}: {self.detail}" if self.detail else places


class VerificationReport(BaseModel):
    """What of a CaImAn file is in an NWB file, value by value, and what is not.

    Attributes
    ----------
    caiman_file, nwb_file : str
        The files.
    equal : list of ComparedItem
        What is the same in both.
    different : list of ComparedItem
        Where the values differ, or the NWB file gives a value as CaImAn's that CaImAn does not have.
    missing : list of ComparedItem
        What an NWB file can hold and this one does not.
    extra : list of ComparedItem
        What the NWB file has beside the analysis, such as a user's column.
    not_stored : list of ComparedItem
        What of the CaImAn file is deliberately not stored, and why.
    """

    model_config = ConfigDict(frozen=True)

    caiman_file: str
    nwb_file: str
    equal: list[ComparedItem] = Field(default_factory=list)
    different: list[ComparedItem] = Field(default_factory=list)
    missing: list[ComparedItem] = Field(default_factory=list)
    extra: list[ComparedItem] = Field(default_factory=list)
    not_stored: list[ComparedItem] = Field(default_factory=list)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether nothing is different and nothing is missing."""
        return not self.different and not self.missing

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        counts = f"{len(self.equal)} equal, {len(self.different)} different, {len(self.missing)} missing"
        verdict = "All that CaImAn saved and NWB can hold is there" if self.ok else "The NWB file does not hold it all"
        yield f"{self.caiman_file} in {self.nwb_file}"
        yield f"{verdict}: {counts}."
        for result, heading in _HEADINGS.items():
            items: list[ComparedItem] = getattr(self, result)
            if items:
                yield f"\n{heading}:"
                yield from (f"  {item}" for item in items)
