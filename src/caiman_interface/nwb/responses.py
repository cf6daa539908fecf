"""Traces as NWB ``RoiResponseSeries``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.core import DynamicTableRegion
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.caiman_file import Trace

from .chunking import trace_chunk_shape
from .containers import fluorescence

# Blocks of this size keep memory use constant when NeuroConv's own writer fills the dataset; the system would allocate
# the memory of larger blocks again for each block.
_BUFFER_GB = 0.025
# Largest deviation of a timestamp from a regular series, the tolerance of NeuroConv.
_REGULAR_WITHIN_SECONDS = 1e-6


@dataclass(frozen=True)
class Timing:
    """Times of the frames.

    Attributes
    ----------
    rate, starting_time : float or None
        Frames per second and the time of the first frame in seconds, if the frames are regular.
    timestamps : array of float64 or None
        The time of each frame in seconds, if they are not.
    """

    rate: float | None = None
    starting_time: float | None = None
    timestamps: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, timestamps: NDArray[np.float64], rate: float | None) -> Timing:
        """Return a rate if it changes no time by more than a microsecond, otherwise the times themselves.

        Parameters
        ----------
        timestamps : array of float64
            The time of each frame in seconds.
        rate : float or None
            The rate in the CaImAn file, which is preferred if it fits.
        """
        count = len(timestamps)
        span = float(timestamps[-1] - timestamps[0])
        fitted = (count - 1) / span if count > 1 and span > 0 else None
        for candidate in (rate, fitted):
            if candidate is None or (count == 1 and candidate is fitted):
                continue
            expected = timestamps[0] + np.arange(count) / candidate
            if np.max(np.abs(expected - timestamps)) < _REGULAR_WITHIN_SECONDS:
                return cls(rate=float(candidate), starting_time=float(timestamps[0]))
        return cls(timestamps=timestamps)

    def fields(self) -> dict[str, Any]:
        """Return the corresponding fields of a ``TimeSeries``."""
        if self.timestamps is not None:
            return {"timestamps": self.timestamps}
        return {"rate": self.rate, "starting_time": self.starting_time}


def add_series(
    nwbfile: NWBFile,
    *,
    traces: Mapping[str, Trace],
    fields: Mapping[str, Mapping[str, Any]],
    table: PlaneSegmentation,
    timing: Timing,
    iterator_options: Mapping[str, Any],
) -> None:
    """Add traces to ``processing/ophys/Fluorescence``; they are read while they are written.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    traces : mapping
        Arrays of shape (frames, ROIs), by the name of the trace; none is empty.
    fields : mapping
        ``name``, ``unit``, ``description`` and other fields of ``RoiResponseSeries``, by the name of the trace.
    table : pynwb.ophys.PlaneSegmentation
        The ROIs, in the order of the traces.
    timing : Timing
        Times of the frames.
    iterator_options : mapping
        Options of NeuroConv's ``SliceableDataChunkIterator``.
    """
    if not traces:
        return
    times = timing.fields()
    for name, trace in traces.items():
        series = RoiResponseSeries(
            **fields[name],
            data=trace_iterator(trace, iterator_options),
            rois=DynamicTableRegion(
                name="rois",
                data=np.arange(trace.shape[1]),
                description=f"The ROIs of {table.name}, in its order.",
                table=table,
            ),
            **times,
        )
        fluorescence(nwbfile).add_roi_response_series(series)
        if timing.timestamps is not None:
            times = {"timestamps": series}  # the others link to the first series: the times are stored once


class ConvertedTrace:
    """A lazy array with the values of another array, converted to another type.

    Parameters
    ----------
    trace : array-like
        The other array.
    dtype : numpy.dtype
        Type of the converted values.
    """

    parallel_read = True
    ndim = 2

    def __init__(self, trace: Any, dtype: np.dtype[Any]) -> None:
        self._trace = trace
        self.shape = trace.shape
        self.dtype = dtype

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.asarray(self._trace[key]).astype(self.dtype)


def held_by_nwb(values: Any) -> Any:
    """Return values in a type that NWB supports: bool as uint8, extended-precision floats as float64."""
    dtype = np.dtype(values.dtype)
    if dtype.kind == "b":
        return ConvertedTrace(values, np.dtype(np.uint8))
    if dtype.kind == "f" and dtype.itemsize > np.dtype(np.float64).itemsize:
        return ConvertedTrace(values, np.dtype(np.float64))
    return values


def trace_iterator(trace: Trace, options: Mapping[str, Any]) -> SliceableDataChunkIterator:
    """Return an iterator from which hdmf writes a trace chunk by chunk."""
    trace = held_by_nwb(trace)
    shape = trace_chunk_shape(*trace.shape, trace.dtype)
    defaults: dict[str, Any] = {} if "chunk_mb" in options else {"chunk_shape": shape}
    if "buffer_shape" not in options:
        defaults["buffer_gb"] = max(_BUFFER_GB, 1e-9 * int(np.prod(shape)) * trace.dtype.itemsize)
    return SliceableDataChunkIterator(data=trace, **{**defaults, **options})
