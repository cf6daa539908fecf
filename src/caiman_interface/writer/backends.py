"""The formats of NWB files."""

from __future__ import annotations

from typing import Literal

Backend = Literal["hdf5", "zarr"]

SUFFIX_OF: dict[Backend, str] = {"hdf5": ".nwb", "zarr": ".nwb.zarr"}
