"""`caiman-interface init`: a specification for CaImAn files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import echo

if TYPE_CHECKING:
    from caiman_interface.specification.planning import PlannedSession

_SUFFIXES = (".yml", ".yaml")
_BATCHES = (".pickle", ".pkl")


@click.command(name="init")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The YAML file to write.")
@click.option("--planes", is_flag=True, help="Treat the files as planes of one session; by default, each is a session.")
@click.option("--pattern", help="Find the sessions in the folder FILE, such as '{subject_id}/{session_id}/*.hdf5'.")
@click.option("--item", "items", multiple=True, metavar="NAME", help="Item of a mesmerize-core batch (name or uuid).")
@click.option("--ask", is_flag=True, help="Ask for the values of the blanks.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--force", is_flag=True, hidden=True)
def command(
    files: tuple[Path, ...],
    output: Path,
    planes: bool,
    pattern: str | None,
    items: tuple[str, ...],
    ask: bool,
    overwrite: bool,
    force: bool,
) -> None:
    """Write a specification for CaImAn files.

    \b
    Examples:
      caiman-interface init results.hdf5 -o session.yml
      caiman-interface init plane0.hdf5 plane1.hdf5 --planes -o session.yml
      caiman-interface init study --pattern "{subject_id}/{session_id}/*.hdf5" \\
          -o study.yml

    FILE is a CaImAn file, the folder of a study (with --pattern), or a batch of mesmerize-core (.pickle). What the
    files contain is filled in. What only you know is a blank: a key without a value, with a comment that explains it.
    `caiman-interface validate` lists the remaining blanks. The JSON schema caiman-interface.schema.json, written to
    the same folder, lets editors complete and check the specification.
    """  # noqa: D301
    replaces = overwrite or force
    if output.suffix not in _SUFFIXES:
        raise click.BadParameter(
            f"{output} must end with {' or '.join(_SUFFIXES)}, as NeuroConv requires.", param_hint="'--output'"
        )
    if output.exists() and not replaces:
        raise FileExistsError(f"{output} exists. Give another name, or --overwrite to replace it.")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"The folder {output.parent} does not exist. Create it, or give another path.")
    from caiman_interface.specification.scaffold import write_scaffold
    from caiman_interface.specification.schema import SCHEMA_FILE_NAME

    sessions = _plan(files, pattern, items, planes=planes)
    text = write_scaffold(
        sessions,
        folder=output.parent,
        file_name=output.name,
        schema=f"./{SCHEMA_FILE_NAME}",
        unreadable={} if pattern is None else _show_unreadable(sessions),
    )
    if ask:
        from .ask import fill_in

        text = fill_in(text)
    output.write_text(text, encoding="utf-8")
    _write_schema(output.with_name(SCHEMA_FILE_NAME), replace=replaces)
    echo(f"Wrote {output}. To list the blanks to fill in:\n  caiman-interface validate {output}", err=True)


def _plan(
    files: tuple[Path, ...], pattern: str | None, items: tuple[str, ...], *, planes: bool
) -> list[PlannedSession]:
    from caiman_interface.specification.planning import plan_sessions

    is_batch = len(files) == 1 and files[0].suffix in _BATCHES
    if items and not is_batch:
        raise click.UsageError("--item is for batches of mesmerize-core (.pickle).")
    if pattern is not None or is_batch:
        if planes or len(files) > 1:
            raise click.UsageError("--pattern and batches need exactly one FILE, without --planes.")
        return _plan_batch(files[0], items) if pattern is None else _plan_study(files[0], pattern)
    return plan_sessions(files, as_planes=planes)


def _plan_study(folder: Path, pattern: str) -> list[PlannedSession]:
    from caiman_interface.specification.discovery import find_sessions
    from caiman_interface.specification.planning import plan_found_sessions

    found = find_sessions(folder, pattern)
    count = sum(len(session.files) for session in found.sessions)
    echo(f"Found {len(found.sessions)} sessions with {count} files.", err=True)
    if found.unmatched:
        echo(f"{len(found.unmatched)} HDF5 files do not match the pattern:", err=True)
        for path in found.unmatched:
            echo(f"  {path}", err=True)
    return plan_found_sessions(found.sessions)


def _plan_batch(batch: Path, items: tuple[str, ...]) -> list[PlannedSession]:
    from caiman_interface.specification.mesmerize import choose_items, read_batch
    from caiman_interface.specification.planning import PlannedSession, safe_name

    chosen = choose_items(read_batch(batch), items)
    if not chosen:
        raise ValueError(f"{batch} has no successful cnmf or cnmfe item.")
    echo(f"Found {len(chosen)} successful items.", err=True)
    return [PlannedSession(name=safe_name(item.name), files=(item.file,), images=item.images) for item in chosen]


def _show_unreadable(sessions: list[PlannedSession]) -> dict[Path, str]:
    """Name the files of a study that cannot be read; its other sessions do not depend on them."""
    from caiman_interface.specification.scaffold import find_unreadable

    unreadable = find_unreadable(sessions)
    if len(unreadable) == sum(len(session.files) for session in sessions):
        path, why = next(iter(unreadable.items()))
        raise ValueError(f"None of the {len(unreadable)} files can be read; {path}: {why}.")
    if unreadable:
        echo(f"{len(unreadable)} files cannot be read; `convert --keep-going` converts the other sessions:", err=True)
        for path, why in unreadable.items():
            echo(f"  {path}: {why}", err=True)
    return unreadable


def _write_schema(path: Path, *, replace: bool) -> None:
    """Write the schema; an existing one is kept, since other specifications may use it."""
    import json

    from caiman_interface.specification.schema import specification_schema

    if replace or not path.exists():
        path.write_text(json.dumps(specification_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
