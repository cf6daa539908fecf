"""Names for NWB files for which a specification states none."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from caiman_interface._compat.dandi import name_for_dandi


def name_files(paths: Sequence[Path], folder: Path, *, overwrite: bool) -> list[Path]:
    """Move NWB files into a folder, under the names that NeuroConv gives them: after subject and session.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    folder : Path
        Where they go.
    overwrite : bool
        Whether to replace files of those names.

    Returns
    -------
    list of Path
        Where each is now.

    Raises
    ------
    ValueError
        If their metadata do not suffice for names.
    FileExistsError
        If there is a file of such a name already. None is moved then.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what readers warn of is for programmers
        try:
            named = [folder / name for name in name_for_dandi(list(paths))]
        except ValueError as error:
            message = f"The metadata do not suffice for names ({error}). State an nwbfile_name, or a subject_id."
            raise ValueError(message) from error
    taken = [path for path in named if path.exists()]
    if taken and not overwrite:
        message = (
            f"These are there already, so that nothing was kept: {', '.join(map(str, taken))}. Convert with "
            "--overwrite to replace them, into another folder, or state an nwbfile_name for each session."
        )
        raise FileExistsError(message)
    for path, target in zip(paths, named, strict=True):
        path.replace(target)
    return named
