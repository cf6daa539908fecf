"""The command `init`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft7Validator

from caiman_interface.cli.program import program
from caiman_interface.specification.checks import check_specification


def test_it_writes_a_specification_and_its_schema(run, caiman_files, tmp_path):
    output = tmp_path / "session.yml"
    result = run("init", caiman_files["sim2p_full"], "-o", output)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"caiman-interface validate {output}" in result.stderr
    first_line = output.read_text(encoding="utf-8").splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=./caiman-interface.schema.json"
    Draft7Validator.check_schema(json.loads((tmp_path / "caiman-interface.schema.json").read_text(encoding="utf-8")))
    assert {finding.severity for finding in check_specification(output).findings} == {"blank"}
    assert {path.name for path in tmp_path.iterdir()} == {"session.yml", "caiman-interface.schema.json"}


def test_planes_are_one_session(run, caiman_files, tmp_path):
    output = tmp_path / "session.yml"
    run("init", caiman_files["sim2p_full"], caiman_files["sim2p_nb2"], "--planes", "-o", output)
    (session,) = yaml.safe_load(output.read_text(encoding="utf-8"))["experiments"]["recordings"]["sessions"]
    assert list(session["source_data"]) == ["Plane0", "Plane1"]


def test_nothing_is_replaced_without_overwrite(run, caiman_files, tmp_path):
    output, schema = tmp_path / "session.yml", tmp_path / "caiman-interface.schema.json"
    output.write_text("mine")
    schema.write_text("mine too")
    result = run("init", caiman_files["sim2p_full"], "-o", output)
    assert result.exit_code == 1
    assert f"{output} exists" in result.stderr
    assert "--overwrite" in result.stderr
    assert output.read_text() == "mine"
    other = tmp_path / "other.yml"
    assert run("init", caiman_files["sim2p_full"], "-o", other).exit_code == 0
    assert schema.read_text() == "mine too"
    assert run("init", caiman_files["sim2p_full"], "-o", output, "--overwrite").exit_code == 0
    assert run("init", caiman_files["sim2p_full"], "-o", output, "--force").exit_code == 0
    assert output.read_text(encoding="utf-8") == other.read_text(encoding="utf-8").replace("other.yml", "session.yml")
    assert schema.read_text(encoding="utf-8").startswith("{")


@pytest.mark.parametrize("name", ["session.txt", "session"])
def test_a_name_that_neuroconv_does_not_read_is_wrong_usage(run, caiman_files, tmp_path, name):
    result = run("init", caiman_files["sim2p_full"], "-o", tmp_path / name)
    assert result.exit_code == 2
    assert "must end with .yml or .yaml" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_leaves_nothing_behind(run, caiman_files, tmp_path):
    (tmp_path / "notes.hdf5").write_text("no")
    result = run("init", caiman_files["sim2p_full"], tmp_path / "notes.hdf5", "-o", tmp_path / "session.yml")
    assert result.exit_code == 1
    assert str(tmp_path / "notes.hdf5") in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.hdf5"]


def test_a_folder_that_is_not_there(run, caiman_files, tmp_path):
    result = run("init", caiman_files["sim2p_full"], "-o", tmp_path / "none" / "session.yml")
    assert result.exit_code == 1
    assert f"The folder {tmp_path / 'none'} does not exist" in result.stderr


def test_a_pattern_finds_the_sessions_of_a_study(run, caiman_files, tmp_path):
    study, output = tmp_path / "study", tmp_path / "study.yml"
    for place in ("m1/day1/plane0", "m1/day1/plane1", "m2/day1/results", "m2/notes"):
        (study / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(caiman_files["sim2p_minimal"], study / f"{place}.hdf5")
    result = run("init", study, "--pattern", "{subject_id}/{session_id}/*.hdf5", "-o", output)
    assert result.exit_code == 0, result.stderr
    assert "Found 2 sessions with 3 files.\n1 HDF5 files do not match the pattern:\n" in result.stderr
    assert str(study / "m2" / "notes.hdf5") in result.stderr
    data = yaml.safe_load(output.read_text(encoding="utf-8"))
    first, second = data["experiments"]["recordings"]["sessions"]
    assert (first["nwbfile_name"], second["nwbfile_name"]) == ("sub-m1_ses-day1", "sub-m2_ses-day1")
    assert list(first["source_data"]) == ["Plane0", "Plane1"]
    assert first["source_data"]["Plane1"]["metadata_key"] == "plane1"
    assert second["source_data"] == {"Segmentation": {"file_path": "study/m2/day1/results.hdf5"}}
    assert second["metadata"]["Subject"] == {"subject_id": "m2", "sex": None, "age": None, "species": None}
    assert "species: *species" in output.read_text(encoding="utf-8")  # filled in once, in the first session
    assert second["metadata"]["NWBFile"]["session_id"] == "day1"
    findings = check_specification(output).findings
    assert {finding.severity for finding in findings} == {"blank"}


def test_files_of_a_study_that_cannot_be_read_do_not_stop_the_others(run, caiman_files, tmp_path):
    study, output = tmp_path / "study", tmp_path / "study.yml"
    for place in ("m1/day1", "m1/day2", "m2/day1"):
        (study / place).mkdir(parents=True)
    shutil.copy(caiman_files["sim2p_minimal"], study / "m1/day2/plane0.hdf5")
    for place in ("m1/day1/results.hdf5", "m1/day2/plane1.hdf5", "m2/day1/results.hdf5"):
        (study / place).write_text("no")
    arguments = ("init", study, "--pattern", "{subject_id}/{session_id}/*.hdf5", "-o", output)
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert "3 files cannot be read; `convert --keep-going` converts the other sessions:\n" in result.stderr
    assert f"  {study / 'm1/day1/results.hdf5'}: this is not an HDF5 file that can be read\n" in result.stderr
    sessions = yaml.safe_load(output.read_text(encoding="utf-8"))["experiments"]["recordings"]["sessions"]
    assert [list(session["source_data"]) for session in sessions] == [
        ["Segmentation"],
        ["Plane0", "Plane1"],
        ["Segmentation"],
    ]
    assert sessions[0]["metadata"]["Subject"]["subject_id"] == "m1"
    assert "# results.hdf5 cannot be read: this is not an HDF5 file that can be read\n" in output.read_text()
    errors = [finding for finding in check_specification(output).findings if finding.severity == "error"]
    assert len(errors) == 3
    (study / "m1/day2/plane0.hdf5").write_text("no")
    result = run(*arguments, "--overwrite")
    assert result.exit_code == 1
    assert "None of the 4 files can be read" in result.stderr


def test_a_batch_of_mesmerize(run, caiman_files, tmp_path):
    uuid = "00000000-0000-4000-8000-00000000000{}"
    batch = shutil.copy(
        Path(__file__).parents[1] / "data" / "mesmerize" / "batch_pandas2.pickle", tmp_path / "b.pickle"
    )
    for number in (1, 2, 3):
        (tmp_path / uuid.format(number)).mkdir()
        shutil.copy(caiman_files["sim2p_minimal"], tmp_path / uuid.format(number) / f"{uuid.format(number)}.hdf5")
    output = tmp_path / "study.yml"
    result = run("init", batch, "-o", output)
    assert result.exit_code == 1
    assert "choose one of each with --item" in result.stderr
    assert run("init", batch, "--item", "mouse2", "--item", uuid.format(1), "-o", output).exit_code == 0
    sessions = yaml.safe_load(output.read_text(encoding="utf-8"))["experiments"]["recordings"]["sessions"]
    assert [session["nwbfile_name"] for session in sessions] == ["mouse1", "mouse2"]
    assert run("init", caiman_files["sim2p_minimal"], "--item", "a", "-o", tmp_path / "c.yml").exit_code == 2


def test_questions_are_checked_at_once(caiman_files, tmp_path):
    output = tmp_path / "session.yml"
    answers = ["Gratings.", "Doe, Jane; Roe, Max", "", "", "m12", "mouse", "Mus musculus", "female", "F", "90", "P90D"]
    answers += ["", "", "GCaMP6s", "green", "920", "", "", "today", "2024-05-03T14:30:00+02:00", "010", ""]
    arguments = ["init", str(caiman_files["sim2p_minimal"]), "--ask", "-o", str(output)]
    result = CliRunner().invoke(program, arguments, input="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.stderr
    data = yaml.safe_load(output.read_text(encoding="utf-8"))
    assert data["metadata"]["Subject"] == {"subject_id": "m12", "species": "Mus musculus", "sex": "F", "age": "P90D"}
    assert data["metadata"]["NWBFile"]["experimenter"] == ["Doe, Jane", "Roe, Max"]
    assert data["metadata"]["Ophys"]["ImagingPlane"][0]["excitation_lambda"] == 920
    own = data["experiments"]["recordings"]["sessions"][0]["metadata"]["NWBFile"]
    assert own["session_start_time"] == "2024-05-03T14:30:00+02:00"
    assert own["session_id"] == "010"
    for problem in ("Latin name", "must be M, F", "ISO 8601", "positive number", "with its zone"):
        assert problem in result.stderr
