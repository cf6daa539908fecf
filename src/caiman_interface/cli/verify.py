"""`caiman-interface verify`: whether an NWB file holds what the CaImAn file holds."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="verify")
@click.argument("caiman_file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("nwb_file", metavar="NWB", type=click.Path(path_type=Path))
def command(caiman_file: Path, nwb_file: Path) -> None:
    """Compare an NWB file with its CaImAn file.

    \b
    Example:
      caiman-interface verify results.hdf5 results.nwb

    Every value is read from both. Says what is equal, what differs, what is missing, and what of the CaImAn file is not
    stored and why. Exit status 0 if nothing differs or is missing, 1 otherwise.
    """  # noqa: D301
    from caiman_interface import verify

    report = verify(caiman_file, nwb_file)
    click.echo(str(report))
    if not report.ok:
        raise click.exceptions.Exit(1)
