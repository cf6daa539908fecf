"""Append to a file on disk so that its name always belongs to a complete file: the old one or the new one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .partial_files import PartialFile, check_writable, hidden_path
from .system_calls import flush_folder, lock

IN_PLACE_VARIABLE = "CAIMAN_INTERFACE_APPEND_IN_PLACE"
"""Environment variable that makes appending write to the file itself: fast for huge files, but a crash breaks them."""

# More than a superblock of any version.
_HEAD_BYTES = 96


def appends_in_place() -> bool:
    """Return whether the user asked for appending in place."""
    return bool(os.environ.get(IN_PLACE_VARIABLE))


def first_bytes(path: Path) -> bytes:
    """Return the beginning of a file, in which HDF5 notes that the file is open; empty if there is no file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


@contextmanager
def name_lent_to_copy(target: Path, head: bytes) -> Iterator[None]:
    """Let a copy have the name of an open file until the open file has been appended to and closed.

    Objects in memory refer to the datasets of the open file, so it cannot be exchanged for a copy itself.

    Parameters
    ----------
    target : Path
        The file, open for appending but not yet changed. It must be closed before the context ends.
    head : bytes
        What `first_bytes` returned before the file was opened.

    Raises
    ------
    FileExistsError
        If another process changed the file meanwhile. Its version is kept.
    PermissionError
        If the file is read-only.
    """
    target = target.resolve()
    check_writable(target)
    open_file = hidden_path(target, "partial")
    copy = PartialFile(target, replace="always")
    descriptor = -1
    try:
        shutil.copyfile(target, copy.path)
        with copy.path.open("r+b") as file:
            file.write(head)
        shutil.copystat(target, copy.path)
        os.link(target, open_file)
        descriptor = os.open(open_file, os.O_RDONLY)
        lock(descriptor)  # fails if HDF5 has locked it, which serves as well
        copy.commit()
        state = _state(target)
        yield
        if _state(target) != state:
            message = f"{target} was changed by another process while it was appended to. Nothing was appended."
            raise FileExistsError(message)
        os.fsync(descriptor)
        open_file.replace(target)
        flush_folder(target.parent)
    finally:
        copy.discard()
        open_file.unlink(missing_ok=True)
        if descriptor >= 0:
            os.close(descriptor)


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
