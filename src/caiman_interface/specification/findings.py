"""Findings of the checks of specifications, as data and as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .text import KeyPath, escape_controls, write_path

Severity = Literal["error", "blank", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One error, blank or warning.

    Attributes
    ----------
    message : str
        What is wrong.
    severity : {"error", "blank", "warning"}
        "error": cannot be converted; "blank": a key without a value that has to be filled in; "warning": can be
        converted, but is probably not what was meant.
    path : tuple of str and int
        The keys that lead to it; of a missing key, its own path.
    found : str
        The value; empty where it does not help.
    expected : str
        What is expected there.
    remedy : str
        What to do.
    file : str
        The YAML file; empty for what was not given in a file.
    line, column : int
        The position in it, counted from 1; 0 for what was not given in a file.
    is_missing : bool
        Whether the key does not exist.
    wants_text : bool
        Whether the value is a number, date or truth value where text is expected: it needs quotes.
    is_suspicious : bool
        Whether it is a sign that a CaImAn file is not what it should be, such as an incomplete save.
    """

    message: str
    severity: Severity = "error"
    path: KeyPath = ()
    found: str = ""
    expected: str = ""
    remedy: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    is_missing: bool = False
    wants_text: bool = False
    is_suspicious: bool = False

    @property
    def key(self) -> str:
        """The path as text, such as ``experiments.day1.sessions[0].nwbfile_name``."""
        return write_path(self.path)

    def as_json(self) -> dict[str, Any]:
        """Return the fields that programs may rely on."""
        names = ("severity", "file", "line", "column", "key", "message", "found", "expected", "remedy")
        return {name: getattr(self, name) for name in names}


def is_convertible(findings: Iterable[Finding]) -> bool:
    """Return whether a conversion is possible; warnings do not prevent it."""
    return all(finding.severity == "warning" for finding in findings)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of files and positions, each once."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        position = (finding.file, finding.line, finding.column) if finding.line else finding.path
        unique.setdefault((position, finding.message), finding)
    return sorted(unique.values(), key=lambda finding: (finding.file, finding.line, finding.column))


def write_finding(finding: Finding) -> str:
    """Return a finding as text of a few lines; the first has the form that editors can jump to."""
    place = f"{finding.file}:{finding.line}:{finding.column}: " if finding.file else ""
    if finding.severity == "blank":  # there are many, and the message is enough
        text = f"{place}blank: {finding.message}" + (f": {finding.expected}" if finding.expected else "")
        return escape_controls(text.replace("\n", " "))
    details = {"at": finding.key, "found": finding.found, "expected": finding.expected, "remedy": finding.remedy}
    lines = [f"{place}{finding.severity}: {finding.message}"]
    lines += [f"    {label:<10}{text}" for label, text in details.items() if text]
    return "\n".join(escape_controls(line.replace("\n", "\\n")) for line in lines)


def count_findings(findings: Iterable[Finding]) -> str:
    """Return the number of findings of each severity as text, "nothing" if there are none.

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
