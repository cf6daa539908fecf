"""What kind of analysis a file contains, which decides how its fields are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .fields import Fields
from .online import OnlineAnalysis
from .parameters import CaimanParameters
from .rows import FileBytes

Method = Literal["CNMF", "CNMF-E", "OnACID"]


@dataclass(frozen=True)
class AnalysisContext:
    """What the parts of a file have in common.

    Attributes
    ----------
    frame_shape : tuple of int
        (rows, columns[, planes]).
    num_frames : int or None
        Number of frames; None where the file has no trace.
    file_bytes : FileBytes or None
        The same file, for reading traces in parallel.
    online : OnlineAnalysis or None
        The state of an online analysis.
    order : number or None
        Order of the autoregressive model (``p``).
    uses_eccentricity : bool
        Whether the evaluation computes the eccentricity (``use_ecc``).
    is_one_photon : bool
        Whether it was set up for one-photon imaging: CNMF-E's centred kernel, or OnACID's ring model.
    """

    frame_shape: tuple[int, ...]
    num_frames: int | None
    file_bytes: FileBytes | None
    online: OnlineAnalysis | None
    order: float | None
    uses_eccentricity: bool
    is_one_photon: bool

    @classmethod
    def read(
        cls,
        root: Fields,
        parameters: CaimanParameters,
        *,
        frame_shape: tuple[int, ...],
        num_frames: int | None,
        file_bytes: FileBytes | None,
        count: int,
    ) -> AnalysisContext:
        """Read the rest of it from a file with `count` components."""
        init, order = parameters.init, np.asarray(parameters.stored.get("preprocess", {}).get("p"))
        is_number = order.size == 1 and order.dtype.kind in "biuf"
        return cls(
            frame_shape=frame_shape,
            num_frames=num_frames,
            file_bytes=file_bytes,
            online=OnlineAnalysis.read(root, parameters, count),
            order=order.item() if is_number else None,
            uses_eccentricity=bool(parameters.quality.use_ecc),
            is_one_photon=bool(init.center_psf) or init.method_init == "corr_pnr" or root.value("is1p") is True,
        )

    @property
    def shrunk_shape(self) -> tuple[int, ...] | None:
        """The shape of the frames that OnACID worked on, where it shrank them (``ds_factor``); None otherwise."""
        return None if self.online is None else self.online.shape_of_frames(self.frame_shape)

    def pixel_size(self, stored: tuple[float, ...] | None) -> tuple[float, ...] | None:
        """Return the size of a pixel of the footprints, from that of a pixel of the movie (``dxy``)."""
        if stored is None or self.online is None or self.shrunk_shape != self.frame_shape:
            return stored
        return self.online.shrunk_pixel_size(stored)

    @property
    def method(self) -> Method:
        """The kind of analysis."""
        if self.online is not None:
            return "OnACID"
        return "CNMF-E" if self.is_one_photon else "CNMF"
