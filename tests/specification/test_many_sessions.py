"""Whole studies: several processes, a Dask cluster, broken sessions, and processes that are killed."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface import convert_specification
from caiman_interface.specification.conversion_report import read_reports
from caiman_interface.specification.study_options import ConversionObserver

DATA = Path(__file__).parents[1] / "data"
FILES = ("sim2p_minimal", "sim2p_full", "sim2p_nb2", "sim2p_p0")
BROKEN = "not_caiman.hdf5"

# hdmf warns of the column "name" of files of version 0.1 when it reads them.
pytestmark = pytest.mark.filterwarnings("ignore:An attribute 'name' already exists:UserWarning")


def write_study(folder: Path, count: int, broken: tuple[int, ...] = ()) -> Path:
    """Write a specification of many sessions, of which some have a source that CaImAn did not write."""
    (folder / BROKEN).write_text("no")
    sessions = "".join(
        f"      - nwbfile_name: s{number:02}\n"
        "        source_data: {Segmentation: {file_path: "
        f"{folder / BROKEN if number in broken else DATA / (FILES[number % len(FILES)] + '.hdf5')}}}}}\n"
        for number in range(count)
    )
    path = folder / "study.yml"
    path.write_text(
        'metadata: {NWBFile: {session_start_time: "2024-05-03T14:30:00+02:00"}}\n'
        "data_interfaces: {Segmentation: CaimanSegmentationInterface}\n"
        f"experiments:\n  recordings:\n    sessions:\n{sessions}"
    )
    return path


def denoised(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file["processing/ophys/Fluorescence/Denoised/data"][()]


def assert_complete(folder: Path, numbers: range | list[int]) -> None:
    """Compare the outputs with their sources; nothing else is left in the folder."""
    assert sorted(path.name for path in folder.glob("*.nwb")) == [f"s{number:02}.nwb" for number in numbers]
    assert list(folder.glob(".*")) == []
    for number in numbers:
        with h5py.File(DATA / f"{FILES[number % len(FILES)]}.hdf5") as source:
            np.testing.assert_array_equal(denoised(folder / f"s{number:02}.nwb"), source["estimates/C"][()].T)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "caiman_interface", *map(str, arguments)]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> tuple[Path, Path]:
    """A study of five sessions with one that is broken, and the folder into which it was converted."""
    folder = tmp_path_factory.mktemp("study")
    path = write_study(folder, 5, broken=(3,))
    convert_specification(path, folder / "nwb", keep_going=True)
    return path, folder / "nwb"


def test_nothing_is_converted_without_keep_going(study, tmp_path):
    report = convert_specification(study[0], tmp_path / "nwb")
    assert report.counts == {"not valid": 5}
    assert not (tmp_path / "nwb").exists()
    assert "not an HDF5 file" in report.records[3].error
    assert report.records[0].error == "another session is not valid"


def test_the_report_is_on_disk(study):
    _, folder = study
    assert_complete(folder, [0, 1, 2, 4])
    stored = json.loads((folder / "conversion-report.json").read_text())["sessions"]
    assert [one["session"] for one in stored] == [f"s{number:02}" for number in range(5)]
    assert {one["session"]: one["state"] for one in stored} == {
        **dict.fromkeys(("s00", "s01", "s02", "s04"), "converted"),
        "s03": "not valid",
    }
    by_name = {one["session"]: one for one in stored}
    assert by_name["s01"]["sources"] == [str(DATA / "sim2p_full.hdf5")]
    assert by_name["s01"]["output"] == "s01.nwb"
    assert by_name["s01"]["bytes"] == (folder / "s01.nwb").stat().st_size
    assert re.fullmatch("[0-9a-f]{64}", by_name["s01"]["fingerprint"])
    assert by_name["s01"]["contents"]["accepted"] == 7
    with (folder / "conversion-report.csv").open(newline="") as file:
        assert {row["session"]: row["state"] for row in csv.DictReader(file)} == {
            name: one["state"] for name, one in by_name.items()
        }


def test_resume_skips_what_was_made_from_the_same_input(study):
    path, folder = study
    before = {one.name: one.stat().st_mtime_ns for one in folder.glob("*.nwb")}
    report = convert_specification(path, folder, keep_going=True, resume=True)
    assert report.counts == {"skipped": 4, "not valid": 1}
    assert {one.name: one.stat().st_mtime_ns for one in folder.glob("*.nwb")} == before
    report = convert_specification(
        path, folder, keep_going=True, resume=True, options={"mask_type": "image"}, only=["s00"]
    )
    (record,) = report
    assert record.state == "failed"
    assert "was made from other sources, metadata, options or versions" in record.error
    assert (folder / "ERROR_s00.txt").is_file()
    report = convert_specification(
        path, folder, resume=True, overwrite=True, options={"mask_type": "image"}, only=["s00"]
    )
    assert report.counts == {"converted": 1}
    assert not (folder / "ERROR_s00.txt").exists()
    # The sessions that this run did not concern are still in the report.
    assert {record.session for record in read_reports(folder)} == {f"s{number:02}" for number in range(5)}


def test_existing_files_without_a_report_are_named(study, tmp_path):
    (tmp_path / "s00.nwb").write_text("mine")
    (record,) = convert_specification(study[0], tmp_path, resume=True, only=["s00"])
    assert (record.state, "no report contains its sources" in record.error) == ("failed", True)
    (record,) = convert_specification(study[0], tmp_path, skip_existing=True, only=["s00"])
    assert record.state == "skipped"
    (record,) = convert_specification(study[0], tmp_path, only=["s00"])
    assert record.state == "not valid"
    assert (tmp_path / "s00.nwb").read_text() == "mine"


def test_a_failure_has_a_file_with_its_traceback_and_inputs(study, tmp_path):
    (tmp_path / "s01.nwb").mkdir()
    (record,) = convert_specification(study[0], tmp_path, overwrite=True, only=["s01"])
    assert record.state == "failed"
    text = (tmp_path / "ERROR_s01.txt").read_text()
    assert "Traceback" in text
    assert "sim2p_full.hdf5" in text


def test_verified_outputs(study, tmp_path):
    report = convert_specification(study[0], tmp_path, only=["s0[02]"], verify=True)
    assert [(record.state, record.verified) for record in report] == [("converted", True)] * 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".nwb" or path.name[0] == ".") == [
        "s00.nwb",
        "s02.nwb",
    ]


def test_only_and_shard_choose_sessions(study, tmp_path):
    report = convert_specification(study[0], tmp_path, only=["s0[0-2]"], shard=(2, 2), options={"stub_test": True})
    assert [record.session for record in report] == ["s01"]
    assert (tmp_path / "conversion-report.2-of-2.json").is_file()
    with pytest.raises(ValueError, match="No session is called 's005'\\. Did you mean"):
        convert_specification(study[0], tmp_path, only=["s005"])
    with pytest.raises(ValueError, match="shard is 3/2"):
        convert_specification(study[0], tmp_path, shard=(3, 2))


def test_any_executor(study, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        report = convert_specification(study[0], tmp_path, keep_going=True, executor=executor)
    assert report.counts == {"converted": 4, "not valid": 1}
    assert_complete(tmp_path, [0, 1, 2, 4])


class KillsOneWorker(ConversionObserver):
    """Kills a worker process with SIGKILL when the first session has begun to be written."""

    def __init__(self) -> None:
        self.killed = 0
        self.begun: list[str] = []

    def started(self, session) -> None:
        self.begun.append(session.label)

    def progressed(self, _) -> None:
        children = multiprocessing.active_children()
        if not self.killed and children:
            self.killed = children[0].pid
            os.kill(self.killed, signal.SIGKILL)


def test_a_killed_worker_costs_no_session(tmp_path):
    observer = KillsOneWorker()
    report = convert_specification(write_study(tmp_path, 3), tmp_path / "nwb", jobs=2, observer=observer)
    assert observer.killed
    assert report.counts == {"converted": 3}
    assert len(observer.begun) > 3  # some were begun twice
    assert_complete(tmp_path / "nwb", range(3))


def wait_for(condition, timeout: float = 90) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def converted(folder: Path) -> int:
    return sum(record.state == "converted" for record in read_reports(folder))


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def descendants(pid: int) -> list[int]:
    lists = (task / "children" for task in Path(f"/proc/{pid}/task").iterdir())  # any thread may have started some
    children = [int(one) for path in lists for one in path.read_text().split()]
    return [*children, *(one for child in children for one in descendants(child))]


@pytest.fixture
def hangup_not_ignored() -> Iterator[None]:
    """Tests that run under nohup ignore SIGHUP, and so would the command."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the processes from /proc")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, marks=pytest.mark.long),
    ],
)
@pytest.mark.usefixtures("hangup_not_ignored")
def test_resume_after_the_command_was_ended(tmp_path, number):
    path, folder = write_study(tmp_path, 6), tmp_path / "nwb"
    main = subprocess.Popen(command("convert", path, "-o", folder, "--jobs", "2"), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: converted(folder) >= 1 or main.poll() is not None)
    children = descendants(main.pid)
    assert len(children) >= 2
    main.send_signal(number)
    _, messages = main.communicate(timeout=60)
    wait_for(lambda: not any(map(is_running, children)))
    if number != signal.SIGKILL:
        assert main.returncode == 128 + number
        assert messages == f"Ended by {number.name}; partial files were removed.\n"
        assert [one.name for one in folder.iterdir() if one.name.startswith(".")] == []
    done = converted(folder)
    assert 1 <= done < 6
    report = convert_specification(path, folder, resume=True)
    assert report.ok
    assert report.counts["skipped"] == done
    assert sorted(one.name for one in folder.glob("*.nwb")) == [f"s{one:02}.nwb" for one in range(6)]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the processes from /proc")
@pytest.mark.parametrize(
    "options", [("--jobs", "2"), pytest.param(("--jobs", "2", "--scheduler", "local"), marks=pytest.mark.long)]
)
def test_ctrl_c_in_a_terminal_ends_all_processes(tmp_path, options):
    """A terminal sends the signal to the workers too."""
    if "--scheduler" in options:
        pytest.importorskip("distributed")
    path, folder = write_study(tmp_path, 6), tmp_path / "nwb"
    main = subprocess.Popen(
        command("convert", path, "-o", folder, *options), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: converted(folder) >= 2 or main.poll() is not None)
    children = descendants(main.pid)
    assert len(children) >= 2
    os.killpg(main.pid, signal.SIGINT)
    _, messages = main.communicate(timeout=60)
    assert main.returncode == 130
    assert messages == "Ended by SIGINT; partial files were removed.\n"
    wait_for(lambda: not any(map(is_running, children)))
    assert_complete(folder, sorted(int(one.stem[1:]) for one in folder.glob("*.nwb")))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no resource tracker")
def test_what_ended_processes_leave_is_removed_without_a_warning():
    script = """if True:
        import os
        from caiman_interface.specification.processes import process_context
        lock = process_context().Lock()
        assert "PYTHONWARNINGS" not in os.environ
        os._exit(0)
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert ended.stderr == ""


def test_two_shards_at_once_in_one_folder(tmp_path):
    path, folder = write_study(tmp_path, 4), tmp_path / "nwb"
    shards = [subprocess.Popen(command("convert", path, "-o", folder, "--shard", f"{one}/2")) for one in (1, 2)]
    assert [shard.wait(timeout=120) for shard in shards] == [0, 0]
    assert {record.session: record.state for record in read_reports(folder)} == {
        f"s{number:02}": "converted" for number in range(4)
    }
    assert_complete(folder, range(4))
    assert convert_specification(path, folder, resume=True).counts == {"skipped": 4}


@pytest.fixture
def scheduler(tmp_path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a Dask scheduler on the loopback interface, and its two worker processes."""
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    options = ("--scheduler-file", file)
    start = [sys.executable, "-m", "distributed.cli"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [
        subprocess.Popen(
            [
                *start[:2],
                "distributed.cli.dask_scheduler",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--no-dashboard",
                *options,
            ],
            **quiet,
        )
    ]
    wait_for(lambda: file.is_file() and file.read_text())
    processes += [
        subprocess.Popen(
            [*start[:2], "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", *options],
            **quiet,
        )
        for _ in range(2)
    ]
    yield json.loads(file.read_text())["address"], processes[1:]
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kills", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_dask_cluster(scheduler, tmp_path, kills):
    address, processes = scheduler
    reports = []

    class Observer(ConversionObserver):
        def progressed(self, progressed) -> None:
            reports.append(progressed)
            if kills:
                processes[0].kill()

    path = write_study(tmp_path, 4, broken=(1,))
    report = convert_specification(path, tmp_path / "nwb", scheduler=address, keep_going=True, observer=Observer())
    assert report.counts == {"converted": 3, "not valid": 1}
    assert_complete(tmp_path / "nwb", [0, 2, 3])
    assert {one.number for one in reports} <= {1, 3, 4}
    assert reports


@pytest.mark.long
def test_forty_sessions_of_which_three_are_broken(tmp_path):
    path = write_study(tmp_path, 40, broken=(7, 20, 33))
    report = convert_specification(path, tmp_path / "nwb", jobs=2, keep_going=True)
    assert report.counts == {"converted": 37, "not valid": 3}
    assert [record.session for record in report if not record.is_good] == ["s07", "s20", "s33"]
    assert_complete(tmp_path / "nwb", [number for number in range(40) if number not in {7, 20, 33}])
