"""Open an NWB file for reading: HDF5, Zarr, or HDF5 at an address on the web."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
from neuroconv.tools.nwb_helpers import BACKEND_NWB_IO
from pynwb import NWBHDF5IO, NWBFile

_WEB = ("https://", "http://")


@contextmanager
def open_nwb(source: str | Path) -> Iterator[NWBFile]:
    """Open an NWB file for reading.

    Parameters
    ----------
    source : str or Path
        An HDF5 file, a Zarr store, or the address (``https://…``) of an HDF5 file, of which only what is used is
        downloaded (needs the package ``remfile``).

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not an NWB file.
    """
    with ExitStack() as stack:
        # Files written by version 0.1 have a column of this name in CaimanParameters.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message="An attribute 'name' already exists")
        yield _io(source, stack).read()


def _io(source: str | Path, stack: ExitStack) -> Any:
    if str(source).startswith(_WEB):
        return stack.enter_context(NWBHDF5IO(file=stack.enter_context(_remote(str(source))), mode="r"))
    path = Path(source)
    if not path.exists():
        message = f"File not found: '{path}'."
        raise FileNotFoundError(message)
    if not is_nwb_file(path):
        message = f"{path} is not an NWB file: it has no nwb_version."
        raise ValueError(message)
    backend = "zarr" if path.is_dir() else "hdf5"
    return stack.enter_context(BACKEND_NWB_IO[backend](path=str(path), mode="r"))


def _remote(address: str) -> h5py.File:
    try:
        import remfile
    except ImportError as error:
        message = f"Reading {address} requires the package remfile: pip install remfile."
        raise ImportError(message) from error
    try:
        file = remfile.File(address)
    except Exception as error:  # remfile has no narrower class
        message = f"{address} cannot be read: {error}."
        raise OSError(message) from error
    return h5py.File(file, "r")


def is_nwb_file(path: Path) -> bool:
    """Return whether a path is an HDF5 file or a Zarr store with an NWB version."""
    if path.is_dir():
        attributes = path / ".zattrs"
        return attributes.is_file() and "nwb_version" in json.loads(attributes.read_text(encoding="utf-8"))
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return "nwb_version" in file.attrs
