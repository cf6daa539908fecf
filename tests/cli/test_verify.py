"""The command `verify`. What is compared is the subject of the tests of `nwb`."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest

DATA = Path(__file__).parents[1] / "data"
FILE = DATA / "sim2p_minimal.hdf5"


@pytest.fixture(scope="module")
def nwb_file(tmp_path_factory):
    from datetime import datetime, timezone

    from caiman_interface import CaimanSegmentationInterface

    path = tmp_path_factory.mktemp("verify") / "mouse.nwb"
    interface = CaimanSegmentationInterface(file_path=FILE)
    metadata = interface.get_metadata()
    metadata["NWBFile"]["session_start_time"] = datetime(2024, 5, 3, tzinfo=timezone.utc)
    interface.run_conversion(nwbfile_path=path, metadata=metadata)
    return path


pytestmark = pytest.mark.filterwarnings("ignore:An attribute 'name' already exists:UserWarning")


def test_equal_files_have_status_0(run, nwb_file):
    result = run("verify", FILE, nwb_file)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{FILE} in {nwb_file}\n")
    assert ", 0 different, 0 missing" in result.stdout
    assert result.stderr == ""


def test_a_difference_has_status_1(run, nwb_file, tmp_path):
    other = tmp_path / "other.nwb"
    other.write_bytes(nwb_file.read_bytes())
    with h5py.File(other, "r+") as file:
        file["processing/ophys/Fluorescence/Denoised/data"][3, 2] += 1
    result = run("verify", FILE, other, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["ok"] is False
    (difference,) = report["different"]
    assert "Denoised" in difference["nwb"]


def test_files_that_are_not_there(run, nwb_file, tmp_path):
    for arguments in ([tmp_path / "none.hdf5", nwb_file], [FILE, tmp_path / "none.nwb"]):
        result = run("verify", *arguments)
        assert result.exit_code == 1
        assert "none" in result.stderr
        assert result.stdout == ""


def test_a_key_under_which_nothing_was_converted(run, nwb_file):
    result = run("verify", FILE, nwb_file, "--metadata-key", "plane7")
    assert result.exit_code == 1
    assert "plane7" in result.stderr


def test_of_several_analyses_the_option_says_which(run, nwb_file, tmp_path):
    from caiman_interface import CaimanSegmentationInterface

    both = tmp_path / "both.nwb"
    both.write_bytes(nwb_file.read_bytes())
    other = CaimanSegmentationInterface(file_path=FILE, metadata_key="plane1")
    other.run_conversion(nwbfile_path=both, append_on_disk_nwbfile=True)
    result = run("verify", FILE, both)
    assert result.exit_code == 1
    assert "Choose one with --metadata-key: caiman_segmentation, plane1." in result.stderr
    assert run("verify", FILE, both, "--metadata-key", "plane1").exit_code == 0
    for command, output in (("report", "report.png"), ("restore", "restored.hdf5")):
        result = run(command, both, "-o", tmp_path / output)
        assert result.exit_code == 1
        assert "Choose one with --metadata-key: caiman_segmentation, plane1." in result.stderr
