"""Registration of the data interfaces that installed distributions declare.

A distribution declares a data interface by an entry in the group ``neuroconv.datainterfaces``::

    [project.entry-points."neuroconv.datainterfaces"]
    LabSegmentationInterface = "lab_package.interface:LabSegmentationInterface"

The entry's name is the name by which a YAML specification refers to the class. Only what is installed is loaded:
no class is ever taken from the text of a specification.
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
"""The entry-point group that is read."""

NO_FAST_WRITE = "CAIMAN_INTERFACE_NO_FAST_WRITE"
"""The environment variable that, if set, leaves NeuroConv's writers as they are."""

_WORD_OF_CATEGORY = {
    "ecephys": "Recording",
    "sorting": "Sorting",
    "imaging": "Imaging",
    "segmentation": "Segmentation",
}
"""The categories that NeuroConv fills by a word in the class name."""

_OBJECT_PATH = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[.*\])?")
"""What an entry point to an object looks like; extras in brackets are legal and without meaning here."""


class PluginWarning(UserWarning):
    """A declared data interface was not registered."""


class PluginError(Exception):
    """What is wrong with a declared data interface."""


@dataclass(frozen=True)
class PluginRecord:
    """A declared data interface and what became of it.

    Attributes
    ----------
    name : str
        The name by which a YAML specification refers to the class.
    class_path : str
        Where the class is, as ``module:class``.
    distribution, version : str
        The distribution that declares it.
    status : {"registered", "not registered", "broken"}
        Whether NeuroConv has the class under that name; "not registered" where registration is switched off.
    cause : str
        Why it is broken; empty otherwise.
    """

    name: str
    class_path: str
    distribution: str
    version: str
    status: Literal["registered", "not registered", "broken"]
    cause: str = ""


def register_all(host: ModuleType | None = None) -> None:
    """Register every declared data interface with NeuroConv.

    An entry of the same name is replaced and keeps its place. A class that NeuroConv already has is left alone, so
    calling this again changes nothing. An entry that cannot be registered is a `PluginWarning`, never an error.

    Parameters
    ----------
    host : module, optional
        ``neuroconv.datainterfaces``, imported where it is not given.
    """
    register(import_module(HOST) if host is None else host, discover())
    use_fast_writer()


def use_fast_writer() -> None:
    """Have NeuroConv write files in parallel and atomically, unless somebody else replaced its writers.

    NeuroConv looks up the class that writes a file in a public mapping. Files without content of this package are still
    written by pynwb's own code. Does nothing if the environment variable ``CAIMAN_INTERFACE_NO_FAST_WRITE`` is set.
    """
    if os.environ.get(NO_FAST_WRITE):
        return
    try:
        from neuroconv.tools import nwb_helpers
    except ImportError:  # a NeuroConv without the mapping writes as it always does
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
    """List every declared data interface and what became of it, by name.

    Looks only: it registers nothing beyond what importing NeuroConv registers.
    """
    host = import_module(HOST)
    entries = discover()
    contested = find_contested(entries)
    return tuple(_record(host, entry, contested) for entry in entries)


def discover() -> tuple[EntryPoint, ...]:
    """Return the entries that installed distributions declare, in the order of their names.

    A distribution whose entries cannot be read is a `PluginWarning`.
    """
    try:
        found: Iterable[EntryPoint] = entry_points(group=GROUP)
    except Exception:  # noqa: BLE001 - the backport `importlib_metadata`, once imported, refuses all for a malformed one
        found = _entries_of_readable_distributions()
    return tuple(sorted(found, key=lambda entry: entry.name))


def _entries_of_readable_distributions() -> Iterator[EntryPoint]:
    names = set()
    for distribution in distributions():
        name, version = _name_and_version(distribution)
        if name.lower() in names:
            continue  # an older one, farther back on the path
        names.add(name.lower())
        try:
            yield from (entry for entry in distribution.entry_points if entry.group == GROUP)
        except Exception as error:  # noqa: BLE001 - see `discover`
            warn(
                f"The entry points of {name} {version} cannot be read, so that none of its data interfaces is "
                f"registered with NeuroConv: {_describe_error(error)}. Update or uninstall that distribution to be "
                "rid of this warning.",
                PluginWarning,
            )


def find_contested(entries: Iterable[EntryPoint]) -> dict[str, str]:
    """Return the names declared for more than one class, each with who declares it."""
    by_name: dict[str, list[EntryPoint]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    return {
        name: " and ".join(f"{describe_distribution(entry)} ({entry.value})" for entry in rivals)
        for name, rivals in by_name.items()
        if len({entry.value for entry in rivals}) > 1
    }


def register(host: ModuleType, entries: Iterable[EntryPoint]) -> None:
    """Register these entries with `host`, as `register_all` does with all.

    An entry whose module is in the middle of its own import (because it was imported first and itself imports
    NeuroConv) is registered as soon as that import is complete and `host` is used.
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
        If it is not a ``BaseDataInterface``, or if its name is declared for several classes or means something else
        in NeuroConv. Errors of the module that holds it pass through.
    """
    if entry.name in contested:
        message = f"the name is declared by {contested[entry.name]}, and neither can go before the other"
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
    """Whether `host` has this very class under this name, whoever put it there."""
    return vars(host).get(name) is data_interface and data_interface in host.interface_list


def place(host: ModuleType, name: str, data_interface: type) -> None:
    """Put a class into `host`: its attribute, ``interface_list`` and ``interfaces_by_category``.

    Where the host has it already, be it from an earlier call or because the host reads the entry points itself,
    nothing is touched.
    """
    if is_registered(host, name, data_interface):
        return
    former = vars(host).get(name)
    setattr(host, name, data_interface)
    _place_in_list(host.interface_list, name, data_interface, former)
    _place_in_categories(host.interfaces_by_category, name, data_interface, former)


def is_being_imported(entry: EntryPoint) -> bool:
    """Whether the entry's module, or a package in which it lies, is in the middle of its import."""
    parts = entry.value.partition(":")[0].strip().split(".")
    names = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    specs = (getattr(sys.modules.get(name), "__spec__", None) for name in names)
    # Python's own mark, by which it words "partially initialized module"; it offers no public one.
    return any(getattr(spec, "_initializing", False) for spec in specs)


def register_on_next_use(host: ModuleType, entries: list[EntryPoint]) -> None:
    """Register `entries` when an attribute of `host` is asked for and their modules are complete."""
    own_class: Any = type(host)

    class WaitingModule(own_class):  # type: ignore[misc]
        """The host until it is complete: a subclass of its class sees every access to an attribute."""

        def __getattribute__(self, name: str) -> object:
            if any(is_being_imported(entry) for entry in entries):
                return super().__getattribute__(name)
            host.__class__ = own_class
            register(host, entries)
            return getattr(host, name)

    host.__class__ = WaitingModule


def describe_distribution(entry: EntryPoint) -> str:
    """Name the distribution that declares an entry, with its version."""
    return " ".join(_name_and_version(entry.dist))


def _name_and_version(distribution: Distribution | None) -> tuple[str, str]:
    metadata: Any = {}
    if distribution is not None:
        # A half-removed distribution has entries and no metadata: an empty mapping or an error, by Python version.
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
    """Yield the category and the key within it as NeuroConv makes them from a class name."""
    for category, word in _WORD_OF_CATEGORY.items():
        if word in name:
            yield category, name.replace(f"{word}Interface", "")


def _is_replaced(member: type, name: str, former: object) -> bool:
    return member is former or member.__name__ == name


def _warn_of_broken(entry: EntryPoint, error: BaseException) -> None:
    warn(
        f"The data interface {entry.name} of {describe_distribution(entry)} is not registered with NeuroConv: "
        f"{_describe_error(error)}. Update or uninstall that distribution to be rid of this warning.",
        PluginWarning,
    )


def _describe_error(error: BaseException) -> str:
    return str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
