"""What differs between the versions of the hosts, and their private names: nowhere else are these used.

The hosts are NeuroConv (0.9.3 and 0.10.x), roiextractors (0.8.1 and 0.10.x), hdmf and pynwb.
"""

from __future__ import annotations

import inspect
import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

import h5py
from hdmf.backends.io import HDMFIO
from hdmf.container import Data
from neuroconv import NWBConverter
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from neuroconv.tools.nwb_helpers import BACKEND_NWB_IO
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile
from pynwb.device import Device, DeviceModel
from roiextractors import SegmentationExtractor

# roiextractors keeps the containers of its contract private ("TODO make public once API stabilizes").
from roiextractors.segmentationextractor import _PropertyInfo as PropertyInfo
from roiextractors.segmentationextractor import _ROIMasks as RoiMasks

RoiId: TypeAlias = "int | str"

__all__ = [
    "HostExtractor",
    "PropertyInfo",
    "RoiId",
    "RoiMasks",
    "WriteStep",
    "add_device",
    "forget_source",
    "hdf5_io",
    "name_for_dandi",
    "new_file_io",
    "read_block",
    "resolve_conversion_options",
    "set_dataset",
    "slices_its_data",
    "speaks_dictionaries",
    "specification_schemas",
    "takes_the_first_listed_table",
]


def _public(private: str) -> property:
    return property(attrgetter(private), lambda self, value: setattr(self, private, value))


class HostExtractor(SegmentationExtractor):  # type: ignore[misc]  # roiextractors is untyped
    """roiextractors' base class, with public names for the private attributes that a subclass has to set."""

    host_rate = _public("_sampling_frequency")
    host_planes = _public("_num_planes")
    host_properties = _public("_properties")
    host_times = _public("_times")

    @abstractmethod
    def make_roi_masks(self) -> RoiMasks:
        """Make what roiextractors' own views and NeuroConv's own writer look at."""

    @property
    def _roi_masks(self) -> RoiMasks:
        return self.make_roi_masks()

    @_roi_masks.setter
    def _roi_masks(self, value: None) -> None:
        """Accept the None that the constructor assigns."""


class WriteStep(ABC):
    """The step of `run_conversion` that makes the NWB file in memory and writes it, the same in all versions.

    For a subclass that also inherits from NeuroConv's `BaseDataInterface` or `NWBConverter`.
    """

    @abstractmethod
    def write(self, nwbfile: Any, path: str | Path, **backend: Any) -> None:
        """Write a file, replacing what stands at `path`; `backend` holds `backend` and `backend_configuration`."""

    def _write_nwbfile(
        self,
        nwbfile_path: Any,
        nwbfile: Any,
        metadata: Any,
        backend: Any,
        backend_configuration: Any,
        conversion_options: Any,
    ) -> None:
        """Override NeuroConv's step."""
        host: Any = self
        # An interface takes options as keywords, a converter as one mapping by interface.
        takes_options_as_one = isinstance(host, NWBConverter)
        options = {"conversion_options": conversion_options} if takes_options_as_one else conversion_options
        if nwbfile is None:
            nwbfile = host.create_nwbfile(metadata=metadata, **options)
        else:
            host.add_to_nwbfile(nwbfile=nwbfile, metadata=metadata, **options)
        self.write(nwbfile, nwbfile_path, backend=backend, backend_configuration=backend_configuration)


def read_block(iterator: Any, selection: tuple[slice, ...]) -> NDArray[Any]:
    """Read a block through hdmf's `GenericDataChunkIterator`: the method that its subclasses implement."""
    block: NDArray[Any] = iterator._get_data(selection)  # noqa: SLF001
    return block


def slices_its_data(iterator: Any) -> bool:
    """Whether an iterator reads a block by slicing its public attribute `data`, and does nothing else."""
    return (
        isinstance(iterator, SliceableDataChunkIterator)
        and type(iterator)._get_data is SliceableDataChunkIterator._get_data  # noqa: SLF001
    )


def set_dataset(container: Any, field: str, values: Any) -> None:
    """Put other data into an object of an NWB file; the public setters refuse to do so twice."""
    if not isinstance(container, Data):
        container.fields[field] = values
        return
    container.transform(lambda _: values)
    if container.data is not values:  # before pynwb 4, NWBData kept its data in an attribute of its own
        container._NWBData__data = values  # noqa: SLF001


def forget_source(container: Any, source: str) -> None:
    """Have the objects of an NWB file forget that they were written to `source`."""
    for child in (container, *container.all_children()):
        if child.container_source == source:
            child._AbstractContainer__container_source = None  # noqa: SLF001


def hdf5_io(file: h5py.File) -> NWBHDF5IO:
    """Have pynwb write to a new file that is open already.

    Before pynwb 4 it warned that the path, of which there is none, does not end in ".nwb".
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The file path provided: None", UserWarning)
        return NWBHDF5IO(file=file, mode="w")


def new_file_io(path: Path, backend: str) -> HDMFIO:
    """Open a new file for writing as NeuroConv does, under a name that does not end in ".nwb", of which pynwb warns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The file path provided: ", UserWarning)
        return BACKEND_NWB_IO[backend](path=str(path), mode="w")


def add_device(nwbfile: NWBFile, metadata: Mapping[str, Any], device_key: str) -> Any:
    """Return the device of that key in ``metadata["Devices"]``, added to the file if none of its name is there.

    NeuroConv 0.10 has a function for it, which knows types of extensions too; 0.9.3 has none.

    Raises
    ------
    ValueError
        If the metadata lacks the device or its model, or one of them has no name.
    """
    device = _named_entry(metadata, "Devices", device_key)
    model_key = device.pop("device_model_metadata_key", None)
    model = None if model_key is None else _named_entry(metadata, "DeviceModels", model_key)
    try:
        from neuroconv.tools.nwb_helpers._metadata_and_file_helpers import _add_device_to_nwbfile
    except ImportError:
        return _add_plain_device(nwbfile, device, model)
    return _add_device_to_nwbfile(nwbfile, metadata=metadata, metadata_key=device_key)


def _named_entry(metadata: Mapping[str, Any], block: str, key: str) -> dict[str, Any]:
    entries = metadata.get(block) or {}
    entry = entries.get(key) if isinstance(entries, Mapping) else None
    if not isinstance(entry, Mapping) or not entry.get("name"):
        wanted = "an entry with a 'name'" if key in entries else f"one of {', '.join(entries) or '(none)'}"
        message = f"metadata['{block}']['{key}'], to which the metadata refers, is {entry!r}; expected {wanted}."
        raise ValueError(message)
    return {field: value for field, value in entry.items() if value is not None}


def _add_plain_device(nwbfile: NWBFile, device: Mapping[str, Any], model: Mapping[str, Any] | None) -> Device:
    """Add a device as NeuroConv 0.10 does, but for types of extensions."""
    for entry, plain in ((device, "Device"), (model or {}, "DeviceModel")):
        if entry.get("type", plain) != plain:
            message = f"The type '{entry['type']}' of '{entry['name']}' needs NeuroConv 0.10 or later."
            raise ValueError(message)
    if device["name"] in nwbfile.devices:
        return nwbfile.devices[device["name"]]
    fields = {field: value for field, value in device.items() if field != "type"}
    if model is not None and model["name"] not in nwbfile.device_models:
        known = {"manufacturer": "unknown", **model}
        nwbfile.add_device_model(DeviceModel(**{field: value for field, value in known.items() if field != "type"}))
    if model is not None:
        fields["model"] = nwbfile.device_models[model["name"]]
    nwbfile.add_device(Device(**fields))
    return nwbfile.devices[device["name"]]


def speaks_dictionaries() -> bool:
    """Tell whether the host's ``get_metadata`` gives dictionary-based metadata (NeuroConv 0.10) or lists (0.9)."""
    return "use_new_metadata_format" in inspect.signature(NWBConverter.get_metadata).parameters


def takes_the_first_listed_table() -> bool:
    """Tell whether the host's own segmentation interfaces take the first table of ROIs in lists for theirs.

    NeuroConv 0.10 does; 0.9 looks for the table of its default name.
    """
    return speaks_dictionaries()


def resolve_conversion_options(
    interface_names: list[str], global_options: Mapping[str, Any], session_options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Merge the conversion options of a specification for each interface, as the installed NeuroConv does.

    Where both state an option, the session wins from NeuroConv 0.10 on, and the whole specification before.
    """
    from neuroconv.tools.yaml_conversion_specification import _yaml_conversion_specification as runner

    if hasattr(runner, "_resolve_conversion_options"):
        resolved: dict[str, dict[str, Any]] = runner._resolve_conversion_options(  # noqa: SLF001
            interface_names=interface_names,
            global_conversion_options=dict(global_options),
            session_conversion_options=dict(session_options),
        )
        return resolved
    return {name: {**(session_options.get(name) or {}), **global_options} for name in interface_names}


def specification_schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return NeuroConv's JSON schema of specifications, and that of metadata, to which the first refers.

    NeuroConv hands them out through no function.
    """
    import neuroconv

    folder = Path(neuroconv.__file__).parent / "schemas"
    names = ("yaml_conversion_specification_schema.json", "metadata_schema.json")
    specification, metadata = (json.loads((folder / name).read_text(encoding="utf-8")) for name in names)
    return specification, metadata


def name_for_dandi(paths: list[Path]) -> list[str]:
    """Return the names that NeuroConv gives to NWB files for which a specification states none.

    Raises
    ------
    ImportError
        If the package `dandi` is not installed.
    ValueError
        If the metadata in the files is not enough for a name.
    """
    from dandi.organize import create_unique_filenames_from_metadata
    from dandi.pynwb_utils import _get_pynwb_metadata

    records = [{**_get_pynwb_metadata(path=path), "path": path} for path in paths]
    named = create_unique_filenames_from_metadata(metadata=records)
    names = [str(record["dandi_filename"]) for record in named]
    if ".nwb" in names:
        message = "subject_id and session_id are missing, of which the name would be made"
        raise ValueError(message)
    return names
