"""Write in-memory NWB files with NeuroConv's backend configurations, completely or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neuroconv import NWBConverter
from neuroconv.tools.nwb_helpers import BackendConfiguration, configure_backend, get_default_backend_configuration
from pynwb import NWBFile

from caiman_interface._compat.hdmf import change_source
from caiman_interface._compat.neuroconv import WriteStep

from .backends import Backend
from .chunk_writer import Progress
from .configuration import configure_for_hdf5
from .datasets import data_restored
from .hdf5_io import ParallelNWBHDF5IO
from .partial_files import ReplacePolicy
from .zarr_io import AtomicNWBZarrIO

__all__ = ["FastNWBConverter", "FastWriteMixin", "Progress", "write_nwbfile"]


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
    """Write an in-memory NWB file, which may contain data of any interface.

    Large datasets that are stored with gzip or uncompressed are read and compressed by several threads, with memory
    that does not grow with the data. All else is written by pynwb, and so is the whole file if `backend` is Zarr or
    `nwbfile` was read from another file. The result is standard HDF5.

    Parameters
    ----------
    nwbfile : NWBFile
        The file in memory. It is left as it was: data that are arrays or iterators over arrays can be written again.
        Iterators that are not hdmf's `GenericDataChunkIterator` are consumed.
    path : str or Path
        Path of the file. Until the file is complete, it has another name in the same folder.
    backend : {"hdf5", "zarr"}, optional
        The format; by default that of `backend_configuration`, or HDF5.
    backend_configuration : HDF5BackendConfiguration or ZarrBackendConfiguration, optional
        Chunks and filters of each dataset. By default those of NeuroConv, with bytes shuffled before gzip, which makes
        them smaller and faster to write and read.
    overwrite : bool, default: False
        Whether to replace what is at `path`, once the new file is complete.
    threads : int, optional
        Number of threads that read and compress; by default the environment variable ``CAIMAN_INTERFACE_THREADS``, or
        one per processor, at most 8.
    progress : callable, optional
        Called as ``progress(bytes_done, bytes_total, dataset)`` after each part of the large datasets.

    Raises
    ------
    FileExistsError
        If there is something at `path`, or appears there during the write, and `overwrite` is not set.
    FileNotFoundError
        If the folder of `path` does not exist.
    IsADirectoryError
        If `path` is a folder, but not a Zarr store.
    PermissionError
        If the file at `path` is read-only, or its folder does not allow new files.
    DiskError
        If the disk is full, the quota used up, or the file system read-only.
    ValueError
        If `backend` contradicts `backend_configuration`, `threads` is less than 1, or data give other values than
        their shape and type say.
    Exception
        Any error from reading the data, in any thread. No file is left then, and what `overwrite` would have
        replaced is unchanged.
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
    replace: ReplacePolicy = "always" if overwrite else "never"
    with data_restored(nwbfile):
        try:
            if backend == "zarr":
                _write_zarr(nwbfile, path, backend_configuration, replace)
            else:
                _write_hdf5(nwbfile, path, backend_configuration, replace=replace, threads=threads, progress=progress)
        finally:
            change_source(nwbfile, str(Path(path).resolve()), None)


def _write_hdf5(
    nwbfile: NWBFile,
    path: str | Path,
    configuration: BackendConfiguration | None,
    **options: Any,
) -> None:
    with ParallelNWBHDF5IO(path, "w", **options) as io:
        if nwbfile.read_io is None:
            configure_for_hdf5(nwbfile, configuration)
            io.write(nwbfile)
        else:
            _export(nwbfile, io, "hdf5", configuration)


def _write_zarr(
    nwbfile: NWBFile, path: str | Path, configuration: BackendConfiguration | None, replace: ReplacePolicy
) -> None:
    with AtomicNWBZarrIO(path, mode="w", replace=replace) as io:
        if nwbfile.read_io is None:
            configure_backend(nwbfile, configuration or get_default_backend_configuration(nwbfile, "zarr"))
            io.write(nwbfile)
        else:
            _export(nwbfile, io, "zarr", configuration)


def _export(nwbfile: NWBFile, io: Any, backend: Backend, configuration: BackendConfiguration | None) -> None:
    """Write a file that was read from another one, as NeuroConv does."""
    configure_backend(nwbfile, configuration or get_default_backend_configuration(nwbfile, backend))
    nwbfile.set_modified()
    io.export(nwbfile=nwbfile, src_io=nwbfile.read_io, write_args={"link_data": False})


class FastWriteMixin(WriteStep):
    """Have `run_conversion` of a NeuroConv interface or converter write its file with `write_nwbfile`.

    Must precede NeuroConv's class among the bases. Appending to a file on disk is left to NeuroConv.

    Attributes
    ----------
    progress : callable or None
        Passed to `write_nwbfile`.
    """

    progress: Progress | None = None

    def write(self, nwbfile: NWBFile, path: str | Path, *, overwrite: bool, **backend: Any) -> None:
        """Write the file that a conversion made."""
        write_nwbfile(nwbfile, path, overwrite=overwrite, progress=self.progress, **backend)


class FastNWBConverter(FastWriteMixin, NWBConverter):  # type: ignore[misc]  # NeuroConv is untyped
    """NeuroConv's `NWBConverter`, writing its files with `write_nwbfile`.

    Examples
    --------
    >>> from caiman_interface import CaimanSegmentationInterface, FastNWBConverter
    >>> class LabConverter(FastNWBConverter):
    ...     data_interface_classes = {"Segmentation": CaimanSegmentationInterface}
    """
