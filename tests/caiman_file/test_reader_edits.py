"""What edits in CaImAn leave behind: arrays of other components, or in another order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import sparse

from caiman_interface.caiman_file import CaimanResults

# The names of CaImAn's `select_components`; what is not among them keeps the old order.
MOVED = ["C", "S", "YrA", "R", "F_dff", "g", "bl", "c1", "neurons_sn", "lam", "SNR_comp", "r_values"]
LEFT_BEHIND = {"ecc", "F_dff_dec", "S_dff", "accepted_list", "rejected_list"}
PERMUTED = np.array([3, 0, 7, 1, 5, 2, 6, 4])


def omitted(path: Path) -> dict[str, str]:
    with CaimanResults(path) as results:
        return {omission.field.removeprefix("estimates/"): omission.reason for omission in results.omissions}


def eccentricity(results: CaimanResults) -> np.ndarray:
    """Return the eccentricity of each footprint by the formula of CaImAn's ``compute_eccentricity``."""
    rows, columns = results.frame_shape
    ratios = []
    for image in np.moveaxis(results.components.footprints.images(), -1, 0):
        weights = image / image.sum()
        y, x = np.mgrid[:rows, :columns]
        y, x = y - (weights * y).sum(), x - (weights * x).sum()
        covariance = [
            [(weights * y * y).sum(), (weights * x * y).sum()],
            [(weights * x * y).sum(), (weights * x * x).sum()],
        ]
        low, high = np.linalg.eigvalsh(covariance)
        ratios.append(np.sqrt(high / low))
    return np.array(ratios)


def eccentricity_of(path: Path) -> np.ndarray:
    with CaimanResults(path) as results:
        return eccentricity(results)


def assert_same_rois(results: CaimanResults) -> None:
    """Check that the deconvolved dF/F of each ROI correlates most with the dF/F of the same ROI."""
    dff = results.components.traces["dff"][:]
    denoised = results.components.dff_deconvolution["dff_denoised"][:]
    count = results.components.count
    correlation = np.corrcoef(dff.T, denoised.T)[:count, count:]
    np.testing.assert_array_equal(correlation.argmax(axis=1), np.arange(count))


@pytest.fixture
def selected_all(copy_of: Callable[[str], Path]) -> Path:
    """A real file after ``select_components(idx_components=PERMUTED)``: all components are kept, in another order."""
    path = copy_of("sim_deconvolved_dff")
    with h5py.File(path, "r+") as file:
        estimates = file["estimates"]
        parts = tuple(estimates[f"A/{name}"][()] for name in ("data", "indices", "indptr"))
        footprints = sparse.csc_array(parts, shape=estimates["A/shape"][()])
        ecc = np.arange(8.0)
        store_footprints(estimates, footprints[:, PERMUTED])
        for name in MOVED:
            replace(estimates, name, estimates[name][()][PERMUTED])
        for name in ("idx_components", "idx_components_bad"):
            replace(estimates, name, "NoneType")
        replace(estimates, "ecc", ecc)
        replace(estimates, "accepted_list", np.array([0, 3]))
        replace(estimates, "rejected_list", np.array([4]))
        del estimates["discarded_components"]
        aside = estimates.create_group("discarded_components")
        store_footprints(aside, footprints[:, :0])
        aside["C"] = estimates["C"][:0]
    return path


def replace(group: h5py.Group, name: str, value: Any) -> None:
    if name in group:
        del group[name]
    group[name] = value


def store_footprints(group: h5py.Group, matrix: Any) -> None:
    if "A" in group:
        del group["A"]
    for name in ("data", "indices", "indptr"):
        group[f"A/{name}"] = getattr(matrix, name)
    group["A/shape"] = np.array(matrix.shape)


def test_restored_components_lose_what_stays_in_the_old_order(caiman_files: dict[str, Path]) -> None:
    path = caiman_files["sim_restored_ecc_handpicked"]
    assert omitted(path).keys() == LEFT_BEHIND
    with CaimanResults(path) as results, h5py.File(path) as file:
        # They are indeed of other components than the footprints and the traces in the same row.
        formula, stored = eccentricity(results), file["estimates/ecc"][()]
        assert np.abs(formula - stored).max() > 0.01
        assert np.abs(np.sort(formula) - np.sort(stored)).max() < 0.01
        both = np.corrcoef(file["estimates/F_dff"][()], file["estimates/F_dff_dec"][()])[:8, 8:]
        assert not np.array_equal(both.argmax(axis=1), np.arange(8))


def test_an_evaluation_after_restoring_has_new_eccentricities(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim_restored_ecc_handpicked")
    order = np.argsort(np.argsort(eccentricity_of(path)))
    with h5py.File(path, "r+") as file:
        for name, values in {"idx_components": [0, 1, 2, 3, 4, 5], "idx_components_bad": [6, 7]}.items():
            replace(file["estimates"], name, np.array(values))
        replace(file["params/quality"], "use_ecc", value=True)
        replace(file["estimates"], "ecc", np.sort(file["estimates/ecc"][()])[order])  # as an evaluation computes it
    assert omitted(path).keys() == LEFT_BEHIND - {"ecc"}
    with CaimanResults(path) as results:
        np.testing.assert_allclose(results.components.metrics["eccentricity"], eccentricity(results), atol=0.01)
    with h5py.File(path, "r+") as file:
        replace(file["params/quality"], "use_ecc", value=False)
    assert omitted(path).keys() == LEFT_BEHIND


def test_a_permuting_selection_loses_what_stays_in_the_old_order(selected_all: Path) -> None:
    assert omitted(selected_all).keys() == LEFT_BEHIND


def test_a_permuting_selection_without_discarded_components(selected_all: Path) -> None:
    with h5py.File(selected_all, "r+") as file:
        replace(file["estimates"], "discarded_components", "NoneType")
    assert omitted(selected_all).keys() == LEFT_BEHIND


def test_a_permuting_selection_that_keeps_those_discarded_before(selected_all: Path) -> None:
    """``select_components(..., save_discarded_components=False)`` leaves what a first selection set aside."""
    with h5py.File(selected_all, "r+") as file:
        aside = file["estimates/discarded_components"]
        store_footprints(aside, sparse.csc_array(np.ones((2288, 3))))
        replace(aside, "C", np.ones((3, 400)))
    assert omitted(selected_all).keys() == LEFT_BEHIND


def test_a_permuting_selection_of_an_online_result(copy_of: Callable[[str], Path]) -> None:
    """What it set aside covers all frames, what OnACID's initialisation set aside only the first batch."""
    path = copy_of("sim2p_onacid")
    with CaimanResults(path) as results:
        assert results.frame_added.tolist() == [200, 200, 200, 200, 200, 206, 245, 262, 285, 293, 305]
    with h5py.File(path, "r+") as file:
        estimates = file["estimates"]
        for name in ("C", "S", "YrA"):
            replace(estimates, name, estimates[name][()][::-1])
            replace(estimates["discarded_components"], name, estimates[name][:0])
        replace(estimates, "accepted_list", np.array([0, 3]))
    assert omitted(path)["time_neuron_added"] == "may be in the order from before select_components"
    assert omitted(path)["accepted_list"].startswith("may be from before select_components")


def test_components_that_the_initialisation_of_onacid_removed(copy_of: Callable[[str], Path]) -> None:
    """They are not a selection from the components in the file, which were not evaluated."""
    path = copy_of("sim2p_onacid")
    with h5py.File(path, "r+") as file:
        aside = file["estimates/discarded_components"]
        store_footprints(aside, sparse.csc_array(np.ones((1584, 2))))
        for name in ("C", "S", "YrA"):
            replace(aside, name, np.ones((2, 200)))
    with CaimanResults(path) as results:
        assert results.components.acceptance.verdict == "not evaluated"
        assert results.frame_added.max() == 305


def test_a_deconvolution_after_a_selection_is_kept(selected_all: Path) -> None:
    """Its rows correlate with those of F_dff, which is in the new order."""
    with h5py.File(selected_all, "r+") as file:
        for name in ("F_dff_dec", "S_dff"):
            replace(file["estimates"], name, file["estimates"][name][()][PERMUTED])
    assert omitted(selected_all).keys() == LEFT_BEHIND - {"F_dff_dec", "S_dff"}
    with CaimanResults(selected_all) as results:
        assert set(results.components.dff_deconvolution) == {"dff_denoised", "dff_deconvolved"}
        assert_same_rois(results)


def test_deconvolved_dff_belongs_to_its_roi(caiman_files: dict[str, Path]) -> None:
    with CaimanResults(caiman_files["sim_deconvolved_dff"]) as results:
        assert_same_rois(results)


def test_manual_lists_from_before_a_selection_and_a_new_evaluation(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_selected")
    with h5py.File(path, "r+") as file:
        replace(file["estimates"], "idx_components", np.array([0, 1, 2, 3, 4]))
        replace(file["estimates"], "idx_components_bad", np.array([5, 6]))
        file["estimates/accepted_list"] = np.array([0, 2])
    assert omitted(path) == {
        "accepted_list": "may be from before select_components, which changed the numbers of the components"
    }
    with CaimanResults(path) as results:
        assert results.components.acceptance.rejected.tolist() == [5, 6]
        assert results.components.hand_picked == {}


@pytest.mark.parametrize("name", ["sim_cnmfe_default_ssub", "sim2p_onacid"])
def test_manual_lists_from_before_merging_without_an_evaluation(copy_of: Callable[[str], Path], name: str) -> None:
    """Merging leaves ``lam``, and the frames at which OnACID added components."""
    path = copy_of(name)
    with h5py.File(path, "r+") as file:
        estimates = file["estimates"]
        parts = tuple(estimates[f"A/{part}"][()] for part in ("data", "indices", "indptr"))
        footprints = sparse.csc_array(parts, shape=estimates["A/shape"][()])
        replace(estimates, "accepted_list", np.array([0, 3]))
    assert "accepted_list" not in omitted(path)
    with h5py.File(path, "r+") as file:
        estimates, count = file["estimates"], footprints.shape[1]
        store_footprints(estimates, sparse.hstack([footprints[:, 2:], footprints[:, [0]] + footprints[:, [1]]], "csc"))
        for field in ("C", "S", "YrA", "R"):
            values = estimates[field][()]
            if np.ndim(values) and len(values) == count:
                replace(estimates, field, np.vstack([values[2:], values[[0]] + values[[1]]]))
    assert omitted(path)["accepted_list"].startswith("may be from before components were removed or merged")


def test_an_evaluation_from_before_merging_is_stale(caiman_files: dict[str, Path]) -> None:
    with CaimanResults(caiman_files["sim_merge_components"]) as results:
        assert not results.components.acceptance.is_evaluated
        reasons = {omission.field: omission.reason for omission in results.omissions}
    for name in ("idx_components", "idx_components_bad"):
        assert reasons[f"estimates/{name}"] == "numbers components from 0 to 15, the file has 6 (0 to 5)"


def test_records_of_online_analysis_after_a_selection(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_onacid")
    with h5py.File(path, "r+") as file:
        replace(file["estimates"], "SNR_comp", np.ones(11))
    assert omitted(path)["time_neuron_added"] == "may be in the order from before select_components"


# Placeholders


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (
            {"estimates/S": np.zeros((11, 500)), "params/preprocess/p": 0},
            "S",
            "is filled with zeros: OnACID does not deconvolve with p = 0",
        ),
        ({"estimates/g": np.full((11, 1), 0.9), "params/preprocess/p": 0}, "g", "is an initial value"),
        ({"estimates/c1": np.zeros(11)}, "c1", "is filled with OnACID's initial zeros, not fitted"),
        ({"estimates/lam": np.zeros(11)}, "lam", "is filled with OnACID's initial zeros, not fitted"),
    ],
)
def test_initial_values_of_online_analysis_are_not_results(
    copy_of: Callable[[str], Path], change: dict[str, Any], field: str, reason: str
) -> None:
    path = copy_of("sim2p_onacid")
    with h5py.File(path, "r+") as file:
        for name, value in change.items():
            replace(file, name, value)
    assert omitted(path)[field].startswith(reason)


def test_fitted_values_of_online_analysis_are_kept(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_onacid")
    with h5py.File(path, "r+") as file:
        replace(file["estimates"], "c1", np.arange(11.0))
        replace(file["estimates"], "lam", np.arange(11.0))
    with CaimanResults(path) as results:
        assert results.components.fits["initial_calcium"].tolist() == list(range(11))
        assert results.components.fits["regularization"].tolist() == list(range(11))


def test_results_of_the_first_batch_only(caiman_files: dict[str, Path]) -> None:
    with CaimanResults(caiman_files["sim_onacid_fitnext"]) as results:
        assert results.is_first_batch_only
        assert (results.components.count, results.num_frames) == (4, 100)
    with CaimanResults(caiman_files["sim2p_onacid"]) as results:
        assert not results.is_first_batch_only


# Passes over the movie, and shrunk movies


def test_the_last_pass_counts(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_onacid")
    shifts = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    with h5py.File(path, "r+") as file:
        deconvolved = file["estimates/S"][()]
        replace(file["estimates"], "shifts", shifts)
        replace(file["estimates"], "S", np.hstack([np.zeros_like(deconvolved), deconvolved]))
    with CaimanResults(path) as results:
        np.testing.assert_array_equal(results.shifts, shifts[500:])
        trace = results.components.traces["deconvolved"]
        np.testing.assert_array_equal(trace[:], deconvolved.T, strict=True)
        np.testing.assert_array_equal(trace[10:20, [3, 1]], deconvolved.T[10:20, [3, 1]], strict=True)


@pytest.mark.parametrize("length", [499, 501, 750])
def test_shifts_of_other_frames_are_left_out(copy_of: Callable[[str], Path], length: int) -> None:
    path = copy_of("sim2p_onacid")
    with h5py.File(path, "r+") as file:
        replace(file["estimates"], "shifts", np.ones((length, 2)))
    assert omitted(path)["shifts"] == f"covers {length} frames, the traces have 500"


def test_shifts_of_a_shrunk_movie_are_in_pixels_of_the_frame(caiman_files: dict[str, Path]) -> None:
    path = caiman_files["sim_onacid_ds2_motion"]
    with CaimanResults(path) as results, h5py.File(path) as file:
        assert results.frame_shape == (36, 40)
        assert file["img_norm"].shape == (18, 20)
        np.testing.assert_array_equal(results.shifts, 2 * file["estimates/shifts"][()])
        assert results.pixel_size == (1.5, 1.5)  # the footprints were enlarged


def test_pixels_of_footprints_in_a_shrunk_frame_are_larger(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim_onacid_fitnext")
    with h5py.File(path, "r+") as file:
        file["params/online/ds_factor"][...] = 2
        replace(file["estimates"], "shifts", np.ones((100, 2)))
    with CaimanResults(path) as results:
        assert results.parameters.data.dxy == (1.5, 1.5)
        assert results.pixel_size == (3.0, 3.0)
        assert np.all(results.shifts == 1)  # in pixels of the same frame


def test_fits_of_the_first_batch_are_left_out_after_a_selection(selected_online: Path) -> None:
    """They have as many values as there are components, but of others."""
    reasons = omitted(selected_online)
    for field in ("g", "neurons_sn"):
        assert reasons[field].endswith("it added others, and some were removed")
    assert {"c1", "lam"} <= reasons.keys()
    with CaimanResults(selected_online) as results:
        assert set(results.components.fits) == {"baseline"}
        assert set(results.discarded.fits) == {"baseline"}
        assert results.discarded.count == 6


@pytest.mark.parametrize("order", [np.array([0]), 0.0, np.int8(0)])
def test_the_order_of_the_model_may_be_of_any_type(copy_of: Callable[[str], Path], order: Any) -> None:
    path = copy_of("sim_deconvolved_p0")
    with h5py.File(path, "r+") as file:
        replace(file["params/preprocess"], "p", order)
    assert omitted(path)["g"] == "is filled with zeros: there is no autoregressive model with p = 0"
