"""The command `convert` with the specification of a study: exit statuses and messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def study(caiman_files, tmp_path) -> Path:
    """A specification of three sessions, of which the second has a source that cannot be read."""
    (tmp_path / "broken.hdf5").write_text("no")
    sources = (caiman_files["sim2p_minimal"], tmp_path / "broken.hdf5", caiman_files["sim2p_minimal"])
    path = tmp_path / "study.yml"
    path.write_text(
        'metadata: {NWBFile: {session_start_time: "2024-05-03T14:30:00+02:00"}}\n'
        "data_interfaces: {Segmentation: CaimanSegmentationInterface}\n"
        "experiments:\n  recordings:\n    sessions:\n"
        + "".join(
            f"      - {{nwbfile_name: s{number}, source_data: {{Segmentation: {{file_path: '{source}'}}}}}}\n"
            for number, source in enumerate(sources)
        )
    )
    return path


def test_keep_going_converts_the_others_and_exits_with_1(run, study, tmp_path):
    folder = tmp_path / "nwb"
    result = run("convert", study, "-o", folder, "--stub")
    assert result.exit_code == 1
    assert not folder.exists()
    result = run("convert", study, "-o", folder, "--stub", "--keep-going", "--json")
    assert result.exit_code == 1
    assert [one["state"] for one in json.loads(result.stdout)] == ["converted", "not valid", "converted"]
    assert "Error: s1 was not converted: this is not an HDF5 file that can be read" in result.stderr
    assert sorted(path.name for path in folder.glob("*.nwb")) == ["s0.nwb", "s2.nwb"]
    assert run("convert", study, "-o", folder, "--stub", "--only", "s[02]", "--resume").exit_code == 0


def test_resume_names_a_changed_session_and_overwrite_converts_it(run, study, tmp_path):
    arguments = ("convert", study, "-o", tmp_path / "nwb", "--only", "s0", "--resume")
    assert run(*arguments, "--stub").exit_code == 0
    result = run(*arguments, "--stub", "--rate", "20")
    assert result.exit_code == 1
    assert f"Error: s0 was not converted: {tmp_path / 'nwb' / 's0.nwb'} exists, and it was made from" in result.stderr
    assert run(*arguments, "--stub", "--rate", "20", "--overwrite").exit_code == 0
    assert "skipped" in run(*arguments, "--stub", "--rate", "20").stdout


def test_a_shard_without_sessions_is_not_an_error(run, study, tmp_path):
    result = run("convert", study, "-o", tmp_path / "nwb", "--shard", "4/4")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{study}: no session to convert.\n"
    assert run("convert", study, "-o", tmp_path / "nwb", "--shard", "5/4").exit_code == 2
