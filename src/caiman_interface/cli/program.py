"""The command: loads the subcommand that is called, and turns errors into messages and exit statuses."""

from __future__ import annotations

import copy
import signal
import sys
from importlib import import_module

import click

from caiman_interface.text import near_matches

from .output import echo, plain_warnings, printable
from .shared_options import debug_option, is_debugging, options_of
from .signals import Terminated, terminated_by_signals

COMMANDS = (
    "inspect",
    "init",
    "validate",
    "convert",
    "verify",
    "restore",
    "check",
    "report",
    "schema",
    "plugins",
)
"""The subcommands, in the order of the help; each is `command` in the module of this package with its name."""

_EXPECTED_ERRORS = (ValueError, OSError, ImportError)


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        import caiman_interface

        click.echo(f"caiman-interface {getattr(caiman_interface, '__version__', '(unknown version: not installed)')}")
        context.exit()


class Program(click.Group):
    """A group that imports its subcommands when they are called, and shows errors as messages."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names of the subcommands."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Import a subcommand and add the options that all subcommands have."""
        if name not in COMMANDS:
            return None
        command = copy.copy(import_module(f"{__package__}.{name}").command)
        command.params = [*command.params, *options_of(name)]
        return command  # type: ignore[no-any-return]

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; the error for an unknown one lists all of them."""
        name = arguments[0]
        if name not in COMMANDS and not name.startswith("-") and not context.resilient_parsing:
            near = near_matches(name, COMMANDS)
            guess = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"There is no command '{name}'.{guess} Commands: {', '.join(COMMANDS)}.", context)
        return super().resolve_command(context, arguments)

    def invoke(self, context: click.Context) -> object:
        """Run the subcommand; an error becomes one message and exit status 1, unless `--debug` was given."""
        try:
            with plain_warnings(), terminated_by_signals():
                return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt as interrupt:
            number = interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT
            echo(f"Ended by {signal.Signals(number).name}; partial files were removed.", err=True)
            raise click.exceptions.Exit(128 + number) from interrupt
        except Exception as error:
            if is_debugging(context):
                raise
            raise click.ClickException(printable(_message(error))) from error


def _message(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, _EXPECTED_ERRORS):
        return text
    return (
        f"{type(error).__name__}: {text}. This is a bug in caiman-interface, not an error in your input: run the "
        "command again with --debug and report the output."
    )


@click.group(cls=Program, params=[debug_option()], context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def program() -> None:
    """Inspect CaImAn files and convert them to NWB.

    \b
    Example:
      caiman-interface inspect results.hdf5

    Exit status: 0 success, 1 something is wrong with the input, 2 wrong usage.
    """  # noqa: D301 (\b tells click to keep the line breaks)


def main() -> None:
    """Run the command `caiman-interface` with the arguments of the process, and exit."""
    for stream in (sys.stdout, sys.stderr):
        # A character such as "µ" that the terminal or pipe cannot encode is written as "?".
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    program(prog_name="caiman-interface")
