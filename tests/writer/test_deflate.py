"""zlib streams of byte planes: standard, not larger than compressed ones, and stored where nothing compresses."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyfive
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib
from numpy.typing import NDArray

from caiman_interface.writer.block_sources import ArraySource
from caiman_interface.writer.chunk_writer import ChunkWriter
from caiman_interface.writer.deflate import deflated

DATA = Path(__file__).parents[1] / "data" / "sim2p_full.hdf5"


def shuffled(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(values.reshape(-1, 1).view(np.uint8).T)


@given(
    sizes=st.lists(st.sampled_from(["noise", "zeros", "ramp", "text"]), min_size=1, max_size=8),
    length=st.sampled_from([1, 7, 1000, 65535, 65536, 200_000]),
    level=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_every_decoder_returns_the_bytes(sizes: list[str], length: int, level: int) -> None:
    rng = np.random.default_rng(len(sizes))
    kinds = {
        "noise": rng.integers(0, 256, length),
        "zeros": np.zeros(length),
        "ramp": np.arange(length) % 256,
        "text": np.resize(np.frombuffer(b"calcium imaging ", np.uint8), length),
    }
    planes = np.array([kinds[kind] for kind in sizes]).astype(np.uint8)
    stream = deflated(planes, level)
    assert zlib.decompress(stream) == planes.tobytes()
    assert isal_zlib.decompress(stream) == planes.tobytes()


def test_planes_of_noise_are_stored_and_others_compressed() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 400_000, dtype=np.uint8)
    zeros = np.zeros(400_000, np.uint8)
    stream = deflated(np.array([noise, zeros]), 4)
    assert noise[:65535].tobytes() in stream
    assert len(stream) < 402_000


def test_real_traces_grow_by_half_a_percent_at_most() -> None:
    with h5py.File(DATA) as file:
        arrays = [file["estimates"][name][()] for name in ("C", "YrA", "S", "F_dff")]
    planes = [shuffled(np.ascontiguousarray(array.T)) for array in arrays]
    ours = sum(len(deflated(array, 4)) for array in planes)
    assert ours <= 1.005 * sum(len(isal_zlib.compress(array.tobytes(), 2)) for array in planes)


def test_a_decoder_that_is_not_the_hdf5_library_reads_the_chunks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "noise": rng.normal(size=(3000, 40)),
        "movie": rng.poisson(300, (50, 64, 64)).astype("<i2"),
        "narrow": rng.normal(size=(1000, 7)).astype("<f4"),
    }
    with h5py.File(tmp_path / "file.h5", "w") as file, ChunkWriter(2) as writer:
        for name, values in arrays.items():
            options = {"compression": "gzip", "shuffle": name != "narrow"}
            dataset = file.create_dataset(name, values.shape, values.dtype, chunks=True, **options)
            assert sum(writer.fill(dataset, ArraySource(values))) == values.nbytes
    with pyfive.File(str(tmp_path / "file.h5")) as file:
        for name, values in arrays.items():
            np.testing.assert_array_equal(file[name][:], values)
