"""The installed package in a real environment with the real NeuroConv."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from plugin_environments import Environment, Interpreter, write_distribution

OWN = "neuroconv.datainterfaces.ophys.caiman.caimandatainterface"
OURS = "caiman_interface.interface"
AUTOLOAD = "caiman_interface_autoload.pth"

LOOK = """
import json, sys
import neuroconv.datainterfaces as d
import caiman_interface
from caiman_interface.plugins.registry import registered_plugins
print(json.dumps({
    "attribute": d.CaimanSegmentationInterface.__module__,
    "names": [interface.__name__ for interface in d.interface_list],
    "modules": [i.__module__ for i in d.interface_list if i.__name__ == "CaimanSegmentationInterface"],
    "category": d.interfaces_by_category["segmentation"]["Caiman"].__module__,
    "category_keys": list(d.interfaces_by_category["segmentation"]),
    "package": caiman_interface.__file__,
    "version": caiman_interface.__version__,
    "plugins": [[p.name, p.class_path, p.distribution, p.version, p.status] for p in registered_plugins()],
    "finders": [type(finder).__name__ for finder in sys.meta_path],
}))
"""


def test_every_way_of_building_ships_the_same_files(wheel: Path, wheel_of_sdist: Path) -> None:
    with ZipFile(wheel) as from_tree, ZipFile(wheel_of_sdist) as from_sdist:
        assert AUTOLOAD in from_tree.namelist()
        assert from_tree.namelist() == from_sdist.namelist()
        assert from_tree.read(AUTOLOAD) == from_sdist.read(AUTOLOAD)
        assert from_tree.read(AUTOLOAD).count(b"\n") == 1


def test_unmodified_neuroconv_has_our_class_in_the_place_of_its_own(
    installed_wheel_python: Environment, wheel: Path
) -> None:
    with_plugin = installed_wheel_python.answer(LOOK)
    without = installed_wheel_python.answer(LOOK, CAIMAN_INTERFACE_NO_AUTOLOAD="1")

    assert Path(with_plugin["package"]).is_relative_to(installed_wheel_python.site_packages)
    assert [with_plugin["attribute"], with_plugin["modules"], with_plugin["category"]] == [OURS, [OURS], OURS]
    assert [without["attribute"], without["modules"], without["category"]] == [OWN, [OWN], OWN]
    for key in ("names", "category_keys"):
        assert with_plugin[key] == without[key]
    assert "RegistrationFinder" not in with_plugin["finders"]

    assert with_plugin["version"] == wheel.name.split("-")[1]
    plugin = ["CaimanSegmentationInterface", f"{OURS}:CaimanSegmentationInterface", "caiman-interface"]
    assert with_plugin["plugins"] == [[*plugin, with_plugin["version"], "registered"]]
    assert without["plugins"] == [[*plugin, with_plugin["version"], "not registered"]]


def test_the_command_of_the_documentation_names_our_class(installed_wheel_python: Environment) -> None:
    code = "import neuroconv.datainterfaces as d; print(d.CaimanSegmentationInterface.__module__)"
    assert installed_wheel_python.run(code).stdout == f"{OURS}\n"


def test_another_distribution_is_served_and_a_broken_one_is_a_warning(
    installed_wheel_python: Environment, tmp_path: Path
) -> None:
    source = "from neuroconv import BaseDataInterface\nclass LabImagingInterface(BaseDataInterface): ...\n"
    write_distribution(
        tmp_path,
        "lab-plugin",
        "2.5",
        {"LabImagingInterface": "lab_plugin:LabImagingInterface"},
        {"lab_plugin.py": source},
    )
    write_distribution(
        tmp_path, "old-plugin", "0.1", {"OldInterface": "old_plugin:OldInterface"}, {"old_plugin.py": "import gone\n"}
    )
    completed = installed_wheel_python.run(
        "import neuroconv.datainterfaces as d\n"
        "from caiman_interface.plugins.registry import registered_plugins\n"
        "print(d.LabImagingInterface.__module__, d.interface_list[-1].__name__)\n"
        "print(d.interfaces_by_category['imaging']['Lab'].__module__, hasattr(d, 'OldInterface'))\n"
        "print(d.CaimanSegmentationInterface.__module__)\n"
        "for p in registered_plugins(): print(p.name, p.distribution, p.version, p.status, p.cause, sep='|')\n",
        PYTHONPATH=str(tmp_path),
    )
    *lines, _ours, lab, old = completed.stdout.splitlines()
    assert lines == ["lab_plugin LabImagingInterface", "lab_plugin False", OURS]
    assert lab == "LabImagingInterface|lab-plugin|2.5|registered|"
    assert old == "OldInterface|old-plugin|0.1|broken|ModuleNotFoundError: No module named 'gone'"
    assert (
        "PluginWarning: The data interface OldInterface of old-plugin 0.1 is not registered with NeuroConv: "
        "ModuleNotFoundError: No module named 'gone'"
    ) in completed.stderr


def test_editable_install_registers(editable_python: Environment) -> None:
    seen = editable_python.answer(LOOK)
    assert Path(seen["package"]) == Path(__file__).parents[2] / "src" / "caiman_interface" / "__init__.py"
    assert [seen["attribute"], seen["modules"], seen["category"]] == [OURS, [OURS], OURS]


def test_start_of_python_is_silent_after_uninstalling(uninstalled_python: Environment) -> None:
    code = "import importlib.util; print(importlib.util.find_spec('caiman_interface'))"
    completed = uninstalled_python.run(code, "-X", "dev", "-W", "error")
    assert (completed.stdout, completed.stderr) == ("None\n", "")
    assert not (uninstalled_python.site_packages / AUTOLOAD).exists()


def test_start_of_python_is_silent_where_only_the_autoload_file_is_left(
    new_environment: Callable[[str], Environment], wheel: Path
) -> None:
    environment = new_environment("left_over")
    with ZipFile(wheel) as archive:
        archive.extract(AUTOLOAD, environment.site_packages)
    completed = environment.run("print('started')", "-X", "dev", "-W", "error")
    assert (completed.stdout, completed.stderr) == ("started\n", "")


def test_start_of_python_imports_three_small_modules_and_nothing_else(installed_wheel_python: Environment) -> None:
    code = "import sys; names = sorted(sys.modules); import json; print(json.dumps(names))"
    with_hook = installed_wheel_python.answer(code, "-X", "dev", "-W", "error")
    without = installed_wheel_python.answer(code, "-X", "dev", "-W", "error", CAIMAN_INTERFACE_NO_AUTOLOAD="1")
    assert set(with_hook) - set(without) == {
        "caiman_interface",
        "caiman_interface.plugins",
        "caiman_interface.plugins.startup",
    }


@pytest.mark.parametrize(
    "imports",
    [
        "import neuroconv.datainterfaces; import caiman_interface",
        "import caiman_interface; import neuroconv.datainterfaces",
        "from caiman_interface import CaimanSegmentationInterface",
        "from caiman_interface.interface import CaimanSegmentationInterface",
    ],
)
def test_registers_in_whatever_order_things_are_imported(python_without_autoload: Interpreter, imports: str) -> None:
    seen = python_without_autoload.answer(f"{imports}\n{LOOK}")
    assert [seen["attribute"], seen["modules"], seen["category"]] == [OURS, [OURS], OURS]
