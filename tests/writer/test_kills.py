"""Conversions that are killed leave the old file or the complete new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest


class Kill(NamedTuple):
    """A kill: its moment, what is at the target after it, and how many files beside it, before and after a clean-up."""

    moment: str
    was_killed: bool
    state: str
    left_beside: int
    left_at_last: int


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
    kills = [Kill(*result) for result in json.loads(done.stdout.splitlines()[-1])]
    assert {kill.state for kill in kills} == {"old", "new"}
    assert sum(kill.was_killed for kill in kills) >= 3
    assert any(kill.left_beside for kill in kills)
    assert [kill.moment for kill in kills if kill.left_at_last] == []
