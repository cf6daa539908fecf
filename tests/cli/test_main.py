"""What all subcommands share: help, exit statuses, messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from caiman_interface.cli.output import plain_warnings
from caiman_interface.cli.program import COMMANDS, Program, program

HEAVY = ("h5py", "numpy", "scipy", "pydantic", "rich", "matplotlib", "neuroconv", "pynwb", "roiextractors")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example_that_can_be_run(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"\n    caiman-interface {command}" in result.stdout
    assert "Example" in result.stdout
    assert "--debug" in result.stdout


def test_the_help_lists_every_command_with_a_line_that_is_not_cut(run):
    result = run("--help")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    for name in COMMANDS:
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert line.endswith(".")
        assert not line.endswith("...")


def test_help_imports_nothing_heavy(run_process):
    done = run_process("--help", watch=HEAVY)
    assert done.returncode == 0
    assert done.stderr.strip() == ""


def test_version_goes_to_standard_output(run):
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("caiman-interface ")
    assert result.stderr == ""


def test_an_unknown_command_is_wrong_usage_and_names_the_nearest(run):
    result = run("reprot")
    assert result.exit_code == 2
    assert "There is no command 'reprot'. Did you mean 'report'?" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["inspect"], ["report", "x.hdf5"], ["inspect", "x.hdf5", "--jsn"], ["--nonsense"]]
)
def test_wrong_usage_has_status_2_and_writes_nothing_to_standard_output(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: caiman-interface" in result.stderr


def test_an_error_is_one_message_without_a_traceback(run, tmp_path):
    result = run("report", tmp_path / "absent.hdf5", "-o", tmp_path / "report.html")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"Error: There is no file '{tmp_path / 'absent.hdf5'}'.\n"


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_error_at_any_position(run, tmp_path, place):
    arguments = ["report", tmp_path / "absent.hdf5", "-o", tmp_path / "report.html"]
    with pytest.raises(FileNotFoundError, match="There is no file"):
        run(*(["--debug", *arguments] if place == "before" else [*arguments, "--debug"]))


def test_a_fault_of_the_program_says_so():
    class Broken(Program):
        def get_command(self, *_):
            @click.command
            def command():
                raise KeyError("roi")

            return command

    result = CliRunner().invoke(Broken("caiman-interface"), ["inspect"])
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "Error: KeyError: 'roi'. This is a bug in caiman-interface, not an error in your input:"
    )


def test_an_interrupted_command_has_the_status_of_its_signal():
    class Interrupted(Program):
        def get_command(self, *_):
            @click.command
            def command():
                raise KeyboardInterrupt

            return command

    result = CliRunner().invoke(Interrupted("caiman-interface"), ["inspect"])
    assert result.exit_code == 130
    assert result.stderr == "Ended by SIGINT; partial files were removed.\n"


def test_a_terminal_that_cannot_show_a_sign_gets_another(caiman_files):
    code = "import sys; sys.argv = ['x', 'inspect', sys.argv[1]]; from caiman_interface.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, caiman_files["sim2p_full"]],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        check=True,
    )
    assert b"?F/F (F_dff)" in done.stdout


def test_completion_offers_the_commands():
    """Shells ask this way; the user switches it on as click's documentation says."""
    environment = {"_CAIMAN_INTERFACE_COMPLETE": "bash_complete", "COMP_WORDS": "caiman-interface ", "COMP_CWORD": "1"}
    result = CliRunner().invoke(program, [], prog_name="caiman-interface", env=environment)
    assert result.stdout.split() == [f"plain,{name}" for name in COMMANDS]


GOOD = """
from neuroconv.basedatainterface import BaseDataInterface

class LabInterface(BaseDataInterface):
    def add_to_nwbfile(self, *args, **kwargs):
        pass
"""


@pytest.fixture
def lab_distribution(tmp_path: Path) -> Path:
    """A folder with an installed distribution that declares one data interface that works and one that does not."""
    folder = tmp_path / "site"
    metadata = folder / "lab_plugin-1.5.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-plugin\nVersion: 1.5\n")
    (metadata / "entry_points.txt").write_text(
        "[neuroconv.datainterfaces]\nLabInterface = lab_plugin:LabInterface\nLostInterface = lab_plugin:Lost\n"
    )
    (folder / "lab_plugin.py").write_text(GOOD)
    return folder


def test_plugins_lists_what_is_registered_and_what_is_broken(lab_distribution):
    code = "import sys; sys.argv[0:1] = ['x']; from caiman_interface.cli import main; main()"
    paths = [str(lab_distribution), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "plugins", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    records = {record["name"]: record for record in json.loads(done.stdout)}
    assert records["LabInterface"] == {
        "name": "LabInterface",
        "class_path": "lab_plugin:LabInterface",
        "distribution": "lab-plugin",
        "version": "1.5",
        "status": "registered",
        "cause": "",
    }
    assert records["LostInterface"]["status"] == "broken"
    assert "LostInterface of lab-plugin: AttributeError: module 'lab_plugin' has no attribute 'Lost'" in done.stderr
    assert done.returncode == 1


@pytest.mark.filterwarnings("default:lists are old:FutureWarning")
def test_warnings_of_libraries_are_one_line_without_the_code(capsys):
    with plain_warnings():
        warnings.warn("lists are old:\n   use mappings", FutureWarning, stacklevel=1)
    assert capsys.readouterr() == ("", "Warning: lists are old: use mappings\n")
