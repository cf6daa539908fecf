"""Links and external storage of a CaImAn file that lead out of its directory.

An HDF5 file can refer to data in any other file that the user may read. Such files are read only if the user allows
it, so that a received file cannot publish the content of others. Linked files in the same directory are checked too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h5py

from .errors import CaimanFileError
from .groups import DAMAGE
from .opening import open_hdf5

FOLLOW_LINKS_VARIABLE = "CAIMAN_INTERFACE_FOLLOW_LINKS"
"""The environment variable that, if set, allows files outside of the directory of the CaImAn file."""

DEEPEST = 64  # groups within groups; deeper ones are not read


@dataclass(frozen=True)
class _NamedFile:
    """A file that another one names.

    Attributes
    ----------
    place : str
        The link or dataset that names it.
    name : str
        Its name there.
    is_raw : bool
        Whether it contains the bytes of a dataset, and is not an HDF5 file.
    """

    place: str
    name: str
    is_raw: bool = False

    def path(self, folder: Path) -> Path:
        """Return the file that HDF5 opens, when the file that names it is in `folder`.

        HDF5 looks for an HDF5 file in that folder, then in the working directory; for raw bytes in the latter only.
        """
        beside = (folder / self.name).resolve()
        in_working_directory = Path(self.name).resolve()
        is_elsewhere = in_working_directory.exists() and (self.is_raw or not beside.exists())
        return in_working_directory if is_elsewhere else beside


def check_links(file: h5py.File, path: Path) -> None:
    """Check that all data are in the directory of a file.

    Raises
    ------
    CaimanFileError
        If a link or external storage leads elsewhere, and the user did not allow it.
    """
    if os.environ.get(FOLLOW_LINKS_VARIABLE):
        return
    target = path.resolve()
    for named, found in _files_outside(file, target, target.parent, {target}):
        raise CaimanFileError(
            path,
            "this part is in a file of another directory",
            place=named.place,
            found=str(found),
            remedy=f"If you trust the file, use --follow-links, or set the variable {FOLLOW_LINKS_VARIABLE}=1",
        )


def linked_files(path: Path) -> list[Path]:
    """Return the other files that contain data of a CaImAn file, in the order of the links that lead to them."""
    own = path.resolve()
    found, waiting = {own: None}, [own]
    while waiting:
        one = waiting.pop()
        with suppress(OSError, CaimanFileError), open_hdf5(one) as file:
            for named in _named_files(file, "", set()):
                target = named.path(one.parent)
                if target.is_file() and target not in found:
                    found[target] = None
                    waiting += [] if named.is_raw else [target]
    return list(found)[1:]


def _files_outside(file: h5py.File, path: Path, folder: Path, seen: set[Path]) -> Iterator[tuple[_NamedFile, Path]]:
    """Yield the files outside of a folder that a file names, or that those in the folder that it names do."""
    for named in _named_files(file, "", set()):
        target = named.path(path.parent)
        if not target.is_relative_to(folder):
            yield named, target
        elif not named.is_raw and target not in seen:
            seen.add(target)
            with suppress(OSError, CaimanFileError), open_hdf5(target) as other:
                yield from ((named, outside) for _, outside in _files_outside(other, target, folder, seen))


def _named_files(group: h5py.Group, start: str, seen: set[int]) -> Iterator[_NamedFile]:
    """Yield the files that the links and datasets in a group name; links to other files are not followed."""
    for name in _names(group):
        place = f"{start}{name}"
        try:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield _NamedFile(place, link.filename)
            if not isinstance(link, h5py.HardLink):
                continue  # what a soft link leads to is visited at its own place
            node = group[name]
            address = h5py.h5o.get_info(node.id).addr
        except DAMAGE:  # reading the member reports it
            continue
        if address in seen:
            continue
        seen.add(address)
        if isinstance(node, h5py.Group) and place.count("/") < DEEPEST:
            yield from _named_files(node, f"{place}/", seen)
        elif isinstance(node, h5py.Dataset):
            yield from _storage(place, node)


def _names(group: h5py.Group) -> list[str]:
    try:
        return list(group)
    except DAMAGE:
        return []


def _storage(place: str, dataset: h5py.Dataset) -> Iterator[_NamedFile]:
    """Yield the files in which a dataset is stored."""
    with suppress(*DAMAGE):
        yield from (_NamedFile(place, name, is_raw=True) for name, *_ in dataset.external or ())
        if dataset.is_virtual:
            yield from (_NamedFile(place, one.file_name) for one in dataset.virtual_sources() if one.file_name != ".")
