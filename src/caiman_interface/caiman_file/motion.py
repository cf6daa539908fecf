"""The shifts of motion correction, and the frames at which OnACID added components."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .analysis import AnalysisContext
from .encoding import Node, describe, is_numeric
from .fields import Fields
from .groups import read
from .omissions import UnusableFieldError

_RIGID_DIMENSIONS = 2
_PIECEWISE_DIMENSIONS = 3


def read_shifts(estimates: Fields, context: AnalysisContext) -> NDArray[np.float64] | None:
    """Read the rigid shifts of motion correction, in pixels of the frame; None if there are none.

    Of several passes over the movie (``epochs``), the last one is returned, as for the traces. Where OnACID shrank the
    movie (``ds_factor``) and enlarged its results afterwards, the shifts are enlarged too.
    """

    def convert(node: Node) -> NDArray[np.float64] | None:
        if isinstance(node, h5py.Dataset) and node.size == 0:
            return None
        return _in_pixels(_of_frames(_rigid(node), estimates, context), context)

    return estimates.read("shifts", convert, ndim=2)


def read_frame_added(root: Fields, count: int, *, stale: str | None) -> NDArray[np.int64] | None:
    """Read the frame at which OnACID added each component (the first batch: its length); None where absent.

    Parameters
    ----------
    root : Fields
        The root group.
    count : int
        Number of components.
    stale : str or None
        Why the values may belong to other components; None if they do not.
    """

    def convert(node: Node) -> NDArray[np.int64] | None:
        values = root.values(node, ndim=2)
        if values.shape[0] == 0:
            return None
        if values.shape != (count, 2):
            message = f"covers {values.shape[0]} components, the file has {count}"
            raise UnusableFieldError(message)
        number, frame = (_whole(column) for column in values.T)
        if not np.array_equal(number, np.arange(count)):
            message = "does not number the components from 0 to the last"
            raise UnusableFieldError(message)
        if stale is not None:
            raise UnusableFieldError(stale)
        return frame

    return root.read("time_neuron_added", convert, ndim=2)


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    if not np.all(np.isfinite(values)) or np.any(values != np.trunc(values)):
        message = "contains numbers that are not whole"
        raise UnusableFieldError(message)
    return values.astype(np.int64)


def _rigid(node: Node) -> h5py.Dataset:
    """Check that a node contains one shift per frame."""
    if isinstance(node, h5py.Dataset) and is_numeric(node) and node.ndim == _PIECEWISE_DIMENSIONS:
        message = f"has shape {node.shape}: piecewise-rigid shifts, one per patch and frame"
        raise UnusableFieldError(message)
    if not is_numeric(node) or node.ndim != _RIGID_DIMENSIONS or node.shape[1] not in {2, 3}:
        message = f"is {describe(node)}, not one shift per frame"
        raise UnusableFieldError(message)
    return node


def _of_frames(node: h5py.Dataset, estimates: Fields, context: AnalysisContext) -> NDArray[np.float64]:
    length, frames = node.shape[0], context.num_frames
    is_last_pass = context.online is not None and frames and length > frames and length % frames == 0
    if frames is not None and length != frames and not is_last_pass:
        message = f"covers {length} frames, the traces have {frames}"
        raise UnusableFieldError(message)
    where = slice(length - frames, None) if frames is not None else slice(None)
    return np.asarray(read(node, estimates.group.file_path, where), dtype=np.float64)


def _in_pixels(shifts: NDArray[np.float64], context: AnalysisContext) -> NDArray[np.float64]:
    online = context.online
    if online is None or context.shrunk_shape in {None, context.frame_shape}:
        return shifts
    scale = np.ones(shifts.shape[1])
    scale[:2] = online.shrink_factor  # OnACID shrinks rows and columns, not planes
    return shifts * scale
