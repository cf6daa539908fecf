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
        ("NwbResults", "caiman_interface.nwb.nwb_results"),
        ("ParallelNWBHDF5IO", "caiman_interface.writer.hdf5_io"),
        ("RestoreReport", "caiman_interface.restoration.report"),
        ("restore", "caiman_interface.restoration.restore"),
        ("verify", "caiman_interface.verification.verify"),
        ("write_nwbfile", "caiman_interface.writer.file"),
    ],
)
def test_public_name_is_what_its_module_holds(name: str, module: str) -> None:
    value = getattr(caiman_interface, name)
    assert value is getattr(sys.modules[module], name)
    assert value.__name__ == name
    assert name in caiman_interface.__all__


def test_dir_shows_the_public_names_only() -> None:
    assert dir(caiman_interface) == sorted(caiman_interface.__all__)
    assert set(caiman_interface.__all__) == {*caiman_interface._MODULE_OF, "__version__"}


def test_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "caiman_interface", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("caiman-interface ")


def test_package_that_is_not_installed_has_no_version(folder_of_package: Path) -> None:
    python = Interpreter((sys.executable, "-S"), {"PYTHONPATH": str(folder_of_package)})
    assert (
        python.answer("import caiman_interface, json; print(json.dumps(hasattr(caiman_interface, '__version__')))")
        is False
    )


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'caiman_interface' has no attribute 'CaimanInterface'"):
        caiman_interface.CaimanInterface  # noqa: B018
