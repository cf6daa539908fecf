"""The options of `convert` as a request to `specification`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import click

from caiman_interface.specification.checks import Request
from caiman_interface.specification.document import Document
from caiman_interface.specification.sessions import Session
from caiman_interface.specification.study_options import StudyOptions


def read_options(given: Mapping[str, Any]) -> StudyOptions:
    """Return how to convert several sessions."""
    try:
        return StudyOptions(**{field.name: given[field.name] for field in fields(StudyOptions)})
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def read_request(given: Mapping[str, Any]) -> Request:
    """Return what to convert, and with which metadata and options."""
    documents = [] if given["metadata"] is None else [Document.read(given["metadata"])]
    for document in documents:
        if not isinstance(document.data, dict):
            raise ValueError(f"{document.path} contains no metadata: expected keys such as 'NWBFile' and 'Subject'.")  # noqa: TRY004
    time = given["session_start_time"]
    overrides = {
        "stub_test": given["stub"],
        "accepted_only": given["accepted_only"],
        "accepted_by": given["accepted_by"],
    }
    arguments = {
        "sampling_frequency": given["rate"],
        "timestamps_path": given["timestamps"] and os.path.abspath(given["timestamps"]),  # noqa: PTH100 (file::dataset)
    }
    if given["verify"] and given["stub"]:
        raise click.UsageError("--verify compares all frames: leave out --stub.")
    return Request(
        data_folder=given["data_folder_path"],
        metadata_files=tuple(documents),
        metadata={} if time is None else {"NWBFile": {"session_start_time": time}},
        overrides={name: value for name, value in overrides.items() if value},
        arguments={name: value for name, value in arguments.items() if value is not None},
        is_strict=given["strict"],
        chosen=lambda sessions: _refuse_unfit(sessions, given),
    )


def _refuse_unfit(sessions: list[Session], given: Mapping[str, Any]) -> list[Session]:
    """Refuse options that do not fit the sessions of a specification."""
    for name, option in {"session_start_time": "--session-start-time", "timestamps": "--timestamps"}.items():
        if given[name] is not None and len(sessions) > 1:
            raise click.UsageError(f"{option} is for one session, and the specification has {len(sessions)}.")
    if given["accepted_only"] and not any(session.caiman_interfaces for session in sessions):
        raise click.UsageError("--accepted-only is for CaImAn files, and the specification names none.")
    return sessions
