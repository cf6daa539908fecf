"""Links and external storage of a CaImAn file that lead out of its directory.

An HDF5 file can refer to data in any other file that the user may read. Such files are read only if the user allows
it, so that a received file cannot publish the content of others. Linked files in the same directory are checked too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import h5py

from .errors import CaimanFileError
from .groups import DAMAGE
from .opening import open_hdf5
from .string_heaps import check_string_heaps
from .walk import Member, members_of

FOLLOW_LINKS_VARIABLE = "CAIMAN_INTERFACE_FOLLOW_LINKS"
"""The environment variable that, if set, allows files outside of the directory of the CaImAn file."""


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


def check_links(path: Path, members: Iterable[Member]) -> None:
    """Check that all data are in the directory of a file, and that linked files can be read.

    Parameters
    ----------
    path : Path
        The file.
    members : iterable of Member
        Its datasets and links.

    Raises
    ------
    CaimanFileError
        If a link or external storage leads elsewhere, and the user did not allow it; or if a linked file is damaged so
        that reading it would never end.
    """
    if os.environ.get(FOLLOW_LINKS_VARIABLE):
        return
    target = path.resolve()
    for named, found in _files_outside(members, target, target.parent, {target}):
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
            for named in _named_files(members_of(file)):
                target = named.path(one.parent)
                if target.is_file() and target not in found:
                    found[target] = None
                    waiting += [] if named.is_raw else [target]
    return list(found)[1:]


def _files_outside(
    members: Iterable[Member], path: Path, folder: Path, seen: set[Path]
) -> Iterator[tuple[_NamedFile, Path]]:
    """Yield the files outside of a folder that a file names, or that those in the folder that it names do."""
    for named in _named_files(members):
        target = named.path(path.parent)
        if not target.is_relative_to(folder):
            yield named, target
        elif not named.is_raw and target not in seen:
            seen.add(target)
            with ExitStack() as stack:
                others: list[Member] = []
                with suppress(OSError, CaimanFileError):
                    others = list(members_of(stack.enter_context(open_hdf5(target))))
                if others:
                    check_string_heaps(target, others)
                yield from ((named, outside) for _, outside in _files_outside(others, target, folder, seen))


def _named_files(members: Iterable[Member]) -> Iterator[_NamedFile]:
    """Yield the files that links and datasets name; links to other files are not followed."""
    for place, dataset, linked_file in members:
        if dataset is None:
            yield _NamedFile(place, linked_file)
            continue
        with suppress(*DAMAGE):
            settings = dataset.get_create_plist()
            names = (settings.get_external(number)[0] for number in range(settings.get_external_count()))
            yield from (_NamedFile(place, os.fsdecode(name), is_raw=True) for name in names)
            if settings.get_layout() == h5py.h5d.VIRTUAL:
                sources = h5py.Dataset(dataset).virtual_sources()
                yield from (_NamedFile(place, one.file_name) for one in sources if one.file_name != ".")
