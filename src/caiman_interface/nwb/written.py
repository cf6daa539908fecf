"""The objects of one analysis in an NWB file that was read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import h5py
from neuroconv.tools.nwb_helpers import BACKEND_NWB_IO
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.core import DynamicTable
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.metadata.vocabulary import DEFAULT_METADATA_KEY, name_ending

from .images import CONTAINER as IMAGES_CONTAINER
from .parameters import column_called_name, parameters_name
from .vocabulary import OPHYS_MODULE

_Object = TypeVar("_Object")


@contextmanager
def opened(path: str | Path) -> Iterator[NWBFile]:
    """Open an NWB file of either format for reading.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If it is no NWB file.
    """
    path = Path(path)
    if not path.exists():
        message = f"There is no file '{path}'."
        raise FileNotFoundError(message)
    if not _states_nwb_version(path):
        message = f"{path} is no NWB file: it states no nwb_version. Give a file or a folder that a conversion wrote."
        raise ValueError(message)
    backend = "zarr" if path.is_dir() else "hdf5"
    with column_called_name(), BACKEND_NWB_IO[backend](path=str(path), mode="r") as io:
        yield io.read()


def _states_nwb_version(path: Path) -> bool:
    if path.is_dir():
        attributes = path / ".zattrs"
        return attributes.is_file() and "nwb_version" in json.loads(attributes.read_text(encoding="utf-8"))
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return "nwb_version" in file.attrs


class WrittenAnalysis:
    """One analysis in an NWB file.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The open file.
    metadata_key : str or None
        The key under which the analysis was written. None if it is the only one in the file.

    Attributes
    ----------
    key : str
        A key that gives the names in the file.
    is_alone : bool
        Whether there is no other analysis in the file.
    ending : str
        What its names end in.

    Raises
    ------
    ValueError
        If the file has no analysis of that key, or several and no key is given.
    """

    def __init__(self, nwbfile: NWBFile, metadata_key: str | None) -> None:
        module = nwbfile.processing.get(OPHYS_MODULE)
        self._objects: Mapping[str, Any] = {} if module is None else dict(module.data_interfaces)
        endings = self._endings()
        if metadata_key is not None:
            self.ending = name_ending(metadata_key)
        elif len(endings) > 1:
            message = (
                f"The NWB file holds {len(endings)} CaImAn analyses. Say with metadata_key which one it is: "
                f"{', '.join(_key(ending) for ending in endings)}."
            )
            raise ValueError(message)
        else:
            self.ending = endings[0] if endings else ""
        if endings and self.ending not in endings:
            message = (
                f"The NWB file holds no CaImAn analysis of the metadata_key '{metadata_key}'. It holds: "
                f"{', '.join(_key(ending) for ending in endings)}."
            )
            raise ValueError(message)
        self.key = _key(self.ending)
        self.is_alone = len(endings) <= 1

    def _endings(self) -> list[str]:
        """Return what the names of each analysis end in: its table of parameters cannot be given another name."""
        start = parameters_name("").name
        return [name.removeprefix(start) for name in self._objects if name.startswith(start)]

    def object(self, name: str) -> Any | None:
        """Return an object of ``processing/ophys`` by its name."""
        return self._objects.get(name)

    def table(self, name: str, description: str) -> PlaneSegmentation | None:
        """Return a table of ROIs by its name or, if it was given another, by its description."""
        segmentations = (interface.children for interface in self._objects.values())
        tables = [child for children in segmentations for child in children if isinstance(child, PlaneSegmentation)]
        return picked(tables, name, description)

    def series_on(self, table: PlaneSegmentation) -> list[RoiResponseSeries]:
        """Return the traces of the ROIs of a table."""
        children = (child for interface in self._objects.values() for child in interface.children)
        return [child for child in children if isinstance(child, RoiResponseSeries) and child.rois.table is table]

    def images(self) -> list[Any]:
        """Return the images of the field of view, of all analyses in the file."""
        container = self.object(IMAGES_CONTAINER)
        return list(container.images.values()) if isinstance(container, Images) else []

    def dynamic_table(self, name: str) -> DynamicTable | None:
        """Return a table of ``processing/ophys`` by its name."""
        found = self.object(name)
        return found if isinstance(found, DynamicTable) else None


def picked(objects: Iterable[_Object], name: str, description: str) -> _Object | None:
    """Return the object of a name or, if there is none, the only one of a description; None if there is neither."""
    candidates: list[Any] = list(objects)
    by_name = [candidate for candidate in candidates if candidate.name == name]
    by_description = [candidate for candidate in candidates if candidate.description == description]
    found: list[_Object] = by_name or by_description
    return found[0] if len(found) == 1 else None


def _key(ending: str) -> str:
    return ending[1:] if ending else DEFAULT_METADATA_KEY
