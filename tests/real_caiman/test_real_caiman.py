"""CaImAn itself loads an original and a restored file alike, and its functions give the same results on both."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from caiman_interface import restore

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
PYTHON = os.environ.get("CAIMAN_PYTHON")
FUNCTIONS = {
    *("evaluate_components", "filter_components", "select_components", "detrend_df_f", "deconvolve"),
    *("plot_contours", "refit"),
}
# What CaImAn itself cannot do with these results, whether original or restored.
IMPOSSIBLE = {"sim2p_onacid": {"select_components", "refit"}, "sim3d": {"plot_contours"}}

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(PYTHON is None, reason="needs CaImAn: set CAIMAN_PYTHON, see build_environment.py"),
]


@pytest.mark.parametrize(
    ("name", "with_ring_model"),
    [("sim2p_full", False), ("sim1p_cnmfe", False), ("sim1p_cnmfe", True), ("sim3d", False), ("sim2p_onacid", False)],
)
def test_caiman_gives_equal_results(
    convert: Callable[..., Path], tmp_path: Path, name: str, *, with_ring_model: bool
) -> None:
    original, restored = DATA / f"{name}.hdf5", tmp_path / "restored.hdf5"
    report = restore(convert(original, tmp_path / "file.nwb", include_ring_model=with_ring_model), restored)
    command = [str(PYTHON), str(HERE / "compare_in_caiman.py"), str(original), str(restored), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    compared = json.loads(done.stdout)
    reported = {difference.field.replace("/", ".") for difference in report.differences}
    assert set(compared["different"]) <= reported
    outcomes = compared["functions"]
    assert set(outcomes) == FUNCTIONS
    assert not {function for function, found in outcomes.items() if found.startswith("different")}
    assert {function for function, found in outcomes.items() if found.startswith("raises")} == IMPOSSIBLE.get(
        name, set()
    )
    assert {found for found in outcomes.values() if not found.startswith("raises")} == {"equal"}
