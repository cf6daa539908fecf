"""`caiman-interface plugins`: which data interfaces are registered with NeuroConv."""

from __future__ import annotations

import click


@click.command(name="plugins", short_help="List the data interfaces added to NeuroConv.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array, for programs.")
def command(as_json: bool) -> None:
    """List the data interfaces that installed distributions add to NeuroConv.

    \b
    Examples:
      caiman-interface plugins
      caiman-interface plugins --json

    For each: its name in specifications, the distribution that provides it, whether it is registered, and its class.
    Exit status 1 if one is broken.
    """  # noqa: D301
    from dataclasses import asdict

    from caiman_interface.plugins.registry import registered_plugins

    from .output import echo, echo_text, print_json, table_text

    records = registered_plugins()
    if as_json:
        print_json([asdict(record) for record in records])
    elif records:
        headings = ("Name", "Distribution", "Version", "Status")
        rows = (((one.name, one.distribution, one.version, one.status), one.class_path) for one in records)
        echo_text(table_text(headings, rows))
    else:
        echo("No installed distribution adds a data interface to NeuroConv.", err=True)
    broken = [record for record in records if record.status == "broken"]
    for record in broken:
        echo(f"{record.name} of {record.distribution}: {record.cause}", err=True)
    if broken:
        raise click.exceptions.Exit(1)
