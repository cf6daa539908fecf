"""The exact residual YrA: the rounding error of the sum C + YrA.

The raw trace is ``raw = C + YrA``, rounded. ``raw - C`` therefore differs from YrA in the last digit of many values.
The correction is the difference, which is exactly representable (the error of a floating-point sum is), so that
``(raw - C) + correction`` is YrA bit for bit. Where ``raw - C`` is not finite, the correction is YrA itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import Trace


class ResidualCorrection:
    """The correction of a raw trace as a lazy (frames, ROIs) array.

    Parameters
    ----------
    denoised, residual : Trace
        CaImAn's C and YrA.
    """

    parallel_read = True
    ndim = 2

    def __init__(self, denoised: Trace, residual: Trace) -> None:
        self._denoised = denoised
        self._residual = residual
        self.shape = denoised.shape
        self.dtype = np.result_type(denoised.dtype, residual.dtype)
        self.size = denoised.size

    def __len__(self) -> int:
        return self.shape[0]

    def select(self, *, frames: slice | None = None, rois: Any = None) -> ResidualCorrection:
        """Narrow the view without reading, as `Trace.select`."""
        return ResidualCorrection(
            self._denoised.select(frames=frames, rois=rois), self._residual.select(frames=frames, rois=rois)
        )

    def __getitem__(self, key: Any) -> NDArray[Any]:
        denoised = np.asarray(self._denoised[key], dtype=self.dtype)
        residual = np.asarray(self._residual[key], dtype=self.dtype)
        correction = np.empty_like(residual)
        with np.errstate(invalid="ignore", over="ignore"):
            np.add(denoised, residual, out=correction)
            np.subtract(correction, denoised, out=correction)
            np.subtract(residual, correction, out=correction)
            if not np.isfinite(np.sum(correction)):
                return np.where(np.isfinite(correction), correction, residual)
        return correction


class ResidualRows:
    """The residual YrA as a (ROIs, frames) matrix that is computed block by block from the traces of an NWB file.

    Parameters
    ----------
    raw, denoised, correction : Trace
        The traces of the NWB file, (frames, ROIs).
    """

    def __init__(self, raw: Trace, denoised: Trace, correction: Trace) -> None:
        self._traces = raw, denoised, correction
        self.shape: tuple[int, int] = (raw.shape[1], raw.shape[0])
        self.dtype = correction.dtype

    def read(self, rows: NDArray[np.intp], start: int, stop: int) -> NDArray[Any]:
        """Read frames `start` to `stop` of some ROIs: shape (len(rows), stop - start)."""
        raw, denoised, correction = (np.asarray(trace[start:stop, rows], dtype=self.dtype).T for trace in self._traces)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = raw - denoised
            exact: NDArray[Any] = np.where(np.isfinite(difference), difference + correction, correction)
        return exact
