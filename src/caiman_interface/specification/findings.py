"""What is wrong with a specification, as data, and as text for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "blank", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that a specification's author should know.

    Attributes
    ----------
    severity : {"error", "blank", "warning"}
        "error": cannot be converted; "blank": a key without a value, which is to be filled in; "warning": can be
        converted, but is likely not what was meant.
    file : str
        The YAML file; empty for what was not given in a file.
    line, column : int
        The place in it, counted from 1; 0 for what was not given in a file.
    key : str
        The keys that lead there, such as ``experiments.day1.sessions[0].nwbfile_name``.
    message : str
        What is wrong.
    found : str
        What stands there; empty where that says nothing.
    expected : str
        What should stand there.
    remedy : str
        What to do.
    """

    severity: Severity
    file: str
    line: int
    column: int
    key: str
    message: str
    found: str
    expected: str
    remedy: str


def is_convertible(findings: Iterable[Finding]) -> bool:
    """Whether nothing found stands in the way of a conversion: warnings do not."""
    return all(finding.severity == "warning" for finding in findings)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings in the order of files and places, without those that say the same of the same place."""
    told: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        place = (finding.file, finding.line, finding.column) if finding.line else finding.key
        told.setdefault((place, finding.message), finding)
    return sorted(told.values(), key=lambda finding: (finding.file, finding.line, finding.column))


def write_finding(finding: Finding) -> str:
    """Write a finding as text of a few lines, the first of the form that editors can jump to."""
    place = f"{finding.file}:{finding.line}:{finding.column}: " if finding.file else ""
    if finding.severity == "blank":  # there are many, and the message says it all
        return f"{place}blank: {finding.message}" + (f": {finding.expected}" if finding.expected else "")
    details = {
        "at": finding.key,
        "found": finding.found,
        "expected": finding.expected,
        "remedy": finding.remedy,
    }
    lines = [f"    {label:<10}{text}" for label, text in details.items() if text]
    return "\n".join([f"{place}{finding.severity}: {finding.message}", *lines])


def count_findings(findings: Iterable[Finding]) -> str:
    """Say how many of which there are, "nothing" where there are none.

    Examples
    --------
    >>> count_findings([])
    'nothing'
    """
    severities = [finding.severity for finding in findings]
    words = {"error": "error{s}", "blank": "blank{s} to fill in", "warning": "warning{s}"}
    parts = [
        f"{count} {words[severity].format(s='s' * (count != 1))}"
        for severity in words
        if (count := severities.count(severity))  # type: ignore[arg-type]
    ]
    return ", ".join(parts) or "nothing"
