"""Links and external storage of a CaImAn file that lead out of its directory.

An HDF5 file can name any other file that the user may read as the place of its data. Such files are read only if the
user allows it, so that a received file cannot publish the content of others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import h5py

from .errors import CaimanFileError

FOLLOW_LINKS_VARIABLE = "CAIMAN_INTERFACE_FOLLOW_LINKS"
"""The environment variable that, if set, allows files outside of the directory of the CaImAn file."""

DEEPEST = 64  # groups within groups; deeper ones are not read

# What h5py raises for a damaged or dangling member; reading that member reports it.
_DAMAGE = (LookupError, OSError, ValueError, TypeError, RuntimeError)


def check_links(file: h5py.File, path: Path) -> None:
    """Check that all data are in the directory of a file.

    Raises
    ------
    CaimanFileError
        If a link or external storage leads elsewhere, and the user did not allow it.
    """
    if os.environ.get(FOLLOW_LINKS_VARIABLE):
        return
    folder = path.resolve().parent
    for place, name in _linked_files(file, "", set()):
        if not (folder / name).resolve().is_relative_to(folder):
            raise CaimanFileError(
                path,
                "this part is in a file of another directory",
                place=place,
                found=name,
                remedy=f"If you trust the file, set the environment variable {FOLLOW_LINKS_VARIABLE}=1",
            )


def _linked_files(group: h5py.Group, start: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Yield the place of each link or dataset that names another file, and the name of that file."""
    for name in _names(group):
        place = f"{start}{name}"
        try:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield place, link.filename
            node = group[name]
            information = h5py.h5o.get_info(node.id)
        except _DAMAGE:
            continue
        key = (information.fileno, information.addr)
        if key in seen:
            continue
        seen.add(key)
        if isinstance(node, h5py.Group) and place.count("/") < DEEPEST:
            yield from _linked_files(node, f"{place}/", seen)
        elif isinstance(node, h5py.Dataset):
            yield from ((place, stored) for stored in _external_storage(node))


def _names(group: h5py.Group) -> list[str]:
    try:
        return list(group)
    except _DAMAGE:
        return []


def _external_storage(dataset: h5py.Dataset) -> list[str]:
    try:
        names = [name for name, *_ in dataset.external or ()]
        return names + [source.file_name for source in (dataset.virtual_sources() if dataset.is_virtual else ())]
    except _DAMAGE:
        return []
