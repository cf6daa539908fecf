"""Options that several subcommands share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

_READ_CAIMAN_FILES = ("inspect", "init", "validate", "convert", "verify", "report")
_DEBUG = f"{__name__}.debug"


metadata_key_option = click.option(
    "--metadata-key",
    metavar="KEY",
    help="The metadata_key of the analysis; required if an NWB file contains several CaImAn analyses.",
)


@contextmanager
def metadata_key_named_as_option() -> Iterator[None]:
    """Replace the argument `metadata_key` by the option in the error that asks for one of several analyses."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        if "with metadata_key" not in text:
            raise
        raise ValueError(text.replace("with metadata_key", "with --metadata-key")) from error


def options_of(command: str) -> list[click.Option]:
    """Return the shared options of a subcommand."""
    return [*([_follow_links_option()] if command in _READ_CAIMAN_FILES else []), debug_option()]


def _remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_DEBUG] = True


def is_debugging(context: click.Context) -> bool:
    """Return whether the traceback of an error is shown (`--debug`)."""
    return bool(context.meta.get(_DEBUG))


def _follow_links(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Allow links of CaImAn files for the rest of the command and in its worker processes."""
    if value and not context.resilient_parsing:
        from caiman_interface.caiman_file.links import FOLLOW_LINKS_VARIABLE

        before = os.environ.get(FOLLOW_LINKS_VARIABLE, "")  # empty is as good as unset
        os.environ[FOLLOW_LINKS_VARIABLE] = "1"
        context.call_on_close(lambda: os.environ.update({FOLLOW_LINKS_VARIABLE: before}))


def _follow_links_option() -> click.Option:
    return click.Option(
        ["--follow-links"],
        is_flag=True,
        expose_value=False,
        callback=_follow_links,
        help="Read data that links of a CaImAn file place in other directories. Only for files that you trust.",
    )


def debug_option() -> click.Option:
    """Return the option `--debug`."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=_remember_debug,
        help="Show the traceback of an error.",
    )
