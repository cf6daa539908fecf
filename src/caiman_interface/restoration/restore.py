"""`restore`: write CaImAn's result file from an NWB file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from caiman_interface.nwb.nwb_results import NwbResults

from .atomic import new_file
from .dialect import DialectWriter
from .fields import FieldWriter
from .report import RestoreReport

_SUFFIXES = (".hdf5", ".h5")


def restore(
    nwb_path: str | Path,
    hdf5_path: str | Path,
    *,
    metadata_key: str | None = None,
    movie: str | Path | None = None,
    overwrite: bool = False,
) -> RestoreReport:
    """Write the CaImAn file from which an analysis in an NWB file was converted.

    CaImAn's ``load_CNMF`` opens the result. It is written to a temporary name in the same folder and renamed when it is
    complete; traces are copied block by block.

    Parameters
    ----------
    nwb_path : str or Path
        An NWB file (HDF5 or Zarr) that this package wrote.
    hdf5_path : str or Path
        The new file; its name ends in ``.hdf5`` or ``.h5``, as CaImAn requires.
    metadata_key : str, optional
        Key of the analysis; required if the NWB file contains several.
    movie : str or Path, optional
        Where the movie is now. NWB files have its name without the directory. A ``.mmap`` file becomes CaImAn's
        ``mmap_file``, any other its ``fnames``.
    overwrite : bool, default: False
        Whether to replace an existing file.

    Returns
    -------
    RestoreReport
        What was restored exactly, and what was not and why.

    Raises
    ------
    FileNotFoundError
        If the NWB file does not exist.
    FileExistsError
        If the new file exists and `overwrite` is False.
    ValueError
        If the NWB file has no such analysis, or the new file has another ending.

    Examples
    --------
    >>> from caiman_interface import restore
    >>> report = restore("session.nwb", "results.hdf5", movie="movie.tif")  # doctest: +SKIP
    """
    source, target = Path(nwb_path), Path(hdf5_path)
    _check_target(target, source)
    with NwbResults.open(source, metadata_key) as results:
        if not results.parameters:
            message = f"{source} does not contain CaimanParameters; only files written by this package can be restored."
            raise ValueError(message)
        with new_file(target, overwrite=overwrite) as partial:
            writer = _write(results, partial, movie)
        return RestoreReport(
            nwb_path=source,
            hdf5_path=target,
            metadata_key=results.metadata_key,
            exact=tuple(sorted(writer.exact)),
            differences=tuple(sorted(writer.differences, key=lambda item: item.field)),
            notes=tuple(writer.notes),
        )


def _check_target(target: Path, source: Path) -> None:
    if target.suffix.lower() not in _SUFFIXES:
        message = f"The name '{target.name}' does not end in .hdf5 or .h5, which CaImAn's load_CNMF requires."
        raise ValueError(message)
    if target.exists() and source.exists() and target.samefile(source):
        message = f"'{target}' is the NWB file itself; choose another name for the CaImAn file."
        raise ValueError(message)


def _write(results: NwbResults, path: Path, movie: str | Path | None) -> FieldWriter:
    with _hdf5(path) as file:
        writer = FieldWriter(results, DialectWriter(file), movie)
        writer.write()
    return writer


@contextmanager
def _hdf5(path: Path) -> Iterator[Any]:
    # CaImAn's files have this layout too: every release of HDF5 reads it.
    with h5py.File(path, "w", libver="earliest") as file:
        yield file
