"""Small results in memory, and pages in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from report_browser import Browser, chromium_path, start_chromium
from scipy.sparse import csc_array

from caiman_interface.report.data import ComponentSet, ReportData


@pytest.fixture
def report_data() -> Callable[..., ReportData]:
    """A function that makes the data of a report with three components; its arguments replace fields."""

    def make(components: dict[str, Any] | None = None, **fields: Any) -> ReportData:
        rng = np.random.default_rng(1)
        footprints = np.zeros((6, 8, 3), dtype=np.float32)
        footprints[[1, 1], [1, 2], 0] = 1
        footprints[2, 5, 1] = 1
        footprints[[4, 4, 5], [6, 7, 7], 2] = 1
        component_fields: dict[str, Any] = {
            "ids": np.arange(3),
            "statuses": ("accepted", "rejected", "accepted"),
            "manual": ("", "", ""),
            "footprints": csc_array(footprints.reshape(48, 3, order="F")),
            "centroids": np.array([[1.5, 1], [5, 2], [6.7, 4.3]]),
            "metrics": {},
            "fits": {},
            "traces": {"raw": rng.normal(size=(50, 3)), "denoised": rng.random((50, 3))},
        }
        defaults: dict[str, Any] = {
            "name": "made-up.hdf5",
            "method": "CNMF",
            "caiman_version": "1.12.1",
            "is_one_photon": False,
            "frame_shape": (6, 8),
            "num_frames": 50,
            "sampling_frequency": 10.0,
            "timestamps": None,
            "images": {},
            "components": ComponentSet(**{**component_fields, **(components or {})}),
            "discarded": None,
            "parameters": {},
        }
        return ReportData(**{**defaults, **fields})

    return make


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; tests that need it are skipped where it is missing."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    if chromium_path() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with start_chromium() as started:
        yield started


@pytest.fixture(scope="session")
def everything_page(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a file with everything that CaImAn saves."""
    from caiman_interface.report import write_report

    return write_report(everything, tmp_path_factory.mktemp("page") / "everything.html")


@pytest.fixture
def manual_file(copy_of: Callable[[str], Path]) -> Path:
    """A file in which a user accepted and rejected components in CaImAn's viewer."""
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        for name, chosen in (("accepted_list", [0, 2, 11]), ("rejected_list", [1])):
            if name in file["estimates"]:
                del file["estimates"][name]
            file["estimates"][name] = np.array(chosen)
    return path
