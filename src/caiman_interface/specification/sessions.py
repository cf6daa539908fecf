"""The sessions of a specification and everything that their conversion needs, read as NeuroConv does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neuroconv import datainterfaces
from neuroconv.utils import dict_deep_update

from caiman_interface._compat.neuroconv import resolve_conversion_options
from caiman_interface.conversion.timestamps import find_file, find_timestamps
from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.writer.file import FastNWBConverter

from .text import KeyPath

SINGLE_INTERFACE = "CaimanSegmentationInterface"
"""Name of the interface where one CaImAn file is converted without a specification."""

PATH_ARGUMENTS = {"file_path": "file", "folder_path": "folder", "file_paths": "file"}
"""Arguments that NeuroConv joins to the data folder, and what their paths lead to."""


@dataclass(frozen=True)
class MetadataSource:
    """Metadata and where they were given.

    Attributes
    ----------
    file : Path or None
        The YAML file; None for the command line.
    path : tuple of str and int
        Path in that file.
    values : dict
        The metadata.
    """

    file: Path | None
    path: KeyPath
    values: dict[str, Any]

    @property
    def file_name(self) -> str:
        """The file as text; empty for the command line."""
        return "" if self.file is None else str(self.file)


@dataclass(frozen=True)
class Session:
    """One session, that is, one NWB file.

    Attributes
    ----------
    number : int
        Its position among all sessions of the specification, from 1.
    path : tuple of str and int
        Its path in the specification.
    name : str or None
        Name of its NWB file without ``.nwb``; None if not given.
    interface_classes : dict
        The classes by name.
    source_data : dict
        The arguments of each interface, with paths joined to the data folder.
    metadata_sources : tuple of MetadataSource
        The given metadata; each takes precedence over those before it.
    global_options, session_options : dict
        The conversion options of all sessions and interfaces, and those of this one by interface.
    overrides : dict
        Options that take precedence over all others, for each interface that has them.
    file : str
        The specification; empty if there is none.
    """

    number: int
    path: KeyPath
    name: str | None
    interface_classes: Mapping[str, type]
    source_data: Mapping[str, Mapping[str, Any]]
    metadata_sources: tuple[MetadataSource, ...] = ()
    global_options: Mapping[str, Any] = field(default_factory=dict)
    session_options: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""

    @property
    def label(self) -> str:
        """Name for messages."""
        return self.name or f"session {self.number}"

    @property
    def used_interfaces(self) -> list[str]:
        """Names of the interfaces for which it has data."""
        return [name for name in self.interface_classes if name in self.source_data]

    @property
    def caiman_interfaces(self) -> list[str]:
        """Names of the interfaces that read CaImAn files."""
        return [
            name
            for name in self.used_interfaces
            if issubclass(self.interface_classes[name], CaimanSegmentationInterface)
        ]

    @property
    def source_paths(self) -> tuple[str, ...]:
        """The source files and folders."""
        paths: list[str] = []
        for name in self.used_interfaces:
            for argument, value in self.source_data[name].items():
                if argument in PATH_ARGUMENTS:
                    paths += map(str, value if isinstance(value, list) else [value])
        for name in self.caiman_interfaces:
            arguments = self.source_data[name]
            if arguments.get("timestamps_path"):
                path = find_timestamps(arguments["timestamps_path"], arguments.get("file_path", ""))
                paths.append(str(path).partition("::")[0])
            paths += map(str, self.summary_images_of(name).values())
        return tuple(paths)

    def summary_images_of(self, name: str) -> dict[str, Path]:
        """Return the files of the summary images of an interface, by kind."""
        given = self.source_data[name].get("summary_images")
        if not isinstance(given, Mapping):
            return {}
        file = self.source_data[name].get("file_path", "")
        return {kind: find_file(path, file) for kind, path in sorted(given.items()) if isinstance(path, str)}

    def make_converter(self, base: type[FastNWBConverter] = FastNWBConverter) -> Any:
        """Return NeuroConv's converter with the interfaces of the session, each with its file."""
        made = type("SpecificationConverter", (base,), {"data_interface_classes": dict(self.interface_classes)})
        # The converter changes the arguments.
        return made(source_data=deepcopy({name: dict(arguments) for name, arguments in self.source_data.items()}))

    def merge_metadata(self, converter: Any) -> Any:
        """Return the metadata of the interfaces merged with those given, as NeuroConv merges them."""
        metadata = converter.get_metadata()
        for source in self.metadata_sources:
            metadata = dict_deep_update(metadata, source.values)
        return metadata

    def options_of(self, interfaces: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the conversion options of these interfaces, merged as NeuroConv merges them, with the overrides."""
        options = resolve_conversion_options(list(interfaces), self.global_options, self.session_options)
        for name, interface in interfaces.items():
            known = interface.get_conversion_options_schema().get("properties", {})
            options[name].update({key: value for key, value in self.overrides.items() if key in known})
        return options

    def with_arguments(self, arguments: Mapping[str, Any]) -> Session:
        """Return the session with more arguments for its CaImAn interfaces, which take precedence."""
        ours = self.caiman_interfaces if arguments else []
        return replace(
            self, source_data={**self.source_data, **{name: {**self.source_data[name], **arguments} for name in ours}}
        )


def session_of_file(
    file: Path,
    metadata_sources: tuple[MetadataSource, ...],
    *,
    name: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Session:
    """Return the session of one CaImAn file that is converted without a specification."""
    return Session(
        number=1,
        path=(),
        name=name or file.stem,
        interface_classes={SINGLE_INTERFACE: CaimanSegmentationInterface},
        source_data={SINGLE_INTERFACE: {"file_path": str(file)}},
        metadata_sources=metadata_sources,
        overrides=overrides or {},
    )


def read_sessions(
    specification: Mapping[str, Any],
    file: Path,
    *,
    data_folder: Path,
    more_metadata: tuple[MetadataSource, ...] = (),
    overrides: Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> list[Session]:
    """Return the sessions of a specification, in NeuroConv's order.

    Parts that violate NeuroConv's schema are left out; the check against the schema reports them.

    Parameters
    ----------
    specification : mapping
        The content of the file.
    file : Path
        The file.
    data_folder : Path
        The folder to which its paths are relative.
    more_metadata : tuple of MetadataSource
        Metadata given elsewhere, which take precedence.
    overrides : mapping, optional
        Conversion options that take precedence, for each interface that has them.
    arguments : mapping, optional
        More arguments for each CaImAn interface, which take precedence.
    """
    classes = find_interface_classes(specification)
    sessions: list[Session] = []
    for name, experiment in _block(specification, "experiments").items():
        given = experiment.get("sessions") if isinstance(experiment, Mapping) else None
        for index, session in enumerate(given if isinstance(given, list) else []):
            if not isinstance(session, Mapping):
                continue
            path: KeyPath = ("experiments", str(name), "sessions", index)
            made = Session(
                number=len(sessions) + 1,
                path=path,
                name=_name(session),
                interface_classes=classes,
                source_data=_join_paths(_block(session, "source_data"), data_folder),
                metadata_sources=(
                    *_source(specification, file, ()),
                    *_source(experiment, file, path[:2]),
                    *_source(session, file, path),
                    *more_metadata,
                ),
                global_options=_block(specification, "conversion_options"),
                session_options={
                    name: options
                    for name, options in _block(session, "conversion_options").items()
                    if isinstance(options, dict)
                },
                overrides=overrides or {},
                file=str(file),
            )
            sessions.append(made.with_arguments(arguments or {}))
    return sessions


def find_interface_classes(specification: Mapping[str, Any]) -> dict[str, type]:
    """Return the classes named in ``data_interfaces``, without those that NeuroConv does not know."""
    known = known_interfaces()
    given = _block(specification, "data_interfaces")
    return {key: known[name] for key, name in given.items() if isinstance(name, str) and name in known}


def known_interfaces() -> dict[str, type]:
    """Return all of NeuroConv's data interfaces, including those of plugins, by name."""
    listed = set(datainterfaces.interface_list)
    return {name: value for name, value in vars(datainterfaces).items() if isinstance(value, type) and value in listed}


def caiman_interfaces(interfaces: Mapping[str, Any]) -> dict[str, CaimanSegmentationInterface]:
    """Return the interfaces that read CaImAn files, by name."""
    return {name: one for name, one in interfaces.items() if isinstance(one, CaimanSegmentationInterface)}


@contextmanager
def suppress_list_format_warning() -> Iterator[None]:
    """Suppress NeuroConv's advice against metadata in lists: its schema of specifications accepts nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*old list-based format", category=FutureWarning)
        yield


def _source(block: Mapping[str, Any], file: Path, path: KeyPath) -> tuple[MetadataSource, ...]:
    values = block.get("metadata")
    return (MetadataSource(file, (*path, "metadata"), values),) if isinstance(values, dict) else ()


def _block(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = mapping.get(key)
    return value if isinstance(value, dict) else {}


def _name(session: Mapping[str, Any]) -> str | None:
    return str(session["nwbfile_name"]).removesuffix(".nwb") if "nwbfile_name" in session else None


def _join_paths(source_data: Mapping[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    return {
        interface: {key: _join(key, value, folder) for key, value in arguments.items()}
        for interface, arguments in source_data.items()
        if isinstance(arguments, Mapping)
    }


def _join(argument: str, value: Any, folder: Path) -> Any:
    if argument not in PATH_ARGUMENTS:
        return value
    if isinstance(value, list):
        return [_join(argument, item, folder) for item in value]
    return str(folder / value) if isinstance(value, str) else value
