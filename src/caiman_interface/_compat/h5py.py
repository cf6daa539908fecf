"""h5py: the lock that its low-level chunk writes forget in older versions."""

from __future__ import annotations

import h5py
import numpy as np
from h5py._objects import phil  # the lock that serializes all calls of the HDF5 library
from numpy.typing import NDArray


def write_chunk(dataset: h5py.Dataset, offset: tuple[int, ...], encoded: bytes | NDArray[np.uint8]) -> None:
    """Write the encoded bytes of one chunk, safely with other threads that use HDF5.

    Until 3.12 (at least), h5py calls ``write_direct_chunk`` without its lock. Another thread that reads or writes a
    dataset at that moment is inside the HDF5 library, which is not thread-safe, and damages its memory.
    """
    with phil:
        dataset.id.write_direct_chunk(offset, encoded)
