"""Sessions of a study, found by the pattern of their paths."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from caiman_interface.specification.discovery import find_sessions


def study(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_subject_and_session_are_read_from_the_path(tmp_path: Path) -> None:
    names = ("m1/day1/a.hdf5", "m1/day10/a.hdf5", "m1/day2/b.hdf5", "m2/day1/a.hdf5", "m2/day1/movie.tif", "notes.h5")
    found = find_sessions(study(tmp_path, *names), "{subject_id}/{session_id}/*.hdf5")
    assert [(session.subject_id, session.session_id, session.files) for session in found.sessions] == [
        ("m1", "day1", (tmp_path / "m1/day1/a.hdf5",)),
        ("m1", "day2", (tmp_path / "m1/day2/b.hdf5",)),
        ("m1", "day10", (tmp_path / "m1/day10/a.hdf5",)),
        ("m2", "day1", (tmp_path / "m2/day1/a.hdf5",)),
    ]
    assert found.unmatched == (tmp_path / "notes.h5",)


def test_files_of_one_session_are_its_planes_in_natural_order(tmp_path: Path) -> None:
    study(tmp_path, *(f"m1/s1/plane{number}.hdf5" for number in (0, 1, 2, 10)))
    (session,) = find_sessions(tmp_path, "{subject_id}/{session_id}/plane{plane}.hdf5").sessions
    assert [path.stem for path in session.files] == ["plane0", "plane1", "plane2", "plane10"]


def test_a_field_does_not_cross_folders(tmp_path: Path) -> None:
    study(tmp_path, "m1/day1/results.hdf5", "m1/day1/old/results.hdf5")
    found = find_sessions(tmp_path, "{subject_id}/{session_id}/results.hdf5")
    assert [session.session_id for session in found.sessions] == ["day1"]
    assert found.unmatched == (tmp_path / "m1/day1/old/results.hdf5",)


def test_a_date_is_read_with_its_format(tmp_path: Path) -> None:
    study(tmp_path, "m1_2024-05-02.hdf5")
    (session,) = find_sessions(tmp_path, "{subject_id}_{session_start_time:%Y-%m-%d}.hdf5").sessions
    assert (session.subject_id, session.session_start_time) == ("m1", datetime(2024, 5, 2))  # noqa: DTZ001


def test_without_fields_each_file_is_a_session(tmp_path: Path) -> None:
    study(tmp_path, "a.hdf5", "b.hdf5", ".hidden.hdf5")
    found = find_sessions(tmp_path, "*.hdf5")
    assert [session.files for session in found.sessions] == [(tmp_path / "a.hdf5",), (tmp_path / "b.hdf5",)]
    assert found.unmatched == ()


def test_a_relative_folder_has_the_same_unmatched_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study(tmp_path / "study", "m1/day1/a.hdf5", "notes.h5")
    monkeypatch.chdir(tmp_path)
    found = find_sessions("study", "{subject_id}/{session_id}/*.hdf5")
    assert [session.files for session in found.sessions] == [(Path("study/m1/day1/a.hdf5"),)]
    assert found.unmatched == (Path("study/notes.h5"),)


def test_errors_name_the_folder_the_pattern_and_what_was_seen(tmp_path: Path) -> None:
    study(tmp_path, "m1/day1/a.hdf5")
    with pytest.raises(ValueError, match=r"matches the pattern '\{subject_id\}\.hdf5'; 1 HDF5 files do not match"):
        find_sessions(tmp_path, "{subject_id}.hdf5")
    with pytest.raises(ValueError, match="is malformed"):
        find_sessions(tmp_path, "{subject_id/*.hdf5")
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        find_sessions(tmp_path / "missing", "*.hdf5")
