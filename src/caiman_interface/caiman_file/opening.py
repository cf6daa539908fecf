"""Opening the HDF5 file, and recognizing later that it was changed."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

import h5py

from .errors import CaimanFileError

REMEDY_OTHER_FILE = 'Use the file that CaImAn\'s `cnmf.save("….hdf5")` wrote'

_ZIP_SIGNATURE = b"PK\x03\x04"
_NPZ_SUFFIX = ".npz"
_IN_USE = ("the file is in use", "Close it in the program that writes to it")

# What HDF5 reports when it cannot open a file: the problem and its remedy.
_REFUSALS = {
    "truncated": ("the file is cut off", "The copy is incomplete: copy the file again"),
    "Permission denied": ("the file cannot be read: permission denied", "Ask its owner for the right to read it"),
    "already open for write": _IN_USE,
    "already open for SWMR write": _IN_USE,
    "consistency flags": (
        "the file is in use, or the program that wrote it crashed",
        "Close it in the program that writes to it; if there is none, clear the mark with `h5clear -s FILE`",
    ),
}


@dataclass(frozen=True)
class FileIdentity:
    """What changes when a file is overwritten or replaced.

    Attributes
    ----------
    size, modified, inode, device : int
        Bytes, time of the last modification in nanoseconds, number of the file and of its file system.
    """

    size: int
    modified: int
    inode: int
    device: int

    @classmethod
    def of(cls, path: Path) -> FileIdentity:
        """Return the identity of the file that is at a path now."""
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)


def open_hdf5(path: Path) -> h5py.File:
    """Open a file for reading.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CaimanFileError
        If it cannot be opened; the error names the reason and what to do.
    """
    if not path.exists():
        message = f"There is no file '{path}'."
        raise FileNotFoundError(message)
    if path.is_dir():
        raise CaimanFileError(
            path,
            "this is a directory",
            expected="the file that CaImAn saved",
            remedy="Give the path of the file",
        )
    try:
        return h5py.File(path, "r")
    except OSError as error:
        return _open_without_lock(path, error)


def _open_without_lock(path: Path, error: OSError) -> h5py.File:
    """Open a file on a file system without locks; raise any other error."""
    if "unable to lock" not in str(error) or _is_in_use(error):
        raise _refusal(path, error) from error
    try:
        return h5py.File(path, "r", locking=False)
    except (OSError, TypeError, ValueError) as second:
        raise CaimanFileError(
            path,
            "the file cannot be locked on this file system",
            found=str(second),
            expected="a file system with locks, or locking switched off",
            remedy="Set the environment variable HDF5_USE_FILE_LOCKING=FALSE, or copy the file to a local disk",
        ) from error


def _is_in_use(error: OSError) -> bool:
    number = error.errno if error.errno is not None else 0
    numbers = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES}
    return number in numbers or any(f"errno = {one}," in str(error) for one in numbers)


def _refusal(path: Path, error: OSError) -> CaimanFileError:
    found = str(error)
    problem, remedy = next(
        (known for sign, known in _REFUSALS.items() if sign in found),
        ("this is not an HDF5 file that can be read", REMEDY_OTHER_FILE),
    )
    if "unable to lock" in found:
        problem, remedy = _IN_USE
    elif _is_npz(path):
        problem = "this is an .npz file, in which CaImAn before 1.4 saved its results"
        remedy = "Load it with that release of CaImAn and save it as HDF5, or run the analysis again"
    return CaimanFileError(path, problem, found=found, expected="the HDF5 file that CaImAn saved", remedy=remedy)


def _is_npz(path: Path) -> bool:
    """Return whether a file is a zip archive of numpy arrays."""
    import zipfile

    try:
        with path.open("rb") as file:
            if file.read(len(_ZIP_SIGNATURE)) != _ZIP_SIGNATURE:
                return False
        with zipfile.ZipFile(path) as archive:
            return path.suffix == _NPZ_SUFFIX or all(name.endswith(".npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return path.suffix == _NPZ_SUFFIX


def is_same_file(path: Path, identity: FileIdentity) -> bool:
    """Return whether the file at a path still has an identity; a missing file does not."""
    try:
        return FileIdentity.of(path) == identity
    except OSError:
        return False
