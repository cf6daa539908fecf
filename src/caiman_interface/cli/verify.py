"""`caiman-interface verify`: comparison of an NWB file with its CaImAn file."""

from __future__ import annotations

from pathlib import Path

import click

from .shared_options import metadata_key_named_as_option, metadata_key_option


@click.command(name="verify")
@click.argument("caiman_file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("nwb_file", metavar="NWB", type=click.Path(path_type=Path))
@metadata_key_option
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

    with metadata_key_named_as_option():
        report = verify(caiman_file, nwb_file, metadata_key=metadata_key)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        echo(str(report))
    if not report.ok:
        raise click.exceptions.Exit(1)
