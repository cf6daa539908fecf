"""Chunk shapes that make files fast to read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_CHUNK_BYTES = 4_000_000
_SHORTEST_FRAMES = 500
_PAGE_BYTES = 4096


def trace_chunk_shape(num_frames: int, num_rois: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Choose the shape of the chunks of a (frames, ROIs) trace.

    Parameters
    ----------
    num_frames, num_rois : int
        Shape of the trace.
    dtype : numpy.dtype
        Type of its values.

    Returns
    -------
    tuple of int
        (frames, ROIs) of a chunk: 4 MB before compression, with as many chunks along the frames as along the ROIs
        and at least 500 frames.

    Notes
    -----
    Reading the whole trace of one ROI requires all chunks along the frames; reading all ROIs in a short window
    requires all chunks along the ROIs. Over a network, each chunk costs one round trip with latency L and the
    transfer of its bytes at bandwidth B. The product of the costs of both ways of reading is smallest if a chunk has
    L·B bytes on disk: 2 to 3 MB for 50 ms and 50 MB/s, 4 MB before compression. With equal numbers of chunks along
    both axes, both ways are equally fast. Windows are rarely shorter than 10 s, so chunks with fewer than a few hundred
    frames have no benefit, and short rows take longer to gather. ``benchmarks/chunk_shapes.py`` measures this;
    ``benchmarks/README.md`` contains the results.

    Chunks whose frames fill whole memory pages take a third longer to write, because the same frame of all ROIs maps
    to the same location in the processor's cache. Such chunks get one additional frame.

    Examples
    --------
    >>> trace_chunk_shape(60000, 1000, np.dtype("float64"))
    (5455, 91)
    >>> trace_chunk_shape(600, 13, np.dtype("float64"))
    (600, 13)
    """
    values = _CHUNK_BYTES / dtype.itemsize
    rois = _part(num_rois, math.sqrt(num_frames * num_rois / values))
    frames = _part(num_frames, num_frames * rois / values)
    if frames < _SHORTEST_FRAMES:
        frames = _part(num_frames, num_frames / _SHORTEST_FRAMES)
        rois = _part(num_rois, num_rois * frames / values)
    if frames * dtype.itemsize % _PAGE_BYTES == 0 and frames < num_frames:
        frames += 1
    return max(1, frames), max(1, rois)


def _part(length: int, parts: float) -> int:
    """Return the length of each of about `parts` equal parts."""
    return math.ceil(length / max(1, round(parts)))
