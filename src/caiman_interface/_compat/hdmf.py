"""hdmf and pynwb: private names and differences between versions."""

from __future__ import annotations

import warnings
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
    """Put other data into an object of an NWB file; the public setters refuse to do so twice."""
    if not isinstance(container, Data):
        container.fields[field] = values
        return
    container.transform(lambda _: values)
    if container.data is not values:  # before pynwb 4, NWBData kept its data in an attribute of its own
        container._NWBData__data = values  # noqa: SLF001


def forget_source(container: Any, source: str) -> None:
    """Have the objects of an NWB file forget that they were written to `source`."""
    for child in (container, *container.all_children()):
        if child.container_source == source:
            child._AbstractContainer__container_source = None  # noqa: SLF001


def hdf5_io(file: h5py.File) -> NWBHDF5IO:
    """Have pynwb write to a new file that is open already.

    Before pynwb 4 it warned that the path, of which there is none, does not end in ".nwb".
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The file path provided: None", UserWarning)
        return NWBHDF5IO(file=file, mode="w")
