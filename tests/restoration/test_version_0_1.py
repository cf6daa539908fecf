"""NWB files that version 0.1 wrote are restored as far as they can be, with every difference listed.

The files in ``tests/data/version_0_1`` were written by version 0.1 itself from the CaImAn files of the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from caiman_values import are_equal, differing, read_values

from caiman_interface import RestoreReport, restore, verify

# Older releases of pynwb say this of files that newer ones wrote.
pytestmark = pytest.mark.filterwarnings("ignore:Ignoring the following cached namespace:UserWarning")

DATA = Path(__file__).parents[1] / "data"
OLD = DATA / "version_0_1"
TWO_PHOTON, ONLINE = "sim_fitfile_mc_rigid_eval", "sim2p_onacid"
EXACT = {
    TWO_PHOTON: {"C", "S", "f", "sn", "idx_components", "g", "SNR_comp", "r_values", "shifts"},
    ONLINE: {"C", "S", "f", "sn"},
}


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RestoreReport]:
    folder = tmp_path_factory.mktemp("old")
    made: dict[str, RestoreReport] = {}

    def report_of(name: str) -> RestoreReport:
        if name not in made:
            made[name] = restore(OLD / f"{name}.nwb", folder / f"{name}.hdf5")
        return made[name]

    return report_of


@pytest.mark.parametrize("name", [TWO_PHOTON, ONLINE])
def test_every_difference_is_listed(restored, name: str) -> None:
    report = restored(name)
    reported = {item.field for item in report.differences}
    found = differing(report.hdf5_path, DATA / f"{name}.hdf5")
    unlisted = {path for path in found if not any(path == field or path.startswith(f"{field}/") for field in reported)}
    assert unlisted == set()
    assert {f"estimates/{field}" for field in EXACT[name]} <= set(report.exact)
    (note,) = report.notes
    assert "written by version 0.1" in note


@pytest.mark.parametrize("name", [TWO_PHOTON, ONLINE])
def test_rounded_values_are_nearly_those_of_caiman(restored, name: str) -> None:
    report = restored(name)
    original, values = read_values(DATA / f"{name}.hdf5"), read_values(report.hdf5_path)
    reasons = {item.field: item.reason for item in report.approximate}
    assert reasons["estimates/YrA"] == "computed as raw trace minus C, which may differ in the last place"
    assert reasons["estimates/A"] == "the NWB file has it in float32, CaImAn had float64"
    expected = original["estimates/YrA"]
    largest = np.abs(original["estimates/C"] + expected).max()
    np.testing.assert_allclose(values["estimates/YrA"], expected, rtol=0, atol=largest * np.finfo(expected.dtype).eps)
    assert are_equal(values["estimates/A"]["indptr"], original["estimates/A"]["indptr"]) or name == ONLINE
    np.testing.assert_allclose(values["estimates/b"], original["estimates/b"], rtol=1e-6)


def test_restored_file_converts_and_verifies(restored, convert: Callable[..., Path], tmp_path: Path) -> None:
    report = restored(TWO_PHOTON)
    assert verify(report.hdf5_path, convert(report.hdf5_path, tmp_path / "again.nwb")).ok


def test_report_names_the_state_of_the_online_analysis(restored) -> None:
    lost = {item.field: item.reason for item in restored(ONLINE).not_restored}
    assert "working memory of the online analysis" in lost["estimates/mean_buff"]
    assert "computing times" in lost["t_online"]
    assert "whether CaImAn had some is not recorded" in lost["estimates/lam"]
    batch = {item.field for item in restored(TWO_PHOTON).differences}
    assert not batch & {"estimates/CC", "estimates/W", "t_online"}
