"""Findings of nwbinspector and of ``dandi validate`` on NWB files, in one form."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from caiman_interface._compat.dandi import is_dandi_installed
from caiman_interface.nwb.opening import is_nwb_file

from .remedies import remedy_for

Severity = Literal["critical", "violation", "suggestion"]

_SEVERITIES: tuple[Severity, ...] = ("critical", "violation", "suggestion")

# nwbinspector's importance. The DANDI configuration of nwbinspector raises to CRITICAL what blocks an upload.
_OF_IMPORTANCE: dict[str, Severity] = {
    "ERROR": "critical",
    "PYNWB_VALIDATION": "critical",
    "CRITICAL": "critical",
    "BEST_PRACTICE_VIOLATION": "violation",
    "BEST_PRACTICE_SUGGESTION": "suggestion",
}
# dandi's severity, by its number: CRITICAL 50, ERROR 40, WARNING 30, HINT 20, INFO 10.
_DANDI_ERROR, _DANDI_WARNING = 40, 30

# `dandi validate` runs nwbinspector itself; these findings are reported once.
_DANDI_ID_OF_NWBINSPECTOR = "NWBI."
_NO_DANDISET = "DANDI.NO_DANDISET_FOUND"
_NOT_NWB = "not_an_nwb_file"


@dataclass(frozen=True, kw_only=True)
class PublicationFinding:
    """One finding about an NWB file that is to be published.

    Attributes
    ----------
    file : str
        The NWB file.
    tool : {"nwbinspector", "dandi"}
        What found it.
    severity : {"critical", "violation", "suggestion"}
        "critical" prevents an upload to DANDI; "violation" breaks a best practice; "suggestion" is optional.
    check : str
        Name of the check, such as ``check_subject_exists``.
    message : str
        What was found.
    place : str
        Path of the object in the NWB file; empty for the file as a whole.
    remedy : str
        What to do.
    """

    file: str
    tool: Literal["nwbinspector", "dandi"]
    severity: Severity
    check: str
    message: str
    place: str = ""
    remedy: str = ""


def check_nwb_files(paths: Sequence[str | Path], *, with_dandi: bool | None = None) -> list[PublicationFinding]:
    """Check NWB files with nwbinspector's DANDI configuration and with ``dandi validate``.

    Parameters
    ----------
    paths : sequence of str or Path
        NWB files in HDF5 (``.nwb``) or Zarr (``.nwb.zarr``).
    with_dandi : bool, optional
        Whether to run DANDI's validation; by default if the package ``dandi`` is installed.

    Returns
    -------
    list of PublicationFinding
        Most severe first, then in the order of `paths`.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ImportError
        If nwbinspector is not installed, or `with_dandi` is true and dandi is not.
    """
    files = [Path(path) for path in paths]
    for file in files:
        if not file.exists():
            message = f"There is no file '{file}'."
            raise FileNotFoundError(message)
    unreadable = [file for file in files if not is_nwb_file(file)]
    findings = [_not_nwb(file) for file in unreadable]
    files = [file for file in files if file not in unreadable]
    findings += _inspected(files)
    if with_dandi is None:
        with_dandi = is_dandi_installed()
    if with_dandi:
        findings += _validated(files)
    return sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity))


def _not_nwb(file: Path) -> PublicationFinding:
    return PublicationFinding(
        file=str(file),
        tool="nwbinspector",
        severity="critical",
        check=_NOT_NWB,
        message="This is not an NWB file that can be read.",
        remedy=remedy_for(_NOT_NWB),
    )


def _inspected(files: Iterable[Path]) -> Iterator[PublicationFinding]:
    try:
        from nwbinspector import inspect_nwbfile, load_config
    except ImportError as error:
        message = 'The check needs the package nwbinspector: python -m pip install "caiman-interface[publish]".'
        raise ImportError(message) from error
    configuration = load_config(filepath_or_keyword="dandi")
    for file in files:
        with _quiet():
            # nwbinspector cannot validate a Zarr store against the schema.
            messages: list[Any] = list(
                inspect_nwbfile(nwbfile_path=file, config=configuration, skip_validate=file.is_dir())
            )
        for found in messages:
            check = str(found.check_function_name)
            yield PublicationFinding(
                file=str(file),
                tool="nwbinspector",
                severity=_OF_IMPORTANCE[found.importance.name],
                check=check,
                message=" ".join(str(found.message).split()),
                place=_place(found),
                remedy=remedy_for(check),
            )


def _place(found: Any) -> str:
    location = found.location or ""
    if location in {"", "/"} and found.object_name not in {None, "", "root"}:
        return f"{found.object_type} '{found.object_name}'"
    return "" if location == "/" else str(location)


def _validated(files: Iterable[Path]) -> Iterator[PublicationFinding]:
    try:
        from dandi.files import dandi_file
    except ImportError as error:
        message = 'DANDI\'s validation needs the package dandi: python -m pip install "caiman-interface[publish]".'
        raise ImportError(message) from error
    for file in files:
        dandiset = _dandiset_of(file)
        if dandiset is None:
            yield PublicationFinding(
                file=str(file),
                tool="dandi",
                severity="suggestion",  # no fault of the file: `dandi organize` puts it into a dandiset
                check=_NO_DANDISET,
                message="The file is not inside a dandiset.",
                remedy=remedy_for(_NO_DANDISET),
            )
        with _quiet():
            results = dandi_file(file.absolute(), dandiset_path=dandiset).get_validation_errors()
        for result in results:
            if result.id.startswith(_DANDI_ID_OF_NWBINSPECTOR) or result.severity is None:
                continue
            yield PublicationFinding(
                file=str(file),
                tool="dandi",
                severity=_of_dandi(result),
                check=str(result.id),
                message=" ".join(str(result.message).split()),
                remedy=remedy_for(str(result.id)),
            )


def _dandiset_of(file: Path) -> Path | None:
    """Return the folder with ``dandiset.yaml`` that contains a file."""
    folders = file.absolute().parents
    return next((folder for folder in folders if (folder / "dandiset.yaml").is_file()), None)


def _of_dandi(result: Any) -> Severity:
    level = int(result.severity)
    if level >= _DANDI_ERROR:
        return "critical"
    return "violation" if level >= _DANDI_WARNING else "suggestion"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings and logs of readers: both tools report their findings as values."""
    logger = logging.getLogger("dandi")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
