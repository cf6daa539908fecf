"""Registration of the data interfaces that installed distributions declare.

A distribution declares a data interface with an entry point in the group ``neuroconv.datainterfaces``::

    [project.entry-points."neuroconv.datainterfaces"]
    LabSegmentationInterface = "lab_package.interface:LabSegmentationInterface"

The name of the entry point is the name by which a YAML specification refers to the class. Only classes of installed
distributions are loaded; the text of a specification never determines a module to import.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from types import ModuleType
from typing import Any, Literal

from . import HOST, warn

GROUP = "neuroconv.datainterfaces"
"""The entry-point group."""

NO_FAST_WRITE = "CAIMAN_INTERFACE_NO_FAST_WRITE"
"""Environment variable that, if set, keeps NeuroConv's writers unchanged."""

_WORD_OF_CATEGORY = {
    "ecephys": "Recording",
    "sorting": "Sorting",
    "imaging": "Imaging",
    "segmentation": "Segmentation",
}
"""The categories of NeuroConv that are determined by a word in the class name."""

_OBJECT_PATH = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[.*\])?")
"""Form of an entry point to an object; extras in brackets are valid and ignored."""


class PluginWarning(UserWarning):
    """A declared data interface was not registered."""


class PluginError(Exception):
    """A declared data interface cannot be registered."""


@dataclass(frozen=True)
class PluginRecord:
    """A declared data interface and its status.

    Attributes
    ----------
    name : str
        The name by which a YAML specification refers to the class.
    class_path : str
        Location of the class, as ``module:class``.
    distribution, version : str
        The distribution that declares it.
    status : {"registered", "not registered", "broken"}
        Whether NeuroConv has the class under that name; "not registered" if registration is switched off.
    cause : str
        The reason for the status "broken"; empty otherwise.
    """

    name: str
    class_path: str
    distribution: str
    version: str
    status: Literal["registered", "not registered", "broken"]
    cause: str = ""


def register_all(host: ModuleType | None = None) -> None:
    """Register every declared data interface with NeuroConv.

    A class of the same name is replaced in the same position. A class that NeuroConv already has is not changed, so
    the function can be called repeatedly. An entry that cannot be registered causes a `PluginWarning`, never an error.

    Parameters
    ----------
    host : module, optional
        ``neuroconv.datainterfaces``; imported if not given.
    """
    register(import_module(HOST) if host is None else host, discover())
    use_fast_writer()


def use_fast_writer() -> None:
    """Make NeuroConv write files in parallel and atomically, unless its writers were already replaced.

    NeuroConv looks up the writer class of each backend in a public mapping. Files without content of this package are
    still written by pynwb. If the environment variable ``CAIMAN_INTERFACE_NO_FAST_WRITE`` is set, nothing is changed.
    """
    if os.environ.get(NO_FAST_WRITE):
        return
    try:
        from neuroconv.tools import nwb_helpers
    except ImportError:  # a NeuroConv without the mapping
        return
    writers = getattr(nwb_helpers, "BACKEND_NWB_IO", None)
    if not isinstance(writers, dict):
        return
    from hdmf_zarr import NWBZarrIO
    from pynwb import NWBHDF5IO

    from caiman_interface.writer.hdf5_io import MarkedNWBHDF5IO
    from caiman_interface.writer.zarr_io import NeuroConvZarrIO

    for backend, original, own in (("hdf5", NWBHDF5IO, MarkedNWBHDF5IO), ("zarr", NWBZarrIO, NeuroConvZarrIO)):
        if writers.get(backend) is original:
            writers[backend] = own


def registered_plugins() -> tuple[PluginRecord, ...]:
    """Return every declared data interface with its status, sorted by name.

    Nothing is registered beyond what the import of NeuroConv registers.
    """
    host = import_module(HOST)
    entries = discover()
    contested = find_contested(entries)
    return tuple(_record(host, entry, contested) for entry in entries)


def discover() -> tuple[EntryPoint, ...]:
    """Return the entries that installed distributions declare, sorted by name.

    A distribution whose entries cannot be read causes a `PluginWarning`.
    """
    try:
        found: Iterable[EntryPoint] = entry_points(group=GROUP)
    except Exception:  # noqa: BLE001 - the backport `importlib_metadata` fails for all if one is malformed
        found = _entries_of_readable_distributions()
    return tuple(sorted(found, key=lambda entry: entry.name))


def _entries_of_readable_distributions() -> Iterator[EntryPoint]:
    names = set()
    for distribution in distributions():
        name, version = _name_and_version(distribution)
        if name.lower() in names:
            continue  # shadowed by one that is earlier on the path
        names.add(name.lower())
        try:
            yield from (entry for entry in distribution.entry_points if entry.group == GROUP)
        except Exception as error:  # noqa: BLE001 - see `discover`
            warn(
                f"The entry points of {name} {version} cannot be read; none of its data interfaces is registered "
                f"with NeuroConv: {_describe_error(error)}. Update or uninstall that distribution to remove this "
                "warning.",
                PluginWarning,
            )


def find_contested(entries: Iterable[EntryPoint]) -> dict[str, str]:
    """Return the names that are declared for several classes, each with the distributions that declare it."""
    by_name: dict[str, list[EntryPoint]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    return {
        name: " and ".join(f"{describe_distribution(entry)} ({entry.value})" for entry in rivals)
        for name, rivals in by_name.items()
        if len({entry.value for entry in rivals}) > 1
    }


def register(host: ModuleType, entries: Iterable[EntryPoint]) -> None:
    """Register these entries with `host`, see `register_all`.

    An entry that cannot be loaded because a module of its package is currently being imported (it was imported first
    and itself imports NeuroConv) is registered when that import is complete and `host` is used.
    """
    entries = tuple(entries)
    contested = find_contested(entries)
    unfinished = []
    for entry in entries:
        error = _try_to_register(host, entry, contested)
        if error is not None and is_being_imported(entry):
            unfinished.append(entry)
        elif error is not None:
            _warn_of_broken(entry, error)
    if unfinished:
        register_on_next_use(host, unfinished)


def _try_to_register(host: ModuleType, entry: EntryPoint, contested: dict[str, str]) -> BaseException | None:
    try:
        place(host, entry.name, load_class(host, entry, contested))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's module may fail in any way
        return error
    return None


def load_class(host: ModuleType, entry: EntryPoint, contested: dict[str, str]) -> type:
    """Import the class that an entry declares.

    Raises
    ------
    PluginError
        If it is not a ``BaseDataInterface``, or if its name is declared for several classes or is the name of another
        kind of object in NeuroConv. Errors of its module pass through.
    """
    if entry.name in contested:
        message = f"the name is declared by {contested[entry.name]}, and neither takes precedence"
        raise PluginError(message)
    if not _OBJECT_PATH.fullmatch(entry.value):
        message = f"{entry.value!r} is not of the form module:Class"
        raise PluginError(message)
    loaded = entry.load()
    check_class(entry, loaded)
    if not isinstance(vars(host).get(entry.name, type), type):
        message = f"{host.__name__}.{entry.name} exists and is not a class; the entry needs another name"
        raise PluginError(message)
    return loaded  # type: ignore[no-any-return]


def check_class(entry: EntryPoint, loaded: object) -> None:
    """Raise a `PluginError` unless `loaded` is a subclass of NeuroConv's ``BaseDataInterface``."""
    from neuroconv.basedatainterface import BaseDataInterface

    if not isinstance(loaded, type):
        message = f"{entry.value} is a {type(loaded).__name__}, not a class"
        raise PluginError(message)
    if not issubclass(loaded, BaseDataInterface):
        message = f"{entry.value} is not a subclass of neuroconv.BaseDataInterface"
        raise PluginError(message)


def is_registered(host: ModuleType, name: str, data_interface: type) -> bool:
    """Return whether `host` has this class under this name."""
    return vars(host).get(name) is data_interface and data_interface in host.interface_list


def place(host: ModuleType, name: str, data_interface: type) -> None:
    """Add a class to `host`: as an attribute, to ``interface_list`` and to ``interfaces_by_category``.

    Nothing is changed if the host already has the class, from an earlier call or because it reads the entry points
    itself.
    """
    if is_registered(host, name, data_interface):
        return
    former = vars(host).get(name)
    setattr(host, name, data_interface)
    _place_in_list(host.interface_list, name, data_interface, former)
    _place_in_categories(host.interfaces_by_category, name, data_interface, former)


def is_being_imported(entry: EntryPoint) -> bool:
    """Return whether a module of the entry's top-level package is currently being imported."""
    package = re.split(r"[.:]", entry.value.strip())[0].strip()
    modules = [module for name, module in [*sys.modules.items()] if name.partition(".")[0] == package]
    # This private attribute is the basis of Python's message "partially initialized module"; there is no public one.
    return any(getattr(getattr(module, "__spec__", None), "_initializing", False) for module in modules)


def register_on_next_use(host: ModuleType, entries: list[EntryPoint]) -> None:
    """Register `entries` at the first access to an attribute of `host` after the import of their modules."""
    own_class: Any = type(host)

    class WaitingModule(own_class):  # type: ignore[misc]
        """The class of the host until then: a subclass can intercept every access to an attribute."""

        def __getattribute__(self, name: str) -> object:
            if any(is_being_imported(entry) for entry in entries):
                return super().__getattribute__(name)
            host.__class__ = own_class
            register(host, entries)
            return getattr(host, name)

    host.__class__ = WaitingModule


def describe_distribution(entry: EntryPoint) -> str:
    """Return the name and version of the distribution that declares an entry."""
    return " ".join(_name_and_version(entry.dist))


def _name_and_version(distribution: Distribution | None) -> tuple[str, str]:
    metadata: Any = {}
    if distribution is not None:
        # A partly removed distribution has no metadata: an empty mapping or an error, depending on the Python version.
        with suppress(FileNotFoundError):
            metadata = distribution.metadata or {}
    return metadata.get("Name") or "an unnamed distribution", metadata.get("Version") or "of unknown version"


def _record(host: ModuleType, entry: EntryPoint, contested: dict[str, str]) -> PluginRecord:
    status: Literal["registered", "not registered", "broken"]
    cause = ""
    try:
        data_interface = load_class(host, entry, contested)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's module may fail in any way
        status, cause = "broken", _describe_error(error)
    else:
        status = "registered" if is_registered(host, entry.name, data_interface) else "not registered"
    return PluginRecord(entry.name, entry.value, *_name_and_version(entry.dist), status=status, cause=cause)


def _place_in_list(members: list[type], name: str, data_interface: type, former: object) -> None:
    positions = [
        position
        for position, member in enumerate(members)
        if member is data_interface or _is_replaced(member, name, former)
    ]
    if not positions:
        members.append(data_interface)
        return
    members[positions[0]] = data_interface
    for position in reversed(positions[1:]):
        del members[position]


def _place_in_categories(
    categories: dict[str, dict[str, type]], name: str, data_interface: type, former: object
) -> None:
    for members in categories.values():
        for key, member in members.items():
            if _is_replaced(member, name, former):
                members[key] = data_interface
    for category, key in _categories_by_name(name):
        if category in categories:
            categories[category][key] = data_interface


def _categories_by_name(name: str) -> Iterator[tuple[str, str]]:
    """Yield the categories of a class name and the keys within them, as NeuroConv derives them."""
    for category, word in _WORD_OF_CATEGORY.items():
        if word in name:
            yield category, name.replace(f"{word}Interface", "")


def _is_replaced(member: type, name: str, former: object) -> bool:
    return member is former or member.__name__ == name


def _warn_of_broken(entry: EntryPoint, error: BaseException) -> None:
    warn(
        f"The data interface {entry.name} of {describe_distribution(entry)} is not registered with NeuroConv: "
        f"{_describe_error(error)}. Update or uninstall that distribution to remove this warning.",
        PluginWarning,
    )


def _describe_error(error: BaseException) -> str:
    return str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
