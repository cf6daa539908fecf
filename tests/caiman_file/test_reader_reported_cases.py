"""Situations from public bug reports, rebuilt on real files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface.caiman_file import CaimanFileError, CaimanResults, Omission


def replace(group: h5py.Group, name: str, value: object) -> None:
    if name in group:
        del group[name]
    group[name] = value


# The order in which CaImAn up to 1.10 saved the fields of `estimates`, as far as the test cuts it.
SAVED_FIRST = ["A", "C", "f", "b", "R", "W", "b0", "YrA", "S", "sn", "g", "bl", "c1", "neurons_sn", "lam", "center"]


@pytest.mark.parametrize("last", ["C", "YrA", "center"])
def test_a_save_that_stopped_at_a_nan(copy_of: Callable[[str], Path], last: str) -> None:
    path = copy_of("sim2p_full")
    kept = SAVED_FIRST[: SAVED_FIRST.index(last) + 1]
    with h5py.File(path, "r+") as file:
        for name in list(file["estimates"]):
            if name not in kept:
                del file["estimates"][name]
    with CaimanResults(path) as results:
        assert not results.components.acceptance.is_evaluated
        assert "SNR_comp" in results.missing_fields
        assert not set(kept) & set(results.missing_fields)
        warning = next(one for one in results.warnings if "did not finish saving" in one)
        assert f"{len(results.missing_fields)} of the 42 fields" in warning
        missing = "is missing: CaImAn stopped before it saved the field"
        assert Omission("estimates/idx_components", missing) in results.omissions
        assert results.components.traces["denoised"].shape == (600, 13)
        assert ("raw" in results.components.traces) == ("YrA" in kept)
        assert results.summary().warnings == results.warnings


def test_every_complete_file_has_all_fields(caiman_file: Path) -> None:
    with CaimanResults(caiman_file) as results:
        assert results.missing_fields == ()


def test_a_save_from_the_viewer_while_it_shows_the_rejected(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim1p_cnmfe")
    with h5py.File(path, "r+") as file:
        for name, values in {
            "accepted_list": [0, 1, 2, 5],
            "rejected_list": [3, 4],
            "idx_components": [3, 4],
            "idx_components_bad": [0, 1, 2, 5, 6, 7, 8, 9, 10, 11],
        }.items():
            replace(file["estimates"], name, np.array(values))
    with CaimanResults(path) as results:
        assert np.flatnonzero(results.components.hand_picked["manually_rejected"]).tolist() == [3, 4]
        (warning,) = results.warnings
        assert "contradict each other for 6 components (0, 1, 2, 3, 4, 5)" in warning
        facts = results.summary().components
    assert (facts.accepted, facts.manually_accepted, facts.manually_rejected) == (2, 4, 2)


def test_rows_and_columns_swapped_as_for_avi_movies(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_ser_v1.4.5")
    with h5py.File(path, "r+") as file:
        replace(file["estimates"], "dims", np.array([80, 60]))
        replace(file["params/data"], "dims", np.array([80, 60]))
        expected = file["estimates/Cn"][()]
    with CaimanResults(path) as results:
        assert results.frame_shape == (60, 80)
        np.testing.assert_array_equal(results.images["correlation"], expected)
        fields = {omission.field for omission in results.omissions}
    assert {"estimates/dims", "params/data/dims"} <= fields


def test_a_peak_to_noise_image_as_correlation_image(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim1p_cnmfe")
    with h5py.File(path, "r+") as file:
        image = 1 + 30 * np.abs(file["estimates/Cn"][()])
        replace(file["estimates"], "Cn", image)
    with CaimanResults(path) as results:
        assert "correlation" not in results.images
        np.testing.assert_array_equal(results.images["peak_to_noise"], image)


def test_images_of_the_downsampled_frame(caiman_files: dict[str, Path]) -> None:
    path = caiman_files["sim_cnmfe_default_ssub"]
    with CaimanResults(path) as results, h5py.File(path) as file:
        assert results.frame_shape == (64, 72)
        expected = file["estimates/b0"][()].reshape((32, 36), order="F")
        np.testing.assert_array_equal(results.images["baseline"], expected, strict=True)
        assert results.ring_model_frame_shape == (16, 18)
        assert results.omissions == ()


def test_weights_of_a_component_that_failed_online(caiman_files: dict[str, Path]) -> None:
    path = caiman_files["sim_onacid_nan"]
    with CaimanResults(path) as results, h5py.File(path) as file:
        stored = file["estimates/b"][()]
        assert np.isnan(stored).sum() == results.background_footprints.odd_weights.not_finite == 147
        np.testing.assert_array_equal(results.background_footprints.matrix.toarray(), stored)
        assert "one component that failed in OnACID" in results.warnings[0]
        np.testing.assert_array_equal(results.components.traces["denoised"][:], file["estimates/C"][()].T)


def test_the_first_batch_of_deconvolved_traces_only(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_onacid")
    with h5py.File(path, "r+") as file:
        replace(file["estimates"], "S", np.zeros((5, 200), dtype=np.float32))
    with CaimanResults(path) as results:
        assert list(results.components.traces) == ["raw", "denoised"]
        assert Omission("estimates/S", "covers 5 components, the file has 11") in results.omissions


def test_complex_parameters_are_text(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        file["params/init/odd"] = 1 + 2j
    with CaimanResults(path) as results:
        assert results.parameters.stored["init"]["odd"] == "(1+2j)"
        assert results.omissions == ()


@pytest.mark.parametrize("part", ["data", "indices"])
def test_footprints_that_declare_more_than_the_file_stores(copy_of: Callable[[str], Path], part: str) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        dtype = file[f"estimates/A/{part}"].dtype
        del file[f"estimates/A/{part}"]
        file.create_dataset(f"estimates/A/{part}", (10**12,), dtype, chunks=(1024,))
    with pytest.raises(CaimanFileError, match="of which the file stores nearly none") as caught:
        CaimanResults(path)
    assert caught.value.place == "estimates/A"


def test_how_a_damaged_file_is_stored_can_be_described(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        file["params/data/again"] = file["params"]
        file["estimates/nowhere"] = h5py.SoftLink("/gone")
        file["estimates/kind"] = np.dtype("f8")
        file.create_dataset("estimates/vast", (10**12,), "f8", chunks=(1024,))
        replace(file["estimates"], "shifts", np.longdouble(1.5))
    with CaimanResults(path) as results:
        assert json.loads(json.dumps(results.stored_as))["estimates/shifts"][-1] == 1.5
        assert results.stored_as["estimates/C"] == ["float64", [13, 600]]
        assert [omission.field for omission in results.omissions] == ["estimates/shifts", "params/data/again"]


@pytest.mark.parametrize(
    ("name", "shape", "image"), [("sim2p_ser_v1.4.5", (60, 80), True), ("sim2p_onacid", (36, 44), False)]
)
def test_swapped_dims_without_those_of_the_root(
    copy_of: Callable[[str], Path], name: str, shape: tuple[int, int], image: bool
) -> None:
    """The name of the memory-mapped movie, and the image by which OnACID divides the frames, have the right shape."""
    path = copy_of(name)
    with CaimanResults(path) as results:
        footprints = results.components.footprints.images()
    with h5py.File(path, "r+") as file:
        if "dims" in file:
            del file["dims"]
        for place in ("estimates/dims", "params/data/dims"):
            file[place][...] = shape[::-1]
    with CaimanResults(path) as results:
        assert results.frame_shape == shape
        assert ("correlation" in results.images) == image
        np.testing.assert_array_equal(results.components.footprints.images(), footprints)
        omitted = {omission.field: omission.reason for omission in results.omissions}
        assert omitted["estimates/dims"] == f"{shape[::-1]} contradicts the frame shape {shape}"
        assert any("inferred from the movie" in warning for warning in results.warnings)


def test_numbers_stored_as_arrays_of_length_one(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim_cnmfe_default_ssub")
    with CaimanResults(path) as results:
        expected = results.images["baseline"], results.ring_model_frame_shape
    with h5py.File(path, "r+") as file:
        for name in ("ssub", "ssub_B"):
            replace(file["params/init"], name, file[f"params/init/{name}"][()].reshape(1))
    with CaimanResults(path) as results:
        np.testing.assert_array_equal(results.images["baseline"], expected[0])
        assert results.ring_model_frame_shape == expected[1]
        assert not results.omissions


def test_a_pixel_size_of_zero_says_why_it_is_left_out(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        replace(file["params/data"], "dxy", [0, 0])
    with CaimanResults(path) as results:
        assert results.omissions == (Omission("params/data/dxy", "is [0, 0]: input should be greater than 0"),)


@pytest.mark.parametrize("storage", ["external", "virtual"])
def test_a_trace_in_another_file_that_is_gone(copy_of: Callable[[str], Path], storage: str) -> None:
    """HDF5 would give zeros for a virtual dataset, and an error in the middle of the conversion for an external one."""
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        shape = file["estimates/F_dff"].shape
        del file["estimates/F_dff"]
        if storage == "external":
            file["estimates"].create_dataset("F_dff", shape, "f8", external=[("gone.bin", 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout(shape, "f8")
            layout[:] = h5py.VirtualSource("gone.hdf5", "F_dff", shape)
            file["estimates"].create_virtual_dataset("F_dff", layout)
    with CaimanResults(path) as results:
        assert set(results.components.traces) == {"raw", "denoised", "deconvolved"}
        (omission,) = results.omissions
        assert omission.field == "estimates/F_dff"
        assert "cannot be read" in omission.reason
