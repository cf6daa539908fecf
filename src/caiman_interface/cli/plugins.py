"""`caiman-interface plugins`: which data interfaces are registered with NeuroConv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from caiman_interface.plugins.registry import PluginRecord


@click.command(name="plugins", short_help="List the data interfaces added to NeuroConv.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array, for programs.")
def command(as_json: bool) -> None:
    """List the data interfaces that installed distributions add to NeuroConv.

    \b
    Examples:
      caiman-interface plugins
      caiman-interface plugins --json

    Of each: the name by which a specification refers to it, the distribution that declares it, its class, and
    whether NeuroConv has it. Exit status 1 if one is broken.
    """  # noqa: D301
    from dataclasses import asdict

    from caiman_interface.plugins.registry import registered_plugins

    from .output import print_json

    records = registered_plugins()
    if as_json:
        print_json([asdict(record) for record in records])
    else:
        _print_table(records)
    broken = [record for record in records if record.status == "broken"]
    for record in broken:
        click.echo(f"{record.name} of {record.distribution}: {record.cause}", err=True)
    if broken:
        raise click.exceptions.Exit(1)


def _print_table(records: Sequence[PluginRecord]) -> None:
    from rich.table import Table

    from .output import messages, output

    if not records:
        messages().print("No installed distribution adds a data interface to NeuroConv.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Name", "Distribution", "Version", "Status", "Class"):
        table.add_column(heading, overflow="fold")
    for record in records:
        table.add_row(record.name, record.distribution, record.version, record.status, record.class_path)
    output().print(table)
