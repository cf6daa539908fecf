"""hdmf and pynwb: private names and differences between versions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
from hdmf.container import Data
from numpy.typing import NDArray
from pynwb import NWBHDF5IO


def read_block(iterator: Any, selection: tuple[slice, ...]) -> NDArray[Any]:
    """Read a block through hdmf's `GenericDataChunkIterator`: the method that its subclasses implement."""
    block: NDArray[Any] = iterator._get_data(selection)  # noqa: SLF001
    return block


def set_dataset(container: Any, field: str, values: Any) -> None:
    """Replace the data of an object of an NWB file; the public setters refuse to set data again."""
    if not isinstance(container, Data):
        container.fields[field] = values
        return
    container.transform(lambda _: values)
    if container.data is not values:  # before pynwb 4, NWBData kept its data in a separate attribute
        container._NWBData__data = values  # noqa: SLF001


def change_source(container: Any, old: str, new: str | None) -> None:
    """Change the source of all objects of an NWB file that were written to `old`; None means not written."""
    for child in (container, *container.all_children()):
        if child.container_source == old:
            child._AbstractContainer__container_source = new  # noqa: SLF001


@contextmanager
def name_of_new_file_accepted() -> Iterator[None]:
    """Suppress pynwb's warning that the name of a new file does not end in ".nwb", as that of a temporary file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The file path provided: ", UserWarning)
        yield


def open_file(io: NWBHDF5IO) -> h5py.File:
    """Return the open file of an HDF5 reader or writer."""
    return io._file  # noqa: SLF001
