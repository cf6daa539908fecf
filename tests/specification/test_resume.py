"""`resume`: which outputs are kept, also after runs that were interrupted or failed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from caiman_interface import convert_specification
from caiman_interface.specification.conversion_report import ConversionReport, read_reports
from caiman_interface.specification.study_options import ConversionObserver

DATA = Path(__file__).parents[1] / "data"
STUB = {"stub_test": True}


def write_study(folder: Path, *source_data: str) -> Path:
    """Write a specification with one session per entry, each the content of its `Segmentation`."""
    sessions = "".join(
        f"      - nwbfile_name: s{number:02}\n        source_data: {{Segmentation: {{{one}}}}}\n"
        for number, one in enumerate(source_data)
    )
    path = folder / "study.yml"
    path.write_text(
        'metadata: {NWBFile: {session_start_time: "2024-05-03T14:30:00+02:00"}}\n'
        "data_interfaces: {Segmentation: CaimanSegmentationInterface}\n"
        f"experiments:\n  recordings:\n    sessions:\n{sessions}"
    )
    return path


def state_of(report: ConversionReport) -> dict[str, str]:
    return {record.session: record.state for record in report}


class InterruptsAfter(ConversionObserver):
    """Interrupts the run when so many sessions have ended, before the report contains the last of them."""

    def __init__(self, count: int) -> None:
        self.left = count

    def ended(self, *_: object) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A specification of four sessions of a file in the same folder."""
    shutil.copy(DATA / "sim2p_minimal.hdf5", tmp_path)
    return write_study(tmp_path, *["file_path: sim2p_minimal.hdf5"] * 4)


def run(study: Path, **options: Any) -> ConversionReport:
    return convert_specification(study, study.parent / "nwb", **{"resume": True, "options": STUB, **options})


def test_an_output_that_was_written_before_its_record_is_converted_again(study):
    with pytest.raises(KeyboardInterrupt):
        run(study, observer=InterruptsAfter(2))
    assert sorted(path.name for path in (study.parent / "nwb").glob("*.nwb")) == ["s00.nwb", "s01.nwb"]
    assert run(study).counts == {"skipped": 1, "converted": 3}


def test_a_shard_that_is_interrupted_keeps_the_records_of_earlier_runs(study):
    assert run(study, shard=(1, 2)).counts == {"converted": 2}
    assert run(study, shard=(1, 2), only=["s00"]).counts == {"skipped": 1}
    with pytest.raises(KeyboardInterrupt):
        run(study, shard=(1, 2), observer=InterruptsAfter(1))
    assert run(study, shard=(1, 2)).counts == {"skipped": 2}
    assert set(state_of(read_reports(study.parent / "nwb"))) == {"s00", "s02"}


def test_a_failure_does_not_forget_what_the_output_was_made_from(study):
    run(study, only=["s00"])
    (record,) = run(study, only=["s00"], options={})
    assert (record.state, record.output) == ("failed", "s00.nwb")
    assert record.bytes == (study.parent / "nwb" / "s00.nwb").stat().st_size
    source = study.parent / "sim2p_minimal.hdf5"
    source.rename(study.parent / "away.hdf5")
    assert run(study, only=["s00"], keep_going=True).counts == {"not valid": 1}
    (study.parent / "away.hdf5").rename(source)
    assert run(study, only=["s00"]).counts == {"skipped": 1}


def test_an_interrupted_overwrite_is_not_taken_for_the_output_before_it(study):
    run(study, only=["s00"])
    with pytest.raises(KeyboardInterrupt):
        run(study, only=["s00"], options={}, overwrite=True, observer=InterruptsAfter(1))
    (record,) = run(study, only=["s00"])
    assert (record.state, "was made from other sources" in record.error) == ("failed", True)


def test_the_dataset_of_timestamps_is_part_of_the_input(tmp_path):
    with h5py.File(tmp_path / "times.h5", "w") as file:
        file["a"], file["b"] = np.arange(600) / 20, np.arange(600) / 30
    given = f"file_path: {DATA / 'sim2p_minimal.hdf5'}, timestamps_path: "
    assert run(write_study(tmp_path, f"{given}{tmp_path}/times.h5::a")).counts == {"converted": 1}
    assert run(write_study(tmp_path, f"{given}{tmp_path}/times.h5::a")).counts == {"skipped": 1}
    assert run(write_study(tmp_path, f"{given}{tmp_path}/times.h5::b")).counts == {"failed": 1}


def test_the_bytes_of_linked_files_are_part_of_the_input(study):
    with (
        h5py.File(study.parent / "sim2p_minimal.hdf5", "r+") as file,
        h5py.File(study.parent / "traces.h5", "w") as traces,
    ):
        traces["C"] = file["estimates/C"][()]
        del file["estimates/C"]
        file["estimates/C"] = h5py.ExternalLink("traces.h5", "C")
    assert run(study, only=["s00"]).counts == {"converted": 1}
    assert run(study, only=["s00"]).counts == {"skipped": 1}
    shutil.copy(study.parent / "traces.h5", study.parent / "others.h5")
    with h5py.File(study.parent / "others.h5", "r+") as traces:
        traces["C"][0, 0] += 1
    (study.parent / "others.h5").replace(study.parent / "traces.h5")
    assert run(study, only=["s00"]).counts == {"failed": 1}


def test_an_output_that_differs_is_kept_and_named(study):
    output = study.parent / "nwb" / "s00.nwb"
    run(study, only=["s00"], options={})
    with h5py.File(output, "r+") as file:
        file["processing/ophys/Fluorescence/Denoised/data"][0, 0] += 1
    (record,) = run(study, only=["s00"], options={}, verify=True)
    assert (record.state, record.verified) == ("failed", False)
    assert record.error.startswith(f"{output} exists, and differs from its source.")
    assert "was not kept" not in record.error
    assert run(study, only=["s00"], options={}).counts == {"failed": 1}
    (record,) = run(study, only=["s00"], options={}, verify=True, overwrite=True)
    assert (record.state, record.verified) == ("converted", True)


class RunsTwice(ThreadPoolExecutor):
    """Runs each call twice, as Dask does if a worker is lost before its result has arrived."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(lambda: [fn(*args, **kwargs) for _ in range(2)][1])


def test_a_session_that_an_executor_repeats_is_converted(study):
    with RunsTwice(1) as executor:
        report = run(study, only=["s0[01]"], executor=executor, resume=False)
    assert state_of(report) == {"s00": "converted", "s01": "converted"}


def test_an_interrupt_cancels_what_an_executor_has_not_begun(study):
    with ThreadPoolExecutor(1) as executor, pytest.raises(KeyboardInterrupt):
        run(study, executor=executor, observer=InterruptsAfter(1))
    assert len(list((study.parent / "nwb").glob("*.nwb"))) < 4


def test_sessions_that_are_all_refused_are_in_the_report(study):
    (study.parent / "sim2p_minimal.hdf5").write_text("no")
    assert run(study, keep_going=True).counts == {"not valid": 4}
    assert set(state_of(read_reports(study.parent / "nwb")).values()) == {"not valid"}


def test_a_killed_verification_leaves_nothing_for_good(study):
    folder = study.parent / "nwb"
    command = [sys.executable, "-m", "caiman_interface", "convert", str(study), "-o", str(folder), "--verify"]
    main = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not any(path.name.startswith(".") and path.is_dir() for path in folder.glob(".*")):
        assert main.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    main.send_signal(signal.SIGKILL)
    main.wait()
    assert run(study, options={}, verify=True).ok
    assert list(folder.glob(".*")) == []
