"""Where a command writes: what a program may read to standard output, everything else to standard error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from caiman_interface.specification.text import escape_controls as printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["UNFOLDED", "echo", "echo_warning", "messages", "output", "print_json", "printable"]

UNFOLDED = 10_000
"""Width of a console in a pipe or a file, where nothing is folded."""


def output() -> Console:
    """Return the console of standard output: coloured and folded on a terminal, plain elsewhere."""
    return _console(stderr=False)


def messages() -> Console:
    """Return the console of standard error, for progress and messages."""
    return _console(stderr=True)


def echo(text: str, *, err: bool = False) -> None:
    """Write text; control characters in it, which may come from a file, are escaped."""
    click.echo(printable(text), err=err)


def echo_warning(text: str) -> None:
    """Write a warning to standard error, on one line."""
    echo(f"Warning: {' '.join(text.split())}", err=True)


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = UNFOLDED
    return console
