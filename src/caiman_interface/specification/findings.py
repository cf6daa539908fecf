"""Findings of the checks of specifications, as data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import TextWrapper
from typing import Any, Literal

from caiman_interface.text import escape_controls

from .text import KeyPath, last_name, write_path

Severity = Literal["error", "blank", "warning"]
_MOST_LISTED = 5


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


def write_findings(findings: Sequence[Finding], *, width: int | None = None) -> str:
    """Return findings as text: errors and warnings in their order, then the blanks of each file in one list.

    Parameters
    ----------
    findings : sequence of Finding
        The findings.
    width : int, optional
        Number of columns in which details are wrapped between words; by default they are not wrapped.
    """
    blanks: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity == "blank":
            blanks.setdefault(finding.file, []).append(finding)
    parts = [_write_finding(finding, width) for finding in findings if finding.severity != "blank"]
    parts += [_write_blanks(file, of_file, width) for file, of_file in blanks.items()]
    return "\n".join(parts)


def _write_finding(finding: Finding, width: int | None) -> str:
    """Return a finding as text of a few lines; the first has the form that editors can jump to."""
    place = f"{finding.file}:{finding.line}:{finding.column}: " if finding.file else ""
    details = {"at": finding.key, "found": finding.found, "expected": finding.expected, "remedy": finding.remedy}
    lines = [f"    {label:<10}{text}" for label, text in details.items() if text]
    return "\n".join(
        [_line(f"{place}{finding.severity}: {finding.message}"), *(_line(one, width, 14) for one in lines)]
    )


def _write_blanks(file: str, blanks: Sequence[Finding], width: int | None) -> str:
    """Return the blanks of a file as one list, in which those of several sessions share a line."""
    lines: dict[tuple[str, str], list[int]] = {}
    for blank in blanks:
        lines.setdefault((last_name(blank.path) or "metadata", blank.expected), []).append(blank.line)
    text = [_line(f"{file}: {count_findings(blanks)}" if file else count_findings(blanks))]
    for (name, meaning), numbers in lines.items():
        more = f" and {len(numbers) - _MOST_LISTED} more" if len(numbers) > _MOST_LISTED else ""
        shown = ", ".join(map(str, numbers[:_MOST_LISTED]))
        place = f"line{'s' * (len(numbers) > 1)} {shown}{more}: " if file else ""
        text.append(_line(f"    {place}{name}" + (f" ({meaning})" if meaning else ""), width, 8))
    return "\n".join(
        [*text, _line("    Fill them in, or delete lines of optional values that are not known.", width, 4)]
    )


def _line(text: str, width: int | None = None, indent: int = 0) -> str:
    escaped = escape_controls(text.replace("\n", "\\n"))
    if width is None:
        return escaped
    wrapper = TextWrapper(width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(escaped)


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
