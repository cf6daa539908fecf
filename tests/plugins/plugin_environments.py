"""Interpreters, environments and made-up distributions for the tests of registration."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs code apart from the environment variables of the test run."""

    command: tuple[str, ...]
    variables: Mapping[str, str]

    def run(self, code: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CAIMAN_"))}
        completed = subprocess.run(
            [*self.command, *options, "-c", code],
            env={**inherited, **self.variables, **variables},
            cwd=Path(self.command[0]).parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        return completed

    def answer(self, code: str, *options: str, **variables: str) -> Any:
        """Run code that prints one JSON value; fail on anything it writes to standard error."""
        completed = self.run(code, *options, **variables)
        assert completed.stderr == ""
        return json.loads(completed.stdout)


@dataclass(frozen=True)
class Environment(Interpreter):
    """A virtual environment."""

    site_packages: Path

    def pip(self, *arguments: str) -> None:
        pip("--python", self.command[0], *arguments)


def pip(*arguments: str | Path, **variables: str) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr


def write_distribution(
    folder: Path, name: str, version: str, entries: Mapping[str, str], modules: Mapping[str, str]
) -> None:
    """Write an installed distribution: modules by their path, and entries of NeuroConv's group."""
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{entry} = {value}" for entry, value in entries.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[neuroconv.datainterfaces]", *lines, ""]))
    for path, source in modules.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(source)


def build_wheel(source: Path, backend: Path, folder: Path) -> Path:
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source, PYTHONPATH=str(backend))
    (built,) = folder.glob("*.whl")
    return built
