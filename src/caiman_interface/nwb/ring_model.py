"""The ring model of one-photon analysis as a sparse table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pynwb import NWBFile
from pynwb.core import DynamicTable, ElementIdentifiers, VectorData

from .names import ObjectName
from .segmentation import Column, ophys_module

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def ring_model_name(ending: str) -> ObjectName:
    """Return where the table of one analysis stands."""
    return ObjectName("", f"CaimanRingModel{ending}")


def ring_model_columns(matrix: csr_array[Any]) -> dict[str, Column]:
    """Return a sparse ring model as columns: one row a weight that is not zero."""
    entries = matrix.tocoo()
    return {
        "pixel": Column(entries.row.astype(np.uint32), "Pixel of the downsampled frame whose background this is."),
        "ring_pixel": Column(entries.col.astype(np.uint32), "Pixel on the ring around it."),
        "weight": Column(entries.data, "Weight of the ring pixel, no unit."),
    }


def add_ring_model(nwbfile: NWBFile, *, matrix: csr_array[Any], ending: str) -> None:
    """Add the ring model W of CNMF-E to ``processing/ophys``."""
    description = (
        f"Ring model of the one-photon background (CaImAn's W), a sparse matrix of {matrix.shape[0]} by "
        f"{matrix.shape[1]} pixels of the downsampled frame (CaImAn's ssub_B), flattened in Fortran order. The "
        "background B of the movie Y is b0 + W (Y - A C - b0): of each pixel its baseline, and a weighted sum over a "
        "ring around it."
    )
    columns = ring_model_columns(matrix)
    ophys_module(nwbfile).add(
        DynamicTable(
            name=ring_model_name(ending).name,
            description=description,
            # hdmf's own ids are a list, through which it walks row by row.
            id=ElementIdentifiers(name="id", data=np.arange(matrix.nnz)),
            columns=[
                VectorData(name=name, description=column.description, data=column.values)
                for name, column in columns.items()
            ],
            colnames=list(columns),
        )
    )
