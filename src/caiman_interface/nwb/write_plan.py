"""What of an analysis is written to an NWB file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .responses import Timing
from .segmentation import Column, MaskType


@dataclass(frozen=True)
class WritePlan:
    """What of an analysis is written.

    Attributes
    ----------
    components, background : array of int
        CaImAn's indices of the components and of the background components, in row order.
    frames : range
        The frames.
    timing : Timing
        The times of these frames.
    mask_type : {"image", "pixel", "voxel"} or None
        Form of the masks; None for sparse masks of the components and the smaller form for the background.
    columns : mapping
        Additional columns, which replace CaImAn's columns of the same name.
    iterator_options : mapping
        Options of NeuroConv's ``SliceableDataChunkIterator``.
    sampling_frequency : float or None
        Frames per second of the imaging plane; None for the rate in the CaImAn file.
    rate_source : {"CaImAn", "given"}
        Whether the times of the frames come from the CaImAn file.
    ending : str or None
        Ending of all names except that of the imaging plane; None for the ending of the metadata key.
    is_accepted, centroids, with_background, with_discarded, with_residual_correction : bool
        Whether these are written.
    with_ring_model : bool or None
        Whether the ring model is written; None to write it only if it is small, see `is_small`.
    """

    components: NDArray[np.intp]
    background: NDArray[np.intp]
    frames: range
    timing: Timing
    mask_type: MaskType | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    iterator_options: Mapping[str, Any] = field(default_factory=dict)
    is_accepted: bool = True
    centroids: bool = True
    with_background: bool = True
    with_discarded: bool = True
    with_residual_correction: bool = True
    with_ring_model: bool | None = None
    sampling_frequency: float | None = None
    rate_source: Literal["CaImAn", "given"] = "CaImAn"
    ending: str | None = None
