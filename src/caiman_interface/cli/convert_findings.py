"""Findings of the check before a conversion, in terms of the options of the command."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from caiman_interface.specification.findings import Finding, write_findings

from .output import echo, line_width

OPTION_OF = {
    "sampling_frequency": "--rate",
    "timestamps_path": "--timestamps",
    "session_start_time": "--session-start-time",
}
"""Options of `convert` by the argument or metadata that they set."""


def show_findings(findings: Iterable[Finding], arguments: Collection[str]) -> None:
    """Write findings to standard error; `arguments` that were given as options are called by these."""
    if found := [_with_options(finding, arguments) for finding in findings]:
        echo(write_findings(found, width=line_width(err=True)), err=True)


def _with_options(finding: Finding, arguments: Collection[str]) -> Finding:
    pattern = "|".join(rf"'{name}'|\b{name}\b" for name in OPTION_OF if name in arguments)
    if not pattern:
        return finding

    def renamed(text: str) -> str:
        return re.sub(pattern, lambda match: OPTION_OF[match[0].strip("'")], text)

    options = tuple(OPTION_OF[str(key)] for key in finding.path if key in arguments)
    place = options or (() if finding.path[:1] == ("source_data",) else finding.path)
    return replace(
        finding,
        message=renamed(finding.message),
        expected=renamed(finding.expected),
        remedy=renamed(finding.remedy),
        path=finding.path if finding.file else place,
    )
