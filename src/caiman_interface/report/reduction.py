"""Traces reduced for display: the lowest and the highest value of each bin of frames, so that no extreme is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxDownsampler

from .data import ReportData, TraceSource

_PER_BIN = 2
_MISSING = 65_535
_LEVELS = 65_534
_BLOCK_VALUES = 8_000_000


@dataclass(frozen=True)
class Binning:
    """How the frames of a recording are binned.

    Attributes
    ----------
    frames : int
        Number of frames.
    width : int
        Frames per bin; 1 where nothing is reduced.
    """

    frames: int
    width: int

    @classmethod
    def fit(cls, frames: int, samples: int) -> Binning:
        """Return the narrowest bins that give at most about `samples` values per trace."""
        if frames <= samples:
            return cls(frames, 1)
        return cls(frames, math.ceil(_PER_BIN * frames / max(_PER_BIN, samples)))

    @property
    def samples(self) -> int:
        """Number of values that are kept of a trace."""
        return self.frames if self.width == 1 else _PER_BIN * math.ceil(self.frames / self.width)

    def positions(self) -> NDArray[np.float64]:
        """Return the frame at which each value is drawn: two per bin, at a quarter and three quarters of it."""
        if self.width == 1:
            return np.arange(self.frames, dtype=np.float64)
        starts = np.arange(0, self.frames, self.width)
        widths = np.minimum(self.width, self.frames - starts)
        return np.stack([starts + (widths - 1) * 0.25, starts + (widths - 1) * 0.75], axis=1).ravel()


@dataclass(frozen=True)
class CodedTraces:
    """The reduced traces of many components, as 16-bit numbers on each trace's own range.

    A value is ``low + code / 65534 * (high - low)``; the code 65535 marks a value that is not finite.

    Attributes
    ----------
    codes : array of uint16
        Shape (components, samples).
    low, high : array of float64
        Extremes of each component.
    """

    codes: NDArray[np.uint16]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def reduce_trace(trace: TraceSource, binning: Binning) -> NDArray[np.float32]:
    """Return the reduced trace of each component, (components, samples), in the order in which the values occur."""
    frames, count = trace.shape
    reduced = np.empty((count, binning.samples), dtype=np.float32)
    step = binning.width * max(1, _BLOCK_VALUES // max(1, count * binning.width))
    done = 0
    for start in range(0, frames, step):
        with np.errstate(over="ignore"):  # values beyond single precision are shown as missing
            block = np.ascontiguousarray(np.asarray(trace[start : start + step], dtype=np.float32).T)
        part = block if binning.width == 1 else _extremes(block, binning.width)
        reduced[:, done : done + part.shape[1]] = part
        done += part.shape[1]
    return reduced


def _extremes(block: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return lowest and highest value of each bin of (components, frames); the last bin may be shorter."""
    whole = block.shape[1] // width * width
    downsampler: Any = MinMaxDownsampler  # its methods have no types
    downsampler = downsampler()
    parts = []
    for piece in (block[:, :whole], block[:, whole:]):
        bins = math.ceil(piece.shape[1] / width)
        if not bins:
            continue
        if piece.shape[1] <= _PER_BIN * bins:
            picked = np.take(piece, np.linspace(0, piece.shape[1] - 1, _PER_BIN * bins).round().astype(int), axis=1)
        else:
            picked = np.stack([row[downsampler.downsample(row, n_out=_PER_BIN * bins)] for row in piece])
        parts.append(picked)
    return np.concatenate(parts, axis=1)


def code(values: NDArray[np.float32]) -> CodedTraces:
    """Return values as 16-bit numbers."""
    finite = np.isfinite(values)
    wide = values.astype(np.float64)
    low = np.min(wide, axis=1, initial=np.inf, where=finite)
    high = np.max(wide, axis=1, initial=-np.inf, where=finite)
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    span = np.where(high > low, high - low, 1.0)[:, np.newaxis]
    scaled = np.where(finite, (wide - low[:, np.newaxis]) / span * _LEVELS, _MISSING)
    return CodedTraces(scaled.round().astype(np.uint16), low, high)


def reduced_traces(data: ReportData, samples: int) -> tuple[Binning, dict[str, CodedTraces]]:
    """Return the traces of all components, those set aside last, by name.

    Parameters
    ----------
    data : ReportData
        Open results.
    samples : int
        Values to keep of each trace.
    """
    groups = [group for group in (data.components, data.discarded) if group is not None]
    binning = Binning.fit(data.num_frames or 0, samples)
    names = dict.fromkeys(name for group in groups for name in group.traces)
    coded = {}
    for name in names:
        parts = [
            reduce_trace(group.traces[name], binning)
            if name in group.traces and group.traces[name].shape[0] == binning.frames
            else np.full((group.count, binning.samples), np.nan, dtype=np.float32)
            for group in groups
        ]
        coded[name] = code(np.concatenate(parts))
    return binning, coded
