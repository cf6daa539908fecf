"""Run the worker on the files of plans, and end it where it hangs or crashes."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plans import SYNTHETIC, Plan, build
from typing_extensions import Self

LONGEST = 30.0
SPARE_MEMORY = 300 * 2**20
HERE = Path(__file__).resolve().parent
ALLOWED = ("converted", "refused")


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    plan: Plan
    outcome: str
    problems: tuple[str, ...]
    memory: int = 0
    seconds: float = 0.0

    @property
    def is_allowed(self) -> bool:
        return self.outcome in ALLOWED

    def __str__(self) -> str:
        return f"{self.outcome}: {'; '.join(self.problems)}\n    {self.plan.to_json()}"


class Converter:
    """A process that converts one file after the other; a context manager."""

    def __init__(self, *, is_stock: bool = False) -> None:
        self._is_stock = is_stock
        self._folder = Path(tempfile.mkdtemp(prefix="hostile"))
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, plan: Plan) -> Outcome:
        """Build the file of a plan, convert it, and return what happened."""
        self._count += 1
        folder = self._folder / str(self._count)
        source = build(plan, folder)
        touched = {damage.field for damage in plan.damage}
        if plan.mutates_bytes:
            touched = {"everything"}
        try:
            return self._convert(plan, source, folder / "session.nwb", touched)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _convert(self, plan: Plan, source: Path, nwb: Path, touched: set[str]) -> Outcome:
        before, size = digest(source), source.stat().st_size
        answer = self._ask({"source": str(source), "nwb": str(nwb), "touched": sorted(touched)})
        outcome, problems = str(answer["outcome"]), tuple(answer["problems"])
        memory = int(answer.get("memory", 0))
        if outcome in ALLOWED and digest(source) != before:
            outcome, problems = "source changed", ()
        if outcome in ALLOWED and memory > 2 * size + SPARE_MEMORY:
            outcome, problems = "memory", (f"{memory / 2**20:.0f} MB",)
        left = sorted(path.name for path in nwb.parent.iterdir() if path.name not in {"source", "outside", nwb.name})
        if outcome in ALLOWED and left:
            outcome, problems = "left behind", tuple(left)
        return Outcome(plan, outcome, problems, memory, float(answer.get("seconds", 0.0)))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self._crashed()
        if not has_answered(process):
            self._stop()
            return {"outcome": "hang", "problems": [f"more than {LONGEST:.0f} s"]}
        line = process.stdout.readline()
        return json.loads(line) if line else self._crashed()

    def _crashed(self) -> dict[str, Any]:
        assert self._process is not None
        code = self._process.wait()
        self._stop()
        return {"outcome": "crash", "problems": [f"exit status {code}"]}

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("CAIMAN_INTERFACE_NO_AUTOLOAD", None)
        if self._is_stock:
            environment["CAIMAN_INTERFACE_NO_AUTOLOAD"] = "1"
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._warm_up()
        return self._process

    def _warm_up(self) -> None:
        """Convert undamaged files, so that imports and the warnings of other packages count for none of the others."""
        for number, plan in enumerate((Plan("sim2p_full", 0), Plan("sim3d", 0), Plan(SYNTHETIC, 1))):
            folder = self._folder / f"warm{self._count}-{number}"
            source = build(plan, folder)
            request = {"source": str(source), "nwb": str(folder / "x.nwb"), "touched": [], "is_undamaged": True}
            assert self._process is not None
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            self._process.stdout.readline()
            shutil.rmtree(folder)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                with suppress(BrokenPipeError):
                    pipe.close()
            self._process.wait()
            self._process = None


def has_answered(process: subprocess.Popen[bytes]) -> bool:
    """Wait for an answer; on a busy machine as long as the process has not used its time.

    Seconds are counted one by one, so that the time in which this process was suspended with the other does not count.
    """
    waited, used = 0, processor_time(process.pid)
    while not select.select([process.stdout], [], [], 1.0)[0]:
        waited += 1
        worked = processor_time(process.pid) - used
        if waited > LONGEST and (worked > LONGEST or waited > 4 * LONGEST):
            return False
    return True


def processor_time(pid: int) -> float:
    """Return the processor time that a process has used, in seconds (Linux)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
