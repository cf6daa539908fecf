"""The command `validate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
SPECIFICATION = """\
metadata:
  NWBFile:
    session_start_time: 2024-05-03T14:30:00+02:00
data_interfaces:
  Segmentation: CaimanSegmentationInterface
experiments:
  day1:
    sessions:
      - nwbfile_name: one
        source_data:
          Segmentation: {file_path: sim2p_minimal.hdf5}
"""


@pytest.fixture
def specification(tmp_path):
    path = tmp_path / "spec.yml"
    path.write_text(SPECIFICATION)
    return path


def test_a_good_specification_has_status_0_and_no_output(run, specification):
    result = run("validate", specification, "--data-folder-path", DATA)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == f"{specification}: 1 session, can be converted; found nothing\n"


def test_problems_have_status_1_and_are_on_standard_output(run, specification):
    specification.write_text(SPECIFICATION.replace("sim2p_minimal", "sim2p_minimum"))
    result = run("validate", specification, "--data-folder-path", DATA)
    assert result.exit_code == 1
    assert result.stdout == (
        f"{specification}:11:26: error: the file does not exist\n"
        "    at        experiments.day1.sessions[0].source_data.Segmentation.file_path\n"
        f"    found     {DATA / 'sim2p_minimum.hdf5'}\n"
        "    expected  a path relative to the folder of the specification, or to --data-folder-path\n"
        "    remedy    Did you mean 'sim2p_minimal.hdf5', in the same folder?\n"
    )
    assert result.stderr == f"{specification}: 1 session, cannot be converted yet; found 1 error\n"


def test_blanks_are_listed_and_have_status_1(run, specification):
    specification.write_text(SPECIFICATION.replace("2024-05-03T14:30:00+02:00", ""))
    result = run("validate", specification, "--data-folder-path", DATA)
    assert result.exit_code == 1
    assert result.stdout == (
        f"{specification}: 1 blank to fill in\n"
        "    line 3: session_start_time (date, time and time zone of the first frame)\n"
        "    Fill them in, or delete lines of optional values that are not known.\n"
    )
    assert "found 1 blank to fill in" in result.stderr


def test_a_warning_has_status_0(run, specification):
    specification.write_text(f"{SPECIFICATION}        metadta: {{}}\n")
    result = run("validate", specification, "--data-folder-path", DATA)
    assert result.exit_code == 0
    assert ":12:9: warning: unknown key 'metadta', which is ignored\n" in result.stdout
    assert "can be converted; found 1 warning" in result.stderr


def test_findings_as_json(run, specification):
    specification.write_text(SPECIFICATION.replace("sim2p_minimal", "sim2p_minimum"))
    result = run("validate", specification, "--data-folder-path", DATA, "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)
    assert (finding["severity"], finding["file"], finding["line"], finding["column"]) == (
        "error",
        str(specification),
        11,
        26,
    )
    assert set(finding) == {
        *("severity", "file", "line", "column", "key", "message", "found", "expected", "remedy"),
    }
    specification.write_text(SPECIFICATION)
    assert json.loads(run("validate", specification, "--data-folder-path", DATA, "--json").stdout) == []


def test_paths_are_relative_to_the_specification_by_default(run, specification):
    result = run("validate", specification)
    assert result.exit_code == 1
    assert str(specification.parent / "sim2p_minimal.hdf5") in result.stdout


def test_output_that_exists_is_an_error(run, specification, tmp_path):
    (tmp_path / "one.nwb").touch()
    result = run("validate", specification, "--data-folder-path", DATA, "-o", tmp_path)
    assert result.exit_code == 1
    assert ":9:9: error: the output exists\n" in result.stdout


def test_several_specifications_are_all_checked(run, specification, tmp_path):
    other = tmp_path / "other.yml"
    other.write_text("a: [\n")
    result = run("validate", other, specification, tmp_path / "none.yml", "--data-folder-path", DATA)
    assert result.exit_code == 1
    assert f"{other}:2:1: error: not valid YAML" in result.stdout
    assert f"{tmp_path / 'none.yml'}:1:1: error: the file does not exist" in result.stdout
    assert f"{specification}: 1 session, can be converted" in result.stderr


def test_a_data_folder_that_is_not_there_is_wrong_usage(run, specification, tmp_path):
    assert run("validate", specification, "--data-folder-path", tmp_path / "none").exit_code == 2


def test_nothing_is_written(run, specification, tmp_path):
    run("validate", specification, "--data-folder-path", DATA, "-o", tmp_path / "nwb")
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yml"]
