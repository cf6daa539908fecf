"""Every code block of the README runs unchanged."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pynwb import read_nwb

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL = re.compile(r'^python -m pip install "\.\[\w+\]" && ')

pytestmark = pytest.mark.filterwarnings("ignore:An attribute 'name' already exists:UserWarning")


def blocks(language: str) -> list[str]:
    return [code for found, code in BLOCK.findall(README.read_text(encoding="utf-8")) if found == language]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds what the README's commands refer to, to run them in."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "conversion_specs", folder / "conversion_specs")
    data = folder / "tests" / "data"
    data.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "data" / "sim2p_full.hdf5", data)
    return folder


def run(command: str, folder: Path) -> str:
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_all_languages_are_covered():
    found = {language for language, _ in BLOCK.findall(README.read_text(encoding="utf-8"))}
    assert found == {"bash", "yaml", "python"}


def test_main_command_converts_and_says_where_the_file_is(checkout: Path):
    command, *_ = blocks("bash")
    assert INSTALL.match(command), "installing is tried by .ci/run; the rest of the command is run here"
    shown = run(INSTALL.sub("", command), checkout)
    path = checkout / shown.strip().splitlines()[-1]
    nwbfile = read_nwb(path)
    table = nwbfile.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
    assert len(table) == 13
    assert "CaimanParameters" in nwbfile.processing["ophys"].data_interfaces
    nwbfile.read_io.close()


def test_test_command_is_what_ci_runs():
    _, command, *_ = blocks("bash")
    assert command.strip() == 'python -m pip install ".[test]" && python -m pytest -n auto --dist loadfile'
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- test-command -->" in ci


def test_yaml_specification_runs(checkout: Path):
    (specification,) = blocks("yaml")
    (checkout / "spec.yml").write_text(specification, encoding="utf-8")
    (command,) = [code for code in blocks("bash") if code.startswith("neuroconv spec.yml")]
    run(command, checkout)
    given = yaml.safe_load(specification)
    nwbfile = read_nwb(checkout / "nwb_output" / "mouse1_day1.nwb")
    assert nwbfile.session_description == given["metadata"]["NWBFile"]["session_description"]
    assert nwbfile.imaging_planes["ImagingPlane"].indicator == "GCaMP6s"
    assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == 15.49
    nwbfile.read_io.close()


def test_python_runs(checkout: Path):
    script = "\n".join(blocks("python"))
    (checkout / "script.py").write_text(script, encoding="utf-8")
    shown = run(f'"{sys.executable}" script.py', checkout)
    assert shown.strip().splitlines()[-1] == "True"


def test_command_line_runs(checkout: Path):
    (commands,) = [code for code in blocks("bash") if code.startswith("caiman-interface")]
    run(commands, checkout)
    assert (checkout / "my_spec.yml").exists()
    assert (checkout / "mouse1.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_git_ignores_what_the_commands_write():
    (commands,) = [code for code in blocks("bash") if code.startswith("caiman-interface")]
    written = {*re.findall(r" -o (\S+)", commands), "caiman-interface.schema.json"}
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert written == {"my_spec.yml", "mouse1.nwb", "mouse1.html", "caiman-interface.schema.json"}
    assert all(f"/{name}" in ignored or f"*{Path(name).suffix}" in ignored for name in written)
