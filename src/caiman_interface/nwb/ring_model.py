"""The ring model of one-photon analysis as a sparse table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from pynwb import NWBFile
from pynwb.core import DynamicTable, ElementIdentifiers, VectorData

from caiman_interface.caiman_file import CaimanResults

from .containers import ophys_module
from .names import ObjectName
from .segmentation import Column

if TYPE_CHECKING:
    from scipy.sparse import csc_array, csr_array


# The ring model is written by default below this fraction of the size of the file.
_SMALL_FRACTION = 0.1


def ring_model_name(ending: str) -> ObjectName:
    """Return the location of the table of one analysis."""
    return ObjectName("", f"CaimanRingModel{ending}")


def read_ring_model(table: DynamicTable) -> csc_array[Any]:
    """Read the ring model back as a sparse matrix."""
    from scipy.sparse import csc_array

    pixel, ring_pixel, weight = (np.asarray(table[name].data[:]) for name in ("pixel", "ring_pixel", "weight"))
    described = re.search(r"matrix of (\d+) by (\d+)", table.description)
    ends = [int(pixels.max()) + 1 if len(pixels) else 0 for pixels in (pixel, ring_pixel)]
    shape = tuple(int(length) for length in described.groups()) if described else tuple(ends)
    return csc_array((weight, (pixel.astype(np.int64), ring_pixel.astype(np.int64))), shape=shape)


def ring_model_columns(matrix: csr_array[Any]) -> dict[str, Column]:
    """Return a sparse ring model as columns, one row per stored weight."""
    entries = matrix.tocsc().tocoo()  # in the order in which CaImAn stores them: column by column
    return {
        "pixel": Column(entries.row.astype(np.uint32), "Pixel of the downsampled frame whose background this is."),
        "ring_pixel": Column(entries.col.astype(np.uint32), "Pixel on the ring around it."),
        "weight": Column(entries.data, "Weight of the ring pixel, no unit."),
    }


def is_small(matrix: csr_array[Any], results: CaimanResults) -> bool:
    """Return whether the table of a ring model takes less than a tenth of the size of the CaImAn file."""
    row_bytes = 2 * np.dtype(np.uint32).itemsize + matrix.dtype.itemsize
    return bool(matrix.nnz * row_bytes < _SMALL_FRACTION * results.file_path.stat().st_size)


def add_ring_model(
    nwbfile: NWBFile, *, matrix: csr_array[Any], ending: str, frame_shape: tuple[int, ...] | None = None
) -> None:
    """Add the ring model W of CNMF-E to ``processing/ophys``.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    matrix : sparse matrix
        The model, a square matrix.
    ending : str
        Ending of the names of this analysis.
    frame_shape : tuple of int or None
        Shape of the downsampled frame, if known.
    """
    grid = f" of shape {' x '.join(str(length) for length in frame_shape)}" if frame_shape else ""
    description = (
        f"Ring model of the one-photon background (CaImAn's W), a sparse matrix of {matrix.shape[0]} by "
        f"{matrix.shape[1]} pixels of the downsampled frame{grid}, flattened in Fortran order. CaImAn downsamples the "
        "frame by its parameters init.ssub and init.ssub_B. The background B of the movie Y is b0 + W (Y - A C - b0): "
        "the baseline of each pixel plus a weighted sum over a ring around it."
    )
    columns = ring_model_columns(matrix)
    ophys_module(nwbfile).add(
        DynamicTable(
            name=ring_model_name(ending).name,
            description=description,
            # By default, hdmf creates a list of ids and processes it row by row.
            id=ElementIdentifiers(name="id", data=np.arange(matrix.nnz)),
            columns=[
                VectorData(name=name, description=column.description, data=column.values)
                for name, column in columns.items()
            ],
            colnames=list(columns),
        )
    )
