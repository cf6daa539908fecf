"""Convert thousands of damaged CaImAn files, and print what happened to them.

    python benchmarks/fuzz.py --count 10000          # half of them damaged in their structure, half in their bytes
    python benchmarks/fuzz.py --jobs 2               # in two processes
    python benchmarks/fuzz.py --count 1000 --stock   # the same files with NeuroConv's own class
    python benchmarks/fuzz.py --plan 'PLAN'          # one file again, as printed

A file is converted in a process that may use 30 s and twice the size of the file plus 300 MB. What is written is
compared with the CaImAn file by a reading with plain h5py and scipy. The same seeds make the same files.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "hostile"))

from plans import Plan, byte_plan, structural_plan
from pool import Converter, Outcome

ROWS = {
    "converted": "converted, every value right",
    "refused": "refused with a CaimanFileError",
    "wrong": "converted with wrong values",
    "lost": "converted, a usable field left out",
    "raised": "another exception, in the conversion or in verify",
    "warned": "a warning that is not for users",
    "not compared": "not compared",
    "left behind": "temporary files left behind",
    "source changed": "source changed",
    "memory": "more memory than allowed",
    "hang": "longer than 30 s",
    "crash": "process crashed",
}


def run(kind: str, seeds: range, *, is_stock: bool) -> list[Outcome]:
    """Convert the files of seeds one after the other; print each that has an outcome that is not allowed."""
    make = structural_plan if kind == "structure" else byte_plan
    outcomes = []
    start = time.monotonic()
    with Converter(is_stock=is_stock) as converter:
        for number, seed in enumerate(seeds, start=1):
            outcome = converter.run(make(seed))
            outcomes.append(outcome)
            if not outcome.is_allowed and not is_stock:
                print(f"seed {seed}: {outcome}", file=sys.stderr, flush=True)
            if number % 500 == 0:
                print(f"{kind}: {number} in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return outcomes


def run_all(count: int, first: int, jobs: int, *, is_stock: bool) -> dict[str, list[Outcome]]:
    """Convert the files of `count` seeds, half of each kind, in as many processes as `jobs`."""
    parts = [
        (kind, range(first + offset, first + count // 2, jobs))
        for kind in ("structure", "bytes")
        for offset in range(jobs)
    ]
    results: dict[str, list[Outcome]] = {"structure": [], "bytes": []}
    with ThreadPoolExecutor(jobs) as pool:
        for (kind, _), outcomes in zip(parts, pool.map(lambda part: run(*part, is_stock=is_stock), parts), strict=True):
            results[kind] += outcomes
    return results


def print_table(results: dict[str, list[Outcome]]) -> None:
    """Print a table with one column per kind of damage."""
    print("| outcome | " + " | ".join(results) + " |")
    print("| --- |" + " ---: |" * len(results))
    counts = {kind: Counter(outcome.outcome for outcome in outcomes) for kind, outcomes in results.items()}
    for outcome, text in ROWS.items():
        print(f"| {text} | " + " | ".join(f"{count[outcome]:,}" for count in counts.values()) + " |")
    print("| all | " + " | ".join(f"{len(outcomes):,}" for outcomes in results.values()) + " |")
    for name, value in (("longest conversion (s)", "seconds"), ("most memory (MB)", "memory")):
        scale = 2**20 if value == "memory" else 1
        largest = (max(getattr(outcome, value) for outcome in outcomes) / scale for outcomes in results.values())
        print(f"| {name} | " + " | ".join(f"{number:.1f}" for number in largest) + " |")


def main() -> int:
    """Return 0 if every outcome is allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes convert")
    parser.add_argument("--stock", action="store_true", help="convert with NeuroConv's own class")
    parser.add_argument("--plan", help="convert the file of one plan")
    arguments = parser.parse_args()
    if arguments.plan:
        with Converter(is_stock=arguments.stock) as converter:
            outcome = converter.run(Plan.from_json(arguments.plan))
        print(outcome)
        return int(not outcome.is_allowed)
    results = run_all(arguments.count, arguments.first, arguments.jobs, is_stock=arguments.stock)
    print_table(results)
    return int(not all(outcome.is_allowed for outcomes in results.values() for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
