"""What surrounds the package: its version, the conda recipe, the citation, the workflows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"isal": "python-isal"}


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run([*command], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needed() -> set[str]:
    """Return the required dependencies as conda writes them."""
    found = set()
    for requirement in requires("caiman-interface") or []:
        if "extra ==" not in requirement:
            name, bound = re.fullmatch(r"([\w-]+)(?:\[.*\])?(>=[\w.]+)", requirement.replace(" ", "")).groups()
            found.add(f"{CONDA_NAMES.get(name.lower(), name.lower())} {bound}")
    return found


def test_conda_recipe_has_the_dependencies_of_the_package():
    recipe = (ROOT / "conda-recipe" / "meta.yaml").read_text(encoding="utf-8")
    section = recipe.split("  run:\n")[1].split("\n\n")[0]
    assert {line.removeprefix("    - ") for line in section.splitlines()[1:]} == needed()


def test_workflows_and_issue_forms_are_yaml():
    paths = [*ROOT.glob(".github/**/*.yml"), ROOT / "CITATION.cff"]
    assert len(paths) == 8
    for path in paths:
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_workflow_tests_every_python_that_the_package_declares():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata("caiman-interface").get_all("Classifier")))
    assert matrix["python"] == declared
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


@pytest.mark.parametrize("history", ["tag", "no tag", "another tag", "none"])
def test_version_comes_from_the_tag_where_there_is_one(history: str, tmp_path: Path, build_backend: Path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "src", copy / "src")
    if history != "none":
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        run("git", "init", "-q", cwd=copy)
        run("git", "add", ".", cwd=copy)
        run("git", *identity, "commit", "-q", "-m", "First", cwd=copy)
    tag = {"tag": "v3.1.4", "another tag": "before-the-move"}.get(history)
    if tag is not None:
        run("git", "tag", tag, cwd=copy)
    build = [sys.executable, "-m", "hatchling", "version"]
    version = run(*build, cwd=copy, PYTHONPATH=str(build_backend)).strip()
    expected = {"tag": "3.1.4", "no tag": "0.2.0.dev1", "another tag": "0.2.0.dev1", "none": "0.2.0.dev0"}
    assert version == expected[history]
