"""NeuroConv 0.9.3 and 0.10: private names and differences between versions."""

from __future__ import annotations

import inspect
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuroconv import NWBConverter
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from pynwb import NWBFile
from pynwb.device import Device, DeviceModel

_CONFIGURATION_MODULE = "neuroconv.tools.nwb_helpers._dataset_configuration"


class WriteStep(ABC):
    """The step of `run_conversion` that creates the NWB file in memory and writes it, for all supported versions.

    For a subclass that also inherits from NeuroConv's `BaseDataInterface` or `NWBConverter`.
    """

    @abstractmethod
    def write(self, nwbfile: Any, path: str | Path, *, overwrite: bool, **backend: Any) -> None:
        """Write a file, replacing an existing one if `overwrite`; `backend`: `backend` and `backend_configuration`."""

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
        interface: Any = self
        overwrite = Path(nwbfile_path).exists()  # run_conversion has checked that it may be replaced
        # An interface takes options as keywords, a converter as one mapping by interface.
        takes_options_as_one = isinstance(interface, NWBConverter)
        options = {"conversion_options": conversion_options} if takes_options_as_one else conversion_options
        if nwbfile is None:
            nwbfile = interface.create_nwbfile(metadata=metadata, **options)
        else:
            interface.add_to_nwbfile(nwbfile=nwbfile, metadata=metadata, **options)
        self.write(
            nwbfile, nwbfile_path, overwrite=overwrite, backend=backend, backend_configuration=backend_configuration
        )


def is_searching_for_containers() -> bool:
    """Return whether the caller's caller is NeuroConv's search for objects among the values of a column.

    ``get_default_dataset_io_configurations`` iterates over a column for no other reason.
    """
    caller = sys._getframe(2)  # noqa: SLF001 - documented, and exists in CPython and PyPy
    module, function = caller.f_globals.get("__name__"), caller.f_code.co_name
    return module == _CONFIGURATION_MODULE and function == "get_default_dataset_io_configurations"


def slices_its_data(iterator: Any) -> bool:
    """Return whether an iterator reads a block just by slicing its public attribute `data`."""
    return (
        isinstance(iterator, SliceableDataChunkIterator)
        and type(iterator)._get_data is SliceableDataChunkIterator._get_data  # noqa: SLF001
    )


def add_device(nwbfile: NWBFile, metadata: Mapping[str, Any], device_key: str) -> Any:
    """Return the device with that key in ``metadata["Devices"]``; it is added unless the file has a device of its name.

    NeuroConv 0.10 has a function for this, which also supports types of extensions; 0.9.3 does not.

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
    """Add a device as NeuroConv 0.10 does, except for types of extensions."""
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


def uses_dict_metadata() -> bool:
    """Return whether NeuroConv's ``get_metadata`` returns dictionary-based metadata (0.10) rather than lists (0.9)."""
    return "use_new_metadata_format" in inspect.signature(NWBConverter.get_metadata).parameters


def uses_first_listed_table() -> bool:
    """Return whether NeuroConv's own segmentation interfaces use the first table of ROIs in list-based metadata.

    0.10 does; 0.9 looks for the table with its default name.
    """
    return uses_dict_metadata()


def resolve_conversion_options(
    interface_names: list[str], global_options: Mapping[str, Any], session_options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Merge the conversion options of a specification for each interface, as the installed NeuroConv does.

    Where both set an option, the session has precedence from NeuroConv 0.10 on, and the whole specification before.
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

    NeuroConv has no function that returns them.
    """
    import neuroconv

    folder = Path(neuroconv.__file__).parent / "schemas"
    names = ("yaml_conversion_specification_schema.json", "metadata_schema.json")
    specification, metadata = (json.loads((folder / name).read_text(encoding="utf-8")) for name in names)
    return specification, metadata
