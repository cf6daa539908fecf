"""The programs that read NWB files get the right values from ours, and find nothing wrong with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nwbinspector import inspect_nwbfile
from packaging.version import Version
from pynwb import validate as validate_schema
from roiextractors import NwbSegmentationExtractor
from scipy import sparse

Nwb = Callable[..., Path]


@pytest.fixture(scope="module")
def reference(caiman_files: dict[str, Path]) -> dict[str, np.ndarray]:
    with np.load(caiman_files["sim2p_full"].with_name("sim2p_full_ref.npz")) as stored:
        return dict(stored)


@pytest.fixture(autouse=True)
def no_warning_of_the_column_that_is_called_name() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="An attribute 'name' already exists")
        yield


def test_pynapple(converted: Nwb, reference: dict[str, np.ndarray]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynapple's own, at its import
        pynapple = pytest.importorskip("pynapple")
        data = pynapple.load_file(str(converted("sim2p_full")))
    assert set(data.keys()) == {
        *("RoiResponseSeries", "DfOverF", "Denoised", "Deconvolved", "ResidualCorrection", "Background"),
    }
    denoised = data["Denoised"]
    assert denoised.shape == (600, 13)
    np.testing.assert_array_equal(denoised.values, reference["C"].T)
    np.testing.assert_allclose(denoised.times(), np.arange(600) / 15.49)
    np.testing.assert_array_equal(data["RoiResponseSeries"].values, (reference["C"] + reference["YrA"]).T)
    np.testing.assert_array_equal(data["DfOverF"].values, reference["F_dff"].T)
    np.testing.assert_array_equal(data["Background"].values, reference["f"].T)
    accepted = np.isin(np.arange(13), reference["idx_components"])
    np.testing.assert_array_equal(denoised["is_accepted"], accepted)
    np.testing.assert_array_equal(denoised["snr"], reference["SNR_comp"])
    np.testing.assert_array_equal(denoised["baseline"], reference["bl"].astype(float))
    assert list(denoised["roi_name"]) == [str(number) for number in range(13)]
    data.close()


@pytest.mark.skipif(
    Version(version("roiextractors")) < Version("0.10"), reason="The NWB reader of roiextractors before 0.10 fails."
)
def test_roiextractors_reads_image_masks(
    caiman_files: dict[str, Path], convert: Nwb, reference: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """Its NWB reader requires image masks, and finds dF/F only in a separate container."""
    nwb = convert(caiman_files["sim2p_full"], tmp_path / "images.nwb", mask_type="image")
    extractor = NwbSegmentationExtractor(nwb)
    assert extractor.get_num_rois() == 13
    assert list(extractor.get_roi_ids()) == list(range(13))
    assert extractor.get_num_samples() == 600
    assert extractor.get_sampling_frequency() == 15.49
    traces = extractor.get_traces_dict()
    np.testing.assert_array_equal(traces["raw"][:], (reference["C"] + reference["YrA"]).T)
    np.testing.assert_array_equal(traces["denoised"][:], reference["C"].T)
    np.testing.assert_array_equal(traces["deconvolved"][:], reference["S"].T)
    np.testing.assert_array_equal(traces["background"][:], reference["f"].T)
    parts = (reference[f"A_{part}"] for part in ("data", "indices", "indptr"))
    footprints = sparse.csc_array(tuple(parts), shape=tuple(reference["A_shape"])).toarray()
    masks = extractor.get_roi_image_masks()
    np.testing.assert_array_equal(masks, footprints.reshape((60, 80, 13), order="F"))
    images = extractor.get_images_dict()
    assert set(images) == {"correlation_image", "mean_image", "noise_image"}
    extractor._io.close()


def test_roiextractors_wants_image_masks(converted: Nwb) -> None:
    with pytest.raises(AssertionError, match="Could not find any image_masks"):
        NwbSegmentationExtractor(converted("sim2p_full"))


@pytest.mark.parametrize("name", ["sim2p_full", "sim2p_selected", "sim1p_cnmfe", "sim2p_onacid", "sim3d"])
def test_the_schema_of_nwb_is_kept(converted: Nwb, name: str) -> None:
    assert validate_schema(path=str(converted(name))) == []


def test_nwbinspector_has_nothing_to_say_that_could_be_helped(converted_file: Path, converted: Nwb) -> None:
    with np.load(converted_file.with_name(f"{converted_file.stem}_ref.npz")) as reference:
        count = int(reference["A_shape"][1])
        frames = reference["C"].shape[1]
        background = len(reference["f"]) if "f" in reference else 0
    expected = []
    if count == 1:  # a table of one component has one row
        expected.append(("check_single_row", "PlaneSegmentation"))
    if background == 1:
        expected.append(("check_single_row", "BackgroundPlaneSegmentation"))
    if background > frames:  # nb = -1: time is not the longest axis
        expected.append(("check_data_orientation", "Background"))
    if count == 0:  # a table without rows, at whose columns three checks themselves fail
        expected.append(("check_empty_table", "PlaneSegmentation"))
    messages = list(inspect_nwbfile(nwbfile_path=converted(converted_file.stem)))
    failed = [message.check_function_name for message in messages if message.object_name is None]
    assert len(failed) == (3 if count == 0 else 0)
    assert all("IndexError" in check for check in failed)
    said = [(message.check_function_name, message.object_name) for message in messages if message.object_name]
    assert sorted(said) == sorted(expected)


def test_dandi_reports_no_error(converted: Nwb, tmp_path: Path) -> None:
    """The command of the archive, in a folder as it wants it, without a network."""
    (tmp_path / "dandiset.yaml").write_text("identifier: DANDI:000001\nname: A name\ndescription: A description\n")
    folder = tmp_path / "sub-mouse1"
    folder.mkdir()
    for number, name in enumerate(["sim2p_full", "sim2p_selected", "sim1p_cnmfe", "sim2p_onacid", "sim3d"]):
        shutil.copyfile(converted(name), folder / f"sub-mouse1_ses-s{number}_ophys.nwb")
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", "from dandi.cli.command import main; main()", "validate", "."],
        cwd=tmp_path,
        env={**os.environ, **nowhere, **home, "DANDI_NO_ET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No errors found." in done.stdout + done.stderr
