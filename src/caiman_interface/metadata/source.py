"""The arguments of the interface's constructor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, FilePath, model_validator

from .checked import CheckedModel, OptionalNumber


class CaimanSourceData(CheckedModel):
    """Where the CaImAn results are, when the frames were taken, and under which key the metadata describes them."""

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
    sampling_frequency: OptionalNumber = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        title="Sampling frequency (Hz)",
        description="Frames (or volumes) per second, for a file without a rate or with a wrong one; CaImAn's "
        "default is 30 Hz. By default the file's own rate (fr).",
        examples=[15.0],
    )
    timestamps_path: str | None = Field(
        default=None,
        title="Timestamps",
        description="File with the time of each frame in seconds, in place of a sampling frequency: .npy; .csv or .txt "
        "with one time per line; or a dataset in HDF5, as 'file.h5::dataset'.",
        examples=["sessions/mouse1_day2_times.npy", "sessions/mouse1_day2.h5::frame_times"],
    )

    summary_images: dict[Literal["mean", "max", "correlation"], str] | None = Field(
        default=None,
        title="Summary images",
        description="Images of the movie that the CaImAn file does not contain: a .npy file of the shape of the frame "
        "per kind (mean, max, correlation), such as the projections of mesmerize-core.",
        examples=[{"mean": "sessions/mouse1_day2_mean.npy", "max": "sessions/mouse1_day2_max.npy"}],
    )

    @classmethod
    def of(cls, **arguments: Any) -> CaimanSourceData:
        """Return the checked arguments, in which paths may be `Path` objects."""
        return cls.model_validate({name: _with_text_paths(value) for name, value in arguments.items()})

    @model_validator(mode="after")
    def _one_source_of_times(self) -> CaimanSourceData:
        if self.sampling_frequency is not None and self.timestamps_path:
            message = "sampling_frequency and timestamps_path exclude each other: expected one of the two"
            raise ValueError(message)
        return self


def _with_text_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_text_paths(item) for name, item in value.items()}
    return str(value) if isinstance(value, Path) else value
