"""The registry, on installed distributions that the tests make up and a host that begins like NeuroConv."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from neuroconv import BaseDataInterface
from plugin_environments import write_distribution

from caiman_interface.plugins import registry
from caiman_interface.plugins.registry import PluginWarning

Declare = Callable[..., tuple[EntryPoint, ...]]


class CaimanSegmentationInterface(BaseDataInterface):
    """The host's own."""


class MedPCInterface(BaseDataInterface):
    """The host's own, in a category whose key does not follow from the name."""


class TiffImagingInterface(BaseDataInterface):
    """The host's own."""


@pytest.fixture
def host() -> ModuleType:
    module = ModuleType("made_up_host")
    module.interface_list = [CaimanSegmentationInterface, TiffImagingInterface, MedPCInterface]
    for interface in module.interface_list:
        setattr(module, interface.__name__, interface)
    module.interfaces_by_category = {
        "ecephys": {},
        "sorting": {},
        "imaging": {"Tiff": TiffImagingInterface},
        "segmentation": {"Caiman": CaimanSegmentationInterface},
        "behavior": {"MedPC": MedPCInterface},
    }
    return module


def contents(host: ModuleType) -> tuple[list[type], dict[str, list[tuple[str, type]]]]:
    """What is registered, with its order."""
    categories = {category: list(members.items()) for category, members in host.interfaces_by_category.items()}
    return list(host.interface_list), categories


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Install a distribution ``<name> 1.2`` whose module ``<name>`` holds these classes; give its entries."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules_before = set(sys.modules)

    def install(*classes: str, name: str = "lab", source: str = "", **entries: str) -> tuple[EntryPoint, ...]:
        lines = ["from neuroconv import BaseDataInterface"]
        lines += [f"class {class_name}(BaseDataInterface): ..." for class_name in classes]
        entries |= {class_name: f"{name}:{class_name}" for class_name in classes}
        write_distribution(tmp_path, name, "1.2", entries, {f"{name}.py": "\n".join([*lines, source])})
        return tuple(entry for entry in registry.discover() if entry.dist is not None and entry.dist.name == name)

    yield install
    for module in set(sys.modules) - modules_before:
        del sys.modules[module]


def test_discover_gives_the_entries_of_all_distributions_by_name(declare: Declare) -> None:
    declare("ZebraInterface", "AntInterface", name="lab")
    declare("MouseInterface", name="other")
    found = [(entry.name, registry.describe_distribution(entry)) for entry in registry.discover()]
    ours = [item for item in found if "caiman-interface" not in item[1]]
    assert ours == [("AntInterface", "lab 1.2"), ("MouseInterface", "other 1.2"), ("ZebraInterface", "lab 1.2")]


@pytest.mark.parametrize(
    ("name", "category", "key"),
    [
        ("LabRecordingInterface", "ecephys", "Lab"),
        ("LabSortingInterface", "sorting", "Lab"),
        ("LabImagingInterface", "imaging", "Lab"),
        ("LabSegmentationInterface", "segmentation", "Lab"),
        ("LabImagingDataInterface", "imaging", "LabImagingDataInterface"),
    ],
)
def test_new_class_lands_at_the_end_and_in_the_category_of_its_name(
    host: ModuleType, declare: Declare, name: str, category: str, key: str
) -> None:
    members, categories = contents(host)
    registry.register(host, declare(name))
    new = getattr(host, name)
    assert new is sys.modules["lab"].__dict__[name]
    assert contents(host) == ([*members, new], categories | {category: [*categories[category], (key, new)]})


def test_class_whose_name_says_no_category_is_in_none(host: ModuleType, declare: Declare) -> None:
    members, categories = contents(host)
    registry.register(host, declare("LickInterface"))
    assert contents(host) == ([*members, host.LickInterface], categories)


def test_class_of_the_same_name_takes_the_place_of_the_hosts_own(host: ModuleType, declare: Declare) -> None:
    list_object = host.interface_list
    registry.register(host, declare("CaimanSegmentationInterface", "MedPCInterface"))
    caiman, medpc = sys.modules["lab"].CaimanSegmentationInterface, sys.modules["lab"].MedPCInterface
    assert host.interface_list is list_object  # who imported the list before sees the new classes too
    assert [host.CaimanSegmentationInterface, host.MedPCInterface] == [caiman, medpc]
    assert host.interface_list == [caiman, TiffImagingInterface, medpc]
    assert host.interfaces_by_category["segmentation"] == {"Caiman": caiman}
    assert host.interfaces_by_category["behavior"] == {"MedPC": medpc}


def test_name_that_the_host_lists_twice_is_listed_once(host: ModuleType, declare: Declare) -> None:
    host.interface_list.append(CaimanSegmentationInterface)
    registry.register(host, declare("CaimanSegmentationInterface"))
    assert host.interface_list == [host.CaimanSegmentationInterface, TiffImagingInterface, MedPCInterface]


def test_entry_may_give_the_class_another_name(host: ModuleType, declare: Declare) -> None:
    entries = declare(source="class Better(BaseDataInterface): ...", CaimanSegmentationInterface="lab:Better")
    for _ in range(2):
        registry.register(host, entries)
        better = sys.modules["lab"].Better
        assert host.CaimanSegmentationInterface is better
        assert host.interface_list == [better, TiffImagingInterface, MedPCInterface]
        assert host.interfaces_by_category["segmentation"] == {"Caiman": better}


def test_registering_again_changes_nothing(host: ModuleType, declare: Declare) -> None:
    entries = declare("CaimanSegmentationInterface", "LabSortingInterface")
    registry.register(host, entries)
    first = contents(host)
    registry.register(host, entries)
    assert contents(host) == first


def test_host_that_has_the_class_already_is_left_alone(host: ModuleType, declare: Declare) -> None:
    (entry,) = declare("LabSegmentationInterface")
    host.LabSegmentationInterface = entry.load()
    host.interface_list.insert(0, entry.load())
    host.interfaces_by_category["plugins"] = {"lab": entry.load()}
    as_the_host_wants_it = contents(host)
    registry.register(host, [entry])
    assert contents(host) == as_the_host_wants_it


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("nowhere_at_all:Lab", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("lab:Missing", "AttributeError: module 'lab' has no attribute 'Missing'"),
        ("lab:function", "lab:function is a function, not a class"),
        ("lab:Other", "lab:Other is not a subclass of neuroconv.BaseDataInterface"),
        ("lab", "'lab' is not of the form module:Class"),
    ],
)
def test_broken_entry_is_a_warning_and_the_others_are_registered(
    host: ModuleType, declare: Declare, value: str, cause: str
) -> None:
    entries = declare(
        "LabSortingInterface", source="def function(): ...\nclass Other: ...", CaimanSegmentationInterface=value
    )
    with pytest.warns(PluginWarning) as caught:
        registry.register(host, entries)
    (warning,) = caught
    assert str(warning.message).startswith(
        f"The data interface CaimanSegmentationInterface of lab 1.2 is not registered with NeuroConv: {cause}"
    )
    assert host.CaimanSegmentationInterface is CaimanSegmentationInterface
    assert host.interface_list[0] is CaimanSegmentationInterface
    assert host.interface_list[-1] is host.LabSortingInterface


def test_malformed_entry_is_a_warning(host: ModuleType) -> None:
    before = contents(host)
    entry = EntryPoint("LabInterface", "no path at all", registry.GROUP)
    with pytest.warns(PluginWarning, match="'no path at all' is not of the form module:Class"):
        registry.register(host, [entry])
    assert contents(host) == before


def test_distribution_whose_entries_cannot_be_read_is_a_warning(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backport importlib_metadata is stricter than Python's own and, once imported, replaces it."""

    class Strict(Distribution):
        metadata: ClassVar = {"Name": "old-lab", "Version": "0.1"}

        def read_text(self, filename: str) -> str | None: ...
        def locate_file(self, path: str) -> Path: ...

        @property
        def entry_points(self) -> EntryPoints:
            message = "Invalid object reference."
            raise ValueError(message)

    class Finder:
        def find_spec(self, *_: object) -> None: ...
        def find_distributions(self, *_: object) -> list[Distribution]:
            return [Strict()]

    declare("LabInterface")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    with pytest.warns(PluginWarning, match="entry points of old-lab 0.1 cannot be read.*ValueError: Invalid object"):
        found = registry.discover()
    assert [entry.name for entry in found if entry.value.startswith("lab:")] == ["LabInterface"]


@pytest.mark.parametrize(
    ("source", "cause"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("raise SystemExit('bye')", "SystemExit: bye")],
)
def test_module_that_fails_is_a_warning(host: ModuleType, declare: Declare, source: str, cause: str) -> None:
    before = contents(host)
    entries = declare(source=source, LabSortingInterface="lab:LabSortingInterface")
    with pytest.warns(PluginWarning, match=f"LabSortingInterface of lab 1.2 .*: {cause}"):
        registry.register(host, entries)
    assert contents(host) == before


def test_name_that_means_something_else_in_the_host_is_refused(host: ModuleType, declare: Declare) -> None:
    before = contents(host)
    entries = declare("LabSortingInterface")
    renamed = EntryPoint("interface_list", entries[0].value, entries[0].group)
    with pytest.warns(PluginWarning, match=r"made_up_host\.interface_list exists and is not a class"):
        registry.register(host, [renamed])
    assert contents(host) == before


def test_name_declared_for_two_classes_is_registered_for_neither(host: ModuleType, declare: Declare) -> None:
    before = contents(host)
    entries = declare("CaimanSegmentationInterface", name="lab") + declare("CaimanSegmentationInterface", name="other")
    with pytest.warns(PluginWarning) as caught:
        registry.register(host, entries)
    rivals = "lab 1.2 (lab:CaimanSegmentationInterface) and other 1.2 (other:CaimanSegmentationInterface)"
    assert len(caught) == 2
    for warning, distribution in zip(caught, ("lab 1.2", "other 1.2"), strict=True):
        assert f"CaimanSegmentationInterface of {distribution} is not registered" in str(warning.message)
        assert f"the name is declared by {rivals}" in str(warning.message)
    assert contents(host) == before


def test_entry_of_a_distribution_without_metadata_is_a_warning(
    host: ModuleType, declare: Declare, tmp_path: Path
) -> None:
    before = contents(host)
    entries = declare(LabSortingInterface="gone:LabSortingInterface")
    (tmp_path / "lab-1.2.dist-info" / "METADATA").unlink()
    with pytest.warns(PluginWarning, match="LabSortingInterface of an unnamed distribution of unknown version is not"):
        registry.register(host, entries)
    assert contents(host) == before


def test_two_distributions_may_declare_the_same_class(host: ModuleType, declare: Declare) -> None:
    members, _ = contents(host)
    entries = declare("LabSortingInterface", name="lab")
    entries += declare(name="repackaged", LabSortingInterface="lab:LabSortingInterface")
    registry.register(host, entries)
    assert host.interface_list == [*members, host.LabSortingInterface]
