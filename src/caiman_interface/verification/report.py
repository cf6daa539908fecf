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
    """The result for one object or field."""

    model_config = ConfigDict(frozen=True)

    caiman: tuple[str, ...] = Field(description="Paths in the CaImAn file; empty for objects of the NWB file only.")
    nwb: str | None = Field(description="Path in the NWB file; null for fields that are not stored.")
    detail: str = Field(default="", description="The difference, or the reason why a field is not stored.")

    def __str__(self) -> str:
        shown = ", ".join(self.caiman[:_MOST_SHOWN])
        if len(self.caiman) > _MOST_SHOWN:
            shown += f" and {len(self.caiman) - _MOST_SHOWN} more"
        places = " = ".join(place for place in (shown, self.nwb) if place)
        return f"{places}: {self.detail}" if self.detail else places


class VerificationReport(BaseModel):
    """Result of the comparison of an NWB file with a CaImAn file.

    Attributes
    ----------
    caiman_file, nwb_file : str
        The files.
    equal : list of ComparedItem
        Objects with equal values.
    different : list of ComparedItem
        Objects whose values differ, or that are not in the CaImAn file although they are described as CaImAn's.
    missing : list of ComparedItem
        Fields that NWB supports and that are not in the NWB file.
    extra : list of ComparedItem
        Additional objects in the NWB file, such as a user's column.
    not_stored : list of ComparedItem
        Fields of the CaImAn file that are intentionally not stored, with the reasons.
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
        verdict = (
            "The NWB file contains everything that CaImAn saved and NWB supports"
            if self.ok
            else "The NWB file does not equal the CaImAn file"
        )
        yield f"{self.caiman_file} in {self.nwb_file}"
        yield f"{verdict}: {counts}."
        for result, heading in _HEADINGS.items():
            items: list[ComparedItem] = getattr(self, result)
            if items:
                yield f"\n{heading}:"
                yield from (f"  {item}" for item in items)
