"""Made-up results: in CaImAn's own layout, with as many components as wanted, and in memory."""

from datetime import datetime, timezone
from pathlib import Path

import h5py
import numpy as np
from scipy.sparse import csc_array

from caiman_interface.caiman_file import PixelTable

START = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)

THRESHOLDS = {
    "min_SNR": 2.5,
    "SNR_lowest": 0.5,
    "rval_thr": 0.85,
    "rval_lowest": -1,
    "min_cnn_thr": 0.99,
    "cnn_lowest": 0.1,
}


def write_caiman_file(
    path: Path, *, count: int, frame_shape: tuple[int, int] = (512, 512), frames: int = 300, seed: int = 0
) -> None:
    """Write cells at random places: round footprints, transients that decay, scores, and the verdict on them."""
    rng = np.random.default_rng(seed)
    rows, columns = frame_shape
    centres = rng.uniform([0, 0], [rows - 1, columns - 1], size=(count, 2))
    footprints = _footprints(centres, rng.uniform(2.2, 3.6, size=count), frame_shape)
    denoised = _transients(rng, count, frames)
    snr = rng.gamma(2.5, 1.8, size=count)
    r_values = np.clip(rng.beta(6, 1.5, size=count), -1, 1)
    cnn = rng.beta(0.6, 0.4, size=count).astype(np.float32)
    is_good = ((snr > 2.5) | (r_values > 0.85) | (cnn > 0.99)) & (snr > 0.5) & (cnn > 0.1)
    noise = rng.normal(size=denoised.shape).astype(np.float32) * (denoised.max(axis=1) / snr / 2)[:, np.newaxis]
    image = (
        0.25 + 0.1 * rng.random(frame_shape) + 0.6 * np.asarray(footprints.sum(axis=1)).reshape(frame_shape, order="F")
    )
    with h5py.File(path, "w") as file:
        file["dims"] = np.array(frame_shape)
        estimates = file.create_group("estimates")
        matrix = estimates.create_group("A")
        for name in ("data", "indices", "indptr"):
            matrix[name] = getattr(footprints, name)
        matrix["shape"] = np.array(footprints.shape)
        values = {
            "C": denoised,
            "YrA": noise,
            "Cn": image,
            "SNR_comp": snr,
            "r_values": r_values,
            "cnn_preds": cnn,
            "idx_components": np.flatnonzero(is_good),
            "idx_components_bad": np.flatnonzero(~is_good),
            "dims": np.array(frame_shape),
        }
        for name, value in values.items():
            estimates[name] = value
        file["params/data/fr"] = 30.3
        file["params/data/dxy"] = np.array([1.1, 1.1])
        file["params/data"].attrs["caiman_version"] = "1.12.1"
        for name, value in THRESHOLDS.items():
            file[f"params/quality/{name}"] = value


def _footprints(centres: np.ndarray, widths: np.ndarray, frame_shape: tuple[int, int]) -> csc_array:
    reach = np.arange(-8, 9)
    down, across = (axis.ravel() for axis in np.meshgrid(reach, reach, indexing="ij"))
    row = np.round(centres[:, :1]).astype(int) + down
    column = np.round(centres[:, 1:]).astype(int) + across
    distance = np.hypot(row - centres[:, :1], column - centres[:, 1:]) / widths[:, np.newaxis]
    kept = (distance < 1.8) & (row >= 0) & (row < frame_shape[0]) & (column >= 0) & (column < frame_shape[1])
    owner, _ = np.nonzero(kept)
    pixels = (row + frame_shape[0] * column)[kept]
    weights = np.exp(-0.5 * distance[kept] ** 2)
    return csc_array((weights, (pixels, owner)), shape=(frame_shape[0] * frame_shape[1], len(centres)))


def _transients(rng: np.random.Generator, count: int, frames: int) -> np.ndarray:
    trace = np.zeros((count, frames), dtype=np.float32)
    spikes = (rng.random((count, frames)) < 0.015) * rng.gamma(2, 1, size=(count, frames))
    for frame in range(1, frames):
        trace[:, frame] = 0.93 * trace[:, frame - 1] + spikes[:, frame]
    return trace


def pixel_table(components: list[list[tuple[int, ...]]]) -> PixelTable:
    """Make footprints of weight 1 from the (x, y[, z]) of their pixels."""
    flat = np.array([pixel for component in components for pixel in component], dtype=np.uint32)
    return PixelTable(
        coordinates=tuple(flat.T),
        weights=np.ones(len(flat), dtype=np.float32),
        ends=np.cumsum([len(component) for component in components]),
    )
