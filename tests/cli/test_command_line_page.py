"""The examples of `docs/command-line.md` run, in their order, and show what they say they show."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from caiman_interface.cli.program import COMMANDS, program
from caiman_interface.specification.fields import help_for

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FAILS = "# exit status 1"

pytestmark = pytest.mark.filterwarnings("ignore:An attribute 'name' already exists:UserWarning")


def plain(text: str) -> str:
    """Leave out what differs from run to run: sizes, times, the room between columns."""
    text = re.sub(r"[\d.]+ (kB|MB|s)\b", "?", text)
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def test_the_examples_run(run, tmp_path, monkeypatch):
    shutil.copy(ROOT / "tests" / "data" / "sim2p_full.hdf5", tmp_path / "results.hdf5")
    monkeypatch.chdir(tmp_path)
    used, output = set(), ""
    for language, text in BLOCK.findall(PAGE):
        if language == "bash":
            for line in text.splitlines():
                name, *arguments = shlex.split(line, comments=True)
                assert name == "caiman-interface"
                result = run(*arguments)
                assert result.exit_code == (1 if line.endswith(FAILS) else 0), f"{line}\n{result.stderr}"
                used.add(arguments[0])
                output = result.stdout
        elif language == "text":
            assert plain(output) == plain(text)
        elif text.startswith("# "):
            (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    assert used == set(COMMANDS) - {"plugins"}


def test_the_blanks_are_those_of_init():
    (shown,) = [text for language, text in BLOCK.findall(PAGE) if language == "yaml" and "  # the calcium" in text]
    for line in shown.splitlines():
        key, _, comment = line.strip().partition(":  # ")
        assert comment == str(help_for(("Ophys", "ImagingPlane", key)))
        assert yaml.safe_load(line) == {key: None}


def test_the_table_lists_every_command():
    assert re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_switched_on_as_it_says(shell):
    assert f"_CAIMAN_INTERFACE_COMPLETE={shell}_source caiman-interface" in PAGE
    environment = {"_CAIMAN_INTERFACE_COMPLETE": f"{shell}_source"}
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("click asks bash for its version")
    result = CliRunner().invoke(program, [], prog_name="caiman-interface", env=environment)
    assert "_CAIMAN_INTERFACE_COMPLETE" in result.stdout
