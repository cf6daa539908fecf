"""`caiman-interface schema`: the JSON schema of specifications."""

from __future__ import annotations

import click


@click.command(name="schema")
def command() -> None:
    """Write the JSON schema of specifications.

    \b
    Example:
      caiman-interface schema > caiman-interface.schema.json

    Editors use it to complete and check specifications. It is NeuroConv's schema (draft 07) with the installed
    interfaces and with the source data, options and metadata of the CaImAn interface. An editor with a YAML language
    server applies it to files that begin with `# yaml-language-server: $schema=./caiman-interface.schema.json`, as
    those of `caiman-interface init` do.
    """  # noqa: D301
    from caiman_interface.specification.schema import specification_schema

    from .output import print_json

    print_json(specification_schema())
