"""The names that the package offers, and what importing it costs."""

import subprocess
import sys
from pathlib import Path

import pytest
from plugin_environments import Interpreter

import caiman_interface

HEAVY = ["neuroconv", "pynwb", "roiextractors", "scipy", "numpy", "h5py", "pydantic", "importlib.metadata", "typing"]


@pytest.fixture
def folder_of_package(tmp_path: Path) -> Path:
    """A folder with this package and nothing else."""
    (tmp_path / "caiman_interface").symlink_to(Path(caiman_interface.__file__).parent)
    return tmp_path


def test_import_is_light(folder_of_package: Path) -> None:
    # Without site-packages, so that nothing else that is installed there runs at Python's start; all of HEAVY that
    # is not of the standard library would be an import error.
    python = Interpreter((sys.executable, "-S"), {"PYTHONPATH": str(folder_of_package)})
    code = f"import caiman_interface, sys, json; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    assert python.answer(code) == []


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("CaimanFileError", "caiman_interface.caiman_file"),
        ("CaimanFileWarning", "caiman_interface.caiman_file"),
        ("CaimanResults", "caiman_interface.caiman_file"),
        ("CaimanSegmentationExtractor", "caiman_interface.extractor"),
        ("CaimanSegmentationInterface", "caiman_interface.interface"),
        ("FastNWBConverter", "caiman_interface.writer.file"),
def test_dir_names_everything_public() -> None:
    assert set(caiman_interface.__all__) <= set(dir(caiman_interface))
