"""`caiman-interface validate`: checks of specifications."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="validate")
@click.argument("specifications", nargs=-1, required=True, metavar="SPEC...", type=click.Path(path_type=Path))
@click.option(
    "--data-folder-path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder to which the paths in SPEC are relative; by default that of SPEC. As for `neuroconv`.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the later conversion: existing files there are errors.",
)
@click.option("--strict", is_flag=True, help="Refuse suspicious CaImAn files, such as incompletely saved ones.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array with one object per finding.")
def command(
    specifications: tuple[Path, ...], data_folder_path: Path | None, output: Path | None, strict: bool, as_json: bool
) -> None:
    """Check specifications and their files.

    \b
    Examples:
      caiman-interface validate session.yml
      caiman-interface validate day1.yml day2.yml -o nwb --json

    Nothing is converted. Lists all errors, blanks to fill in, and warnings, each with its position in the file and a
    remedy. Exit status 0 if SPEC can be converted as it is (warnings do not prevent that), 1 otherwise.
    """  # noqa: D301
    from caiman_interface.specification.checks import Request, check_specification
    from caiman_interface.specification.findings import count_findings, is_convertible, write_findings
    from caiman_interface.specification.outputs import OutputFolder

    from .output import echo, line_width, print_json

    target = None if output is None else OutputFolder(folder=output)
    request = Request(data_folder=data_folder_path, target=target, is_strict=strict)
    checked = {path: check_specification(path, request) for path in specifications}
    findings = [finding for result in checked.values() for finding in result.findings]
    if as_json:
        print_json([finding.as_json() for finding in findings])
    elif findings:
        echo(write_findings(findings, width=line_width()))
    for path, result in checked.items():
        sessions = f"{len(result.sessions)} session{'s' * (len(result.sessions) != 1)}"
        verdict = "can be converted" if is_convertible(result.findings) else "cannot be converted yet"
        echo(f"{path}: {sessions}, {verdict}; found {count_findings(result.findings)}", err=True)
    if not is_convertible(findings):
        raise click.exceptions.Exit(1)
