"""The content of an NWB file, in memory or read, object by object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from hdmf.container import AbstractContainer, Data
from hdmf.data_utils import DataIO, GenericDataChunkIterator
from pynwb import NWBFile

# What differs from one NWB file to the next, whatever is in them.
_OF_THE_FILE = {"identifier", "file_create_date", "was_generated_by"}


def contents(nwbfile: NWBFile) -> dict[str, Any]:
    """Return type and fields of every object, by its path; other objects are given by their path."""
    return {_path(container): _fields(container) for container in nwbfile.objects.values()}


def assert_same_contents(nwbfile: NWBFile, other: NWBFile) -> None:
    np.testing.assert_equal(contents(nwbfile), contents(other))


def _path(container: AbstractContainer) -> str:
    parent = "" if container.parent is None else _path(container.parent)
    return f"{parent}/{container.name}"


def _fields(container: AbstractContainer) -> dict[str, Any]:
    fields = {"type": type(container).__name__}
    if isinstance(container, Data):
        fields["data"] = _plain(container.data)
    for name, value in container.fields.items():
        if name not in _OF_THE_FILE and value is not None:
            fields[name] = _plain(value)
    return fields


def _plain(value: Any) -> Any:
    if isinstance(value, AbstractContainer):
        return _path(value)
    if isinstance(value, DataIO | GenericDataChunkIterator):
        return _plain(value.data)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and any(isinstance(item, AbstractContainer) for item in value):
        return sorted(_plain(item) for item in value)
    if isinstance(value, h5py.Dataset) or hasattr(value, "shape"):
        return np.asarray(value[:] if value.shape else value[()])
    return list(value) if isinstance(value, tuple) else value
