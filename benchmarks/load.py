"""Convert one file many times in one process, and print what grows.

    python benchmarks/load.py --conversions 500 --threads 20

Prints resident memory, open descriptors and threads after every tenth of the conversions, which run one after the
other, and then the same number in threads.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"


class Usage(NamedTuple):
    """What a process holds."""

    memory_bytes: int
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> Usage:
        """Read it from the operating system (Linux)."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(pages * 4096, len(list(Path("/proc/self/fd").iterdir())), threading.active_count())


def convert(source: Path, nwb_path: Path) -> None:
    """Convert a file as a user does."""
    from caiman_interface import CaimanSegmentationInterface

    interface = CaimanSegmentationInterface(source)
    metadata = interface.get_metadata(use_new_metadata_format=True)
    metadata["NWBFile"]["session_start_time"] = datetime(2024, 5, 2, tzinfo=timezone.utc)
    interface.run_conversion(nwbfile_path=nwb_path, metadata=metadata, overwrite=True)
    interface.segmentation_extractor.results.close()


def convert_many(source: Path, folder: Path, count: int, *, threads: int = 1, steps: int = 10) -> Iterator[Usage]:
    """Convert `count` times, and yield the usage after each of `steps` parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(steps):
            with ThreadPoolExecutor(threads) as pool:
                jobs = [pool.submit(convert, source, folder / f"{n % threads}_{n}.nwb") for n in range(count // steps)]
                for job in jobs:
                    job.result()
            yield Usage.now()


def main() -> None:
    """Print the usage of both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversions", type=int, default=500)
    parser.add_argument("--threads", type=int, default=20)
    parser.add_argument("--source", type=Path, default=DATA / "sim2p_full.hdf5")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for threads in (1, arguments.threads):
            print(f"\n{arguments.conversions} conversions, {threads} at a time\n")
            print("| done | memory (MB) | descriptors | threads |\n| ---: | ---: | ---: | ---: |")
            parts = convert_many(arguments.source, Path(name), arguments.conversions, threads=threads)
            for number, usage in enumerate(parts, 1):
                done = number * arguments.conversions // 10
                print(
                    f"| {done} | {usage.memory_bytes / 1e6:.0f} | {usage.descriptors} | {usage.threads} |", flush=True
                )


if __name__ == "__main__":
    main()
