"""The naming of NWB files by the package `dandi`, as NeuroConv uses it."""

from __future__ import annotations

from pathlib import Path


def name_for_dandi(paths: list[Path]) -> list[str]:
    """Return the names that NeuroConv gives to NWB files for which a specification states none.

    Raises
    ------
    ImportError
        If the package `dandi` is not installed.
    ValueError
        If the metadata in the files is not enough for a name.
    """
    from dandi.organize import create_unique_filenames_from_metadata
    from dandi.pynwb_utils import _get_pynwb_metadata

    records = [{**_get_pynwb_metadata(path=path), "path": path} for path in paths]
    named = create_unique_filenames_from_metadata(metadata=records)
    names = [str(record["dandi_filename"]) for record in named]
    if ".nwb" in names:
        message = "subject_id and session_id are missing, of which the name would be made"
        raise ValueError(message)
    return names
