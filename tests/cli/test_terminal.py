"""What a terminal gets: whole names within 80 columns, no control characters of files, and links on request only."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner

from caiman_interface.caiman_file.links import FOLLOW_LINKS_VARIABLE
from caiman_interface.cli import output
from caiman_interface.cli.program import program

TIME = "2024-05-03T14:30:00+02:00"
PLANTED = "a\x1b[2J\x9b31m\u202e\rb"  # clears the screen, turns text red, reverses it, and overwrites the line
SPECIFICATION = """\
metadata:
  NWBFile: {{session_start_time: "2024-05-03T14:30:00+02:00", {key}: 5}}
data_interfaces: {{Segmentation: CaimanSegmentationInterface}}
experiments:
  day1:
    sessions:
      - nwbfile_name: {name}
        source_data: {{Segmentation: {{file_path: results.hdf5}}}}
"""


def write_specification(folder: Path, *, key: str, name: str) -> Path:
    path = folder / "spec.yml"
    path.write_text(SPECIFICATION.format(key=key, name=name), encoding="utf-8")
    return path


def assert_harmless(text: str) -> None:
    """Check that a text has no control characters but those that set a style."""
    plain = re.sub("\x1b\\[[0-9;]*m", "", text)
    assert {character for character in plain if unicodedata.category(character)[0] == "C"} <= {"\n"}


def test_control_characters_of_files_are_escaped(copy_of, tmp_path):
    file = copy_of("sim2p_minimal").rename(tmp_path / "results.hdf5")
    with h5py.File(file, "r+") as opened:
        del opened["params/data/fnames"]
        opened["params/data/fnames"] = [PLANTED.encode()]
    planted = '"a\\x1b[2J\\x9b31m\\u202e\\rb"'
    specification, nwb = write_specification(tmp_path, key=planted, name=planted), tmp_path / "out.nwb"
    commands = [
        (["inspect", file], 0),
        (["inspect", file, "--json"], 0),
        (["convert", file, "-o", nwb, "--session-start-time", TIME], 0),
        (["verify", file, nwb], 0),
        (["validate", specification], 1),
        (["validate", specification, "--json"], 1),
        (["convert", specification, "-o", tmp_path / "nwb"], 1),
        (["convert", file, "-o", tmp_path / "x.nwb", "--session-start-time", PLANTED], 1),
    ]
    for arguments, status in commands:
        result = CliRunner().invoke(program, [str(one) for one in arguments], color=True)
        assert result.exit_code == status, result.output
        assert_harmless(result.stdout)
        assert_harmless(result.stderr)
        assert ("a\\x1b[2J" in result.output or "a\\u001b[2J" in result.output) == (arguments[-1] not in {TIME, nwb})


@pytest.fixture
def linked_file(copy_of, tmp_path):
    """A CaImAn file with a trace in a file of another directory, and a specification that names it."""
    file = tmp_path / "session" / "results.hdf5"
    (tmp_path / "elsewhere").mkdir()
    file.parent.mkdir()
    copy_of("sim2p_minimal").rename(file)
    with h5py.File(file, "r+") as opened, h5py.File(tmp_path / "elsewhere" / "traces.hdf5", "w") as other:
        opened.copy("estimates/C", other, "C")
        del opened["estimates/C"]
        opened["estimates/C"] = h5py.ExternalLink(str(tmp_path / "elsewhere" / "traces.hdf5"), "C")
    write_specification(file.parent, key="lab", name="one")
    return file


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_links_to_other_directories_need_an_option(run, run_process, linked_file, tmp_path):
    nwb, specification = tmp_path / "out.nwb", linked_file.parent / "spec.yml"
    specification.write_text(specification.read_text().replace(", lab: 5", ""))
    for arguments in (
        ["inspect", linked_file],
        ["validate", specification],
        ["convert", linked_file, "-o", nwb, "--session-start-time", TIME],
        ["verify", linked_file, nwb],
        ["report", linked_file, "-o", tmp_path / "report.png"],
    ):
        refused = run(*arguments)
        assert refused.exit_code == 1
        assert "this part is in a file of another directory" in refused.output
        assert "use --follow-links" in refused.output
        assert run(*arguments, "--follow-links").exit_code == 0
        assert not os.environ.get(FOLLOW_LINKS_VARIABLE)
    in_workers = ("convert", specification, "-o", tmp_path / "nwb", "--jobs", "2", "--stub", "--follow-links")
    assert run_process(*in_workers).returncode == 0
    with h5py.File(nwb) as file, h5py.File(tmp_path / "elsewhere" / "traces.hdf5") as other:
        assert (file["processing/ophys/Fluorescence/Denoised/data"][()] == other["C"][()].T).all()


def test_names_and_paths_are_whole_at_80_columns(run, caiman_files, monkeypatch):
    monkeypatch.setattr(output, "line_width", lambda **_: 80)
    full, volume = caiman_files["sim2p_full"], caiman_files["sim3d"]
    lines = run("inspect", full, volume).stdout.splitlines()
    assert [line for line in lines if line.strip() == str(full)] == [str(full), f"  {full}"]
    assert "  Movie         /data/lab/sessions/movie/sim2p.tif" in lines
    others = [line for line in [*lines, *run("plugins").stdout.splitlines()] if str(full.parent) not in line]
    assert max(map(len, others)) <= 80
    assert "CaimanSegmentationInterface" in run("plugins").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rate", "-5"], "wrong value of --rate\n    at        --rate\n"),
        (["--timestamps", "none.csv"], "there is no such file\n    at        --timestamps\n"),
        (["--rate", "5", "--timestamps", "none.csv"], "expected  --rate and --timestamps exclude each other"),
        (["--session-start-time", "today"], "error: --session-start-time is not a date and time\n"),
    ],
)
def test_errors_name_the_option(run, caiman_files, tmp_path, options, message):
    result = run("convert", caiman_files["sim2p_minimal"], "-o", tmp_path, "--session-start-time", TIME, *options)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "sampling_frequency" not in result.stderr
    assert "timestamps_path" not in result.stderr
