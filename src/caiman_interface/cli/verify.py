"""`caiman-interface verify`: comparison of an NWB file with its CaImAn file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="verify")
@click.argument("caiman_file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("nwb_file", metavar="NWB", type=click.Path(path_type=Path))
@click.option(
    "--metadata-key",
    metavar="KEY",
    help="The metadata_key with which FILE was converted; required if NWB contains several CaImAn analyses.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object, for programs.")
def command(caiman_file: Path, nwb_file: Path, metadata_key: str | None, as_json: bool) -> None:
    """Compare an NWB file with its CaImAn file.

    \b
    Examples:
      caiman-interface verify results.hdf5 results.nwb
      caiman-interface verify plane0.hdf5 planes.nwb --metadata-key plane0

    Compares every value. Lists what is equal, what differs, what is missing, and which parts of the CaImAn file are not
    stored and why. Exit status 0 if nothing differs or is missing, 1 otherwise.
    """  # noqa: D301
    from caiman_interface import verify

    from .output import echo, print_json

    try:
        report = verify(caiman_file, nwb_file, metadata_key=metadata_key)
    except ValueError as error:
        raise _in_terms_of_the_command(error) from error
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        echo(str(report))
    if not report.ok:
        raise click.exceptions.Exit(1)


def _in_terms_of_the_command(error: ValueError) -> ValueError:
    """Return an error that names the option instead of the argument of the function."""
    text = str(error)
    return (
        ValueError(text.replace("with metadata_key", "with --metadata-key")) if "with metadata_key" in text else error
    )
