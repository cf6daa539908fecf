"""Fill HDF5 datasets in parallel: threads read and compress chunks, one thread puts them into the file.

HDF5 compresses inside its global lock, one chunk after the other, with zlib. Here a chunk's bytes are made
outside of it, exactly as the dataset's filters would make them (byte shuffle, then a zlib stream, each only if
the dataset asks for it), and put into the file as they are. What stands in the file is plain gzip to every
HDF5 reader.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeAlias

import h5py
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

Selection: TypeAlias = tuple[slice, ...]
Shape: TypeAlias = tuple[int, ...]

# zlib levels up to HDF5's default of 4 are served by ISA-L, ten times faster: its level 2 makes bytes as few as
# zlib's level 4 does. Whoever asks for a higher level wants small files more than speed, and gets zlib itself.
_HIGHEST_LEVEL_OF_ISAL = 4
_ISAL_LEVEL = 2
# ISA-L codes long stretches with one table. Where the planes of a shuffled chunk are shorter than this, a table for
# each makes the bytes 1 to 8 % fewer, and as few as zlib's.
_PLANE_TO_COMPRESS_ALONE = 2**18

# A task smaller than this costs more to hand to a thread than to do.
_TASK_BYTES = 2**20
# Uncompressed bytes that may wait or be worked on for each thread: this bounds the memory, whatever the size of the
# data.
_BYTES_IN_FLIGHT = 12 * 2**20
# A little below the most that glibc keeps.
_LARGEST_BLOCK_KEPT = 30 * 2**20
# Beyond this many, the one thread that writes to the file cannot keep up.
_MOST_THREADS = 8


class BlockSource(Protocol):
    """Data that is read block by block.

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

    def read(self, selection: Selection) -> NDArray[Any]:
        """Read the block that one slice per axis selects."""

    def block_shape(self, chunks: Shape) -> Shape:
        """Give the shape in which one thread reads, in multiples of `chunks`."""


class Progress(Protocol):
    """What is told how far a write has come; called in the thread that writes."""

    def __call__(self, bytes_done: int, bytes_total: int, dataset: str, /) -> object:
        """Take note.

        Parameters
        ----------
        bytes_done, bytes_total : int
            Uncompressed bytes of all the large datasets of the file: written until now, and in all.
        dataset : str
            Path in the file of the dataset that is being written.
        """


def available_threads() -> int:
    """Count the threads that a write uses unless told otherwise: one a processor that this process may use."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        processors = os.cpu_count() or 1
    return min(processors, _MOST_THREADS)


@dataclass(frozen=True)
class ChunkEncoding:
    """How the chunks of one dataset become bytes.

    Attributes
    ----------
    dtype : numpy.dtype
        Type of the values in the file.
    chunks : tuple of int
        Shape of a chunk.
    shuffle : bool
        Whether the bytes are shuffled: all first bytes of the values, then all second bytes, ….
    level : int or None
        Level of the deflate filter; None without this filter.
    """

    dtype: np.dtype[Any]
    chunks: Shape
    shuffle: bool
    level: int | None

    @classmethod
    def of(cls, dataset: h5py.Dataset, source_dtype: np.dtype[Any]) -> ChunkEncoding | None:
        """Read the encoding off a dataset.

        Parameters
        ----------
        dataset : h5py.Dataset
            An allocated dataset.
        source_dtype : numpy.dtype
            Type of the values that shall be written.

        Returns
        -------
        ChunkEncoding or None
            None where the dataset asks for something that is left to HDF5: no chunks, other filters, or a
            conversion of the values that could lose some.
        """
        plan = dataset.id.get_create_plist()
        filters = [plan.get_filter(index) for index in range(plan.get_nfilters())]
        codes = tuple(code for code, *_ in filters)
        known = codes in {
            (),
            (h5py.h5z.FILTER_DEFLATE,),
            (h5py.h5z.FILTER_SHUFFLE,),
            (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE),
        }
        if dataset.chunks is None or not known or not _is_plain(dataset.dtype):
            return None
        # numpy pairs the fields of records by position, HDF5 by name.
        if source_dtype.names != dataset.dtype.names or not np.can_cast(source_dtype, dataset.dtype, "safe"):
            return None
        deflate = [values for code, _, values, _ in filters if code == h5py.h5z.FILTER_DEFLATE]
        return cls(
            dtype=dataset.dtype,
            chunks=dataset.chunks,
            shuffle=h5py.h5z.FILTER_SHUFFLE in codes,
            level=deflate[0][0] if deflate else None,
        )

    def encode(self, values: NDArray[Any]) -> bytes | NDArray[np.uint8]:
        """Make the bytes of one chunk.

        Parameters
        ----------
        values : array
            The values of the chunk; smaller than a chunk at the edges of the dataset. A chunk is whole on disk,
            so the rest is zero.
        """
        whole = _scratch("whole", self.chunks, self.dtype)
        if values.shape != self.chunks:
            whole[...] = np.zeros((), dtype=self.dtype)
        whole[tuple(slice(length) for length in values.shape)] = values
        planes = whole.reshape(1, -1).view(np.uint8)
        if self.shuffle:
            planes = _scratch("shuffled", (self.dtype.itemsize, whole.size), np.dtype(np.uint8))
            planes[...] = whole.reshape(-1, 1).view(np.uint8).T
        if self.level is None:
            raw: NDArray[np.uint8] = planes.reshape(-1).copy()
            return raw
        return _deflated(planes, self.level)


def _deflated(planes: NDArray[np.uint8], level: int) -> bytes:
    """Make one zlib stream of all bytes, which differ in kind from one plane to the next."""
    if not 0 < level <= _HIGHEST_LEVEL_OF_ISAL:
        return zlib.compress(planes.data, level)
    if planes.shape[1] >= _PLANE_TO_COMPRESS_ALONE:
        compressed: bytes = isal_zlib.compress(planes.reshape(-1), _ISAL_LEVEL)
        return compressed
    stream = isal_zlib.compressobj(_ISAL_LEVEL)
    parts = []
    for plane in planes[:-1]:
        parts += [stream.compress(plane), stream.flush(isal_zlib.Z_FULL_FLUSH)]
    return b"".join([*parts, stream.compress(planes[-1]), stream.flush()])


def _keep_freed_memory() -> None:
    """Have the C library keep the memory of one chunk for the next.

    glibc gives large blocks back to the system when they are freed, and claiming them anew for each chunk takes a
    fifth of the time to write. It stops doing so for sizes up to the largest block that it has given back, at most
    32 MB. Elsewhere this does nothing.
    """
    np.empty(_LARGEST_BLOCK_KEPT, dtype=np.uint8)


# Fresh memory for every chunk would be claimed from the system anew each time, which stalls the other threads.
_memory_of_thread = threading.local()


def _scratch(use: str, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Give an array of this thread, which holds anything, and is the same for the same use."""
    array: NDArray[Any] | None = getattr(_memory_of_thread, use, None)
    if array is None or array.shape != shape or array.dtype != dtype:
        array = np.zeros(shape, dtype=dtype)
        setattr(_memory_of_thread, use, array)
    return array


def _is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether the bytes of the values in memory are those in the file: numbers, booleans, records of them."""
    if dtype.names is not None:
        return all(_is_plain(dtype[name]) for name in dtype.names)
    return dtype.kind in "biufc" and dtype.subdtype is None


class _Chunk(NamedTuple):
    """A chunk on its way: where it belongs, and how many bytes of values it holds."""

    offset: Shape
    nbytes: int
    encoded: bytes | NDArray[np.uint8]


class ChunkWriter(AbstractContextManager["ChunkWriter"]):
    """Threads that fill the datasets of one file, one dataset after the other.

    Parameters
    ----------
    threads : int
        How many threads read and compress. The calling thread puts their chunks into the file.

    Notes
    -----
    A context manager: leaving it stops the threads, at an exception after the chunks that they are at.
    """

    def __init__(self, threads: int) -> None:
        _keep_freed_memory()
        self._most_in_flight = threads * _BYTES_IN_FLIGHT
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="chunk-writer")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def fill(self, dataset: h5py.Dataset, source: BlockSource) -> Iterator[int]:
        """Write all values of a source to a dataset of its shape.

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
            Whatever reading the source raises, in whichever thread.
        """
        if dataset.shape != source.shape:
            message = f"{dataset.name} has shape {dataset.shape}, but its data have shape {source.shape}."
            raise ValueError(message)
        encoding = ChunkEncoding.of(dataset, source.dtype)
        if encoding is None:
            yield from _fill_with_hdf5(dataset, source)
            return
        for chunk in self._encoded(encoding, source):
            dataset.id.write_direct_chunk(chunk.offset, chunk.encoded)
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
        """Hand out tasks, each with the number of bytes that it works on."""
        task_shape = grown(encoding.chunks, source.shape, _TASK_BYTES // source.dtype.itemsize)
        if source.parallel:
            for selection in blocks(source.shape, task_shape):
                task = self._pool.submit(_read_and_encode, encoding, source, selection)
                yield _size(selection) * source.dtype.itemsize, task
            return
        for place in blocks(source.shape, source.block_shape(encoding.chunks)):
            block = read_checked(source, place)
            for part in blocks(block.shape, task_shape):
                origin = tuple(outer.start + inner.start for outer, inner in zip(place, part, strict=True))
                values = block[part]
                yield values.nbytes, self._pool.submit(_encode, encoding, values, origin)


def _read_and_encode(encoding: ChunkEncoding, source: BlockSource, selection: Selection) -> list[_Chunk]:
    return _encode(encoding, read_checked(source, selection), tuple(axis.start for axis in selection))


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
    for selection in blocks(source.shape, shape):
        values = read_checked(source, selection)
        dataset[selection] = values
        yield values.nbytes


def read_checked(source: BlockSource, selection: Selection) -> NDArray[Any]:
    """Read a block of the shape and the type that the source declares.

    Raises
    ------
    ValueError
        If the source gives fewer or more values than it was asked for, as one whose file ends early, or values that
        its type cannot hold.
    """
    values = source.read(selection)
    wanted = tuple(axis.stop - axis.start for axis in selection)
    place = ", ".join(f"{axis.start}:{axis.stop}" for axis in selection)
    if values.shape != wanted:
        message = (
            f"The data have shape {source.shape}, but give shape {values.shape} for [{place}], where {wanted} was "
            "expected: the file behind them may be cut off."
        )
        raise ValueError(message)
    if values.dtype == source.dtype:
        return values
    with np.errstate(all="ignore"):
        converted = values.astype(source.dtype)
    # Narrower numbers with a fraction are rounded, as HDF5 does; whole numbers and records must not change.
    if source.dtype.kind not in "fc" and not np.array_equal(converted, values):
        message = (
            f"The data are declared as {source.dtype}, but give {values.dtype} for [{place}], which it cannot hold."
        )
        raise ValueError(message)
    return converted


def blocks(shape: Iterable[int], block_shape: Shape) -> Iterator[Selection]:
    """Cut an array into blocks, in C order; those at the edges are smaller."""
    axes = [
        [slice(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(shape, block_shape, strict=True)
    ]
    return itertools.product(*axes)


def grown(unit: Shape, shape: Shape, size: int) -> Shape:
    """Multiply a shape, its last axis first, up to `size` values or the whole array."""
    block = list(unit)
    for axis in reversed(range(len(block))):
        room = size // max(1, math.prod(block))
        needed = -(-shape[axis] // unit[axis])
        block[axis] = unit[axis] * max(1, min(room, needed))
        if room < needed:
            break
    return tuple(block)


def shrunk(block_shape: Shape, unit: Shape, size: int, *, axes: Iterable[int]) -> Shape:
    """Divide a shape along `axes`, in this order, down to `size` values or one unit of each axis."""
    block = list(block_shape)
    for axis in axes:
        excess = -(-math.prod(block) // max(1, size))
        if excess <= 1:
            break
        units = -(-block[axis] // unit[axis])
        block[axis] = unit[axis] * max(1, units // excess)
    return tuple(block)


def _size(selection: Selection) -> int:
    return math.prod(axis.stop - axis.start for axis in selection)
