"""Components as rows of a ``PlaneSegmentation``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.core import ElementIdentifiers, VectorData, VectorIndex
from pynwb.ophys import ImagingPlane, PlaneSegmentation

from caiman_interface.caiman_file import CaimanResults, Components, Footprints
from caiman_interface.metadata.vocabulary import RoiTable

from .containers import image_segmentation
from .masks import dense_mask_columns, sparse_is_smaller, sparse_mask_columns
from .vocabulary import COLUMNS, SELECTED_TEXT

MaskType = Literal["image", "pixel", "voxel"]


class Column(NamedTuple):
    """A column of a table of ROIs."""

    values: NDArray[Any]
    description: str


def add_table(
    nwbfile: NWBFile,
    *,
    fields: Mapping[str, Any],
    imaging_plane: ImagingPlane,
    footprints: Footprints,
    row_ids: NDArray[np.intp],
    text: RoiTable,
    columns: Mapping[str, Column],
    mask_type: MaskType | None,
    with_correction: bool = True,
) -> PlaneSegmentation:
    """Add a table of ROIs to ``processing/ophys/ImageSegmentation``.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    fields : mapping
        ``name``, ``description`` and other fields of ``PlaneSegmentation``.
    imaging_plane : pynwb.ophys.ImagingPlane
        Imaging plane of the ROIs.
    footprints : Footprints
        Footprints of the ROIs.
    row_ids : array of int
        Id of each row.
    text : RoiTable
        Names and descriptions of the table.
    columns : mapping
        Additional columns by name.
    mask_type : {"image", "pixel", "voxel"} or None
        "image" for dense masks; "pixel" or "voxel" for the sparse masks that fit the frame; None for the smaller form.
    with_correction : bool
        Whether to add a column that makes the weights of sparse masks exact, and to store image masks with CaImAn's
        precision.
    """
    dense = mask_type == "image" if mask_type is not None else not sparse_is_smaller(footprints)
    # An empty image_mask cannot be stored; an empty ragged mask can.
    mask_columns = dense_mask_columns if dense and len(footprints) else sparse_mask_columns
    names = [f"{text.prefix}{number}" for number in row_ids]
    masks = mask_columns(footprints, text.weight, with_correction=with_correction)
    all_columns = [
        VectorData(name="roi_name", description=text.names, data=np.array(names, dtype=np.str_)),
        *masks,
        *(VectorData(name=key, description=value.description, data=value.values) for key, value in columns.items()),
    ]
    table = PlaneSegmentation(
        **fields,
        imaging_plane=imaging_plane,
        id=ElementIdentifiers(name="id", data=row_ids.astype(np.int64)),
        columns=all_columns,
        colnames=["roi_name", *(mask.name for mask in masks if not isinstance(mask, VectorIndex)), *columns],
    )
    image_segmentation(nwbfile).add_plane_segmentation(table)
    return table


def component_columns(results: CaimanResults, positions: NDArray[np.intp], footprints: Footprints) -> dict[str, Column]:
    """Return the columns that CaImAn computed for the components at `positions`, which have these footprints."""
    components = results.components
    whole: dict[str, NDArray[Any]] = {}
    if components.acceptance.is_evaluated:
        whole["is_accepted"] = components.acceptance.mask(components.count)
    whole.update(components.hand_picked)
    if results.frame_added is not None:
        whole["frame_added"] = results.frame_added
    columns = {name: Column(values[positions], COLUMNS[name]) for name, values in whole.items()}
    if components.acceptance.verdict == "selected":
        columns["is_accepted"] = Column(columns["is_accepted"].values, SELECTED_TEXT)
    return {**columns, **computed_columns(components, positions, footprints)}


def computed_columns(components: Components, positions: NDArray[np.intp], footprints: Footprints) -> dict[str, Column]:
    """Return the metrics, the fits and the centroids of the components at `positions`, which have these footprints."""
    stored = {**components.metrics, **components.fits}
    columns = {name: Column(values[positions], COLUMNS[name]) for name, values in stored.items()}
    volume = len(components.frame_shape) > 2  # noqa: PLR2004 (rows, columns)
    text = COLUMNS["ROICentroids"].format(z=", z (plane)" if volume else "", plane=", plane" if volume else "")
    return {**columns, "ROICentroids": Column(footprints.centroids(), text)}
