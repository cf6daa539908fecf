"""The command `init`."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft7Validator

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


def test_nothing_is_replaced_without_force(run, caiman_files, tmp_path):
    output, schema = tmp_path / "session.yml", tmp_path / "caiman-interface.schema.json"
    output.write_text("mine")
    schema.write_text("mine too")
    result = run("init", caiman_files["sim2p_full"], "-o", output)
    assert result.exit_code == 1
    assert f"{output} exists" in result.stderr
    assert "--force" in result.stderr
    assert output.read_text() == "mine"
    other = tmp_path / "other.yml"
    assert run("init", caiman_files["sim2p_full"], "-o", other).exit_code == 0
    assert schema.read_text() == "mine too"
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
    assert f"There is no folder {tmp_path / 'none'}" in result.stderr
