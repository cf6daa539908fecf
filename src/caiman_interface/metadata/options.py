"""The conversion options."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveInt, WithJsonSchema, model_validator

from .checked import CheckedModel, ListOf

_DEFAULT_STUB_SAMPLES = 100
# The options for forms; programs can use the others of NeuroConv too.
_ITERATOR_OPTIONS = {
    "type": "object",
    "properties": {
        "buffer_gb": {
            "type": "number",
            "exclusiveMinimum": 0,
            "title": "Buffer (GB)",
            "description": "Size of the part of a trace that is in memory at a time, in gigabytes.",
            "examples": [0.1],
        },
        "display_progress": {
            "type": "boolean",
            "default": False,
            "title": "Progress bars",
            "description": "Whether to show a progress bar for each trace.",
        },
    },
    "additionalProperties": True,
}


class CaimanConversionOptions(CheckedModel):
    """Which results to write, and in which form.

    All options of NeuroConv's own CaImAn interface are here with the same meaning.
    """

    model_config = ConfigDict(title="CaImAn conversion options")

    stub_test: bool = Field(
        default=False, title="Short test", description="Write only the first frames, to try a conversion out."
    )
    stub_samples: PositiveInt = Field(
        default=_DEFAULT_STUB_SAMPLES,
        title="Frames of a short test",
        description="Number of frames that a short test writes.",
    )
    stub_frames: PositiveInt | None = Field(
        default=None,
        title="Frames of a short test (old name)",
        description="What NeuroConv 0.9 and older called stub_samples.",
        examples=[100],
        json_schema_extra={"deprecated": True},
    )
    accepted_only: bool = Field(
        default=False,
        title="Accepted components only",
        description="Write only the accepted components: their rows, masks, traces and metrics. Without an "
        "evaluation, all count as accepted.",
    )
    accepted_by: Literal["auto", "manual", "both"] = Field(
        default="auto",
        title="Accepted by",
        description="The decision that accepted_only uses: 'auto' is CaImAn's evaluation, 'manual' the components "
        "accepted by hand in CaImAn's viewer, 'both' the evaluation as corrected by hand.",
    )
    roi_ids_to_add: ListOf[int | str] | None = Field(
        default=None,
        min_length=1,
        title="ROIs to write",
        description="The ids of the ROIs to write, in this order; all by default. An id is CaImAn's index of the "
        "component. Background components ('background0', ...) can be listed too; if none is, all are written.",
        examples=[[0, 5, 7]],
    )
    mask_type: Literal["image", "pixel", "voxel"] | None = Field(
        default=None,
        title="Form of the masks",
        description="'pixel' (or 'voxel' for a volume) lists the pixels of each footprint; 'image' writes a whole "
        "image for each, which takes far more space. By default 'pixel', or 'voxel' for a volume.",
    )
    plane_segmentation_name: str | None = Field(
        default=None,
        min_length=1,
        title="Name of the table of ROIs",
        description="Name of the PlaneSegmentation to write, in place of the one in the metadata. Where it alone "
        "distinguishes several CaImAn files, the other names are derived from it.",
        examples=["PlaneSegmentation"],
    )
    include_background_segmentation: bool = Field(
        default=True,
        title="Background",
        description="Whether to write the background components (b, f) as a separate table with their traces.",
    )
    include_discarded_components: bool = Field(
        default=True,
        title="Discarded components",
        description="Whether to write the components that select_components removed as a separate table. They "
        "are left out when ROIs are chosen with accepted_only or roi_ids_to_add.",
    )
    include_roi_centroids: bool = Field(
        default=True, title="Centroids", description="Whether to write the weighted centre of each footprint."
    )
    include_roi_acceptance: bool | None = Field(
        default=None,
        title="Acceptance",
        description="Whether to write which components were accepted; written unless this is false.",
    )
    include_ring_model: bool | None = Field(
        default=None,
        title="Ring model",
        description="Whether to write the ring model W of one-photon analysis as a sparse table. By default it is "
        "written if it takes less than a tenth of the file.",
    )
    include_residual_correction: bool = Field(
        default=True,
        title="Exact residual and weights",
        description="Whether to write the corrections of rounding that make CaImAn's residual (YrA), which is the raw "
        "trace minus the denoised one, and the weights of sparse masks exact, bit for bit.",
    )
    iterator_options: Annotated[dict[str, Any], WithJsonSchema(_ITERATOR_OPTIONS)] | None = Field(
        default=None,
        title="Iterator options",
        description="Options of NeuroConv's SliceableDataChunkIterator, such as buffer_gb or display_progress.",
    )

    @model_validator(mode="after")
    def _one_number_of_stub_samples(self) -> CaimanConversionOptions:
        if self.stub_frames is not None and self.stub_samples != _DEFAULT_STUB_SAMPLES:
            message = "stub_frames is the old name of stub_samples: expected one of the two"
            raise ValueError(message)
        return self

    @property
    def num_stub_samples(self) -> int:
        """Number of frames that a short test writes, under either name."""
        return self.stub_frames or self.stub_samples
