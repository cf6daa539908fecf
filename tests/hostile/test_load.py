"""Many conversions in one process, in threads, and in workers of every kind."""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface import CaimanResults, verify

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from load import convert, convert_many

SOURCE = Path(__file__).parents[1] / "data" / "sim2p_full.hdf5"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def convert_in_worker(folder: Path) -> Path:
    """Convert to a file that is named after the worker."""
    path = folder / f"{os.getpid()}.nwb"
    convert(SOURCE, path)
    return path


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_of_every_kind_convert(method: str, tmp_path: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    context = multiprocessing.get_context(method)
    with CaimanResults.open(SOURCE), ProcessPoolExecutor(2, mp_context=context) as pool:  # open while workers start
        paths = {job.result() for job in [pool.submit(convert_in_worker, tmp_path) for _ in range(2)]}
    assert all(verify(SOURCE, path).ok for path in paths)


def test_twenty_conversions_at_once_in_threads_are_right(tmp_path: Path) -> None:
    list(convert_many(SOURCE, tmp_path, 20, threads=20, steps=1))
    paths = sorted(tmp_path.glob("*.nwb"))
    assert len(paths) == 20
    with CaimanResults.open(SOURCE) as results:
        expected = np.asarray(results.components.traces["raw"][:])
    for path in paths:
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["processing/ophys/Fluorescence/RoiResponseSeries/data"][()], expected)
    assert verify(SOURCE, paths[0]).ok


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_descriptors_and_threads_stay_flat(tmp_path: Path) -> None:
    first, *_, last = list(convert_many(SOURCE, tmp_path, 120, steps=6))
    assert (last.descriptors, last.threads) == (first.descriptors, first.threads)
    assert last.memory_bytes - first.memory_bytes < 20e6
