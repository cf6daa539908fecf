"""`caiman-interface schema`: the JSON schema of specifications."""

from __future__ import annotations

import click


@click.command(name="schema")
def command() -> None:
    """Write the JSON schema of specifications.

    \b
    Example:
      caiman-interface schema > caiman-interface.schema.json

    By it editors complete and check. It is NeuroConv's schema (draft 07), with the interfaces that are installed here,
    and with the source data, options and metadata of the CaImAn interface. An editor with a YAML language server uses
    it for a file that begins with the line `# yaml-language-server: $schema=./caiman-interface.schema.json`;
    `caiman-interface init` writes both.
    """  # noqa: D301
    from caiman_interface.specification.schema import specification_schema

    from .output import print_json

    print_json(specification_schema())
