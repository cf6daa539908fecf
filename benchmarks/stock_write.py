"""Measure what the interface costs where NeuroConv itself writes the file, as the `neuroconv` command does.

Two conversions take turns, each in a separate process: the interface's, from the CaImAn file to the NWB file; and
NeuroConv's write alone of the same objects, whose traces are arrays that are in memory already. ::

    python benchmarks/stock_write.py                  # 1000x10000 and 10000x1000, five times each
    python benchmarks/stock_write.py 10000x1000 -n 9 --data folder
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from compare import CASES, data_folder, machine, prepared

WAYS = ("interface", "arrays")
METADATA = {"session_start_time": "2024-01-02T03:04:05+00:00", "session_description": "Benchmark."}


def main() -> None:
    arguments = parse_arguments()
    if arguments.once:
        print(seconds_to_write(*arguments.once))
        return
    print(machine())
    with data_folder(arguments.data) as data:
        for name in arguments.cases:
            folder = prepared(CASES[name], data / name)
            times: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(arguments.repeats):
                for way in WAYS:
                    times[way].append(in_new_process(way, folder))
            for label, middle in (("best", min), ("median", statistics.median)):
                ours, theirs = (middle(times[way]) for way in WAYS)
                print(f"{name}, {label}: {ours:.2f} s, arrays in memory {theirs:.2f} s, ratio {ours / theirs:.2f}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("cases", nargs="*", default=["1000x10000", "10000x1000"], help=f"of {', '.join(CASES)}")
    parser.add_argument("-n", "--repeats", type=int, default=5, help="how often each is converted; default: 5")
    parser.add_argument("--data", type=Path, help="folder in which input files are kept; by default they are removed")
    parser.add_argument("--once", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    return parser.parse_args()


def in_new_process(way: str, folder: Path) -> float:
    command = [sys.executable, __file__, "--once", way, str(folder)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()[-1])


def seconds_to_write(way: str, folder: str) -> float:
    """Write once, and give the seconds from the opened CaImAn file, or from the arrays, to the NWB file."""
    from neuroconv.tools.nwb_helpers import configure_and_write_nwbfile

    from caiman_interface import CaimanSegmentationInterface

    output = Path(folder) / f"{way}-{os.getpid()}.nwb"
    interface = CaimanSegmentationInterface(file_path=Path(folder) / "caiman.hdf5")
    metadata = interface.get_metadata()
    metadata["NWBFile"].update(METADATA)
    started = time.perf_counter()
    nwbfile = interface.create_nwbfile(metadata=metadata)
    if way == "arrays":
        put_into_memory(nwbfile)
        started = time.perf_counter()
    try:
        configure_and_write_nwbfile(nwbfile, nwbfile_path=output, backend="hdf5")
        return time.perf_counter() - started
    finally:
        output.unlink()


def put_into_memory(nwbfile: object) -> None:
    """Read the traces and dense masks of a file in memory, and have the same iterators give them from there."""
    import numpy as np
    from neuroconv.tools.hdmf import SliceableDataChunkIterator

    from caiman_interface._compat.hdmf import set_dataset

    for item in nwbfile.all_children():  # type: ignore[attr-defined]
        values = getattr(item, "data", None)
        if isinstance(values, SliceableDataChunkIterator):
            whole = np.ascontiguousarray(values.data[:])
            shapes = {"chunk_shape": values.chunk_shape, "buffer_shape": values.buffer_shape}
            set_dataset(item, "data", type(values)(data=whole, **shapes))


if __name__ == "__main__":
    main()
