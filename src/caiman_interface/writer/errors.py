"""Clear messages for disk errors."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this system or user may write",
    errno.EROFS: "the file system is read-only",
}
_ERRNO_IN_HDF5_MESSAGE = re.compile(r"errno = (\d+)")


class DiskError(OSError):
    """A file could not be written because of the disk."""


@contextmanager
def disk_errors_explained(target: Path, *, nbytes: int = 0) -> Iterator[None]:
    """Turn errors of a full or read-only disk, whose HDF5 messages are hard to read, into a `DiskError`.

    Parameters
    ----------
    target : Path
        The file that is written.
    nbytes : int, default: 0
        Bytes that the file needs at most; 0 if unknown.
    """
    try:
        yield
    except Exception as error:
        number = _disk_error_number(error)
        if number is None or isinstance(error, DiskError):
            raise
        raise _disk_error(number, target, nbytes) from error


def _disk_error(number: int, target: Path, nbytes: int) -> DiskError:
    needed = f"It needs up to {_megabytes(nbytes)}; " if nbytes else ""
    free = f"{_megabytes(shutil.disk_usage(target.parent).free)} are free in {target.parent}."
    kept = " The file that was there before is unchanged." if target.exists() else ""
    message = f"{target} was not written: {_CAUSES[number]}. {needed}{free}{kept}"
    error = DiskError(message)
    error.errno = number
    return error


def _disk_error_number(error: BaseException | None) -> int | None:
    """Return the error number of a disk error among an error and its causes; None if there is none."""
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        found = _ERRNO_IN_HDF5_MESSAGE.search(str(error))
        for candidate in (number, int(found.group(1)) if found else None):
            if candidate in _CAUSES:
                return candidate
        error = error.__cause__ or error.__context__
    return None


def _megabytes(nbytes: int) -> str:
    return f"{nbytes / 1e6:,.0f} MB" if nbytes >= 1e6 else f"{nbytes:,} bytes"  # noqa: PLR2004 (one megabyte)
