"""Sessions per minute of a whole study: one job, two jobs, Dask, and the stock `neuroconv` command without the plugin.

    python benchmarks/many_sessions.py [--sessions 20] [--rois 500] [--frames 10000] [--without-stock]

The study consists of one synthetic CaImAn file under many names (hard links), so that it needs little space. The stock
command runs NeuroConv's own CaimanSegmentationInterface.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from synthetic import Size, write_caiman_file


def write_study(folder: Path, sessions: int, rois: int, frames: int) -> Path:
    """Write the CaImAn files and the specification."""
    first = folder / "s000.hdf5"
    write_caiman_file(first, Size(rois=rois, frames=frames, frame_shape=(256, 256), radius=(6, 6)))
    lines = [
        'metadata: {NWBFile: {session_start_time: "2024-05-03T14:30:00+02:00"}}',
        "data_interfaces: {Segmentation: CaimanSegmentationInterface}",
        "experiments:",
        "  recordings:",
        "    sessions:",
    ]
    for number in range(sessions):
        file = folder / f"s{number:03}.hdf5"
        if number:
            os.link(first, file)
        lines.append(
            f"      - {{nwbfile_name: s{number:03}, source_data: {{Segmentation: {{file_path: {file.name}}}}}}}"
        )
    path = folder / "study.yml"
    path.write_text("\n".join(lines) + "\n")
    return path


def seconds_of(command: Sequence[str | Path], output: Path, **environment: str) -> float:
    """Return how long a command takes, and remove what it wrote."""
    start = time.perf_counter()
    subprocess.run(
        [*map(str, command)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    taken = time.perf_counter() - start
    shutil.rmtree(output)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rois", type=int, default=500)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--stock-sessions", type=int, default=2, help="sessions of the stock command, which is slow")
    parser.add_argument("--without-stock", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = write_study(folder, given.sessions, given.rois, given.frames)
        nbytes = (folder / "s000.hdf5").stat().st_size
        output = folder / "nwb"
        ours = [sys.executable, "-m", "caiman_interface", "convert", path, "-o", output]
        ways = {
            "1 job": ours,
            "2 jobs": [*ours, "--jobs", "2"],
            "Dask, 2 processes": [*ours, "--jobs", "2", "--scheduler", "local"],
        }
        rates = {}
        print(f"{given.sessions} sessions of {given.rois} ROIs x {given.frames} frames, {nbytes / 1e6:.0f} MB each")
        for name, command in ways.items():
            taken = seconds_of(command, output)
            rates[name] = given.sessions * 60 / taken
            per_sample = taken / given.sessions / (given.rois * given.frames)
            cost = f"{per_sample * 1e9:6.2f} ns per ROI x frame"
            print(f"{name:<20} {taken:7.1f} s  {rates[name]:7.1f} sessions/min  {cost}")
        print(f"2 jobs: {rates['2 jobs'] / rates['1 job']:.2f} x 1 job (target 1.7)")
        if not given.without_stock:
            few = folder / "few.yml"
            few.write_text("\n".join(path.read_text().splitlines()[: 5 + given.stock_sessions]) + "\n")
            stock = [Path(sys.executable).parent / "neuroconv", few, "--output-folder-path", output]
            taken = seconds_of(stock, output, CAIMAN_INTERFACE_NO_AUTOLOAD="1")
            rate = given.stock_sessions * 60 / taken
            print(f"{'stock neuroconv':<20} {taken:7.1f} s  {rate:7.1f} sessions/min ({given.stock_sessions} sessions)")
            print(f"2 jobs: {rates['2 jobs'] / rate:.1f} x stock (target 10)")


if __name__ == "__main__":
    main()
