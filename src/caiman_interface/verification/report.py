"""What a verification found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

Outcome = Literal["different", "missing", "extra", "not_stored", "equal"]

_HEADINGS: dict[Outcome, str] = {
    "different": "Different in the NWB file",
    "missing": "Missing in the NWB file",
    "extra": "In the NWB file, but not from CaImAn",
    "not_stored": "Of the CaImAn file, not stored",
    "equal": "Equal",
}
_MOST_SHOWN = 4


class Finding(BaseModel):
    """One thing that was looked at."""

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
    """What of a CaImAn file stands in an NWB file, value by value, and what does not.

    Attributes
    ----------
    caiman_file, nwb_file : str
        The files.
    equal : list of Finding
        What is the same in both.
    different : list of Finding
        Where the values differ, or the NWB file gives a value as CaImAn's that CaImAn does not have.
    missing : list of Finding
        What an NWB file can hold, and this one does not: it was left out, or lost.
    extra : list of Finding
        What stands with the analysis in the NWB file and is not CaImAn's, such as a column of the user's own.
    not_stored : list of Finding
        What of the CaImAn file is deliberately in no NWB file, and why.
    """

    model_config = ConfigDict(frozen=True)

    caiman_file: str
    nwb_file: str
    equal: list[Finding] = Field(default_factory=list)
    different: list[Finding] = Field(default_factory=list)
    missing: list[Finding] = Field(default_factory=list)
    extra: list[Finding] = Field(default_factory=list)
    not_stored: list[Finding] = Field(default_factory=list)

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
        for outcome, heading in _HEADINGS.items():
            findings: list[Finding] = getattr(self, outcome)
            if findings:
                yield f"\n{heading}:"
                yield from (f"  {finding}" for finding in findings)
