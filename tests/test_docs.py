"""The examples of the documentation run, as they are printed there.

The README, `command-line.md` and `yaml.md` have separate tests, which also check what the examples show.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
BLOCK = re.compile(r"^```(bash|sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
# A blank of a specification, with an example of its value in the comment.
BLANK = re.compile(r"^(\s*(?:- )?\w+:)  # .*?, e\.g\. (.*)$", re.MULTILINE)

TESTED_ELSEWHERE = {
    "README.md": "test_readme.py",
    "command-line.md": "cli/test_command_line_page.py",
    "yaml.md": "test_conversion_specs.py",
}
# The first line of each example that is not run, and why.
NOT_RUN = {
    "python -m pip install ": "installs from the package index; .ci/run installs the package",
    "dandi download ": "needs the archive, and an account there",
    "git clone ": "needs the network",
    "#!/bin/bash": "needs SLURM; its command is run without it",
    "caiman-interface convert study.yml -o nwb --scheduler tcp": "needs a Dask cluster; tests/specification starts one",
    "python -m venv .venv": "installs from the package index",
    "python -c ": "run by test_nwb_guide.py",
    "eval ": "run by cli/test_command_line_page.py",
}


def examples(page: Path, *languages: str) -> list[str]:
    return [code for language, code in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def is_run(code: str) -> bool:
    return not code.startswith(tuple(NOT_RUN))


def run(folder: Path, *command: str) -> str:
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_shell(folder: Path, code: str) -> str:
    return run(folder, "bash", "-euo", "pipefail", "-c", code)


def fill_blanks(specification: Path) -> None:
    """Fill every blank with the value of the example in its comment."""
    text, count = BLANK.subn(r"\1 \2", specification.read_text(encoding="utf-8"))
    assert count > 10
    specification.write_text(text, encoding="utf-8")


PYTHON_PAGES = ["caiman-file-format.md", "nwb-content.md", "python.md", "round-trip.md"]


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_python_examples_run(page: str, tmp_path: Path, converted: Callable[..., Path]) -> None:
    data = tmp_path / "tests" / "data"
    data.mkdir(parents=True)
    for name in ("sim2p_full.hdf5", "sim2p_minimal.hdf5"):
        shutil.copy(DATA / name, data)
    if page == "round-trip.md":
        shutil.copy(converted("sim2p_full"), tmp_path / "session.nwb")
    run(tmp_path, sys.executable, "-c", "\n".join(examples(ROOT / "docs" / page, "python")))


def test_the_way_to_dandi(tmp_path: Path) -> None:
    shutil.copy(DATA / "sim2p_full.hdf5", tmp_path / "results.hdf5")
    describe, convert, check, organize = filter(is_run, examples(ROOT / "docs" / "dandi.md", "bash"))
    run_shell(tmp_path, describe)
    fill_blanks(tmp_path / "session.yml")
    run_shell(tmp_path, convert)
    assert "none prevents an upload to DANDI" in run_shell(tmp_path, check)
    (tmp_path / "000000").mkdir()  # what `dandi download` does
    (tmp_path / "000000" / "dandiset.yaml").write_text("identifier: DANDI:000000\nname: Example\n")
    *organize_and_check, upload = organize.strip().splitlines()
    assert upload == "dandi upload"  # needs the archive
    assert "none prevents an upload to DANDI" in run_shell(tmp_path, "\n".join(organize_and_check))
    (organized,) = (tmp_path / "000000").rglob("*.nwb")
    assert str(organized.relative_to(tmp_path / "000000")) == "sub-mouse12/sub-mouse12_ophys.nwb"


@pytest.mark.long
def test_many_sessions(tmp_path: Path) -> None:
    page = ROOT / "docs" / "many-sessions.md"
    for session in ("day1", "day2"):
        folder = tmp_path / "study" / "mouse1" / session
        folder.mkdir(parents=True)
        shutil.copy(DATA / "sim2p_minimal.hdf5", folder / "results.hdf5")
    describe, batch, convert = filter(is_run, examples(page, "sh"))
    assert batch.startswith("caiman-interface init batch.pickle")  # run by tests/specification
    run_shell(tmp_path, describe)
    fill_blanks(tmp_path / "study.yml")
    run_shell(tmp_path, convert)
    (job,) = [line for code in examples(page, "sh") for line in code.splitlines() if "SLURM_ARRAY_TASK_ID" in line]
    run_shell(tmp_path, f"SLURM_ARRAY_TASK_ID=1\n{job}")
    (code,) = examples(page, "python")
    found = [line.split()[1] for line in run(tmp_path, sys.executable, "-c", code).splitlines()]
    assert found == ["skipped", "skipped"]
    assert len(list((tmp_path / "nwb").glob("*.nwb"))) == 2


def test_every_example_is_run_or_has_a_reason() -> None:
    tested = {*PYTHON_PAGES, "dandi.md", "many-sessions.md", *TESTED_ELSEWHERE}
    left = {page.name: [code for code in examples(page, "bash", "sh", "python") if is_run(code)] for page in PAGES}
    assert {name for name, codes in left.items() if codes and name not in tested} == set()
    assert all((ROOT / "tests" / test).exists() for test in TESTED_ELSEWHERE.values())
    everything = [code for page in PAGES for code in examples(page, "bash", "sh", "python")]
    assert all(any(code.startswith(start) for code in everything) for start in NOT_RUN)
