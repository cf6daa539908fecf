"""Make files as CaImAn saves them, of any size, without running CaImAn.

What is not large is copied from a real file of the tests. Traces are what CaImAn's model makes of neurons: Poisson
spikes, exponential decay, and noise; footprints are soft-edged discs at random places.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

TEMPLATES = Path(__file__).parents[1] / "tests" / "data"
NONE = "NoneType"  # as CaImAn writes None

_BLOCK_VALUES = 4_000_000
_DECAY = 0.95
_RATE = 30.0
_VOLUME = 3
_ACCEPTED = 0.7


@dataclass(frozen=True)
class Size:
    """Size of an analysis.

    Attributes
    ----------
    rois, frames : int
        Number of components and of frames.
    frame_shape : tuple of int
        (rows, columns) or (rows, columns, planes).
    radius : tuple of int
        Half the size of a footprint along each axis of the frame.
    """

    rois: int
    frames: int
    frame_shape: tuple[int, ...]
    radius: tuple[int, ...]


def write_caiman_file(path: Path, size: Size, *, seed: int = 0) -> None:
    """Write a CaImAn file.

    Parameters
    ----------
    path : Path
        Where to write.
    size : Size
        How large.
    seed : int
        The same seed makes the same file.
    """
    rng = np.random.default_rng(seed)
    is_volume = len(size.frame_shape) == _VOLUME
    template = TEMPLATES / ("sim3d.hdf5" if is_volume else "sim2p_full.hdf5")
    with h5py.File(path, "w") as file, h5py.File(template) as real:
        for name, value in real.attrs.items():
            file.attrs[name] = value
        for name in real:
            if name not in {"estimates", "dims"}:
                real.copy(name, file)
        file["dims"] = size.frame_shape
        file["params/data/fr"][()] = _RATE
        del file["params/data/dims"]
        file["params/data/dims"] = size.frame_shape
        estimates = file.create_group("estimates")
        _add_footprints(estimates.create_group("A"), size, rng)
        _add_traces(estimates, size, rng)
        _add_background(estimates, size, rng)
        _add_metrics(estimates, size, rng)
        if not is_volume:
            estimates["Cn"] = rng.random(size.frame_shape)
        for name in real["estimates"]:
            if name not in estimates:
                estimates[name] = NONE


def _add_footprints(group: h5py.Group, size: Size, rng: np.random.Generator) -> None:
    """Add a sparse matrix (pixels, components) with sorted indices, pixels in Fortran order."""
    offsets, profile = _disc(size.radius)
    centres = np.stack(
        [
            rng.integers(radius, length - radius, size.rois)
            for length, radius in zip(size.frame_shape, size.radius, strict=True)
        ]
    )
    strides = np.cumprod([1, *size.frame_shape[:-1]])
    within = np.sort(strides @ offsets)
    indices = (strides @ centres)[:, np.newaxis] + within
    weights = profile[np.argsort(strides @ offsets)] * rng.uniform(0.8, 1.2, (size.rois, len(within)))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    group["data"] = weights.ravel()
    group["indices"] = indices.astype(np.int32).ravel()
    group["indptr"] = np.arange(0, indices.size + 1, len(within), dtype=np.int32)
    group["shape"] = np.array([np.prod(size.frame_shape), size.rois])


def _disc(radius: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the offsets of the pixels of a footprint from its centre, (axes, pixels), and their weights."""
    grid = np.stack(np.meshgrid(*(np.arange(-length, length + 1) for length in radius), indexing="ij"))
    offsets = grid.reshape(len(radius), -1)
    distance = np.sum((offsets / np.array(radius)[:, np.newaxis]) ** 2, axis=0)
    inside = distance <= 1
    return offsets[:, inside], np.exp(-2 * distance[inside])


def _add_traces(estimates: h5py.Group, size: Size, rng: np.random.Generator) -> None:
    """Add C, S, YrA and F_dff, (components, frames), contiguous float64, as CaImAn does."""
    shape = (size.rois, size.frames)
    traces = {name: estimates.create_dataset(name, shape, "f8") for name in ("C", "S", "YrA", "F_dff")}
    rows = max(1, _BLOCK_VALUES // size.frames)
    for first in range(0, size.rois, rows):
        block = slice(first, min(first + rows, size.rois))
        count = (block.stop - first, size.frames)
        spikes = rng.poisson(0.01, count) * rng.gamma(4, 50, count)
        calcium = lfilter([1.0], [1.0, -_DECAY], spikes, axis=1)
        noise = rng.normal(0, 30, count)
        traces["S"][block] = spikes
        traces["C"][block] = calcium
        traces["YrA"][block] = noise
        traces["F_dff"][block] = (calcium + noise) / rng.uniform(500, 2000, (count[0], 1))


def _add_background(estimates: h5py.Group, size: Size, rng: np.random.Generator) -> None:
    pixels = int(np.prod(size.frame_shape))
    estimates["b"] = rng.uniform(0.01, 0.02, (pixels, 1))
    estimates["f"] = rng.normal(4e4, 1e3, (1, size.frames))
    estimates["sn"] = rng.uniform(20, 40, pixels).astype("f4")


def _add_metrics(estimates: h5py.Group, size: Size, rng: np.random.Generator) -> None:
    """Add what CaImAn stores for each component, numbers as text where CaImAn does so."""
    accepted = rng.random(size.rois) < _ACCEPTED
    estimates["idx_components"] = np.flatnonzero(accepted)
    estimates["idx_components_bad"] = np.flatnonzero(~accepted)
    estimates["SNR_comp"] = rng.gamma(4, 1, size.rois)
    estimates["r_values"] = rng.uniform(0.3, 1, size.rois)
    estimates["cnn_preds"] = rng.random(size.rois).astype("f4")
    estimates["g"] = np.full((size.rois, 1), _DECAY)
    estimates["nr"] = size.rois
    texts: dict[str, Any] = {"bl": -290.0, "c1": 0.0, "lam": 0.0, "neurons_sn": 30.0}
    for name, scale in texts.items():
        estimates[name] = np.array([repr(value) for value in (scale + rng.random(size.rois)).tolist()], dtype="S32")


def write_movie(path: Path, frames: int, frame_shape: tuple[int, int], *, seed: int = 0) -> None:
    """Write a movie as a multi-page TIFF of int16: photon noise on an uneven field."""
    import tifffile

    rng = np.random.default_rng(seed)
    field = np.linspace(100, 400, frame_shape[1])[np.newaxis, :] * np.ones((frame_shape[0], 1))
    with tifffile.TiffWriter(path) as writer:
        for _ in range(frames):
            writer.write(rng.poisson(field).astype("<i2"), contiguous=False)
