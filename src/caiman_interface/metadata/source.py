"""The arguments of the interface's constructor."""

from __future__ import annotations

from pydantic import ConfigDict, Field, FilePath

from .checked import CheckedModel


class CaimanSourceData(CheckedModel):
    """Where the CaImAn results are, and the key under which the metadata describes them."""

    model_config = ConfigDict(title="CaImAn source data")

    file_path: FilePath = Field(
        title="CaImAn file",
        description="The HDF5 file that CaImAn saved with `cnmf.save(...)` or `OnACID.save(...)`.",
        examples=["sessions/mouse1_day2.hdf5"],
    )
    verbose: bool = Field(default=False, title="Verbose", description="Whether to print progress.")
    metadata_key: str | None = Field(
        default=None,
        min_length=1,
        title="Metadata key",
        description="The key under which metadata['Ophys'] describes this file. Give each of several CaImAn files in "
        "one NWB file its own, such as 'plane0'; the names in the NWB file are derived from it. "
        "By default 'caiman_segmentation'.",
        examples=["plane0"],
    )
