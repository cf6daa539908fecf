"""`restore` writes a whole file or none, and says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from caiman_interface import restore
from caiman_interface.cli.program import program
from caiman_interface.restoration.atomic import new_file

DATA = Path(__file__).parents[1] / "data"
Nwb = Callable[..., Path]


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(converted: Nwb, tmp_path: Path) -> None:
    target = tmp_path / "results.hdf5"
    target.write_text("mine")
    with pytest.raises(FileExistsError, match=r"results\.hdf5' exists already"):
        restore(converted("sim2p_full"), target)
    assert target.read_text() == "mine"
    restore(converted("sim2p_full"), target, overwrite=True)
    assert target.stat().st_size > 100_000
    assert [path.name for path in tmp_path.iterdir()] == ["results.hdf5"]


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "results.hdf5"
    with pytest.raises(RuntimeError, match="disk"), new_file(target, overwrite=False) as partial:  # noqa: PT012
        partial.write_bytes(b"half")
        raise RuntimeError("disk")
    assert list(target.parent.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "results.hdf5"
    with pytest.raises(FileExistsError), new_file(target, overwrite=False) as partial:  # noqa: PT012
        partial.write_bytes(b"ours")
        target.write_bytes(b"theirs")
    assert target.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_system_without_links_is_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links")

    monkeypatch.setattr("os.link", refuse)
    target = tmp_path / "results.hdf5"
    with new_file(target, overwrite=False) as partial:
        partial.write_bytes(b"ours")
    with pytest.raises(FileExistsError), new_file(tmp_path / "other.hdf5", overwrite=False) as partial:  # noqa: PT012
        partial.write_bytes(b"ours")
        (tmp_path / "other.hdf5").write_bytes(b"theirs")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "results.hdf5": b"ours",
        "other.hdf5": b"theirs",
    }


def test_names_that_caiman_does_not_open_are_refused(converted: Nwb, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not end in \.hdf5 or \.h5"):
        restore(converted("sim2p_full"), tmp_path / "results.mat")


def test_files_without_an_analysis_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        restore(tmp_path / "nothing.nwb", tmp_path / "results.hdf5")
    with pytest.raises(ValueError, match="not an NWB file"):
        restore(DATA / "sim2p_full.hdf5", tmp_path / "results.hdf5")
    assert list(tmp_path.iterdir()) == []


def test_the_command_reports_what_is_not_restored(converted: Nwb, tmp_path: Path) -> None:
    nwb_file, target = converted("sim2p_full"), tmp_path / "results.hdf5"
    result = CliRunner().invoke(program, ["restore", str(nwb_file), "-o", str(target)])
    assert result.exit_code == 0
    assert "estimates/center: centres of the initialization" in result.stdout
    again = CliRunner().invoke(program, ["restore", str(nwb_file), "-o", str(target)])
    assert again.exit_code == 1
    assert "use --overwrite" in again.stderr
    machine = CliRunner().invoke(program, ["restore", str(nwb_file), "-o", str(target), "--overwrite", "--json"])
    report = json.loads(machine.stdout)
    (center,) = [item for item in report["differences"] if item["field"] == "estimates/center"]
    assert center["is_written"] is False
    assert "estimates/C" in report["exact"]
