"""`caiman-interface check`: checks of NWB files before publication."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caiman_interface.publication import PublicationFinding


@click.command(name="check")
@click.argument("nwb_files", metavar="NWB...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--dandi/--no-dandi",
    "with_dandi",
    default=None,
    help="Run DANDI's own validation too; by default if the package dandi is installed.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array, for programs.")
def command(nwb_files: tuple[Path, ...], with_dandi: bool | None, as_json: bool) -> None:
    """Check NWB files before they are published on DANDI.

    \b
    Examples:
      caiman-interface check results.nwb
      caiman-interface check nwb/*.nwb

    Runs nwbinspector with its DANDI configuration and `dandi validate`, and lists what to do for each finding. Exit
    status 1 if a finding prevents an upload, 0 otherwise.
    """  # noqa: D301
    from caiman_interface.publication import check_nwb_files

    findings = check_nwb_files(nwb_files, with_dandi=with_dandi)
    if as_json:
        from .output import print_json

        print_json([asdict(finding) for finding in findings])
    else:
        _print(findings, len(nwb_files))
    if any(finding.severity == "critical" for finding in findings):
        raise click.exceptions.Exit(1)


def _print(findings: Sequence[PublicationFinding], num_files: int) -> None:
    from .output import echo, echo_text, field_text, printable

    files = "1 file" if num_files == 1 else f"{num_files} files"
    if not findings:
        echo(f"{files} checked: nothing to do.")
        return
    for finding in findings:
        place = f"{finding.place}: " if finding.place else ""
        lines = [
            click.style(printable(f"{finding.severity}: {finding.check}"), bold=True),
            field_text("Finding", f"{place}{finding.message}"),
            field_text("What to do", finding.remedy),
        ]
        echo_text([*lines, *([field_text("File", finding.file)] if num_files > 1 else [])])
    critical = sum(finding.severity == "critical" for finding in findings)
    verdict = f"{critical} of them critical for an upload to DANDI" if critical else "none prevents an upload to DANDI"
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    echo(f"{files} checked: {count}, {verdict}.")
