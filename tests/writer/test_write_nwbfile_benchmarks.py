"""The benchmark's input files are such as both converters read, and its two conversions give the same values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small case with a movie, where NeuroConv reads such: its 0.9.3 fails on them with its own roiextractors."""
    folder = tmp_path_factory.mktemp("case")
    script = (
        "import sys; from pathlib import Path; from synthetic import *; folder = Path(sys.argv[1])\n"
        "write_caiman_file(folder / 'caiman.hdf5', Size(30, 200, (40, 50), (4, 4)))\n"
    )
    if not version("neuroconv").startswith("0.9"):
        script += "write_movie(folder / 'movie.tif', 20, (40, 50))"
    subprocess.run([sys.executable, "-c", script, str(folder)], cwd=BENCHMARKS, check=True)
    return folder


def test_footprints_are_sorted_as_neuroconv_needs_them_and_within_the_frame(case: Path) -> None:
    with h5py.File(case / "caiman.hdf5") as file:
        footprints = file["estimates/A"]
        ends = footprints["indptr"][()]
        for first, last in pairwise(ends):
            assert (np.diff(footprints["indices"][first:last]) > 0).all()
        assert footprints["shape"][()].tolist() == [2000, 30]
        assert footprints["indices"][()].max() < 2000


def test_both_converters_write_the_same_traces_and_movie(case: Path, tmp_path: Path) -> None:
    written = {}
    environment = {**os.environ, "CAIMAN_INTERFACE_NO_AUTOLOAD": "1"}
    for converter in ("neuroconv", "caiman-interface"):
        output = tmp_path / f"{converter}.nwb"
        command = [sys.executable, str(BENCHMARKS / "convert.py"), converter, str(case), str(output)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
        measured = json.loads(done.stdout.splitlines()[-1])
        assert measured["output_bytes"] == output.stat().st_size
        sizes = measured.pop("dataset_bytes")
        assert min(measured.values()) > 0
        with h5py.File(output) as file:
            traces = {name: node["data"][()] for name, node in file["processing/ophys/Fluorescence"].items()}
            assert sizes["processing/ophys/Fluorescence/Denoised/data"] == (
                file["processing/ophys/Fluorescence/Denoised/data"].id.get_storage_size()
            )
            written[converter] = traces | {name: node["data"][()] for name, node in file["acquisition"].items()}
    assert {"RoiResponseSeries", "Denoised", "Deconvolved"} <= set(written["neuroconv"])
    for name, values in written["neuroconv"].items():
        np.testing.assert_array_equal(written["caiman-interface"][name], values)
