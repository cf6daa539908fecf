"""Write in-memory NWB files: whole or not at all, fast, and with the content that NeuroConv's own write gives."""

from __future__ import annotations

import math
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import h5py
from neuroconv import NWBConverter
from neuroconv.tools.nwb_helpers import (
    BackendConfiguration,
    configure_backend,
    get_default_backend_configuration,
)
from pynwb import NWBHDF5IO, NWBFile

from caiman_interface._compat.hdmf import forget_source, hdf5_io
from caiman_interface._compat.neuroconv import WriteStep, new_file_io

from .chunk_writer import ChunkWriter, Progress, available_threads
from .deferral import allocated, data_restored, defer, hide_data, wrapped_places

__all__ = ["FastNWBConverter", "FastWriteMixin", "Progress", "write_nwbfile"]

Backend = Literal["hdf5", "zarr"]

# One of these stands in every Zarr store, of either format.
_ZARR_MARKS = (".zgroup", ".zattrs", ".zmetadata", "zarr.json")

# In bytes, of one file, on the usual file systems.
_LONGEST_NAME = 255

# As hdmf opens its files: the chunks that HDF5 itself filters need a cache that holds them.
_CHUNK_CACHE_BYTES = 32 * 2**20


def write_nwbfile(
    nwbfile: NWBFile,
    path: str | Path,
    *,
    backend: Backend | None = None,
    backend_configuration: BackendConfiguration | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write an in-memory NWB file, whichever interfaces made its content.

    Large datasets that are stored with gzip or uncompressed are read and compressed by several threads, with memory
    that does not grow with the data. All else is written by pynwb, and so is the whole file where `backend` is Zarr
    or `nwbfile` was read from another file. The bytes on disk are standard HDF5.

    Parameters
    ----------
    nwbfile : NWBFile
        The file in memory. It is left as it was: data that are arrays or iterators over arrays can be written again.
        Iterators that are not hdmf's `GenericDataChunkIterator` are used up.
    path : str or Path
        Where to write. Until the file is complete, it grows under another name in the same folder.
    backend : {"hdf5", "zarr"}, optional
        The format; by default that of `backend_configuration`, or HDF5.
    backend_configuration : HDF5BackendConfiguration or ZarrBackendConfiguration, optional
        Chunks and filters of each dataset, honoured as they are given. By default those of NeuroConv, with bytes
        shuffled before gzip, which makes them smaller and faster to write and read.
    overwrite : bool, default: False
        Whether to replace what stands at `path`. It is replaced when the new file is complete, and not before.
    threads : int, optional
        How many threads read and compress; by default one a processor, at most 8.
    progress : callable, optional
        Called as ``progress(bytes_done, bytes_total, dataset)`` after each part of the large datasets.

    Raises
    ------
    FileExistsError
        If there is something at `path` and `overwrite` is not set.
    FileNotFoundError
        If the folder of `path` does not exist.
    IsADirectoryError
        If `path` is a folder, but no Zarr store.
    ValueError
        If `backend` contradicts `backend_configuration`, `threads` is less than 1, or data give other values than
        their shape and type say.
    Exception
        Whatever reading the data raises, in whichever thread. No file is left then, and what `overwrite` would
        have replaced stands as it was.
    """
    if backend is not None and backend_configuration is not None and backend != backend_configuration.backend:
        message = (
            f"backend is {backend!r}, but backend_configuration is for {backend_configuration.backend!r}: give one."
        )
        raise ValueError(message)
    if threads is not None and threads < 1:
        message = f"threads is {threads}, but at least one thread must write."
        raise ValueError(message)
    if backend_configuration is not None:
        backend = backend_configuration.backend
    with _replacing(Path(path), overwrite=overwrite) as partial, data_restored(nwbfile):
        if backend == "zarr" or nwbfile.read_io is not None:
            _write_with_pynwb(nwbfile, partial, backend or "hdf5", backend_configuration)
        else:
            _write_in_parallel(nwbfile, partial, backend_configuration, threads or available_threads(), progress)


def _write_in_parallel(
    nwbfile: NWBFile,
    path: Path,
    configuration: BackendConfiguration | None,
    threads: int,
    progress: Progress | None,
) -> None:
    """Let hdmf lay out the file with stand-ins for the large data, then write these."""
    settled = wrapped_places(nwbfile) if configuration is None else None
    hidden = hide_data(nwbfile)
    configure_backend(nwbfile, configuration or get_default_backend_configuration(nwbfile, "hdf5"))
    deferred = defer(nwbfile, hidden, settled=settled)
    with _new_hdf5_file(path) as (file, io):
        io.write(nwbfile)
        pairs = allocated(deferred, nwbfile, io, file)
        bytes_total = sum(math.prod(source.shape) * source.dtype.itemsize for _, source in pairs)
        bytes_done = 0
        with ChunkWriter(threads) as writer:
            for dataset, source in pairs:
                for nbytes in writer.fill(dataset, source):
                    bytes_done += nbytes
                    if progress is not None:
                        progress(bytes_done, bytes_total, dataset.name)


def _write_with_pynwb(
    nwbfile: NWBFile, path: Path, backend: Backend, configuration: BackendConfiguration | None
) -> None:
    """Write as NeuroConv does."""
    configure_backend(nwbfile, configuration or get_default_backend_configuration(nwbfile, backend))
    try:
        with new_file_io(path, backend) as io:
            if nwbfile.read_io is None:
                io.write(nwbfile)
            else:
                nwbfile.set_modified()
                io.export(nwbfile=nwbfile, src_io=nwbfile.read_io, write_args={"link_data": False})
    finally:
        forget_source(nwbfile, str(path))


@contextmanager
def _new_hdf5_file(path: Path) -> Iterator[tuple[h5py.File, NWBHDF5IO]]:
    """Open a new file. pynwb would warn of its name, and note it in the objects, had it opened the file itself."""
    with h5py.File(path, "w", rdcc_nbytes=_CHUNK_CACHE_BYTES) as file, hdf5_io(file) as io:
        yield file, io


@contextmanager
def _replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give another name in the same folder, and rename what was written there if all went well.

    Yields
    ------
    Path
        A hidden name that no other write uses. What stands there is removed if anything goes wrong.
    """
    path = path.resolve()  # what a link points to is written, and not the link
    if path.is_dir() and not _is_zarr_store(path):
        message = f"{path} is a folder, and no Zarr store that could be replaced. Give the path of a file in it."
        raise IsADirectoryError(message)
    if path.exists() and not overwrite:
        message = f"{path} exists. Set overwrite=True to replace it, or give another path."
        raise FileExistsError(message)
    if not path.parent.is_dir():
        message = f"{path} cannot be written: the folder {path.parent} does not exist. Create it, or give another path."
        raise FileNotFoundError(message)
    token = secrets.token_hex(4)
    partial = _hidden(path, f"{token}.partial")
    try:
        yield partial
        if path.is_file() and partial.is_file():
            shutil.copymode(path, partial)
        if path.is_dir() or (path.exists() and partial.is_dir()):  # no rename replaces a folder, or by a folder
            _swap(path, partial, _hidden(path, f"{token}.replaced"))
        else:
            partial.replace(path)
    finally:
        _remove(partial)


def _hidden(path: Path, ending: str) -> Path:
    """Give a hidden name in the same folder, which tells what it belongs to unless that would make it too long."""
    name = f".{path.name}.{ending}"
    return path.with_name(name if len(os.fsencode(name)) <= _LONGEST_NAME else f".{ending}")


def _swap(path: Path, partial: Path, aside: Path) -> None:
    """Replace what stands at `path`, putting it aside for the moment between."""
    path.rename(aside)
    try:
        partial.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    _remove(aside)


def _is_zarr_store(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _ZARR_MARKS)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class FastWriteMixin(WriteStep):
    """Have `run_conversion` of a NeuroConv interface or converter write its file with `write_nwbfile`.

    To stand before NeuroConv's class among the bases. Appending to a file on disk is left to NeuroConv.

    Attributes
    ----------
    progress : callable or None
        Handed to `write_nwbfile`.
    """

    progress: Progress | None = None

    def write(self, nwbfile: NWBFile, path: str | Path, **backend: Any) -> None:
        """Write the file that a conversion made; `run_conversion` checked that `path` may be written."""
        write_nwbfile(nwbfile, path, overwrite=True, progress=self.progress, **backend)


class FastNWBConverter(FastWriteMixin, NWBConverter):  # type: ignore[misc]  # NeuroConv is untyped
    """NeuroConv's `NWBConverter`, writing its files with `write_nwbfile`.

    Examples
    --------
    >>> from caiman_interface import CaimanSegmentationInterface, FastNWBConverter
    >>> class LabConverter(FastNWBConverter):
    ...     data_interface_classes = {"Segmentation": CaimanSegmentationInterface}
    """
