"""The metadata of one analysis, in NeuroConv's dictionary-based format."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from caiman_interface.text import near_matches

from .checked import CheckedModel, EmptyIsNone, ListOf, OptionalNumber, unknown_key_error


def _positive_or_unknown(value: float) -> float:
    """Accept a positive length, or NaN, which means "unknown" in NWB files."""
    if math.isnan(value) or 0 < value < math.inf:
        return value
    message = "expected a positive number of nanometres, or NaN if it is unknown"
    raise ValueError(message)


def _no_slash(value: str) -> str:
    """Accept what HDF5 and Zarr accept as a name."""
    if "/" in value or ":" in value or not value:
        message = "expected a name of at least one character, without '/' and ':'"
        raise ValueError(message)
    return value


Name = Annotated[str, AfterValidator(_no_slash), Field(json_schema_extra={"pattern": "^[^/:]+$"})]
Nanometres = Annotated[float, AfterValidator(_positive_or_unknown), Field(json_schema_extra={"exclusiveMinimum": 0})]

# The tables of NWB GUIDE send the numbers of a list as text, as NeuroConv's own schema, which sets no type, allows.
_NUMBER_OR_TEXT = {"pattern": r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"}
_LENGTH = Annotated[float, Field(gt=0, allow_inf_nan=False), WithJsonSchema({**_NUMBER_OR_TEXT, "exclusiveMinimum": 0})]
_COORDINATE = Annotated[float, Field(allow_inf_nan=False), WithJsonSchema(_NUMBER_OR_TEXT)]
Lengths = Annotated[ListOf[_LENGTH], Field(min_length=2, max_length=3)]
Coordinates = Annotated[ListOf[_COORDINATE], Field(min_length=2, max_length=3)]


# An entry may be partial: missing fields are taken from the CaImAn file.


class OpticalChannelEntry(CheckedModel):
    """A channel of the microscope in which light was recorded."""

    model_config = ConfigDict(title="Optical channel")

    name: Name | None = Field(default=None, title="Name", description="Name of the channel.", examples=["Green"])
    description: str | None = Field(
        default=None, title="Description", description="What the channel shows.", examples=["GCaMP emission"]
    )
    emission_lambda: Nanometres | None = Field(
        default=None,
        title="Emission wavelength (nm)",
        description="Emission wavelength in nanometres.",
        examples=[510.0],
    )


class ImagingPlaneEntry(CheckedModel):
    """The plane or volume that was imaged."""

    model_config = ConfigDict(title="Imaging plane")

    name: Name | None = Field(
        default=None, title="Name", description="Name of the imaging plane in the NWB file.", examples=["ImagingPlane"]
    )
    description: str | None = Field(
        default=None, title="Description", description="What was imaged, and how.", examples=["Layer 2/3 of V1"]
    )
    excitation_lambda: Nanometres | None = Field(
        default=None,
        title="Excitation wavelength (nm)",
        description="Excitation wavelength in nanometres.",
        examples=[920.0],
    )
    indicator: str | None = Field(
        default=None, title="Indicator", description="The calcium indicator.", examples=["GCaMP6s"]
    )
    location: str | None = Field(
        default=None, title="Location", description="Area of the brain, as an atlas names it.", examples=["VISp2/3"]
    )
    imaging_rate: OptionalNumber = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        title="Imaging rate (Hz)",
        description="Frames (or volumes) per second.",
        examples=[30.0],
    )
    grid_spacing: Annotated[Lengths | None, EmptyIsNone] = Field(
        default=None,
        title="Grid spacing",
        description="Distance between pixels in x, y (and z), in the unit of grid_spacing_unit.",
        examples=[[1.2e-6, 1.5e-6]],
    )
    grid_spacing_unit: str | None = Field(
        default=None, title="Unit of the grid spacing", description="Unit of grid_spacing.", examples=["meters"]
    )
    origin_coords: Annotated[Coordinates | None, EmptyIsNone] = Field(
        default=None,
        title="Origin",
        description="Position of the first pixel in x, y (and z), in the unit of origin_coords_unit.",
        examples=[[0.0, 0.0, 100e-6]],
    )
    origin_coords_unit: str | None = Field(
        default=None, title="Unit of the origin", description="Unit of origin_coords.", examples=["meters"]
    )
    reference_frame: str | None = Field(
        default=None,
        title="Reference frame",
        description="Where the origin is and where the axes point.",
        examples=["bregma, x to the right, y to the front, z downwards"],
    )
    optical_channel: list[OpticalChannelEntry] | None = Field(
        default=None, title="Optical channels", description="The channels in which light was recorded."
    )
    device_metadata_key: str | None = Field(
        default=None,
        title="Device key",
        description="Key of this plane's microscope in metadata['Devices'].",
        examples=["microscope"],
    )


class PlaneSegmentationEntry(CheckedModel):
    """A table of ROIs."""

    model_config = ConfigDict(title="Table of ROIs")

    name: Name | None = Field(
        default=None, title="Name", description="Name of the table in the NWB file.", examples=["PlaneSegmentation"]
    )
    description: str | None = Field(
        default=None,
        title="Description",
        description="How the ROIs were found.",
        examples=["Cells found by CaImAn and checked by hand"],
    )
    imaging_plane_metadata_key: str | None = Field(
        default=None,
        title="Imaging plane key",
        description="Key of the imaging plane of these ROIs in metadata['Ophys']['ImagingPlanes'].",
        examples=["caiman_segmentation"],
    )


class RoiResponseEntry(CheckedModel):
    """One kind of trace."""

    model_config = ConfigDict(title="Trace")

    name: Name | None = Field(
        default=None, title="Name", description="Name of the series in the NWB file.", examples=["RoiResponseSeries"]
    )
    description: str | None = Field(
        default=None,
        title="Description",
        description="What the trace is.",
        examples=["Fluorescence of each cell before deconvolution"],
    )
    unit: str | None = Field(default=None, title="Unit", description="Unit of the values.", examples=["a.u."])
    comments: str | None = Field(
        default=None,
        title="Comments",
        description="Remarks on the trace.",
        examples=["The shutter was closed in the first 30 s"],
    )
    conversion: OptionalNumber = Field(
        default=None,
        allow_inf_nan=False,
        title="Conversion",
        description="Factor by which the values are multiplied to get the unit.",
        examples=[1.0, 0.01],
    )
    offset: OptionalNumber = Field(
        default=None,
        allow_inf_nan=False,
        title="Offset",
        description="Added to the values after that, in the unit.",
        examples=[0.0, -100.0],
    )
    resolution: OptionalNumber = Field(
        default=None,
        title="Resolution",
        description="Smallest difference between values, in the unit; -1 if it is unknown.",
        examples=[-1.0, 0.001],
    )


class SegmentationImageEntry(CheckedModel):
    """One image of the field of view."""

    model_config = ConfigDict(title="Image")

    name: Name | None = Field(
        default=None, title="Name", description="Name of the image in the NWB file.", examples=["correlation_image"]
    )
    description: str | None = Field(
        default=None,
        title="Description",
        description="What the image shows.",
        examples=["Correlation of each pixel with its neighbours"],
    )


class OphysMetadata(CheckedModel):
    """The part of ``metadata["Ophys"]`` that concerns one analysis."""

    model_config = ConfigDict(extra="ignore")

    ImagingPlanes: dict[str, ImagingPlaneEntry] = Field(default_factory=dict)
    PlaneSegmentations: dict[str, PlaneSegmentationEntry] = Field(default_factory=dict)
    RoiResponses: dict[str, dict[str, RoiResponseEntry | None]] = Field(default_factory=dict)
    SegmentationImages: dict[str, dict[str, SegmentationImageEntry | None]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _no_misspelt_block(cls, value: Any) -> Any:
        """Refuse a block with a name similar to one of ours: it would be ignored without a warning."""
        ours = list(cls.model_fields)
        misspelt = [
            unknown_key_error(name, block, ours)
            for name, block in (value.items() if isinstance(value, Mapping) else ())
            if name not in (*ours, *_BLOCKS_OF_OTHERS) and near_matches(name, ours, likeness=0.8)
        ]
        if misspelt:
            raise ValidationError.from_exception_data(cls.__name__, misspelt)
        return value


class CaimanMetadata(CheckedModel):
    """The part of the metadata that concerns one analysis; the rest belongs to other interfaces."""

    model_config = ConfigDict(extra="ignore", title="metadata")

    Ophys: OphysMetadata = Field(default_factory=OphysMetadata)


# Blocks of other interfaces and of the list-based format in ``Ophys``.
_BLOCKS_OF_OTHERS = (
    "MicroscopySeries",
    "Device",
    "ImagingPlane",
    "TwoPhotonSeries",
    "OnePhotonSeries",
    "ImageSegmentation",
    "Fluorescence",
    "DfOverF",
    "FiberPhotometry",
    "MotionCorrection",
)


def checked_metadata(metadata: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Check the entries of one analysis in dictionary-based metadata.

    Parameters
    ----------
    metadata : mapping
        The whole metadata, of all interfaces; it is not changed.
    keys : collection of str
        The keys of this analysis.

    Returns
    -------
    dict
        The metadata, with the values of these entries in the types of NWB: a wavelength of 920 becomes 920.0.

    Raises
    ------
    pydantic.ValidationError
        If an entry is wrong; each error has its path in the metadata.
    """
    found = metadata.get("Ophys")
    ophys = {} if found is None else found
    checked = CaimanMetadata.model_validate({"Ophys": _concerned(ophys, keys)}).Ophys.model_dump(exclude_unset=True)
    blocks = {name: {**ophys[name], **entries} for name, entries in checked.items()}
    return {**metadata, "Ophys": {**ophys, **blocks}}


def _concerned(ophys: Any, keys: Collection[str]) -> Any:
    """Return the entries with these keys and the planes to which they refer, without those of other interfaces."""
    if not isinstance(ophys, Mapping):
        return ophys
    segmentations = ophys.get("PlaneSegmentations")
    linked = [
        entry.get("imaging_plane_metadata_key")
        for key, entry in (segmentations.items() if isinstance(segmentations, Mapping) else ())
        if key in keys and isinstance(entry, Mapping)
    ]
    wanted = {"ImagingPlanes": {*keys, *linked}}
    return {
        name: {key: entry for key, entry in block.items() if key in wanted.get(name, keys)}
        if name in OphysMetadata.model_fields and isinstance(block, Mapping)
        else block
        for name, block in ophys.items()
    }
