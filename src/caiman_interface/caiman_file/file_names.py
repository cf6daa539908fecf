"""File names as they may be published: without directory names, which may contain personal names."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from .encoding import json_value

LOCAL_FOLDER = "(local folder)"
CUT_OFF = "(cut off by CaImAn)"

# CaImAn cuts every text in a list that it cannot store as it is to so many bytes: all before release 1.8, and paths
# given as `Path` objects or tuples in every release.
_CUT_TEXT_BYTES = 32

_SEPARATORS = re.compile(r"[\\/]+")
_ROOT = re.compile(r"^([\\/~]|[A-Za-z]:[\\/])")
_HOMES = {"home", "users", "user"}

# The movies that CaImAn and its users' microscopes write.
_MOVIE_SUFFIXES = (
    *(".tif", ".tiff", ".btf", ".avi", ".mkv", ".mp4", ".mov", ".hdf5", ".h5", ".hdf", ".mmap", ".nwb", ".zarr"),
    *(".npy", ".npz", ".mat", ".sbx", ".raw", ".isxd", ".czi", ".lsm", ".ims", ".sima"),
)


def is_cut_file_name(name: str) -> bool:
    """Return whether CaImAn probably cut a file name off: it has exactly 32 bytes."""
    return len(name.encode()) == _CUT_TEXT_BYTES


def published_name(text: str, *, maybe_cut: bool = False) -> str:
    r"""Return the last part of a path, and any text without a separator as it is.

    A path of a directory is replaced by "(local folder)".

    Parameters
    ----------
    text : str
        Any text.
    maybe_cut : bool
        Whether CaImAn may have cut it off in the middle, so that its last part may be half of a directory name.

    Examples
    --------
    >>> published_name("/home/jane.doe/movies/mouse1.tif"), published_name(r"C:\lab\mouse1.tif")
    ('mouse1.tif', 'mouse1.tif')
    >>> published_name("/home/jane.doe"), published_name("slice(None, None, None)")
    ('(local folder)', 'slice(None, None, None)')
    """
    parts = _SEPARATORS.split(text)
    if len(parts) == 1:
        return text
    *folders, last = parts
    names_a_person = folders[-1].lower() in _HOMES
    is_folder = not last or (_ROOT.match(text) is not None and "." not in last)
    if maybe_cut and is_cut_file_name(text) and not _may_be_movie(last):
        return CUT_OFF
    return LOCAL_FOLDER if names_a_person or is_folder else last


def published_value(value: Any) -> Any:
    """Return a value of CaImAn's parameters as plain data for JSON, with `published_name` in place of each text.

    Only texts in lists may have been cut off by CaImAn.
    """
    if isinstance(value, dict):
        return {name: published_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [published_name(item, maybe_cut=True) if isinstance(item, str) else item for item in value]
    return published_name(value) if isinstance(value, str) else json_value(value)


def _may_be_movie(name: str) -> bool:
    """Return whether a name that may be cut off ends like that of a movie, or like its beginning."""
    suffix = PurePosixPath(name).suffix.lower()
    return len(suffix) > 1 and any(known.startswith(suffix) for known in _MOVIE_SUFFIXES)
