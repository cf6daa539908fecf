"""Restore files of growing length, each in a separate process, and print the peak memory.

    python benchmarks/restoring.py
    python benchmarks/restoring.py --rois 100 --frames 20000 80000

Memory is what `restore` adds to the process after its imports; it must not grow with the number of frames.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from load import convert
from synthetic import Size, write_caiman_file

FRAME_SHAPE = (256, 256)
RADIUS = (7, 7)


def restore_once(nwb_path: Path, target: Path) -> dict[str, float]:
    """Restore a file in this process; return seconds and the growth of peak memory in MB."""
    from caiman_interface import restore

    template = nwb_path.with_name("warm.nwb")
    restore(template, target.with_name("warm.hdf5"), overwrite=True)  # imports, and what is the same for every file
    before, start = _peak(), time.perf_counter()
    restore(nwb_path, target, overwrite=True)
    return {"seconds": time.perf_counter() - start, "memory": _peak() - before}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print a table with a row per length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rois", type=int, default=200)
    parser.add_argument("--frames", type=int, nargs="+", default=[5_000, 20_000, 80_000])
    parser.add_argument("--once", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(restore_once(*arguments.once)))
        return
    print("| frames | CaImAn file (MB) | NWB file (MB) | seconds | memory added (MB) |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, "warm", arguments.rois, 200)
        for frames in arguments.frames:
            source, nwb = make(folder, f"{frames}", arguments.rois, frames)
            command = [sys.executable, __file__, "--once", str(nwb), str(folder / "restored.hdf5")]
            done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            sizes = [f"{path.stat().st_size / 1e6:.0f}" for path in (source, nwb)]
            print("|", " | ".join([f"{frames:,}", *sizes, f"{done['seconds']:.1f}", f"{done['memory']:.0f}"]), "|")
            source.unlink()
            nwb.unlink()


def make(folder: Path, name: str, rois: int, frames: int) -> tuple[Path, Path]:
    """Write a CaImAn file and convert it."""
    source, nwb = folder / f"{name}.hdf5", folder / f"{name}.nwb"
    write_caiman_file(source, Size(rois, frames, FRAME_SHAPE, RADIUS))
    convert(source, nwb)
    return source, nwb


if __name__ == "__main__":
    main()
