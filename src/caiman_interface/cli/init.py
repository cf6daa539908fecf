"""`caiman-interface init`: a specification for CaImAn files."""

from __future__ import annotations

from pathlib import Path

import click

_SUFFIXES = (".yml", ".yaml")


@click.command(name="init")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The YAML file to write.")
@click.option("--planes", is_flag=True, help="The files are planes of one session; by default each is a session.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
def command(files: tuple[Path, ...], output: Path, planes: bool, force: bool) -> None:
    """Write a specification for CaImAn files.

    \b
    Examples:
      caiman-interface init results.hdf5 -o session.yml
      caiman-interface init plane0.hdf5 plane1.hdf5 --planes -o session.yml

    What the files state is filled in. What only you know is a blank: a key without a value, and a comment that says
    what it wants. `caiman-interface validate` lists the blanks that are left. Beside the specification stands its JSON
    schema, caiman-interface.schema.json, by which editors complete and check.
    """  # noqa: D301
    if output.suffix not in _SUFFIXES:
        raise click.BadParameter(
            f"{output} must end with {' or '.join(_SUFFIXES)}, as NeuroConv demands.", param_hint="'--output'"
        )
    if output.exists() and not force:
        raise FileExistsError(f"{output} exists. Give another name, or --force to replace it.")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {output.parent}. Create it, or give another path.")
    from caiman_interface.specification.scaffold import write_scaffold
    from caiman_interface.specification.schema import SCHEMA_FILE_NAME

    text = write_scaffold(
        files, folder=output.parent, file_name=output.name, schema=f"./{SCHEMA_FILE_NAME}", as_planes=planes
    )
    output.write_text(text, encoding="utf-8")
    _write_schema(output.with_name(SCHEMA_FILE_NAME), replace=force)
    click.echo(f"Wrote {output}. Fill in its blanks, which this lists:\n  caiman-interface validate {output}", err=True)


def _write_schema(path: Path, *, replace: bool) -> None:
    """Write the schema; one that is there stays, since it may serve other specifications."""
    import json

    from caiman_interface.specification.schema import specification_schema

    if replace or not path.exists():
        path.write_text(json.dumps(specification_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
