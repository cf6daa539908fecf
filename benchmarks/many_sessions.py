"""Sessions per minute of a whole study: one job, two jobs, Dask, and the stock `neuroconv` command without the plugin.

    python benchmarks/many_sessions.py [--sessions 20] [--rois 500] [--frames 10000] [--without-stock]

The study consists of one synthetic CaImAn file under many names (hard links), so that it needs little space. The stock
command runs NeuroConv's own CaimanSegmentationInterface.

One job already uses all processors, because a session is written with several threads. The runs with one thread per
session (``CAIMAN_INTERFACE_THREADS=1``) show what the processes alone gain.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from caiman_interface.writer.chunk_writer import THREADS_VARIABLE, available_threads
from synthetic import Size, write_caiman_file

_PACKAGES = ("neuroconv", "roiextractors", "hdmf", "pynwb", "h5py", "numpy", "isal", "distributed")
_ONE_THREAD = {THREADS_VARIABLE: "1"}
_WITHOUT_PLUGIN = {"CAIMAN_INTERFACE_NO_AUTOLOAD": "1"}
_LARGE_STUDY = 10_000
_LARGE_SESSION = 1e9  # bytes


@dataclass(frozen=True)
class Study:
    """A study on disk: `samples` is ROIs x frames of each session, `nbytes` the size of its CaImAn file."""

    path: Path
    sessions: int
    samples: int
    nbytes: int


@dataclass(frozen=True)
class Run:
    """One conversion of a study: its duration, with the start of the program, and the size of all NWB files."""

    study: Study
    seconds: float
    nbytes: int

    @property
    def rate(self) -> float:
        """Sessions per minute."""
        return self.study.sessions * 60 / self.seconds

    def row(self, name: str) -> str:
        """Return a row of the table."""
        samples = self.study.sessions * self.study.samples
        cells = (
            f"{self.study.sessions}",
            f"{self.seconds:.1f}",
            f"{self.rate:.1f}",
            f"{self.seconds / self.study.sessions:.2f}",
            f"{self.seconds / samples * 1e9:.0f}",
            f"{self.nbytes / samples:.1f}",
        )
        return f"| {name} | {' | '.join(cells)} |"


def write_study(folder: Path, sessions: int, size: Size) -> Study:
    """Write the CaImAn files and the specification."""
    first = folder / "s000.hdf5"
    if not first.exists():
        write_caiman_file(first, size)
    lines = [
        'metadata: {NWBFile: {session_start_time: "2024-05-03T14:30:00+02:00"}}',
        "data_interfaces: {Segmentation: CaimanSegmentationInterface}",
        "experiments:",
        "  recordings:",
        "    sessions:",
    ]
    for number in range(sessions):
        file = folder / f"s{number:03}.hdf5"
        if not file.exists():
            os.link(first, file)
        lines.append(
            f"      - {{nwbfile_name: s{number:03}, source_data: {{Segmentation: {{file_path: {file.name}}}}}}}"
        )
    path = folder / f"study{sessions}.yml"
    path.write_text("\n".join(lines) + "\n")
    return Study(path, sessions, size.rois * size.frames, first.stat().st_size)


def convert(study: Study, command: Sequence[str | Path], output: Path, environment: Mapping[str, str]) -> Run:
    """Run a command that converts a study, and remove what it wrote."""
    start = time.perf_counter()
    ended = subprocess.run(
        [*map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    seconds = time.perf_counter() - start
    if ended.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{ended.stderr}")
    files = list(output.glob("*.nwb"))
    if len(files) != study.sessions:
        sys.exit(f"{len(files)} of {study.sessions} sessions were converted:\n{ended.stderr}")
    run = Run(study, seconds, sum(file.stat().st_size for file in files))
    shutil.rmtree(output)
    return run


def run_all(study: Study, stock_study: Study | None, output: Path) -> dict[str, Run]:
    """Convert a study in each way, and print a row for each."""
    ours = [sys.executable, "-m", "caiman_interface", "convert", study.path, "-o", output]
    two = [*ours, "--jobs", "2"]
    ways: dict[str, tuple[Study, Sequence[str | Path], Mapping[str, str]]] = {
        "1 job": (study, ours, {}),
        "2 jobs": (study, two, {}),
        "1 job, 1 thread": (study, ours, _ONE_THREAD),
        "2 jobs, 1 thread each": (study, two, _ONE_THREAD),
        "Dask, 2 processes": (study, [*two, "--scheduler", "local"], {}),
    }
    if stock_study is not None:
        stock = [Path(sys.executable).parent / "neuroconv", stock_study.path, "--output-folder-path", output]
        ways["stock neuroconv"] = (stock_study, stock, _WITHOUT_PLUGIN)
    runs: dict[str, Run] = {}
    print("| way | sessions | seconds | sessions/min | s/session | ns/(ROI x frame) | output bytes/(ROI x frame) |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, (converted, command, environment) in ways.items():
        runs[name] = convert(converted, command, output, environment)
        print(runs[name].row(name), flush=True)
    return runs


def print_ratios(runs: Mapping[str, Run]) -> None:
    """Print the speed of some ways in comparison with others."""
    compared = [
        ("2 jobs", "1 job", " (target 1.7)"),
        ("2 jobs, 1 thread each", "1 job, 1 thread", " (of the processes alone)"),
        ("1 job", "1 job, 1 thread", " (of the threads alone)"),
        ("Dask, 2 processes", "2 jobs", ""),
        ("1 job", "stock neuroconv", ""),
        ("2 jobs", "stock neuroconv", " (target 10)"),
    ]
    print()
    for one, other, remark in compared:
        if other in runs:
            print(f"{one}: {runs[one].rate / runs[other].rate:.2f} x {other}{remark}")


def print_large_study(run: Run) -> None:
    """Print what a large study takes, in proportion to the bytes of the CaImAn files; small sessions overstate it."""
    study = run.study
    factor = _LARGE_SESSION / study.nbytes
    seconds = run.seconds / study.sessions * factor
    hours = seconds * _LARGE_STUDY / 3600
    terabytes = run.nbytes / study.sessions * factor * _LARGE_STUDY / 1e12
    print(f"\n{_LARGE_STUDY} sessions of 1 GB ({study.samples * factor / 1e6:.0f} million ROIs x frames), with 2 jobs:")
    print(f"{seconds:.1f} s per session; {hours:.1f} hours on one machine like this one;")
    print(f"{hours / 24:.1f} machines for a day, {hours:.0f} for an hour; {terabytes:.2f} TB of NWB files")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rois", type=int, default=500)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--stock-sessions", type=int, help="sessions of the stock command; by default all")
    parser.add_argument("--without-stock", action="store_true")
    given = parser.parse_args()
    print(f"{available_threads()} processors; Python {sys.version.split()[0]}, ", end="")
    print(", ".join(f"{name} {version(name)}" for name in _PACKAGES))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        size = Size(rois=given.rois, frames=given.frames, frame_shape=(256, 256), radius=(6, 6))
        study = write_study(folder, given.sessions, size)
        few = min(given.stock_sessions or given.sessions, given.sessions)
        stock_study = None if given.without_stock else write_study(folder, few, size)
        print(
            f"{given.sessions} sessions of {given.rois} ROIs x {given.frames} frames: "
            f"{study.nbytes / 1e6:.1f} MB each, {study.nbytes / study.samples:.1f} bytes per ROI x frame\n"
        )
        runs = run_all(study, stock_study, folder / "nwb")
    print_ratios(runs)
    print_large_study(runs["2 jobs"])


if __name__ == "__main__":
    main()
