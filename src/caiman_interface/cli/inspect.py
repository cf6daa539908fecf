"""`caiman-interface inspect`: what CaImAn files contain."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from caiman_interface.caiman_file.summary import FileSummary

_NUMBERS = ("Frames", "Hz", "ROIs", "Accepted", "Rejected", "Discarded")


@click.command(name="inspect", short_help="Show what CaImAn files contain.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array with one object per file, for programs.")
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Show what CaImAn files contain: analysis, components, traces, and what is missing or unusual.

    \b
    Examples:
      caiman-interface inspect results.hdf5
      caiman-interface inspect session1.hdf5 session2.hdf5 --json

    Traces and footprints are not read, so files of any size are shown quickly. A file that cannot be read is reported
    (in JSON as an object with the keys "file" and "error"), the others are shown, and the exit status is 1.
    """  # noqa: D301
    from .output import echo, echo_text, print_json
    from .shared_options import is_debugging

    described = [_describe(path) for path in files]
    summaries = [found for found in described if not isinstance(found, Exception)]
    if as_json:
        print_json([_as_json(path, found) for path, found in zip(files, described, strict=True)])
    elif summaries:
        echo_text(_summaries_text(summaries, with_overview=len(files) > 1))
    problems = [found for found in described if isinstance(found, Exception)]
    for problem in problems:
        if is_debugging(click.get_current_context()):
            echo("".join(traceback.format_exception(problem)).rstrip("\n"), err=True)
        echo(f"Error: {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _describe(path: Path) -> FileSummary | Exception:
    from caiman_interface.caiman_file import CaimanFileError, CaimanResults

    try:
        with CaimanResults(path) as results:
            return results.summary()
    except (CaimanFileError, OSError) as error:
        return error


def _as_json(path: Path, found: FileSummary | Exception) -> dict[str, Any]:
    if isinstance(found, Exception):
        return {"file": str(path), "error": str(found)}
    return found.model_dump(mode="json")


def _summaries_text(summaries: list[FileSummary], *, with_overview: bool) -> Iterator[str]:
    for number, summary in enumerate(summaries):
        if number:
            yield ""
        yield from _summary_text(summary)
    if with_overview:
        yield ""
        yield from _overview_text(summaries)


def _summary_text(summary: FileSummary) -> Iterator[str]:
    from .inspect_facts import facts_of
    from .output import field_text, printable

    yield click.style(printable(summary.file), bold=True)
    for label, value in facts_of(summary):
        yield field_text(label, value)
    remarks = [
        *(("Left out", f"{one.field}: {one.reason}") for one in summary.left_out),
        *(("Warning", message) for message in summary.warnings),
        *(("Note", note.message) for note in summary.notes),
    ]
    for label, message in remarks:
        yield field_text(label, message, colour="yellow")


def _overview_text(summaries: list[FileSummary]) -> list[str]:
    from .inspect_facts import overview_of
    from .output import table_text

    headings = ("Analysis", "Frame", *_NUMBERS)
    return table_text(headings, ((overview_of(one), one.file) for one in summaries), numbers=_NUMBERS)
