"""Where and how a command writes: data to standard output, messages to standard error, control characters escaped."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from caiman_interface.text import escape_controls
from caiman_interface.text import escape_controls as printable

__all__ = [
    "echo",
    "echo_text",
    "echo_warning",
    "field_text",
    "line_width",
    "plain_warnings",
    "print_json",
    "printable",
    "table_text",
]

_LABEL_WIDTH = 14
_INDENT = "  "
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def line_width(*, err: bool = False) -> int | None:
    """Return the width of the terminal; None if the output is not a terminal, where lines are not wrapped."""
    return shutil.get_terminal_size().columns if (sys.stderr if err else sys.stdout).isatty() else None


def echo(text: str, *, err: bool = False) -> None:
    """Write text; control characters in it, which may come from a file, are escaped."""
    click.echo(printable(text), err=err)


def echo_text(parts: Iterable[str]) -> None:
    """Write lines that contain styles to standard output, all at once: a reader such as `head` may stop early."""
    click.echo("\n".join(parts), color=False if os.environ.get("NO_COLOR") else None)


def echo_warning(text: str) -> None:
    """Write a warning to standard error, on one line."""
    echo(f"Warning: {' '.join(text.split())}", err=True)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show Python's warnings as messages, without the path and the line of code that raised them."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        echo_warning(str(message))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(escape_controls(text, as_json=True))


def field_text(label: str, value: str, *, colour: str = "cyan") -> str:
    """Return a label and a value; in a terminal, long values are wrapped between words and aligned."""
    width = line_width()
    room = None if width is None else max(width - len(_INDENT) - _LABEL_WIDTH, _LABEL_WIDTH)
    lines = [
        part
        for line in printable(value).split("\n")
        for part in ([line] if room is None else textwrap.wrap(line, room, **_WHOLE_WORDS) or [""])
    ]
    start = _INDENT + click.style(f"{label:<{_LABEL_WIDTH}}", fg=colour)
    return start + f"\n{_INDENT}{' ' * _LABEL_WIDTH}".join(lines)


def table_text(
    headings: Sequence[str], rows: Iterable[tuple[Sequence[str], str]], *, numbers: Collection[str] = ()
) -> list[str]:
    """Return the lines of a table whose cells are never broken.

    Parameters
    ----------
    headings : sequence of str
        The headings.
    rows : iterable of tuple of (sequence of str, str)
        The cells of each row, and a text such as a path that gets its own line below the row; empty for none.
    numbers : collection of str
        The headings of the columns that are aligned to the right.
    """
    cells = [([printable(cell) for cell in row], printable(below)) for row, below in rows]
    widths = [max(map(len, column)) for column in zip(headings, *(row for row, _ in cells), strict=True)]

    def aligned(row: Sequence[str]) -> str:
        pairs = zip(headings, row, widths, strict=True)
        padded = (cell.rjust(width) if name in numbers else cell.ljust(width) for name, cell, width in pairs)
        return _INDENT.join(padded).rstrip()

    lines = [click.style(aligned(headings), bold=True)]
    for row, below in cells:
        lines += [aligned(row), *([_INDENT + below] if below else [])]
    return lines
