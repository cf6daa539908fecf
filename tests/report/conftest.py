"""Results as a report reads them, from CaImAn files and from NWB files that the interface wrote of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_samples import START, pixel_table, write_caiman_file

from caiman_interface.report.data import Analysis


@pytest.fixture(scope="session")
def nwb_of(caiman_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that converts a real file, given its name and conversion options, once."""
    from caiman_interface import CaimanSegmentationInterface

    folder = tmp_path_factory.mktemp("nwb")
    made: dict[str, Path] = {}

    def convert(name: str, **options: Any) -> Path:
        key = f"{name}{''.join(map(str, options.values()))}"
        if key not in made:
            interface = CaimanSegmentationInterface(file_path=caiman_files[name])
            metadata = interface.get_metadata()
            metadata["NWBFile"]["session_start_time"] = START
            made[key] = folder / f"{key}.nwb"
            interface.run_conversion(nwbfile_path=made[key], metadata=metadata, **options)
            interface.segmentation_extractor.results.close()
        return made[key]

    return convert


@pytest.fixture(scope="session")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up result with 3,000 components on 512 by 512 pixels."""
    path = tmp_path_factory.mktemp("large") / "large.hdf5"
    write_caiman_file(path, count=3000, frames=120)
    return path


@pytest.fixture
def analysis() -> Callable[..., Analysis]:
    """A function that makes a small analysis of three components; its arguments replace fields."""

    def make(**fields: Any) -> Analysis:
        rng = np.random.default_rng(1)
        defaults: dict[str, Any] = {
            "name": "made-up.hdf5",
            "method": "CNMF",
            "is_one_photon": False,
            "evaluation": "evaluated",
            "frame_shape": (6, 8),
            "num_frames": 50,
            "sampling_frequency": 10.0,
            "ids": np.arange(3),
            "accepted": np.array([True, False, True]),
            "metrics": {},
            "pixels": pixel_table([[(1, 1), (2, 1)], [(5, 2)], [(6, 4), (7, 4), (7, 5)]]),
            "images": {},
            "raw": rng.normal(size=(50, 3)),
            "denoised": rng.random((50, 3)),
            "parameters": {},
        }
        return Analysis(**{**defaults, **fields})

    return make
