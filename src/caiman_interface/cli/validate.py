"""`caiman-interface validate`: what is wrong with specifications."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="validate")
@click.argument("specifications", nargs=-1, required=True, metavar="SPEC...", type=click.Path(path_type=Path))
@click.option(
    "--data-folder-path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder to which the paths in SPEC are relative; by default that of SPEC. As for `neuroconv`.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The folder into which you will convert, to check that no file there is in the way.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array with one object for each finding.")
def command(
    specifications: tuple[Path, ...], data_folder_path: Path | None, output: Path | None, as_json: bool
) -> None:
    """Check specifications and their files.

    \b
    Examples:
      caiman-interface validate session.yml
      caiman-interface validate day1.yml day2.yml -o nwb --json

    Nothing is converted. Every problem is listed at once, with its place in the file and a remedy: errors, blanks that
    are to be filled in, and warnings. Exit status 0 if SPEC can be converted as it is (warnings do not stand in the
    way), 1 if not.
    """  # noqa: D301
    from dataclasses import asdict

    from caiman_interface.specification.checks import Target, check_specification
    from caiman_interface.specification.findings import count_findings, is_convertible, write_finding

    from .output import print_json

    target = None if output is None else Target(output)
    checked = {path: check_specification(path, data_folder=data_folder_path, target=target) for path in specifications}
    findings = [finding for one in checked.values() for finding in one.findings]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(write_finding(finding))
    for path, one in checked.items():
        sessions = f"{len(one.sessions)} session{'s' * (len(one.sessions) != 1)}"
        verdict = "can be converted" if is_convertible(one.findings) else "cannot be converted yet"
        click.echo(f"{path}: {sessions}, {verdict}; found {count_findings(one.findings)}", err=True)
    if not is_convertible(findings):
        raise click.exceptions.Exit(1)
