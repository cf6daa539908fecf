"""Names of NWB files from the package `dandi`, as in NeuroConv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any


def is_dandi_installed() -> bool:
    """Return whether the package ``dandi`` can be imported."""
    return find_spec("dandi") is not None


def names_for_dandi(identities: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names that NeuroConv gives to NWB files of sessions without a name, without the suffix.

    Parameters
    ----------
    identities : sequence of mapping
        ``subject_id``, ``session_id`` and ``session_start_time`` of each session. All are named together, because the
        names also have to be distinct. The name is empty if the metadata are not sufficient.

    Raises
    ------
    ImportError
        If the package `dandi` is not installed.
    ValueError
        If the metadata do not distinguish the sessions.
    """
    from dandi.organize import create_unique_filenames_from_metadata

    records = [{**identity, "path": f"{number}.nwb"} for number, identity in enumerate(identities)]
    try:
        named = create_unique_filenames_from_metadata(metadata=records)
    except Exception as error:  # dandi reads the files, which do not exist yet, if the metadata are the same
        message = "subject_id, session_id and session_start_time do not distinguish the sessions"
        raise ValueError(message) from error
    return [str(record["dandi_filename"]).removesuffix(".nwb") for record in named]
