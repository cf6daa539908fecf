"""Compare reading a file that NeuroConv's own class wrote with reading one of caiman-interface.

Converts each case with both (see ``convert.py``), then reads from both files in alternation: a whole trace, one ROI and
300 frames, through h5py and through pynwb. Prints the best of the repetitions in milliseconds. Run from anywhere::

    python benchmarks/reading.py                   # 1000x10000, five times each
    python benchmarks/reading.py 10000x1000 -n 9 --data folder
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
from pynwb import NWBHDF5IO

from compare import CASES, HERE, data_folder, environment, machine, prepared

TRACE = "processing/ophys/Fluorescence/RoiResponseSeries/data"
READS: dict[str, Callable[[Any], Any]] = {
    "whole trace": lambda data: data[:],
    "one ROI": lambda data: data[:, data.shape[1] // 2],
    "300 frames": lambda data: data[data.shape[0] // 2 : data.shape[0] // 2 + 300],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("cases", nargs="*", default=["1000x10000"], help=f"of {', '.join(CASES)}")
    parser.add_argument("-n", "--repeats", type=int, default=5, help="how often each is read; default: 5")
    parser.add_argument("--data", type=Path, help="folder in which input files are kept; by default they are removed")
    arguments = parser.parse_args()
    print(machine())
    print("\n| case | read | through | neuroconv (ms) | caiman-interface (ms) | ratio |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    with data_folder(arguments.data) as data:
        for name in arguments.cases:
            files = written(prepared(CASES[name], data / name))
            for label, read in READS.items():
                for reader in (with_h5py, with_pynwb):
                    theirs, ours = best(files, reader, read, repeats=arguments.repeats)
                    through = reader.__name__.removeprefix("with_")
                    print(f"| {name} | {label} | {through} | {theirs:.0f} | {ours:.0f} | **{theirs / ours:.1f} x** |")
            for path in files:
                path.unlink()


def written(folder: Path) -> list[Path]:
    """Convert a case with both converters."""
    converters = ("neuroconv", "caiman-interface")
    outputs = [folder / f"read-{converter}.nwb" for converter in converters]
    for converter, output in zip(converters, outputs, strict=True):
        command = [sys.executable, str(HERE / "convert.py"), converter, str(folder), str(output)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment())
    return outputs


def best(
    files: list[Path],
    reader: Callable[[Path, Callable[[Any], Any]], float],
    read: Callable[[Any], Any],
    *,
    repeats: int,
) -> list[float]:
    """Return the shortest time of each file in milliseconds."""
    times: list[list[float]] = [[] for _ in files]
    for _ in range(repeats):
        for path, measured in zip(files, times, strict=True):
            measured.append(1000 * reader(path, read))
    return [min(measured) for measured in times]


def with_h5py(path: Path, read: Callable[[Any], Any]) -> float:
    with h5py.File(path) as file:
        started = time.perf_counter()
        read(file[TRACE])
        return time.perf_counter() - started


def with_pynwb(path: Path, read: Callable[[Any], Any]) -> float:
    with NWBHDF5IO(path, mode="r") as io:
        data = io.read().processing["ophys"]["Fluorescence"]["RoiResponseSeries"].data
        started = time.perf_counter()
        read(data)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
