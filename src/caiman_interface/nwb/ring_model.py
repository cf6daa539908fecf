"""The ring model of one-photon analysis as a sparse table."""

from __future__ import annotations

import numpy as np
from pynwb import NWBFile
from pynwb.core import DynamicTable, VectorData

from ..caiman_file import CaimanResults
from .segmentation import ophys_module

TABLE_NAME = "CaimanRingModel"


def add_ring_model(nwbfile: NWBFile, results: CaimanResults, *, ending: str = "") -> None:
    """Add the ring model W of CNMF-E to ``processing/ophys``, one row a weight that is not zero."""
    matrix = results.ring_model
    if matrix is None:
        return
    entries = matrix.tocoo()
    description = (
        f"Ring model of the one-photon background (CaImAn's W), a sparse matrix of {matrix.shape[0]} × "
        f"{matrix.shape[1]} pixels of the downsampled frame (CaImAn's ssub_B), flattened in Fortran order. The "
        "background of a pixel is the weighted sum of the pixels on a ring around it."
    )
    columns = {
        "pixel": (entries.row.astype(np.uint32), "Pixel of the downsampled frame whose background this is."),
        "ring_pixel": (entries.col.astype(np.uint32), "Pixel on the ring around it."),
        "weight": (entries.data, "Weight of the ring pixel, no unit."),
    }
    ophys_module(nwbfile).add(
        DynamicTable(
            name=TABLE_NAME + ending,
            description=description,
            columns=[VectorData(name=name, description=text, data=data) for name, (data, text) in columns.items()],
            colnames=list(columns),
        )
    )
