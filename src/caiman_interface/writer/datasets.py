"""The large datasets of an in-memory NWB file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hdmf.container import AbstractContainer, Data
from pynwb import NWBFile
from pynwb.ophys import PlaneSegmentation

from caiman_interface._compat.hdmf import set_dataset

DatasetKey: TypeAlias = tuple[str, str]
"""The id of an object and the name of its attribute."""

# Below this size, hdmf writes an array in less time than a stand-in takes.
LARGE_BYTES = 2**16
_MASK_COLUMNS = ("pixel_mask", "voxel_mask")


class DatasetInMemory(NamedTuple):
    """An object of an NWB file, the name of one of its attributes, and the data there."""

    container: AbstractContainer
    field: str
    data: Any

    @property
    def key(self) -> DatasetKey:
        """Identify the dataset while its data are exchanged."""
        return self.container.object_id, self.field


def datasets_of(nwbfile: NWBFile) -> Iterator[DatasetInMemory]:
    """Yield all datasets that NeuroConv may configure."""
    for container in nwbfile.all_children():
        if isinstance(container, Data):
            yield DatasetInMemory(container, "data", container.data)
        else:
            for field in ("data", "timestamps"):
                if field in container.fields:
                    yield DatasetInMemory(container, field, container.fields[field])


@contextmanager
def data_restored(nwbfile: NWBFile) -> Iterator[None]:
    """Put the data of every object of a file back at the end, also after an error."""
    before = list(datasets_of(nwbfile))
    try:
        yield
    finally:
        for container, field, data in before:
            now = container.data if isinstance(container, Data) else container.fields[field]
            if now is not data:
                set_dataset(container, field, data)


def is_large_mask(container: AbstractContainer, values: Any) -> bool:
    """Return whether values are a large column of records, such as a pixel mask."""
    if isinstance(values, np.ndarray) and values.dtype.names is not None:
        return values.ndim == 1 and not values.dtype.hasobject and values.nbytes >= LARGE_BYTES
    # Rows of tuples are records only where the schema says so.
    return (
        isinstance(values, list)
        and isinstance(container.parent, PlaneSegmentation)
        and container.name in _MASK_COLUMNS
        and len(values) >= LARGE_BYTES // 12
    )


def is_large_array(values: Any) -> bool:
    """Return whether values are a large array of numbers."""
    return isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.nbytes >= LARGE_BYTES
