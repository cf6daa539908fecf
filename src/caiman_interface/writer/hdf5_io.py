"""`ParallelNWBHDF5IO`: pynwb's `NWBHDF5IO`, parallel and atomic."""

from __future__ import annotations

import math
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
from pynwb import NWBHDF5IO, NWBFile

from caiman_interface._compat.hdmf import change_source, name_of_new_file_accepted

from .appending import appends_in_place, first_bytes, name_lent_to_copy
from .chunk_writer import ChunkWriter, Progress, available_threads
from .datasets import data_restored
from .deferral import Allocated, allocated, defer
from .errors import disk_errors_explained
from .marks import is_marked_for_fast_write, run_checks
from .partial_files import PartialFile, ReplacePolicy

# As hdmf opens its files: the chunks that HDF5 itself filters need a cache that holds them.
_CHUNK_CACHE_BYTES = 32 * 2**20
_APPENDING = {"r+", "a"}


class ParallelNWBHDF5IO(NWBHDF5IO):  # type: ignore[misc]  # pynwb is untyped
    """A drop-in for pynwb's `NWBHDF5IO` that writes new files in parallel, and completely or not at all.

    In mode "w", data are written to a hidden file in the folder of the target. Large datasets that are stored with gzip
    or uncompressed in chunks are read and compressed by several threads; memory does not grow with the data. When the
    file is closed after a complete write, it is flushed to the disk, checked, and renamed to `path`. An error, or
    leaving the context without a write, removes it and does not change an existing file at `path`. The settings of each
    `H5DataIO` are used; the result is plain HDF5. Other modes, and `export`, write as pynwb does.

    Parameters
    ----------
    path : str or Path, optional
        Path of the file.
    mode : str, default: "r"
        As in pynwb.
    *arguments
        Further positional arguments of pynwb's class.
    threads : int, optional
        Number of threads that read and compress; by default the environment variable ``CAIMAN_INTERFACE_THREADS``, or
        one per processor, at most 8.
    progress : callable, optional
        Called as ``progress(bytes_done, bytes_total, dataset)`` after each part of the large datasets.
    replace : {"always", "known", "never"}, default: "always"
        Whether a file at `path` is replaced in mode "w": as in pynwb; only if it was there when this object was
        created; or never.
    **options
        Further arguments of pynwb's class.

    Raises
    ------
    FileExistsError
        If there is a file at `path` that `replace` protects.
    PermissionError
        If the file at `path` is read-only.
    DiskError
        If the disk is full, the quota used up, or the file system read-only.

    Examples
    --------
    >>> with ParallelNWBHDF5IO("session.nwb", "w") as io:  # doctest: +SKIP
    ...     io.write(nwbfile)
    """

    _shuffles_by_default = False

    def __init__(
        self,
        path: str | Path | None = None,
        mode: str = "r",
        *arguments: Any,
        threads: int | None = None,
        progress: Progress | None = None,
        replace: ReplacePolicy = "always",
        **options: Any,
    ) -> None:
        self._partial: PartialFile | None = None
        self._is_written = False
        self._source_of: list[NWBFile] = []
        self._filled: list[tuple[str, int]] = []
        self._threads = threads
        self._progress = progress
        # A file object, or a driver such as that of MPI, is pynwb's to handle.
        if mode != "w" or path is None or {"file", "driver", "comm"} & options.keys():
            super().__init__(path, mode, *arguments, **options)
            return
        self._partial = PartialFile(Path(path), replace=replace)
        try:
            # The lock of the partial file is held already, and HDF5's own would collide with it.
            file = h5py.File(self._partial.path, "w", rdcc_nbytes=_CHUNK_CACHE_BYTES, locking=False)
            with name_of_new_file_accepted():
                super().__init__(str(self._partial.path), mode, *arguments, file=file, **options)
        except BaseException:
            self._partial.discard()
            raise

    def write(self, container: NWBFile, **options: Any) -> None:
        """Write an in-memory NWB file.

        Parameters
        ----------
        container : pynwb.NWBFile
            The file. It is left as it was: data that are arrays or iterators over arrays can be written again.
        **options
            As in pynwb.
        """
        if self._partial is None:
            super().write(container, **options)
            run_checks(container)
            return
        is_first = not self._is_written
        self._is_written = False
        self._source_of.append(container)
        change_source(container, str(self._partial.target), str(self._partial.path))
        if is_first and self.writes_in_parallel(container):
            self._write_in_parallel(container, options)
        else:
            with disk_errors_explained(self._partial.target):
                super().write(container, **options)
        run_checks(container)
        self._is_written = True

    def writes_in_parallel(self, container: NWBFile) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether the large datasets of this file are written in parallel."""
        return True

    def export(self, *arguments: Any, **options: Any) -> None:
        """Export a file that was read from another one, as pynwb does."""
        super().export(*arguments, **options)
        self._is_written = True

    def close(self, close_links: bool = True) -> None:
        """Close the file; if it was written completely, give it its name.

        Raises
        ------
        FileExistsError
            If a file that must not be replaced appeared at the target in the meantime.
        """
        partial, self._partial = self._partial, None
        if partial is None:
            super().close(close_links)
        elif self._is_written:
            self._commit(partial, close_links=close_links)
        else:
            self._discard(partial, close_links=close_links)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._is_written = False
        self.close()

    def _write_in_parallel(self, container: NWBFile, options: dict[str, Any]) -> None:
        """Let hdmf lay out the file with stand-ins for the large data, then write these."""
        partial, threads = self._partial, self._threads or available_threads()
        assert partial is not None  # noqa: S101 - for mypy
        nbytes = 0
        with ExitStack() as stack:
            stack.enter_context(data_restored(container))
            deferred = defer(container, shuffle_by_default=self._shuffles_by_default)
            nbytes = sum(item.nbytes for item in deferred)
            stack.enter_context(disk_errors_explained(partial.target, nbytes=nbytes))
            super().write(container, **options)
            self._fill(allocated(deferred, container, self), threads)

    def _fill(self, pairs: list[Allocated], threads: int) -> None:
        bytes_total = sum(math.prod(source.shape) * source.dtype.itemsize for _, source in pairs)
        bytes_done = 0
        with ChunkWriter(threads) as writer:
            for dataset, source in pairs:
                for nbytes in writer.fill(dataset, source):
                    bytes_done += nbytes
                    if self._progress is not None:
                        self._progress(bytes_done, bytes_total, dataset.name)
                self._filled.append((dataset.name, _expected_chunks(dataset)))

    def _commit(self, partial: PartialFile, *, close_links: bool) -> None:
        try:
            with disk_errors_explained(partial.target):
                super().close(close_links)
                self._check(partial.path)
                partial.commit()
        except BaseException:
            self._discard(partial, close_links=close_links)
            raise
        for container in self._source_of:
            change_source(container, str(partial.path), str(partial.target))

    def _check(self, path: Path) -> None:
        """Open the written file once, and raise unless all that was written in parallel is there."""
        with h5py.File(path, "r", locking=False) as file:
            for name, chunks in self._filled:
                found = file[name].id.get_num_chunks() if chunks else 0
                if found != chunks:
                    message = f"{name} has {found} of {chunks} chunks after the write. Write the file again."
                    raise OSError(message)

    def _discard(self, partial: PartialFile, *, close_links: bool) -> None:
        partial.empty()  # HDF5 cannot close a file that it cannot flush
        with suppress(Exception):
            super().close(close_links)
        partial.discard()
        for container in self._source_of:
            change_source(container, str(partial.path), None)


class MarkedNWBHDF5IO(ParallelNWBHDF5IO):
    """The class that NeuroConv uses: parallel for marked files, and pynwb's own code for all others.

    A new file never replaces one that appeared since the write began: NeuroConv has checked `overwrite` before.
    When a marked file on disk is appended to, its name belongs to a copy of the old file until the new one is complete,
    unless the environment variable ``CAIMAN_INTERFACE_APPEND_IN_PLACE`` is set.

    NeuroConv's default settings ask for gzip and say nothing more; bytes are shuffled before it, which makes traces
    smaller and faster to read. Settings that choose a level or a shuffle are honoured as they are.
    """

    _shuffles_by_default = True

    def __init__(self, path: str | Path | None = None, mode: str = "r", *arguments: Any, **options: Any) -> None:
        self._head = first_bytes(Path(path)) if path is not None and mode in _APPENDING else b""
        super().__init__(path, mode, *arguments, **{"replace": "known", **options})

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        """Count every `NWBHDF5IO` as an instance: NeuroConv finds the backend of a file that was read by its class."""
        return True if cls is MarkedNWBHDF5IO and NWBHDF5IO in other.__mro__ else NotImplemented

    def writes_in_parallel(self, container: NWBFile) -> bool:
        """Return whether the file is marked."""
        return is_marked_for_fast_write(container)

    def write(self, container: NWBFile, **options: Any) -> None:
        """Write or append, see the class."""
        if self.mode not in _APPENDING or not is_marked_for_fast_write(container) or appends_in_place():
            super().write(container, **options)
            return
        target = Path(self.source)
        with disk_errors_explained(target), name_lent_to_copy(target, self._head):
            super().write(container, **options)
            self.close()


def _expected_chunks(dataset: h5py.Dataset) -> int:
    if dataset.chunks is None:
        return 0
    return math.prod(-(-length // step) for length, step in zip(dataset.shape, dataset.chunks, strict=True))
