"""The program: finds the subcommand that was asked for, and turns errors into messages and exit statuses."""

from __future__ import annotations

import copy
import difflib
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click

from .output import echo, echo_warning, printable

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

_DEBUG = f"{__name__}.debug"

_EXPECTED_ERRORS = (ValueError, OSError, ImportError)


def _remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_DEBUG] = True


def is_debugging(context: click.Context) -> bool:
    """Whether `--debug` was given: the traceback of an error is to be shown."""
    return bool(context.meta.get(_DEBUG))


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        import caiman_interface

        click.echo(f"caiman-interface {getattr(caiman_interface, '__version__', '(unknown version: not installed)')}")
        context.exit()


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=_remember_debug,
        help="Show the traceback of an error.",
    )


class Program(click.Group):
    """A group whose subcommands are imported when they are needed, and whose errors are messages."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names of the subcommands."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Import a subcommand and give it the options that all of them have."""
        if name not in COMMANDS:
            return None
        command = copy.copy(import_module(f"{__package__}.{name}").command)
        command.params = [*command.params, _debug_option()]
        return command  # type: ignore[no-any-return]

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand, or name those that there are."""
        name = arguments[0]
        if name not in COMMANDS and not name.startswith("-") and not context.resilient_parsing:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
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


class Terminated(KeyboardInterrupt):
    """A signal that ends the program; it is raised where the program is, so that it tidies up as for Ctrl-C.

    Attributes
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by signal {number}")
        self.number = number


@contextmanager
def terminated_by_signals() -> Iterator[None]:
    """Raise `Terminated` when the process is told to end or loses its terminal; later signals are ignored."""
    if threading.current_thread() is not threading.main_thread():  # only there can handlers be set
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}

    def end(number: int, _: object) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise Terminated(number)

    for number in numbers:
        if before[number] != signal.SIG_IGN:  # as under nohup
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show Python's warnings as messages: the path and the line of code that raised them are for programmers."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        echo_warning(str(message))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _message(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, _EXPECTED_ERRORS):
        return text
    return (
        f"{type(error).__name__}: {text}. This is an error of caiman-interface, not of your input; run the command "
        "again with --debug and report what it prints."
    )


@click.group(cls=Program, params=[_debug_option()], context_settings={"help_option_names": ["-h", "--help"]})
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
    """  # noqa: D301 (the \b is click's: keep these lines as they are)


def main() -> None:
    """Run the command `caiman-interface` with the arguments of the process, and exit."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that cannot show a sign such as "µ" gets a "?", not an error.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    program(prog_name="caiman-interface")
