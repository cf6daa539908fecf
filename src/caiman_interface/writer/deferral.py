"""Keep large data away from hdmf: it lays out the file with stand-ins, and the data are written afterwards.

hdmf and NeuroConv look at data row by row in Python in several places, and compress in one thread. A stand-in has
the type and the shape of the data, so that both decide about the dataset as they would with the data themselves,
but holds none of its values.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import h5py
import numpy as np
from hdmf.backends.hdf5 import H5DataIO
from hdmf.build import DatasetBuilder, GroupBuilder
from hdmf.common import ElementIdentifiers, VectorData
from hdmf.container import AbstractContainer, Data
from hdmf.data_utils import AbstractDataChunkIterator, DataIO, GenericDataChunkIterator
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile
from pynwb.ophys import PlaneSegmentation

from caiman_interface._compat.hdmf import set_dataset

from .block_sources import ArraySource, IteratorSource, RowsSource
from .chunk_writer import BlockSource, Shape

Place: TypeAlias = tuple[str, str]  # the id of an object and the name of its attribute

# Below this size, hdmf writes an array in less time than a stand-in costs.
_LARGE_BYTES = 2**16
_MASK_COLUMNS = ("pixel_mask", "voxel_mask")
# Rows in a chunk of a mask column: 3 MB of (x, y, weight), of which a reader of one mask needs one or two.
_MASK_ROWS_IN_CHUNK = 2**18


class ArrayStandIn(AbstractDataChunkIterator):  # type: ignore[misc]  # hdmf is untyped
    """An iterator over nothing, with the type and the shape of an array.

    Parameters
    ----------
    array : numpy.ndarray
        What it stands in for.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self.shape = array.shape
        self.ndim = array.ndim
        self._dtype = array.dtype

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise StopIteration

    def __len__(self) -> int:
        return int(self.shape[0])

    def recommended_chunk_shape(self) -> None:
        """Leave the chunks to the settings of the dataset."""

    def recommended_data_shape(self) -> Shape:
        """Give the shape of the array."""
        return self.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array."""
        return self._dtype

    @property
    def maxshape(self) -> Shape:
        """Shape of the array, which does not grow."""
        return self.shape


class IteratorStandIn(GenericDataChunkIterator):  # type: ignore[misc]  # hdmf is untyped
    """An iterator over nothing, with the type, the shape and the chunks of another iterator.

    Parameters
    ----------
    iterator : GenericDataChunkIterator
        What it stands in for.
    """

    def __init__(self, iterator: GenericDataChunkIterator) -> None:
        self._iterator = iterator
        super().__init__(chunk_shape=tuple(iterator.chunk_shape), buffer_shape=tuple(iterator.buffer_shape))

    def __next__(self) -> Any:
        raise StopIteration

    def _get_data(self, selection: tuple[slice, ...]) -> NDArray[Any]:
        return np.empty([0 for _ in selection], dtype=self._get_dtype())

    def _get_maxshape(self) -> Shape:
        return tuple(self._iterator.maxshape)

    def _get_dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(self._iterator.dtype)
        return dtype


@dataclass
class Deferred:
    """A dataset whose values are written after hdmf laid out the file.

    Attributes
    ----------
    container : AbstractContainer
        The object that the dataset belongs to.
    field : str
        The name of its attribute.
    data_io : H5DataIO
        What hdmf writes in place of the data.
    values : ndarray, GenericDataChunkIterator or list of tuple
        The data.
    """

    container: AbstractContainer
    field: str
    data_io: H5DataIO
    values: Any

    def source(self, dataset: h5py.Dataset) -> BlockSource:
        """Make the data readable in blocks, as the allocated dataset needs them."""
        if isinstance(self.values, GenericDataChunkIterator):
            return IteratorSource(self.values)
        if isinstance(self.values, np.ndarray):
            return ArraySource(self.values)
        return RowsSource(self.values, dataset.dtype)


class Allocated(NamedTuple):
    """A dataset that waits for its values."""

    dataset: h5py.Dataset
    source: BlockSource


@contextmanager
def data_restored(nwbfile: NWBFile) -> Iterator[None]:
    """Give every object of a file its own data back at the end, however it ends."""
    before = [(container, field, values) for container, field, values in _datasets(nwbfile)]
    try:
        yield
    finally:
        for container, field, values in before:
            if _data_of(container, field) is not values:
                set_dataset(container, field, values)


def hide_data(nwbfile: NWBFile) -> dict[Place, Any]:
    """Put stand-ins in place of the data that NeuroConv would walk through in Python, or use up, to configure them.

    These are iterators, large arrays, and large columns of records such as pixel masks. hdmf cannot allocate a column
    of records without data: it is given the first row.

    Returns
    -------
    dict
        The data, by the place where they stood.
    """
    hidden: dict[Place, Any] = {}
    for container, field, values in list(_datasets(nwbfile)):
        if isinstance(values, GenericDataChunkIterator):
            stand_in: Any = IteratorStandIn(values)
        elif _is_large_mask(container, values):
            stand_in = values[:1]
        elif _is_large_array(values):
            stand_in = ArrayStandIn(values)
        else:
            continue
        hidden[container.object_id, field] = values
        set_dataset(container, field, stand_in)
    return hidden


def wrapped_places(nwbfile: NWBFile) -> set[Place]:
    """Return where data stand that somebody wrapped in settings of their own."""
    return {(container.object_id, field) for container, field, data in _datasets(nwbfile) if isinstance(data, DataIO)}


def defer(nwbfile: NWBFile, hidden: dict[Place, Any], *, settled: Container[Place] | None) -> list[Deferred]:
    """Put stand-ins in place of all data that the parallel writer shall write, and all others back.

    Parameters
    ----------
    nwbfile : NWBFile
        A file whose datasets are configured, that is, wrapped in `H5DataIO`.
    hidden : dict
        What `hide_data` returned.
    settled : container of Place, optional
        Where somebody asked for settings, which are kept; None if everywhere.
    """
    deferred = []
    for container, field, data_io in list(_datasets(nwbfile)):
        values = hidden.get((container.object_id, field))
        if values is None and isinstance(data_io, H5DataIO):
            values = data_io.data
        if values is None:
            continue
        if not isinstance(data_io, H5DataIO):
            set_dataset(container, field, values)
        elif _is_deferrable(container, values, data_io.io_settings):
            best = settled is not None and (container.object_id, field) not in settled
            stand_in, settings = _stand_in(container, values, data_io.io_settings, own_settings=best)
            replacement = H5DataIO(data=stand_in, **settings)
            set_dataset(container, field, replacement)
            deferred.append(Deferred(container, field, replacement, values))
        elif data_io.data is not values:
            set_dataset(container, field, _wrapped(values, data_io))
    return deferred


def allocated(deferred: list[Deferred], nwbfile: NWBFile, io: NWBHDF5IO, file: h5py.File) -> list[Allocated]:
    """Find the datasets that hdmf laid out, each with the source of its values.

    Parameters
    ----------
    deferred : list of Deferred
        What was kept away from hdmf.
    nwbfile : NWBFile
        The file in memory, which `io` wrote.
    io : NWBHDF5IO
        What wrote it.
    file : h5py.File
        The same file, open.

    Raises
    ------
    RuntimeError
        If hdmf did not lay out one of them.
    """
    paths = dict(_dataset_paths(io.manager.get_builder(nwbfile), ""))
    pairs = []
    for item in deferred:
        # hdmf builds a column from the object, whose data it may wrap anew, and other datasets from the data.
        is_column = isinstance(item.container, Data)
        path = paths.get(id(io.manager.get_builder(item.container) if is_column else item.data_io))
        if path is None:
            message = (
                f"hdmf did not write {item.field!r} of {type(item.container).__name__} {item.container.name!r} as a "
                "dataset of its own. Write this file with NeuroConv's configure_and_write_nwbfile."
            )
            raise RuntimeError(message)
        dataset = file[path]
        source = item.source(dataset)
        if dataset.shape != source.shape:  # a column of records, of which hdmf wrote one
            dataset.resize(source.shape)
        pairs.append(Allocated(dataset, source))
    return pairs


def _datasets(nwbfile: NWBFile) -> Iterator[tuple[AbstractContainer, str, Any]]:
    """Yield (object, name of the attribute, value) of all that NeuroConv may configure."""
    for container in nwbfile.all_children():
        if isinstance(container, Data):
            yield container, "data", container.data
        else:
            for field in ("data", "timestamps"):
                if field in container.fields:
                    yield container, field, container.fields[field]


def _data_of(container: AbstractContainer, field: str) -> Any:
    return container.data if isinstance(container, Data) else container.fields[field]


def _is_large_mask(container: AbstractContainer, values: Any) -> bool:
    if isinstance(values, np.ndarray) and values.dtype.names is not None:
        return values.ndim == 1 and not values.dtype.hasobject and values.nbytes >= _LARGE_BYTES
    # Rows of tuples are records only where the schema says so.
    return (
        isinstance(values, list)
        and isinstance(container.parent, PlaneSegmentation)
        and container.name in _MASK_COLUMNS
        and len(values) >= _LARGE_BYTES // 12
    )


def _is_large_array(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.nbytes >= _LARGE_BYTES


def _is_deferrable(container: AbstractContainer, values: Any, settings: dict[str, Any]) -> bool:
    """Whether the parallel writer can write these data, and faster than HDF5."""
    other_filters = settings.get("fletcher32") or settings.get("scaleoffset") is not None
    if settings.get("compression") not in {None, "gzip"} or other_filters:
        return False
    if _is_large_mask(container, values):
        return True
    if isinstance(values, GenericDataChunkIterator):
        return np.dtype(values.dtype).kind in "biuf" and None not in values.maxshape
    chunked = bool(settings.get("chunks") or settings.get("compression"))
    return chunked and _is_large_array(values)


def _stand_in(
    container: AbstractContainer, values: Any, settings: dict[str, Any], *, own_settings: bool
) -> tuple[Any, dict[str, Any]]:
    """Give a stand-in and the settings of its dataset."""
    settings = dict(settings)
    if own_settings and settings.get("compression"):
        settings["shuffle"] = True
    if isinstance(values, GenericDataChunkIterator):
        return IteratorStandIn(values), settings
    if not _is_large_mask(container, values):
        is_column = isinstance(container, VectorData | ElementIdentifiers)
        if is_column and settings.get("maxshape", values.shape) == values.shape:
            settings["maxshape"] = (None,) * values.ndim  # rows can be appended, as hdmf has it
        return ArrayStandIn(values), settings
    settings["maxshape"] = (None,)
    if own_settings:
        settings["chunks"] = (min(len(values), _MASK_ROWS_IN_CHUNK),)
    return values[:1], settings


def _wrapped(values: Any, data_io: H5DataIO) -> H5DataIO:
    """Wrap data with the settings that their stand-in got."""
    settings = dict(data_io.io_settings)
    if isinstance(data_io.data, ArrayStandIn):
        del settings["maxshape"]  # which H5DataIO takes from iterators, and from nothing else
    is_plugin = isinstance(settings.get("compression"), int)
    return H5DataIO(data=values, allow_plugin_filters=is_plugin, **settings)


def _dataset_paths(group: GroupBuilder, path: str) -> Iterator[tuple[int, str]]:
    """Yield (identity, path in the file) of every dataset below a group, by its builder and by its data."""
    for dataset in group.datasets.values():
        if isinstance(dataset, DatasetBuilder):
            yield id(dataset), f"{path}/{dataset.name}"
            yield id(dataset.data), f"{path}/{dataset.name}"
    for child in group.groups.values():
        yield from _dataset_paths(child, f"{path}/{child.name}")
