"""Files that appear under their name only when they are complete.

A file is written under a hidden name, ``.NAME.TOKEN.partial``, in the folder of its target, flushed to the disk, and
renamed. An advisory lock on the partial file shows that the process that writes it is alive. Partial files without that
lock were left by processes that were killed; they are removed when the next file is written to the same folder.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Literal

from .system_calls import exchange, flush_folder, lock

ReplacePolicy = Literal["never", "known", "always"]
"""Whether what is at the target is replaced: never, only if it was there at the start, or always."""

# The longest file name on common file systems, in bytes.
_LONGEST_NAME = 255
_PARTIAL = re.compile(r"\.(.*\.)?[0-9a-f]{8}\.partial")
# Where a store cannot be exchanged in one step, the old one has this name for a moment.
_REPLACED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.replaced")
_LONGEST_MOMENT = 60.0
# One of these files is in every Zarr store, of either format.
_ZARR_MARKERS = (".zgroup", ".zattrs", ".zmetadata", "zarr.json")
_ANY_WRITE_BIT = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH

_live: weakref.WeakSet[PartialFile] = weakref.WeakSet()


class PartialFile:
    """A file or folder that replaces its target when it is committed.

    Parameters
    ----------
    target : Path
        Final path. A link is followed: the file that it points to is replaced, and the link kept.
    replace : {"never", "known", "always"}
        Whether to replace what is at the target: never, only what is there now, or also what appears until `commit`.
    folder : bool, default: False
        Whether `path` is in a hidden folder, for a store that is a folder itself; otherwise it is an empty file.

    Attributes
    ----------
    target : Path
        Final path, with links resolved.
    path : Path
        Where to write.

    Raises
    ------
    FileExistsError
        If the target exists and `replace` is "never".
    IsADirectoryError
        If the target is a folder, but not a Zarr store.
    FileNotFoundError
        If the folder of the target does not exist.
    PermissionError
        If the target is read-only, or its folder does not allow new files.
    """

    def __init__(self, target: Path, *, replace: ReplacePolicy, folder: bool = False) -> None:
        self.target = target.resolve()
        _check_target(self.target, replace)
        self._may_replace = replace == "always" or (replace == "known" and self.target.exists())
        remove_leftovers(self.target.parent)
        self._own, self._descriptor = _reserve(self.target, folder=folder)
        self.path = self._own / self.target.name if folder else self._own
        self._process = os.getpid()
        _live.add(self)

    def commit(self) -> None:
        """Flush what was written, and give it the name of the target.

        Raises
        ------
        FileExistsError
            If something appeared at the target that must not be replaced. The partial file is then still there.
        """
        if self.path.is_file():
            if self.target.is_file():
                shutil.copymode(self.target, self.path)
            os.fsync(self._descriptor)
        if self._may_replace:
            _replace(self.path, self.target)
        else:
            _move_to_free_name(self.path, self.target)
        flush_folder(self.target.parent)
        self._remove_own()

    def empty(self) -> None:
        """Free the disk space of a partial file, so that its writer can be closed on a full disk."""
        if self._descriptor >= 0 and self._own.is_file():
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)

    def discard(self) -> None:
        """Remove what was written; what is at the target stays. Does nothing after `commit`."""
        if self._process == os.getpid():  # a forked child must not remove the file of its parent
            self._remove_own()

    def _remove_own(self) -> None:
        _live.discard(self)
        if self._descriptor < 0:
            return
        _remove(self._own)
        os.close(self._descriptor)
        self._descriptor = -1


def discard_all() -> None:
    """Remove every partial file that this process is writing, for use before it ends."""
    for partial in list(_live):
        partial.discard()


def remove_leftovers(folder: Path) -> None:
    """Remove the partial files in a folder whose processes no longer run.

    Files whose lock cannot be tested, as on file systems without locks, are not removed.
    """
    with suppress(OSError):
        for path in list(folder.iterdir()):
            with suppress(OSError):
                if _PARTIAL.fullmatch(path.name):
                    _remove_if_abandoned(path)
                elif found := _REPLACED.fullmatch(path.name):
                    _restore(path, folder / found["name"])


def _remove_if_abandoned(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if lock(descriptor):
            _remove(path)
    finally:
        os.close(descriptor)


def _restore(path: Path, target: Path) -> None:
    """Rename a store back if the process that was about to replace it was killed at that moment."""
    if time.time() - path.stat().st_ctime < _LONGEST_MOMENT:
        return
    if target.exists():
        _remove(path)
    else:
        path.rename(target)


def _check_target(target: Path, replace: ReplacePolicy) -> None:
    """Raise unless a file may be written at `target`."""
    if target.is_dir() and not any((target / name).is_file() for name in _ZARR_MARKERS):
        message = f"{target} is a folder, but not a Zarr store that could be replaced. Give the path of a file in it."
        raise IsADirectoryError(message)
    if target.exists():
        if replace == "never":
            message = f"{target} exists. Set overwrite=True to replace it, or give another path."
            raise FileExistsError(message)
        check_writable(target)
    elif not target.parent.is_dir():
        message = f"{target} cannot be written: the folder {target.parent} does not exist. Create it first."
        raise FileNotFoundError(message)


def check_writable(path: Path) -> None:
    """Raise `PermissionError` if an existing file is read-only, for this user or for everyone."""
    if hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY:
        message = f"{path} is on a read-only file system, so it is not replaced. Give another path."
        raise PermissionError(message)
    # The superuser may write everything; a file without any write permission is meant to stay as it is.
    if not os.access(path, os.W_OK) or not path.stat().st_mode & _ANY_WRITE_BIT:
        message = (
            f"{path} exists and is read-only, so it is not replaced. Change its permissions, or give another path."
        )
        raise PermissionError(message)


def _reserve(target: Path, *, folder: bool) -> tuple[Path, int]:
    """Create and lock an empty file or folder in the folder of the target; return its path and open descriptor."""
    while True:
        path = hidden_path(target, "partial")
        try:
            descriptor = _create(path, folder=folder)
        except (PermissionError, OSError) as error:
            message = f"{target} cannot be written: {error.strerror or error} in the folder {target.parent}."
            failure = PermissionError(message) if isinstance(error, PermissionError) else OSError(message)
            failure.errno = error.errno
            raise failure from None
        lock(descriptor)
        if path.exists():  # else another process took it for a leftover between its creation and its locking
            return path, descriptor
        os.close(descriptor)


def _create(path: Path, *, folder: bool) -> int:
    if not folder:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    path.mkdir()
    return os.open(path, os.O_RDONLY)


def hidden_path(target: Path, kind: str) -> Path:
    """Return an unused hidden path in the folder of the target, named after it unless that name would be too long."""
    ending = f"{secrets.token_hex(4)}.{kind}"
    name = f".{target.name}.{ending}"
    return target.with_name(name if len(os.fsencode(name)) <= _LONGEST_NAME else f".{ending}")


def _replace(path: Path, target: Path) -> None:
    """Replace a file or folder by another."""
    if not target.exists() or (path.is_file() and target.is_file()):
        path.replace(target)
    elif not exchange(path, target):
        aside = hidden_path(target, "replaced")
        target.rename(aside)
        try:
            path.rename(target)
        except BaseException:
            aside.rename(target)
            raise
        _remove(aside)
    else:
        _remove(path)


def _move_to_free_name(path: Path, target: Path) -> None:
    """Rename to a name that nothing has; fail if something has it, even since a moment ago."""
    try:
        if path.is_dir():
            if target.exists():
                raise FileExistsError
            path.rename(target)  # fails if a file or a folder with content appears at this moment
        else:
            _link(path, target)
    except OSError as error:
        if not target.exists():
            raise
        message = (
            f"{target} was written by another process in the meantime, and is not replaced. Set overwrite=True to "
            "replace it, or give another path."
        )
        raise FileExistsError(message) from error


def _link(path: Path, target: Path) -> None:
    """Link a file to a second name, or rename it on file systems where a file has only one."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise
        path.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
