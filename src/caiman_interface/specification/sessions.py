"""The sessions of a specification, each with all that its conversion takes, as NeuroConv reads them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuroconv import datainterfaces
from neuroconv.utils import dict_deep_update

from caiman_interface._compat.neuroconv import resolve_conversion_options
from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.writer.file import FastNWBConverter

from .document import KeyPath

SINGLE_INTERFACE = "CaimanSegmentationInterface"
"""The name of the interface where one CaImAn file is converted without a specification."""

_PATH_ARGUMENTS = ("file_path", "folder_path")
_PATH_LIST_ARGUMENT = "file_paths"


@dataclass(frozen=True)
class MetadataSource:
    """Metadata that was stated somewhere.

    Attributes
    ----------
    file : Path or None
        The YAML file; None for the command line.
    path : tuple of str and int
        Where in that file.
    values : dict
        The metadata.
    """

    file: Path | None
    path: KeyPath
    values: dict[str, Any]


@dataclass(frozen=True)
class Session:
    """One session, that is, one NWB file.

    Attributes
    ----------
    number : int
        Its place among all sessions of the specification, from 1.
    path : tuple of str and int
        Where it stands in the specification.
    name : str or None
        Name of its NWB file without ``.nwb``, where one is stated.
    interface_classes : dict
        The classes by name.
    source_data : dict
        The arguments of each interface, with paths joined to the data folder.
    metadata_sources : tuple of MetadataSource
        What was stated, in the order in which each wins over those before it.
    global_options, session_options : dict
        The conversion options of all sessions and interfaces, and those of this one by interface.
    """

    number: int
    path: KeyPath
    name: str | None
    interface_classes: Mapping[str, type]
    source_data: Mapping[str, Mapping[str, Any]]
    metadata_sources: tuple[MetadataSource, ...] = ()
    global_options: Mapping[str, Any] = field(default_factory=dict)
    session_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What to call it."""
        return self.name or f"session {self.number}"

    def make_converter(self, base: type[FastNWBConverter] = FastNWBConverter) -> Any:
        """Return NeuroConv's converter with its interfaces, each with its file."""
        made = type("SpecificationConverter", (base,), {"data_interface_classes": dict(self.interface_classes)})
        # The converter writes into the arguments.
        return made(source_data=deepcopy({name: dict(arguments) for name, arguments in self.source_data.items()}))

    def merge_metadata(self, converter: Any) -> Any:
        """Return the metadata of the interfaces with all that was stated, merged as NeuroConv does."""
        metadata = converter.get_metadata()
        for source in self.metadata_sources:
            metadata = dict_deep_update(metadata, source.values)
        return metadata

    def resolve_options(self, interfaces: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the conversion options of the interfaces of these names, merged as NeuroConv does."""
        return resolve_conversion_options(list(interfaces), self.global_options, self.session_options)


def session_of_file(file: Path, metadata_sources: tuple[MetadataSource, ...]) -> Session:
    """Return the session of one CaImAn file that is converted without a specification."""
    return Session(
        number=1,
        path=(),
        name=file.stem,
        interface_classes={SINGLE_INTERFACE: CaimanSegmentationInterface},
        source_data={SINGLE_INTERFACE: {"file_path": str(file)}},
        metadata_sources=metadata_sources,
    )


def read_sessions(
    specification: Mapping[str, Any],
    file: Path,
    *,
    data_folder: Path,
    more_metadata: tuple[MetadataSource, ...] = (),
) -> list[Session]:
    """Return the sessions of a specification, in NeuroConv's order.

    Parts that are not of the form that NeuroConv's schema demands are passed over: the schema reports them.

    Parameters
    ----------
    specification : mapping
        What stands in the file.
    file : Path
        The file.
    data_folder : Path
        The folder to which its paths are relative.
    more_metadata : tuple of MetadataSource
        What was stated elsewhere and wins over the file.
    """
    classes = find_interface_classes(specification)
    global_source = _source(specification, file, ())
    sessions: list[Session] = []
    for name, experiment in _block(specification, "experiments").items():
        if not isinstance(experiment, Mapping):
            continue
        experiment_path: KeyPath = ("experiments", name)
        experiment_source = _source(experiment, file, experiment_path)
        stated = experiment.get("sessions")
        for index, session in enumerate(stated if isinstance(stated, list) else []):
            if not isinstance(session, Mapping):
                continue
            path: KeyPath = (*experiment_path, "sessions", index)
            sources = (*global_source, *experiment_source, *_source(session, file, path), *more_metadata)
            sessions.append(
                Session(
                    number=len(sessions) + 1,
                    path=path,
                    name=_name(session),
                    interface_classes=classes,
                    source_data=_join_paths(_block(session, "source_data"), data_folder),
                    metadata_sources=sources,
                    global_options=_block(specification, "conversion_options"),
                    session_options=_block(session, "conversion_options"),
                )
            )
    return sessions


def find_interface_classes(specification: Mapping[str, Any]) -> dict[str, type]:
    """Return the classes that ``data_interfaces`` names; those that NeuroConv does not know are left out."""
    stated = _block(specification, "data_interfaces")
    known = known_interfaces()
    return {key: known[name] for key, name in stated.items() if isinstance(name, str) and name in known}


def known_interfaces() -> dict[str, type]:
    """Return every data interface that NeuroConv knows, its own and those of plugins, by name."""
    listed = set(datainterfaces.interface_list)
    return {name: value for name, value in vars(datainterfaces).items() if isinstance(value, type) and value in listed}


@contextmanager
def suppress_list_format_warning() -> Iterator[None]:
    """Keep back NeuroConv's advice against metadata in lists: its schema of specifications admits nothing else."""
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
    name = session.get("nwbfile_name")
    return name.removesuffix(".nwb") if isinstance(name, str) else None


def _join_paths(source_data: Mapping[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    return {
        interface: {key: _join(key, value, folder) for key, value in arguments.items()}
        for interface, arguments in source_data.items()
        if isinstance(arguments, Mapping)
    }


def _join(argument: str, value: Any, folder: Path) -> Any:
    if argument == _PATH_LIST_ARGUMENT and isinstance(value, list):
        return [str(folder / item) if isinstance(item, str) else item for item in value]
    if argument in _PATH_ARGUMENTS and isinstance(value, str):
        return str(folder / value)
    return value
