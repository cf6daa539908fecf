"""Conversions that are killed leave the old file or the complete new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the conversions are forked")

# Of the operations on the folder, every third is killed at; all of them in the long runs.
QUICK = [("converter", 1), ("append", 3)]
LONG = [(way, 1) for way in ("command", "pipe", "interface", "io", "append", "zarr")]


@pytest.mark.parametrize(
    ("way", "step"), [*QUICK, *(pytest.param(way, step, marks=pytest.mark.long) for way, step in LONG)]
)
def test_killed_conversion_leaves_the_old_or_the_new_file(tmp_path: Path, way: str, step: int) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, str(Path(__file__).with_name("kills.py")), way, str(folder), str(step)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    found_states = {state for _, _, state in found["results"]}
    assert found_states == {"old", "new"}
    assert sum(was_killed for _, was_killed, _ in found["results"]) >= 3
    assert found["entries"] == ["other.nwb", "target.nwb.zarr" if way == "zarr" else "target.nwb"]
