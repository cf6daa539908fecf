"""Keep large data away from hdmf: it lays out the file with stand-ins, and the data are written afterwards.

hdmf compresses in one thread, and reads some data row by row in Python. A stand-in has the type and the shape of the
data, so that hdmf allocates the same dataset as for the data themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import h5py
import numpy as np
from hdmf.backends.hdf5 import H5DataIO
from hdmf.build import DatasetBuilder, GroupBuilder
from hdmf.common import ElementIdentifiers, VectorData
from hdmf.container import AbstractContainer, Data
from hdmf.data_utils import GenericDataChunkIterator
from pynwb import NWBHDF5IO, NWBFile

from caiman_interface._compat.hdmf import open_file, set_dataset

from .block_sources import ArraySource, IteratorSource, RowsSource
from .chunk_writer import BlockSource
from .datasets import datasets_of, is_large_array, is_large_mask
from .stand_ins import ArrayStandIn, IteratorStandIn


@dataclass
class Deferred:
    """A dataset whose values are written after hdmf laid out the file.

    Attributes
    ----------
    container : AbstractContainer
        The object that the dataset belongs to.
    field : str
        The name of its attribute.
    stand_in : H5DataIO or IteratorStandIn
        What hdmf writes in place of the data.
    values : ndarray, GenericDataChunkIterator or list of tuple
        The data.
    """

    container: AbstractContainer
    field: str
    stand_in: Any
    values: Any

    def source(self, dataset: h5py.Dataset) -> BlockSource:
        """Return a reader of the data, in blocks."""
        if isinstance(self.values, GenericDataChunkIterator):
            return IteratorSource(self.values)
        if isinstance(self.values, np.ndarray):
            return ArraySource(self.values)
        return RowsSource(self.values, dataset.dtype)

    @property
    def nbytes(self) -> int:
        """Uncompressed size of the data; 0 if only hdmf knows it."""
        if isinstance(self.values, list):
            return 0
        shape = getattr(self.values, "maxshape", None) or self.values.shape
        return int(math.prod(shape) * np.dtype(self.values.dtype).itemsize)


class Allocated(NamedTuple):
    """A dataset that waits for its values."""

    dataset: h5py.Dataset
    source: BlockSource


def defer(nwbfile: NWBFile, *, shuffle_by_default: bool = False) -> list[Deferred]:
    """Put stand-ins in place of all data that the parallel writer can write.

    These are iterators of known shape, and arrays and columns of records that are wrapped in `H5DataIO` and stored in
    chunks, with gzip or uncompressed.

    Parameters
    ----------
    nwbfile : NWBFile
        The file in memory. The data of its objects are replaced.
    shuffle_by_default : bool
        Whether the bytes of data are shuffled before gzip where the settings choose neither a level nor a shuffle.
    """
    deferred = []
    for container, field, data in list(datasets_of(nwbfile)):
        if isinstance(data, H5DataIO):
            values, settings = data.data, dict(data.io_settings)
            if not _is_deferrable(container, values, settings):
                continue
            if shuffle_by_default and _leaves_gzip_open(settings):
                settings["shuffle"] = True
            stand_in = _wrapped_stand_in(container, values, settings)
        elif isinstance(data, GenericDataChunkIterator) and _has_fixed_shape(data):
            values, stand_in = data, IteratorStandIn(data)
        else:
            continue
        set_dataset(container, field, stand_in)
        deferred.append(Deferred(container, field, stand_in, values))
    return deferred


def allocated(deferred: list[Deferred], nwbfile: NWBFile, io: NWBHDF5IO) -> list[Allocated]:
    """Find the datasets that hdmf laid out, each with the source of its values.

    Parameters
    ----------
    deferred : list of Deferred
        What was kept away from hdmf.
    nwbfile : NWBFile
        The file in memory, which `io` wrote.
    io : NWBHDF5IO
        What wrote it; still open.

    Raises
    ------
    RuntimeError
        If hdmf did not lay out one of them.
    """
    paths = dict(_dataset_paths(io.manager.get_builder(nwbfile), ""))
    file = open_file(io)
    pairs = []
    for item in deferred:
        # hdmf builds a column from the object, whose data it may wrap again, and other datasets from the data.
        is_column = isinstance(item.container, Data)
        path = paths.get(id(io.manager.get_builder(item.container) if is_column else item.stand_in))
        if path is None:
            message = (
                f"hdmf did not write {item.field!r} of {type(item.container).__name__} {item.container.name!r} as a "
                "separate dataset. Write this file with NeuroConv's configure_and_write_nwbfile."
            )
            raise RuntimeError(message)
        dataset = file[path]
        source = item.source(dataset)
        if dataset.shape != source.shape:  # a column of records, of which hdmf wrote one
            dataset.resize(source.shape)
        pairs.append(Allocated(dataset, source))
    return pairs


def _has_fixed_shape(iterator: GenericDataChunkIterator) -> bool:
    return np.dtype(iterator.dtype).kind in "biuf" and None not in iterator.maxshape


def _is_deferrable(container: AbstractContainer, values: Any, settings: dict[str, Any]) -> bool:
    """Return whether the parallel writer can write these data, and faster than HDF5."""
    other_filters = settings.get("fletcher32") or settings.get("scaleoffset") is not None
    if settings.get("compression") not in {None, "gzip"} or other_filters:
        return False
    if is_large_mask(container, values):
        return True
    if isinstance(values, GenericDataChunkIterator):
        return _has_fixed_shape(values)
    chunked = bool(settings.get("chunks") or settings.get("compression"))
    return chunked and is_large_array(values)


def _leaves_gzip_open(settings: dict[str, Any]) -> bool:
    """Return whether settings ask for gzip and nothing more, as NeuroConv's defaults do."""
    return settings.get("compression") == "gzip" and not {"compression_opts", "shuffle"} & settings.keys()


def _wrapped_stand_in(container: AbstractContainer, values: Any, settings: dict[str, Any]) -> H5DataIO:
    """Return a stand-in with the settings of the dataset."""
    if isinstance(values, GenericDataChunkIterator):
        return H5DataIO(data=IteratorStandIn(values), **settings)
    if is_large_mask(container, values):  # hdmf cannot allocate a column of records without data
        return H5DataIO(data=values[:1], **{**settings, "maxshape": (None,)})
    is_column = isinstance(container, VectorData | ElementIdentifiers)
    if is_column and settings.get("maxshape", values.shape) == values.shape:
        settings["maxshape"] = (None,) * values.ndim  # rows can be appended, as in hdmf
    return H5DataIO(data=ArrayStandIn(values), **settings)


def _dataset_paths(group: GroupBuilder, path: str) -> Iterator[tuple[int, str]]:
    """Yield (identity, path in the file) of every dataset below a group, by its builder and by its data."""
    for dataset in group.datasets.values():
        if isinstance(dataset, DatasetBuilder):
            yield id(dataset), f"{path}/{dataset.name}"
            yield id(dataset.data), f"{path}/{dataset.name}"
    for child in group.groups.values():
        yield from _dataset_paths(child, f"{path}/{child.name}")
