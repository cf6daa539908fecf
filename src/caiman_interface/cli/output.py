"""Where a command writes: what a program may read to standard output, all else to standard error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# In a pipe or a file nothing is folded: a line that a person sees as one stays one.
_UNFOLDED = 10_000


def output() -> Console:
    """Return the console of standard output: coloured and folded on a terminal, plain elsewhere."""
    return _console(stderr=False)


def messages() -> Console:
    """Return the console of standard error, for progress and messages."""
    return _console(stderr=True)


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output."""
    import click

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNFOLDED
    return console
