"""Measure what the shape of a trace's chunks costs its writer and its readers.

Readers are those of a file behind a network: every chunk that they touch costs one round trip and its bytes. What
they fetch is counted while h5py reads, and their time is computed from that::

    python benchmarks/chunk_shapes.py --latency 0.05 --bandwidth 50
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import h5py
import numpy as np
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from pynwb import NWBFile, TimeSeries

from caiman_interface import CaimanResults, write_nwbfile
from caiman_interface.nwb.chunking import trace_chunk_shape
from synthetic import Size, write_caiman_file

DATASET = "acquisition/Trace/data"
WINDOW_FRAMES = 300
SHAPES = ((60_000, 1000), (1000, 10_000))


class CountingFile(io.FileIO):
    """A file that counts the large reads, which are those of chunks."""

    requests = 0
    bytes_fetched = 0

    def readinto(self, buffer: memoryview, /) -> int | None:  # type: ignore[override]
        """Read and count."""
        count = super().readinto(buffer)
        if count and count > 2**12:
            self.requests += 1
            self.bytes_fetched += count
        return count


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--latency", type=float, default=0.05, help="seconds a request")
    parser.add_argument("--bandwidth", type=float, default=50, help="megabytes a second")
    arguments = parser.parse_args()
    print("| trace (frames, ROIs) | chunk | write (s) | file (MB) | one ROI (s) | 300 frames (s) | the slower (s) |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for frames, rois in SHAPES:
            source = Path(folder) / "caiman.hdf5"
            write_caiman_file(source, Size(rois, frames, (512, 512), (3, 3)))
            for name, chunks in candidates(frames, rois):
                output = Path(folder) / "traces.nwb"
                seconds = min(write(source, output, chunks) for _ in range(3))
                size = output.stat().st_size / 1e6
                costs = [
                    fetch(output, selection, arguments.latency, arguments.bandwidth)
                    for selection in (np.s_[:, rois // 2], np.s_[frames // 2 : frames // 2 + WINDOW_FRAMES, :])
                ]
                columns = [f"{seconds:.2f}", f"{size:.1f}", *(f"{cost:.2f}" for cost in costs)]
                print(f"| {frames} x {rois} | {chunks} {name} | {' | '.join(columns)} | {max(costs):.2f} |")


def candidates(frames: int, rois: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield shapes to compare, each with a name."""
    dtype = np.dtype("f8")
    yield "**ours**", trace_chunk_shape(frames, rois, dtype)
    yield "NeuroConv's", SliceableDataChunkIterator.estimate_default_chunk_shape(10.0, (frames, rois), dtype)
    for megabytes in (1, 2, 8):
        chunks = np.sqrt(frames * rois * dtype.itemsize / (megabytes * 1e6))
        yield f"{megabytes} MB", (int(np.ceil(frames / chunks)), int(np.ceil(rois / chunks)))
    whole_rois = max(1, 4_000_000 // (frames * dtype.itemsize))
    yield "whole ROIs", (frames, whole_rois)
    yield "whole frames", (max(1, 4_000_000 // (rois * dtype.itemsize)), rois)


def write(source: Path, output: Path, chunks: tuple[int, int]) -> float:
    """Write the fluorescence of a CaImAn file with these chunks; return the seconds."""
    nwbfile = NWBFile(
        session_description="Benchmark.", identifier="id", session_start_time=datetime(2024, 1, 2, tzinfo=timezone.utc)
    )
    with CaimanResults.open(source) as results:
        trace = results.components.traces["raw"]
        data = SliceableDataChunkIterator(data=trace, chunk_shape=chunks)
        nwbfile.add_acquisition(TimeSeries(name="Trace", data=data, unit="n.a.", rate=30.0))
        started = time.perf_counter()
        write_nwbfile(nwbfile, output, overwrite=True)
        return time.perf_counter() - started


def fetch(path: Path, selection: tuple[slice | int, ...], latency: float, bandwidth: float) -> float:
    """Read a part of the trace, and compute how long that takes over the network."""
    with CountingFile(path) as counted, h5py.File(counted, "r") as file:
        dataset = file[DATASET]
        counted.requests = counted.bytes_fetched = 0
        dataset[selection]
        return counted.requests * latency + counted.bytes_fetched / (bandwidth * 1e6)


if __name__ == "__main__":
    main()
