"""Compare the time, memory and file size of NeuroConv's own CaImAn conversion and of caiman-interface's.

Creates the input files, converts each in alternation with both, every conversion in a separate process, and prints a
table::

    python benchmarks/compare.py                      # all cases, three times each
    python benchmarks/compare.py 1000x10000 movie -n 5
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic import Size, write_caiman_file, write_movie

HERE = Path(__file__).parent
CONVERTERS = ("neuroconv", "caiman-interface", "stock")
VERSIONS = ("neuroconv", "roiextractors", "hdmf", "pynwb", "h5py", "numpy", "isal")


@dataclass(frozen=True)
class Case:
    """What is converted.

    Attributes
    ----------
    size : Size
        Size of the CaImAn analysis.
    movie_frames : int
        Frames of the raw movie beside it; 0 for none.
    read_by_neuroconv : bool
        Whether NeuroConv's own class reads such files.
    """

    size: Size
    movie_frames: int = 0
    read_by_neuroconv: bool = True


CASES = {
    "1000x10000": Case(Size(1000, 10_000, (512, 512), (9, 9))),
    "1000x60000": Case(Size(1000, 60_000, (512, 512), (9, 9))),
    "10000x1000": Case(Size(10_000, 1000, (800, 1000), (11, 11))),
    "100000x300": Case(Size(100_000, 300, (2000, 2500), (6, 6))),
    "volume": Case(Size(2000, 5000, (256, 256, 20), (6, 6, 3)), read_by_neuroconv=False),
    "movie": Case(Size(500, 2000, (512, 512), (9, 9)), movie_frames=2000),
}


Result = dict[str, Any]
"""What `convert.py` prints, and ``same_bytes``."""


def main() -> None:
    arguments = parse_arguments()
    with data_folder(arguments.data) as data:
        print(machine())
        print()
        print(HEADER)
        for name in arguments.cases:
            folder = prepared(CASES[name], data / name)
            results = alternate(CASES[name], folder, repeats=arguments.repeats, timeout=arguments.timeout)
            for line in report(name, folder, results, why_not=why_not(CASES[name], arguments.timeout)):
                print(line, flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("-n", "--repeats", type=int, default=3, help="how often each is converted by each; default: 3")
    parser.add_argument("--data", type=Path, help="folder in which input files are kept; by default they are removed")
    parser.add_argument("--timeout", type=float, default=1200, help="seconds after which a conversion is stopped")
    return parser.parse_args()


@contextmanager
def data_folder(given: Path | None) -> Iterator[Path]:
    """Return the folder of the input files."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="caiman-interface-") as temporary:
        yield Path(temporary)


def prepared(case: Case, folder: Path) -> Path:
    """Make the input files of a case, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "made"
    if not made.exists():
        write_caiman_file(folder / "caiman.hdf5", case.size)
        if case.movie_frames:
            write_movie(folder / "movie.tif", case.movie_frames, case.size.frame_shape[:2])
        made.touch()
    return folder


def alternate(case: Case, folder: Path, *, repeats: int, timeout: float) -> dict[str, list[Result]]:
    """Convert with one and the other in turn, so that whatever else the machine does disturbs both alike."""
    results: dict[str, list[Result]] = {converter: [] for converter in CONVERTERS}
    stopped: set[str] = set() if case.read_by_neuroconv else {"neuroconv"}
    for _ in range(repeats):
        for converter in CONVERTERS:
            if converter in stopped:
                continue
            result = convert(converter, folder, timeout=timeout)
            if result is None:
                stopped.add(converter)
            else:
                results[converter].append(result)
    return results


def convert(converter: str, folder: Path, *, timeout: float) -> Result | None:
    """Convert once in a new process; None if it takes too long."""
    output = folder / f"{converter}-{os.getpid()}.nwb"
    command = [sys.executable, str(HERE / "convert.py"), converter, str(folder), str(output)]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, check=True, timeout=timeout, text=True, env=environment()
        )
    except subprocess.TimeoutExpired:
        return None
    finally:
        output.unlink(missing_ok=True)
    measured: Result = json.loads(done.stdout.splitlines()[-1])
    return measured


def environment() -> dict[str, str]:
    """Return an environment in which NeuroConv's own classes are NeuroConv's own."""
    return {**os.environ, "CAIMAN_INTERFACE_NO_AUTOLOAD": "1"}


HEADER = """\
| case | converter | seconds | with imports | peak memory (MB) | file (MB) | same datasets (MB) |
| --- | --- | ---: | ---: | ---: | ---: | ---: |"""


def why_not(case: Case, timeout: float) -> str:
    """Return the reason why there is no result."""
    return f"stopped after {timeout:.0f} s" if case.read_by_neuroconv else "cannot read such a file"


def report(name: str, folder: Path, results: dict[str, list[Result]], *, why_not: str) -> Iterator[str]:
    """Yield the lines of the table for one case: the best of the repetitions, and the ratios of the best."""
    best: dict[str, Result] = {}
    source = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    for converter, measured in results.items():
        if not measured:
            yield f"| {name} ({source:.0f} MB) | {converter} | {why_not} | | | | |"
            continue
        best[converter] = min(measured, key=lambda result: result["seconds"])
        best[converter]["same_bytes"] = same_bytes(best[converter], best.get("neuroconv"))
        yield f"| {name} ({source:.0f} MB) | {converter} | " + " | ".join(cells(best[converter])) + " |"
    if "neuroconv" not in best:
        return
    for converter in CONVERTERS[1:]:
        ratios = [f"**{quotient:.2f} x**" for quotient in quotients(best["neuroconv"], best[converter])]
        yield f"| {name} | ratio, {converter} | " + " | ".join(ratios) + " |"


def cells(result: Result) -> list[str]:
    return [
        f"{result['seconds']:.2f}",
        f"{result['seconds'] + result['import_seconds']:.2f}",
        f"{result['peak_megabytes']:.0f}",
        f"{result['output_bytes'] / 1e6:.1f}",
        f"{result['same_bytes'] / 1e6:.1f}",
    ]


def same_bytes(result: Result, neuroconv: Result | None) -> int:
    """Return how many bytes the datasets take that NeuroConv's file has too."""
    names = result["dataset_bytes"] if neuroconv is None else neuroconv["dataset_bytes"]
    return sum(nbytes for name, nbytes in result["dataset_bytes"].items() if name in names)


def quotients(theirs: Result, ours: Result) -> list[float]:
    def whole(result: Result) -> float:
        return result["seconds"] + result["import_seconds"]

    return [
        theirs["seconds"] / ours["seconds"],
        whole(theirs) / whole(ours),
        theirs["peak_megabytes"] / ours["peak_megabytes"],
        theirs["output_bytes"] / ours["output_bytes"],
        theirs["same_bytes"] / ours["same_bytes"],
    ]


def machine() -> str:
    """Describe what the benchmark ran on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    return f"{processor()}, {os.cpu_count()} processors, Python {platform.python_version()}, {versions}"


def processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
