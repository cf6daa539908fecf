"""Reports of conversions and fingerprints of their inputs."""

from __future__ import annotations

import csv
import json
import os
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiman_interface.specification.conversion_report import ConversionReport, SessionRecord, read_reports
from caiman_interface.specification.fingerprint import fingerprint

GOOD = SessionRecord(
    session="m1_day1", sources=("a.hdf5", "b.hdf5"), output="m1_day1.nwb", state="converted", seconds=1.5, bytes=10,
    warnings=("The rate is 30.", 'ünicode, with a comma\u2028and "quotes"'), fingerprint="ab", verified=True,
)  # fmt: skip
BAD = SessionRecord(session="m1_day2", sources=("c.hdf5",), state="failed", error="c.hdf5 is cut off.\nCopy it again.")


def test_a_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    report = ConversionReport((GOOD, BAD))
    report.write(tmp_path)
    assert read_reports(tmp_path) == report
    stored = (tmp_path / "conversion-report.json").read_text(encoding="utf-8")
    assert stored == json.dumps(json.loads(stored), indent=2, ensure_ascii=False) + "\n"
    assert (report.ok, report.counts) == (False, {"converted": 1, "failed": 1})
    with (tmp_path / "conversion-report.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["converted", "failed"]
    assert rows[0]["sources"] == "a.hdf5; b.hdf5"
    assert rows[1]["error"] == BAD.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conversion-report.csv", "conversion-report.json"]


def test_shards_write_files_of_their_own_and_are_read_together(tmp_path: Path) -> None:
    ConversionReport((GOOD,)).write(tmp_path, shard=(1, 2))
    ConversionReport((BAD,)).write(tmp_path, shard=(2, 2))
    assert {record.session for record in read_reports(tmp_path)} == {"m1_day1", "m1_day2"}


def test_the_newer_report_counts(tmp_path: Path) -> None:
    old = ConversionReport((BAD,)).write(tmp_path, shard=(1, 2))
    os.utime(old, (1, 1))
    again = SessionRecord(session="m1_day2", state="converted", output="m1_day2.nwb")
    ConversionReport((again,)).write(tmp_path)
    assert read_reports(tmp_path).records == (again,)


@pytest.mark.parametrize("text", ["", "[]", '{"sessions": [{"session": "a"}]}', '{"sessions": 3}'])
def test_what_is_not_a_report_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "conversion-report.json").write_text(text)
    with pytest.raises(ValueError, match=r"conversion-report\.json is not a report of a conversion"):
        read_reports(tmp_path)


def test_an_output_that_differs_from_its_source_is_not_ok() -> None:
    assert not ConversionReport((SessionRecord(session="a", state="converted", verified=False),)).ok
    assert ConversionReport((SessionRecord(session="a", state="skipped"),)).ok


def test_a_fingerprint_depends_on_bytes_and_settings_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "one.hdf5", tmp_path / "other.hdf5"
    one.write_bytes(b"values" * 10**6)
    other.write_bytes(one.read_bytes())
    settings = {"a": np.float64(1.5), "b": [datetime(2024, 5, 2, tzinfo=timezone.utc), one]}
    first = fingerprint([one], settings)
    assert fingerprint([other], dict(reversed(settings.items()))) == first
    assert fingerprint([one], {**settings, "a": 1.25}) != first
    other.write_bytes(one.read_bytes()[:-1] + b"S")
    assert fingerprint([other], settings) != first


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_files_of_a_folder_do_not_run_into_each_other(
    tmp_path_factory: pytest.TempPathFactory, ours: list[bytes], theirs: list[bytes]
) -> None:
    folders = [tmp_path_factory.mktemp("source") for _ in range(2)]
    for folder, contents in zip(folders, (ours, theirs), strict=True):
        for number, content in enumerate(contents):
            (folder / str(number)).write_bytes(content)
    assert (fingerprint([folders[0]], None) == fingerprint([folders[1]], None)) == (ours == theirs)
