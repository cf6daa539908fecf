"""Fill HDF5 datasets in parallel: threads read and compress chunks, one thread puts them into the file.

HDF5 compresses inside its global lock, one chunk after the other, with zlib. Here the bytes of a chunk are made
outside that lock, exactly as the filters of the dataset would make them (byte shuffle, then a zlib stream, each only
if the dataset asks for it), and are written directly. To every HDF5 reader the result is plain gzip.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from caiman_interface._compat.h5py import write_chunk

from .encoding import ChunkEncoding
from .regions import Region, Shape, blocks, describe_region, grown, region_shape, region_size
from .system_calls import release_freed_memory

THREADS_VARIABLE = "CAIMAN_INTERFACE_THREADS"
"""Environment variable with the number of threads that a write uses by default."""

# A smaller task costs more to hand to a thread than to do.
_TASK_BYTES = 2**20
# Uncompressed bytes in progress per thread: this bounds the memory, independent of the size of the data.
_BYTES_IN_FLIGHT = 12 * 2**20
# A little below the largest block that glibc keeps.
_LARGEST_BLOCK_KEPT = 30 * 2**20
# With more threads, the one that writes to the file cannot keep up.
_MOST_THREADS = 8


class BlockSource(Protocol):
    """Data that are read block by block.

    Attributes
    ----------
    shape : tuple of int
        Shape of the whole.
    dtype : numpy.dtype
        Type of its values.
    parallel : bool
        Whether several threads may read at once.
    """

    shape: Shape
    dtype: np.dtype[Any]
    parallel: bool

    def read(self, region: Region) -> NDArray[Any]:
        """Read one region."""

    def block_shape(self, chunks: Shape) -> Shape:
        """Return the shape in which one thread reads, in multiples of `chunks`."""


class Progress(Protocol):
    """Callback for the progress of a write; called in the thread that writes."""

    def __call__(self, bytes_done: int, bytes_total: int, dataset: str, /) -> object:
        """Receive the progress.

        Parameters
        ----------
        bytes_done, bytes_total : int
            Uncompressed bytes of all large datasets of the file: written so far, and in total.
        dataset : str
            Path in the file of the dataset that is being written.
        """


def available_threads(processes: int = 1) -> int:
    """Return the default number of threads: ``CAIMAN_INTERFACE_THREADS``, or one per available processor, at most 8.

    Parameters
    ----------
    processes : int
        Number of processes that write at the same time and share the processors.

    Raises
    ------
    ValueError
        If the environment variable is not a positive whole number.
    """
    given = os.environ.get(THREADS_VARIABLE)
    if given:
        if not given.isdecimal() or int(given) < 1:
            message = f"The environment variable {THREADS_VARIABLE} is {given!r}; expected a positive whole number."
            raise ValueError(message)
        return int(given)
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        processors = os.cpu_count() or 1
    return max(1, min(processors // processes, _MOST_THREADS))


def _prepare_memory() -> None:
    """Make the C library return what was freed before the write, and keep the memory of one chunk for the next.

    glibc returns large blocks to the system when they are freed, and requesting them again for each chunk takes a
    fifth of the writing time. It stops doing so for sizes up to the largest block that it has returned, at most
    32 MB. Elsewhere this does nothing.
    """
    release_freed_memory()
    np.empty(_LARGEST_BLOCK_KEPT, dtype=np.uint8)


class _Chunk(NamedTuple):
    """An encoded chunk: its offset in the dataset, and how many bytes of values it holds."""

    offset: Shape
    nbytes: int
    encoded: bytes | NDArray[np.uint8]


class ChunkWriter(AbstractContextManager["ChunkWriter"]):
    """Threads that fill the datasets of one file, one dataset after the other.

    Parameters
    ----------
    threads : int
        Number of threads that read and compress. The calling thread writes their chunks to the file.

    Notes
    -----
    A context manager: leaving it stops the threads; after an exception, once the chunks in progress are finished.
    """

    def __init__(self, threads: int) -> None:
        _prepare_memory()
        self._most_in_flight = threads * _BYTES_IN_FLIGHT
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="chunk-writer")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def fill(self, dataset: h5py.Dataset, source: BlockSource) -> Iterator[int]:
        """Write all values of a source to a dataset of the same shape.

        Parameters
        ----------
        dataset : h5py.Dataset
            The allocated dataset.
        source : BlockSource
            Its values.

        Yields
        ------
        int
            Uncompressed bytes of each part that was written.

        Raises
        ------
        ValueError
            If the shapes differ.
        Exception
            Any error from reading the source, in any thread.
        """
        if dataset.shape != source.shape:
            message = f"{dataset.name} has shape {dataset.shape}, but its data have shape {source.shape}."
            raise ValueError(message)
        encoding = ChunkEncoding.of(dataset, source.dtype)
        if encoding is None:
            yield from _fill_with_hdf5(dataset, source)
            return
        for chunk in self._encoded(encoding, source):
            write_chunk(dataset, chunk.offset, chunk.encoded)
            yield chunk.nbytes

    def _encoded(self, encoding: ChunkEncoding, source: BlockSource) -> Iterator[_Chunk]:
        """Yield the chunks in their order in the dataset, while threads make the next ones."""
        waiting: deque[tuple[int, Future[list[_Chunk]]]] = deque()
        in_flight = 0
        for nbytes, future in self._submitted(encoding, source):
            waiting.append((nbytes, future))
            in_flight += nbytes
            while waiting and (in_flight > self._most_in_flight or waiting[0][1].done()):
                nbytes_done, oldest = waiting.popleft()
                yield from oldest.result()
                in_flight -= nbytes_done
        while waiting:
            yield from waiting.popleft()[1].result()

    def _submitted(self, encoding: ChunkEncoding, source: BlockSource) -> Iterator[tuple[int, Future[list[_Chunk]]]]:
        """Submit tasks, each with the number of bytes that it works on."""
        task_shape = grown(encoding.chunks, source.shape, _TASK_BYTES // source.dtype.itemsize)
        if source.parallel:
            for region in blocks(source.shape, task_shape):
                task = self._pool.submit(_read_and_encode, encoding, source, region)
                yield region_size(region) * source.dtype.itemsize, task
            return
        for outer in blocks(source.shape, source.block_shape(encoding.chunks)):
            block = read_checked(source, outer)
            for inner in blocks(block.shape, task_shape):
                origin = tuple(a.start + b.start for a, b in zip(outer, inner, strict=True))
                values = block[inner]
                yield values.nbytes, self._pool.submit(_encode, encoding, values, origin)


def _read_and_encode(encoding: ChunkEncoding, source: BlockSource, region: Region) -> list[_Chunk]:
    return _encode(encoding, read_checked(source, region), tuple(axis.start for axis in region))


def _encode(encoding: ChunkEncoding, block: NDArray[Any], origin: Shape) -> list[_Chunk]:
    """Encode every chunk of a block that begins at `origin`."""
    chunks = []
    for part in blocks(block.shape, encoding.chunks):
        values = block[part]
        offset = tuple(start + axis.start for start, axis in zip(origin, part, strict=True))
        chunks.append(_Chunk(offset, values.nbytes, encoding.encode(values)))
    return chunks


def _fill_with_hdf5(dataset: h5py.Dataset, source: BlockSource) -> Iterator[int]:
    """Let HDF5 convert, filter and write, block by block."""
    shape = source.block_shape(dataset.chunks or (1,) * dataset.ndim)
    for region in blocks(source.shape, shape):
        values = read_checked(source, region)
        dataset[region] = values
        yield values.nbytes


def read_checked(source: BlockSource, region: Region) -> NDArray[Any]:
    """Read a region in the shape and the type that the source declares.

    Raises
    ------
    ValueError
        If the source returns fewer or more values than requested, as one whose file ends early, or values that its
        type cannot hold.
    """
    values = source.read(region)
    wanted = region_shape(region)
    if values.shape != wanted:
        message = (
            f"The data have shape {source.shape}, but return shape {values.shape} for [{describe_region(region)}], "
            f"expected {wanted}: their file may be cut off."
        )
        raise ValueError(message)
    if values.dtype == source.dtype:
        return values
    with np.errstate(all="ignore"):
        converted = values.astype(source.dtype)
    # Narrower floating-point numbers are rounded, as HDF5 does; whole numbers and records must not change.
    if source.dtype.kind not in "fc" and not np.array_equal(converted, values):
        message = (
            f"The data are declared as {source.dtype}, but return values of {values.dtype} for "
            f"[{describe_region(region)}] that {source.dtype} cannot represent."
        )
        raise ValueError(message)
    return converted
