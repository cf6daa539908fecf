"""Ways to run the command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from caiman_interface.cli.program import program

Run = Callable[..., Result]
RunProcess = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run() -> Run:
    """A function that runs the command in this process; an exception that it lets through is raised."""

    def invoke(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(program, [str(argument) for argument in arguments], prog_name="caiman-interface")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def run_process() -> RunProcess:
    """A function that runs the command in a separate process, and prints which of some modules it imported."""

    def invoke(*arguments: str | Path, watch: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        code = f"""
import sys
from caiman_interface.cli import main
sys.argv = {["caiman-interface", *(str(argument) for argument in arguments)]!r}
try:
    main()
finally:
    print(*(name for name in {watch!r} if name in sys.modules), file=sys.stderr)
"""
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False, timeout=120
        )

    return invoke
