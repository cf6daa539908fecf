"""`verify` judges by itself what belongs in the NWB file: an error of the code that reads CaImAn files is found.

The error is in force during the conversion and during the verification.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from caiman_interface import verify
from caiman_interface.caiman_file import results
from caiman_interface.caiman_file.acceptance import Acceptance
from caiman_interface.caiman_file.components import Components
from caiman_interface.caiman_file.edits import Edits
from caiman_interface.caiman_file.fields import Fields
from caiman_interface.caiman_file.online import OnlineAnalysis

Convert = Callable[..., Path]
TABLE = "ImageSegmentation/PlaneSegmentation"
LEFT_BEHIND = {
    f"{TABLE}/eccentricity": "ecc",
    f"{TABLE}/manually_accepted": "accepted_list",
    f"{TABLE}/manually_rejected": "rejected_list",
    "Fluorescence/DfOverFDenoised": "F_dff_dec",
    "Fluorescence/DfOverFDeconvolved": "S_dff",
}


@pytest.fixture
def found(convert: Convert, tmp_path: Path) -> Callable[[Path, str], dict[str, str]]:
    """A function that converts a file and returns what is different or missing, with the detail."""

    def convert_and_verify(path: Path, result: str) -> dict[str, str]:
        report = verify(path, convert(path, tmp_path / "written.nwb"))
        return {item.nwb: item.detail for item in getattr(report, result)}

    return convert_and_verify


def replace(group: h5py.Group, name: str, value: Any) -> None:
    if group.get(name, getlink=True) is not None:
        del group[name]
    group[name] = value


def ignore_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the reader take all arrays of the right length for those of the components."""
    for name in ("reason_for_order", "reason_for_lists"):
        monkeypatch.setattr(Edits, name, lambda *_, **__: None)


def test_stale_arrays_after_a_restoration(
    monkeypatch: pytest.MonkeyPatch, caiman_files: dict[str, Path], found: Any
) -> None:
    ignore_edits(monkeypatch)
    different = found(caiman_files["sim_restored_ecc_handpicked"], "different")
    assert different == {
        place: f"the CaImAn file has no such values: {field} is in the order from before restore_discarded_components"
        for place, field in LEFT_BEHIND.items()
    }


def test_stale_arrays_after_a_selection_that_permutes(
    monkeypatch: pytest.MonkeyPatch, copy_of: Callable[[str], Path], found: Any
) -> None:
    path = copy_of("sim_restored_ecc_handpicked")
    order = np.array([3, 0, 7, 1, 5, 2, 6, 4])
    with h5py.File(path, "r+") as file:
        estimates = file["estimates"]
        for name in ("C", "S", "YrA", "R", "F_dff"):  # the arrays that select_components moves
            replace(estimates, name, estimates[name][()][order])
        for name in ("discarded_components", "idx_components", "idx_components_bad"):
            replace(estimates, name, "NoneType")
    ignore_edits(monkeypatch)
    different = found(path, "different")
    assert different.keys() == LEFT_BEHIND.keys()
    assert all("select_components" in detail or "removed" in detail for detail in different.values())


def test_lists_that_number_other_components(
    monkeypatch: pytest.MonkeyPatch, caiman_files: dict[str, Path], found: Any
) -> None:
    everything = np.arange(6)
    accepted = Acceptance("evaluated", everything, everything[:0])
    monkeypatch.setattr(Components, "acceptance", property(lambda _: accepted))
    different = found(caiman_files["sim_merge_components"], "different")
    assert "number other components" in different[f"{TABLE}/is_accepted"]


def test_initial_values_of_online_analysis(
    monkeypatch: pytest.MonkeyPatch, caiman_files: dict[str, Path], found: Any
) -> None:
    monkeypatch.setattr(OnlineAnalysis, "reason_against_fit", lambda *_: None)
    monkeypatch.setattr(OnlineAnalysis, "reason_against_zeros", lambda _: None)
    different = found(caiman_files["sim_onacid_fitnext"], "different")
    names = {"baseline", "initial_calcium", "regularization"}
    assert different.keys() == {"Fluorescence/Deconvolved", *(f"{TABLE}/{name}" for name in names)}


def test_fits_of_the_first_batch_after_a_selection(
    monkeypatch: pytest.MonkeyPatch, selected_online: Path, found: Any
) -> None:
    monkeypatch.setattr(OnlineAnalysis, "reason_against_fit", lambda *_: None)
    different = found(selected_online, "different")
    names = ("initial_calcium", "noise_std", "ar_coefficients", "regularization")
    assert different.keys() == {f"{TABLE}/{name}" for name in names}
    assert "OnACID's first batch" in different[f"{TABLE}/ar_coefficients"]


def test_shifts_across_planes_are_not_enlarged(
    copy_of: Callable[[str], Path], convert: Convert, tmp_path: Path
) -> None:
    """OnACID shrinks rows and columns only."""
    path = copy_of("sim_onacid_ds2_motion")
    with h5py.File(path, "r+") as file:
        replace(file["estimates"], "shifts", np.ones((300, 3), dtype=np.float32))
    nwb = convert(path, tmp_path / "written.nwb")
    assert verify(path, nwb).ok
    with h5py.File(nwb) as file:
        assert file["processing/ophys/MotionCorrectionShifts/data"][299].tolist() == [2, 2, 1]


def test_a_frame_of_swapped_axes(monkeypatch: pytest.MonkeyPatch, caiman_files: dict[str, Path], found: Any) -> None:
    original = results.find_frame_shape

    def swapped(*arguments: Any) -> Any:
        frame = original(*arguments)
        return type(frame)(frame.shape[::-1], frame.places)

    monkeypatch.setattr(results, "find_frame_shape", swapped)
    assert f"{TABLE}/pixel_mask" in found(caiman_files["sim2p_minimal"], "different")


def test_frames_that_were_counted_wrong(
    monkeypatch: pytest.MonkeyPatch, caiman_files: dict[str, Path], found: Any
) -> None:
    monkeypatch.setattr(results, "count_frames", lambda *_: 100)
    missing = found(caiman_files["sim2p_minimal"], "missing")
    assert missing.keys() == {
        f"Fluorescence/{name}" for name in ("RoiResponseSeries", "Denoised", "Background", "Deconvolved")
    }


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "sim2p_full",
            {
                "F_dff": "Fluorescence/DfOverF",
                "S": "Fluorescence/Deconvolved",
                "SNR_comp": f"{TABLE}/snr",
                "cnn_preds": f"{TABLE}/cnn_preds",
                "bl": f"{TABLE}/baseline",
                "g": f"{TABLE}/ar_coefficients",
                "Cn": "SegmentationImages/correlation_image",
                "sn": "SegmentationImages/noise_image",
            },
        ),
        ("sim2p_selected", {"discarded_components/A": "ImageSegmentation/DiscardedPlaneSegmentation"}),
        ("sim_filter_unassigned", {"accepted_list": f"{TABLE}/manually_accepted"}),
        ("sim_restored_evaluated", {"idx_components": f"{TABLE}/is_accepted"}),
        ("sim_onacid_ds2_motion", {"shifts": "MotionCorrectionShifts", "b": "SegmentationImages/mean_image"}),
        ("sim_cnmfe_default_ssub", {"b0": "SegmentationImages/baseline_image"}),
        ("sim_deconvolved_dff", {"F_dff_dec": "Fluorescence/DfOverFDenoised"}),
    ],
)
def test_usable_fields_that_the_reader_leaves_out(
    monkeypatch: pytest.MonkeyPatch, caiman_files: dict[str, Path], found: Any, name: str, fields: dict[str, str]
) -> None:
    original = Fields.read

    def without(self: Fields, field: str, convert: Any, **options: Any) -> Any:
        place = self.group.place(field).removeprefix("estimates/")
        if place in fields or (place == "idx_components_bad" and "idx_components" in fields):
            self.omit(field, "cannot be used")
            return None
        return original(self, field, convert, **options)

    monkeypatch.setattr(Fields, "read", without)
    missing = found(caiman_files[name], "missing")
    assert set(fields.values()) <= missing.keys()


@pytest.mark.parametrize("link", [h5py.SoftLink("/nowhere"), h5py.ExternalLink("gone.hdf5", "/x")])
def test_links_to_nothing_are_judged_as_the_reader_does(
    copy_of: Callable[[str], Path], convert: Convert, tmp_path: Path, link: Any
) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        estimates = file["estimates"]
        for name in ("idx_components_bad", "discarded_components"):
            replace(estimates, name, "NoneType")
        del estimates["discarded_components"]
        for name in ("idx_components", "discarded_components/A", "YrA", "SNR_comp", "b", "Cn"):
            replace(estimates, name, link)
    report = verify(path, convert(path, tmp_path / "linked.nwb"))
    assert report.ok, str(report)
