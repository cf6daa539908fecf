"""Real files of further kinds, and reported situations: each converts, and `verify` finds every value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface import CaimanResults, verify
from caiman_interface.verification.inventory import UNKNOWN
from conversions import marks_of_case

CASES = {path.stem: path for path in sorted((Path(__file__).parents[1] / "data" / "cases").glob("*.hdf5"))}


@pytest.fixture(scope="module")
def nwb_of(convert: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that converts a case with its ring model; each is converted once."""
    folder = tmp_path_factory.mktemp("cases")

    def converted(name: str) -> Path:
        path = folder / f"{name}.nwb"
        return path if path.exists() else convert(CASES[name], path, include_ring_model=True)

    return converted


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of_case(name)) for name in CASES])
def test_nothing_is_lost_and_every_field_that_is_left_out_has_a_reason(
    nwb_of: Callable[[str], Path], name: str
) -> None:
    report = verify(CASES[name], nwb_of(name))
    assert report.ok, str(report)
    assert all(finding.detail not in {"", UNKNOWN} for finding in report.not_stored)
    with CaimanResults(CASES[name]) as results:
        reasons = {path: finding.detail for finding in report.not_stored for path in finding.caiman}
        for omission in results.omissions:
            assert reasons.get(omission.field, omission.reason) == omission.reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sim_selected_list_noeval", "chosen by its evaluation or by the user"),
        ("sim_cnmfe_evaluated", "Whether CaImAn's evaluation accepted the component"),
        ("sim_onacid_ring", None),
        ("sim_restored_ecc", None),
    ],
)
def test_is_accepted_says_who_chose(nwb_of: Callable[[str], Path], name: str, expected: str | None) -> None:
    with h5py.File(nwb_of(name)) as file:
        column = file["processing/ophys/ImageSegmentation/PlaneSegmentation"].get("is_accepted")
        if expected is None:
            assert column is None
        else:
            assert expected in column.attrs["description"]


def test_an_evaluation_that_the_viewer_contradicts_is_written_as_it_is(nwb_of: Callable[[str], Path]) -> None:
    with h5py.File(nwb_of("gui_save")) as file, h5py.File(CASES["gui_save"]) as source:
        table = file["processing/ophys/ImageSegmentation/PlaneSegmentation"]
        accepted = np.flatnonzero(table["is_accepted"][()])
        np.testing.assert_array_equal(accepted, np.sort(source["estimates/idx_components"][()]))
        rejected = np.flatnonzero(table["manually_rejected"][()])
        np.testing.assert_array_equal(rejected, np.sort(source["estimates/rejected_list"][()]))
        assert set(accepted) <= set(rejected)


def test_a_save_that_broke_off_has_what_was_saved(nwb_of: Callable[[str], Path]) -> None:
    with h5py.File(nwb_of("save_broke_off_at_C")) as file, h5py.File(CASES["save_broke_off_at_C"]) as source:
        series = file["processing/ophys/Fluorescence"]
        assert list(series) == ["Denoised"]
        np.testing.assert_array_equal(series["Denoised/data"][()], source["estimates/C"][()].T)
