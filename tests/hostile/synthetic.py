"""A small file in CaImAn's layout with random sizes, dtypes and absences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

NONE = "NoneType"


def write_synthetic(path: Path, rng: np.random.Generator) -> None:
    """Write a file that CaImAn could have saved, with every field at random present, None or missing."""
    shape = tuple(int(side) for side in rng.integers(1, 9, size=rng.choice([2, 2, 3])))
    count, frames = int(rng.integers(1, 7)), int(rng.integers(1, 40))
    dtype = rng.choice(np.array(["f4", "f8"]))
    with h5py.File(path, "w") as file:
        file["dims"] = np.array(shape)
        estimates, params = file.create_group("estimates"), file.create_group("params")
        write_sparse(
            estimates, "A", random_footprints(shape, count, rng).astype(dtype), is_sorted=bool(rng.integers(2))
        )
        estimates["C"] = rng.normal(size=(count, frames)).astype(dtype)
        pixels = int(np.prod(shape))
        for name, value in optional_fields(shape, pixels, count, frames, rng).items():
            fate = rng.integers(6)
            if fate == 0:
                continue
            estimates[name] = NONE if fate == 1 else value
        split = rng.permutation(count)
        accepted = int(rng.integers(count + 1))
        if rng.integers(3):
            estimates["idx_components"] = np.sort(split[:accepted])
            estimates["idx_components_bad"] = np.sort(split[accepted:])
        else:
            estimates["idx_components"] = estimates["idx_components_bad"] = NONE
        write_parameters(params, shape)


def random_footprints(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> sparse.csc_array:
    dense = rng.random((int(np.prod(shape)), count))
    dense[dense < rng.uniform(0, 1)] = 0
    return sparse.csc_array(dense)


def write_sparse(group: h5py.Group, name: str, matrix: sparse.csc_array, *, is_sorted: bool = True) -> None:
    """Write a matrix as CaImAn does, with the rows of each column in order or backwards."""
    data, indices = matrix.data.copy(), matrix.indices.copy()
    if not is_sorted:
        for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
            data[start:stop], indices[start:stop] = data[start:stop][::-1], indices[start:stop][::-1]
    node = group.create_group(name)
    node["data"], node["indices"], node["indptr"] = data, indices, matrix.indptr
    node["shape"] = np.array(matrix.shape)


def optional_fields(
    shape: tuple[int, ...], pixels: int, count: int, frames: int, rng: np.random.Generator
) -> dict[str, Any]:
    background = int(rng.integers(1, 3))
    traces = {name: rng.normal(size=(count, frames)) for name in ("S", "YrA", "R", "F_dff")}
    scores = {name: rng.random(count) for name in ("SNR_comp", "r_values", "cnn_preds", "ecc")}
    fits = {name: np.array([str(value).encode() for value in rng.normal(size=count)]) for name in ("bl", "c1", "lam")}
    return {
        **traces,
        **scores,
        **fits,
        "neurons_sn": rng.random(count),
        "g": rng.random((count, int(rng.integers(3)))),
        "b": rng.random((pixels, background)),
        "f": rng.random((background, frames)),
        "b0": rng.random(pixels),
        "Cn": rng.uniform(-1, 1, size=shape),
        "sn": rng.random(pixels),
        "dims": np.array(shape),
        "shifts": rng.normal(size=(frames, len(shape))),
    }


def write_parameters(params: h5py.Group, shape: tuple[int, ...]) -> None:
    data = params.create_group("data")
    data.attrs["caiman_version"] = "1.12.1"
    data["dims"], data["fr"], data["dxy"] = np.array(shape), 12.5, np.array([1.5, 2.0])
    data["decay_time"], data["fnames"] = 0.4, np.array([b"/data/lab/movie.tif"])
    params.create_group("quality")["min_SNR"] = 2.5
    params.create_group("init")["K"] = 5
    params.create_group("online")["ds_factor"] = 1
