"""The hook in the situations that the real NeuroConv does not offer, with a small host of the same shape.

Each test is a separate interpreter that sees this package, the made-up host and a made-up plugin, nothing else.
"""

import sys
from pathlib import Path

import pytest
from plugin_environments import Interpreter, write_distribution

import caiman_interface

HOST = """
from neuroconv.basedatainterface import BaseDataInterface

class CaimanSegmentationInterface(BaseDataInterface): ...

interface_list = [CaimanSegmentationInterface]
interfaces_by_category = {"segmentation": {"Caiman": CaimanSegmentationInterface}}
"""

PLUGIN = """
from neuroconv.datainterfaces import interface_list
from neuroconv.basedatainterface import BaseDataInterface

class LabSegmentationInterface(BaseDataInterface): ...
"""

LOOK = """
import json, sys, types
import neuroconv.datainterfaces as d
print(json.dumps([i.__module__ + "." + i.__name__ for i in d.interface_list]))
assert type(d) is types.ModuleType
assert not [f for f in sys.meta_path if type(f).__name__ == "RegistrationFinder"]
"""

OWN = "neuroconv.datainterfaces.CaimanSegmentationInterface"
LAB = "lab.interface.LabSegmentationInterface"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with this package, a made-up host, and a plugin ``lab 1.2``."""
    (tmp_path / "caiman_interface").symlink_to(Path(caiman_interface.__file__).parent)
    (tmp_path / "neuroconv" / "datainterfaces").mkdir(parents=True)
    (tmp_path / "neuroconv" / "__init__.py").touch()
    (tmp_path / "neuroconv" / "basedatainterface.py").write_text("class BaseDataInterface: ...\n")
    (tmp_path / "neuroconv" / "datainterfaces" / "__init__.py").write_text(HOST)
    write_distribution(
        tmp_path,
        "lab",
        "1.2",
        {"LabSegmentationInterface": "lab.interface:LabSegmentationInterface"},
        {"lab/__init__.py": "", "lab/interface.py": PLUGIN},
    )
    return tmp_path


@pytest.fixture
def python(folder: Path) -> Interpreter:
    """An interpreter without site-packages."""
    return Interpreter((sys.executable, "-S"), {"PYTHONPATH": str(folder)})


def test_plugins_are_registered_once_the_host_is_imported(python: Interpreter) -> None:
    assert python.answer(f"import caiman_interface\n{LOOK}") == [OWN, LAB]


def test_plugins_are_registered_at_once_in_a_host_imported_before(python: Interpreter) -> None:
    assert python.answer(f"import neuroconv.datainterfaces\nimport caiman_interface\n{LOOK}") == [OWN, LAB]


@pytest.mark.parametrize("first", ["caiman_interface", "neuroconv.datainterfaces"])
def test_switched_off_the_host_stays_as_it_is(python: Interpreter, first: str) -> None:
    seen = python.answer(f"import {first}; import caiman_interface\n{LOOK}", CAIMAN_INTERFACE_NO_AUTOLOAD="1")
    assert seen == [OWN]


def test_empty_switch_is_no_switch(python: Interpreter) -> None:
    assert python.answer(f"import caiman_interface\n{LOOK}", CAIMAN_INTERFACE_NO_AUTOLOAD="") == [OWN, LAB]


def test_hook_is_installed_once(python: Interpreter) -> None:
    code = (
        "import sys, caiman_interface\n"
        "from caiman_interface.plugins import startup\n"
        "startup.install()\n"
        "print(len([f for f in sys.meta_path if isinstance(f, startup.RegistrationFinder)]))"
    )
    assert python.answer(code) == 1


def test_host_keeps_its_own_loader(python: Interpreter) -> None:
    code = (
        "import caiman_interface, inspect, json\n"
        "import neuroconv.datainterfaces as d\n"
        "print(json.dumps([type(d.__loader__).__name__, type(d.__spec__.loader).__name__, inspect.getsource(d)]))"
    )
    assert python.answer(code) == ["SourceFileLoader", "SourceFileLoader", HOST]


def test_looking_for_the_host_without_importing_it_leaves_the_hook_armed(python: Interpreter) -> None:
    code = (
        "import caiman_interface, importlib.util\n"
        "spec = importlib.util.find_spec('neuroconv.datainterfaces')\n"
        "assert 'interface_list' in spec.loader.get_source(spec.name)\n"
    )
    assert python.answer(code + LOOK) == [OWN, LAB]


def test_hook_lives_beside_another_of_its_kind(python: Interpreter) -> None:
    other = (
        "import sys, caiman_interface\n"
        "class Asking:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        specs = (f.find_spec(name, path, target) for f in sys.meta_path if f is not self)\n"
        "        return next((spec for spec in specs if spec), None)\n"
        "sys.meta_path.insert(0, Asking())\n"
    )
    assert python.answer(other + LOOK) == [OWN, LAB]


def test_host_that_fails_raises_its_own_error_and_is_served_when_it_succeeds(python: Interpreter, folder: Path) -> None:
    source = "import sys\nif not hasattr(sys, 'ready'): raise ImportError('not ready')\n"
    (folder / "neuroconv" / "datainterfaces" / "__init__.py").write_text(source + HOST)
    code = (
        "import sys, caiman_interface\n"
        "try:\n    import neuroconv.datainterfaces\n"
        "except ImportError as error:\n    assert str(error) == 'not ready'\n"
        "else:\n    raise AssertionError\n"
        "sys.ready = True\n"
    )
    assert python.answer(code + LOOK) == [OWN, LAB]


def test_host_that_reads_the_entry_points_itself_is_left_as_it_is(python: Interpreter, folder: Path) -> None:
    reading = """
from importlib.metadata import entry_points
for entry in entry_points(group="neuroconv.datainterfaces"):
    globals()[entry.name] = entry.load()
    interface_list.insert(0, globals()[entry.name])
    interfaces_by_category.setdefault("plugins", {})[entry.name] = globals()[entry.name]
"""
    (folder / "neuroconv" / "datainterfaces" / "__init__.py").write_text(HOST + reading)
    code = f"import caiman_interface\n{LOOK}\nassert list(d.interfaces_by_category['segmentation']) == ['Caiman']"
    assert python.answer(code) == [LAB, OWN]


@pytest.mark.parametrize(
    "use",
    [
        "import neuroconv.datainterfaces as d; names = [i.__name__ for i in d.interface_list]",
        "from neuroconv.datainterfaces import LabSegmentationInterface as c; names = [None, c.__name__]",
        "from neuroconv.datainterfaces import *; names = [i.__name__ for i in interface_list]",
        "from neuroconv.datainterfaces import interfaces_by_category as c; names = [*c['segmentation']]",
    ],
)
def test_plugin_that_is_imported_before_the_host_is_registered_when_it_is_complete(
    python: Interpreter, use: str
) -> None:
    code = f"import caiman_interface, lab.interface\n{use}\nassert names[1] in ('LabSegmentationInterface', 'Lab')\n"
    seen = python.answer(code + LOOK + "assert d.LabSegmentationInterface is lab.interface.LabSegmentationInterface")
    assert seen == [OWN, LAB]


def test_plugin_of_which_a_part_is_imported_before_the_host_is_registered_when_it_is_complete(
    python: Interpreter, folder: Path
) -> None:
    (folder / "lab" / "parts.py").write_text("from neuroconv.datainterfaces import interface_list\nPART = 1\n")
    (folder / "lab" / "interface.py").write_text(f"from lab.parts import PART\n{PLUGIN}")
    completed = python.run(f"import caiman_interface, lab.parts\n{LOOK.replace('print', 'd.interface_list; print')}")
    assert completed.stderr == ""
    assert completed.stdout == f'["{OWN}", "{LAB}"]\n'


def test_plugin_that_is_imported_before_the_host_and_fails_is_a_warning_when_the_host_is_used(
    python: Interpreter, folder: Path
) -> None:
    (folder / "lab" / "interface.py").write_text(f"{PLUGIN}\n1 / 0\n")
    code = (
        "import caiman_interface\n"
        "try:\n    import lab.interface\n"
        "except ZeroDivisionError:\n    print('as ever')\n"
        "import neuroconv.datainterfaces as d\n"
        "print(len(d.interface_list))\n"
    )
    completed = python.run(code)
    assert completed.stdout == "as ever\n1\n"
    assert "LabSegmentationInterface of lab 1.2 is not registered" in completed.stderr
    assert "ZeroDivisionError: division by zero" in completed.stderr


def test_plugin_may_reach_the_host_by_its_full_name(python: Interpreter, folder: Path) -> None:
    source = (
        "import neuroconv.datainterfaces\n"
        "class LabSegmentationInterface(neuroconv.datainterfaces.CaimanSegmentationInterface): ...\n"
    )
    (folder / "lab" / "interface.py").write_text(source)
    assert python.answer(f"import caiman_interface\n{LOOK}") == [OWN, LAB]


def test_host_of_another_shape_is_imported_with_a_warning(python: Interpreter, folder: Path) -> None:
    (folder / "neuroconv" / "datainterfaces" / "__init__.py").write_text(HOST.replace("interface_list", "renamed"))
    (folder / "lab" / "interface.py").write_text(PLUGIN.replace("interface_list", "renamed"))
    completed = python.run("import caiman_interface, neuroconv.datainterfaces as d; print(len(d.renamed))")
    assert completed.stdout == "1\n"
    assert "LabSegmentationInterface of lab 1.2 is not registered" in completed.stderr
    assert "has no attribute 'interface_list'" in completed.stderr


def test_error_of_the_registry_itself_is_a_warning(python: Interpreter) -> None:
    code = (
        "import importlib.metadata, caiman_interface\n"
        "def broken(**_): raise OSError('the disk is gone')\n"
        "importlib.metadata.entry_points = importlib.metadata.distributions = broken\n"
        "import neuroconv.datainterfaces as d; print(len(d.interface_list))"
    )
    completed = python.run(code)
    assert completed.stdout == "1\n"
    assert "Plugins of neuroconv.datainterfaces could not be registered: OSError: the disk is gone" in completed.stderr


def test_import_succeeds_where_warnings_are_errors(python: Interpreter, folder: Path) -> None:
    (folder / "lab" / "interface.py").write_text("1 / 0\n")
    completed = python.run("import caiman_interface, neuroconv.datainterfaces; print('done')", "-W", "error")
    assert completed.stdout == "done\n"
    assert completed.stderr.startswith("PluginWarning: The data interface LabSegmentationInterface of lab 1.2 is not")
