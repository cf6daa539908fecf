"""Timestamps of frames from a file: NumPy, text, or a dataset in an HDF5 file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

_SEPARATOR = "::"
_TEXT_SUFFIXES = (".csv", ".txt")
_HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nwb", ".mat")
_ACCEPTED = "a .npy file, a .csv or .txt file with one time per line, or a dataset in HDF5 as 'file.h5::dataset'"
_MOST_LISTED = 8


class TimestampsError(ValueError):
    """Timestamps that cannot be used; the message names the file and the place."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(f"timestamps_path '{path}': {problem}.")


class _Times(NamedTuple):
    """The values of a file, and how to name the place of one."""

    values: ArrayLike
    place: Callable[[int], str] = "frame {}".format


def read_timestamps(path: str | Path, *, num_frames: int | None = None) -> NDArray[np.float64]:
    """Read and check the time of each frame.

    Parameters
    ----------
    path : str or Path
        A ``.npy`` file, a ``.csv`` or ``.txt`` file with one time per line (a heading is skipped), or
        ``file.h5::dataset``.
    num_frames : int, optional
        How many there must be.

    Returns
    -------
    array of float64, shape (frames,)
        Seconds, strictly increasing.

    Raises
    ------
    TimestampsError
        If the file cannot be read, or its content is not as many finite, increasing numbers.
    """
    file_name, _, dataset = str(path).partition(_SEPARATOR)
    file = Path(file_name)
    if not file.is_file():
        raise TimestampsError(path, "there is no such file")
    if dataset:
        times = _from_hdf5(file, dataset)
    elif file.suffix.lower() == ".npy":
        times = _from_numpy(file)
    elif file.suffix.lower() in _TEXT_SUFFIXES:
        times = _from_text(file)
    elif file.suffix.lower() in _HDF5_SUFFIXES:
        raise TimestampsError(
            path, f"the dataset is missing; write '{path}{_SEPARATOR}DATASET', such as {_found(file)}"
        )
    else:
        raise TimestampsError(path, f"the format is unknown; expected {_ACCEPTED}")
    return _checked(path, times, num_frames)


def find_timestamps(path: str | Path, caiman_file: str | Path) -> str:
    """Return the path of a file with timestamps, looked up as `find_file` does."""
    file_name, separator, dataset = str(path).partition(_SEPARATOR)
    return f"{find_file(file_name, caiman_file)}{separator}{dataset}"


def find_file(path: str | Path, caiman_file: str | Path) -> Path:
    """Return the path of a file, looked up from the CaImAn file and its parents if it is relative.

    NeuroConv resolves ``file_path`` of a specification against the data folder, and leaves other paths relative. The
    data folder is a parent of the CaImAn file.
    """
    file = Path(path)
    candidates = [file, *(parent / file for parent in Path(caiman_file).absolute().parents)]
    return next((candidate for candidate in candidates if candidate.is_file()), file)


def _from_numpy(file: Path) -> _Times:
    try:
        return _Times(np.load(file, allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise TimestampsError(file, f"the file cannot be read ({error})") from error


def _from_text(file: Path) -> _Times:
    values: list[float] = []
    lines: list[int] = []
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise TimestampsError(file, f"the file cannot be read as text ({error})") from error
    for number, line in enumerate(text.splitlines(), start=1):
        cell = line.strip().rstrip(",;")
        if not cell:
            continue
        try:
            values.append(float(cell))
        except ValueError:
            if number == 1:  # a heading
                continue
            raise TimestampsError(file, f"line {number} is '{cell[:40]}'; expected one number per line") from None
        lines.append(number)
    return _Times(values, lambda index: f"line {lines[index]}")


def _from_hdf5(file: Path, name: str) -> _Times:
    path = f"{file}{_SEPARATOR}{name}"
    try:
        with h5py.File(file, "r") as opened:
            dataset = opened.get(name)
            if not isinstance(dataset, h5py.Dataset):
                raise TimestampsError(path, f"there is no such dataset; the file has {_candidates(opened)}")
            return _Times(dataset[()])
    except OSError as error:
        raise TimestampsError(path, f"the file cannot be read as HDF5 ({error})") from error


def _found(file: Path) -> str:
    try:
        with h5py.File(file, "r") as opened:
            return _candidates(opened)
    except OSError:
        return "'times'"


def _candidates(opened: h5py.File) -> str:
    """Return the names of the datasets that may contain timestamps."""
    names: list[str] = []

    def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset) and len(node.shape or ()) == 1 and node.dtype.kind in "fiu":
            names.append(name)

    opened.visititems(visit)
    shown = ", ".join(f"'{name}'" for name in names[:_MOST_LISTED])
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{shown}{more}" or "no list of numbers"


def _checked(path: str | Path, times: _Times, num_frames: int | None) -> NDArray[np.float64]:
    values = np.squeeze(np.asarray(times.values))
    if values.dtype.kind not in "fiu":
        raise TimestampsError(path, f"the values have the type {values.dtype}; expected numbers of seconds")
    values = np.atleast_1d(values)
    if values.ndim != 1:
        raise TimestampsError(path, f"the shape is {values.shape}; expected one time per frame")
    if num_frames is not None and len(values) != num_frames:
        raise TimestampsError(path, f"there are {len(values)} times for {num_frames} frames")
    values = values.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        first = int(wrong[0])
        raise TimestampsError(path, f"{times.place(first)} is {values[first]}; expected a finite number of seconds")
    falling = np.flatnonzero(np.diff(values) <= 0)
    if len(falling):
        first = int(falling[0])
        raise TimestampsError(
            path,
            f"{times.place(first + 1)} ({values[first + 1]} s) is not after {times.place(first)} ({values[first]} s); "
            "expected increasing times",
        )
    return values
