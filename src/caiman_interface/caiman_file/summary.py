"""What a CaImAn file contains, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from .analysis import Method
from .file_names import is_cut_file_name
from .frame import FRAME_SHAPE_PLACES

if TYPE_CHECKING:
    from .results import CaimanResults

# CaImAn's defaults.
DEFAULT_RATE = 30.0
DEFAULT_PIXEL_SIZE = (1.0, 1.0)


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class ArrayFacts(_Facts):
    """The outline of one array."""

    shape: tuple[int, ...] = Field(description="Traces: (frames, components). Images: the frame's shape.")
    dtype: str = Field(description="numpy's name of the type in the file.")


class MetricFacts(ArrayFacts):
    """The outline of one value per component; the range ignores values that are not finite."""

    lowest: float | None = Field(description="Smallest value; null if there is none.")
    median: float | None = Field(description="Median; null if there is none.")
    highest: float | None = Field(description="Largest value; null if there is none.")


class ComponentFacts(_Facts):
    """How many components there are, and the result of their evaluation."""

    count: int = Field(description="Components in the file, without the discarded ones.")
    verdict: Literal["evaluated", "selected", "not evaluated"] = Field(
        description="'selected': `select_components` kept those that were chosen, by CaImAn's evaluation or by hand."
    )
    accepted: int = Field(description="Components that CaImAn accepted.")
    rejected: int = Field(description="Components that CaImAn rejected.")
    not_evaluated: int = Field(description="Components on which CaImAn did not decide.")
    discarded: int = Field(description="Components that `select_components` removed and kept in the file.")
    manually_accepted: int | None = Field(description="Components accepted by hand in CaImAn's viewer; null: no list.")
    manually_rejected: int | None = Field(description="Components rejected by hand in CaImAn's viewer; null: no list.")

    @property
    def is_evaluated(self) -> bool:
        """Whether CaImAn evaluated the components or the user selected them."""
        return self.verdict != "not evaluated"


class BackgroundFacts(_Facts):
    """How CaImAn modelled the background."""

    components: int = Field(description="Background components (b and f); 0 if there are none.")
    trace: ArrayFacts | None = Field(description="Outline of the traces of the background, (frames, components).")
    ring_model: bool = Field(description="Whether the file contains the one-photon ring model (W).")


class Note(_Facts):
    """A note on the values of a file."""

    code: str = Field(description="Stable name of the kind of note.")
    message: str = Field(description="The same in words.")


class LeftOutField(_Facts):
    """A field of the file that cannot be used."""

    field: str = Field(description="Path of the field in the file.")
    reason: str = Field(description="Why it cannot be used.")


class FileSummary(_Facts):
    """What one CaImAn file contains. The keys are stable; a value that the file does not specify is null."""

    file: str = Field(description="Path of the file, as given.")
    method: Method = Field(description="The analysis.")
    modality: Literal["one-photon", "two-photon"] = Field(description="What the analysis was set up for.")
    caiman_version: str | None = Field(description="Release of CaImAn; null before about 1.6.")
    frame_shape: tuple[int, ...] = Field(description="Rows, columns and, in a volume, planes.")
    pixel_size: tuple[float, ...] | None = Field(
        description="Micrometres per pixel in x (its width), y (its height) and, if specified, z (dxy)."
    )
    num_frames: int | None = Field(description="Number of frames.")
    sampling_frequency: float | None = Field(description="Frames per second (fr).")
    duration: float | None = Field(description="Seconds; null if the rate or the number of frames is unknown.")
    movie_files: tuple[str, ...] = Field(description="The movies, as given to CaImAn.")
    components: ComponentFacts
    traces: dict[str, ArrayFacts] = Field(description="Those of raw, dff, denoised, deconvolved that are in the file.")
    images: dict[str, ArrayFacts] = Field(
        description="Those of correlation, peak_to_noise, mean (the sum of b), noise, baseline that are in the file."
    )
    metrics: dict[str, MetricFacts] = Field(
        description="Those of snr, r_values, cnn_preds, eccentricity that are in the file."
    )
    fits: dict[str, ArrayFacts] = Field(description="The fits of the deconvolution in the file.")
    background: BackgroundFacts
    missing: tuple[str, ...] = Field(description="What CaImAn can compute, and this file does not contain.")
    left_out: tuple[LeftOutField, ...] = Field(description="Fields of the file that cannot be used.")
    warnings: tuple[str, ...] = Field(description="What is suspicious about the values that are used.")
    notes: tuple[Note, ...] = Field(description="Notes on the values, such as defaults and unevaluated components.")


def describe_file(results: CaimanResults) -> FileSummary:
    """Return what a CaImAn file contains; see `CaimanResults.summary`.

    No trace is read.

    Examples
    --------
    >>> from caiman_interface import CaimanResults
    >>> with CaimanResults("tests/data/sim2p_full.hdf5") as results:
    ...     summary = results.summary()
    >>> summary.method, summary.components.accepted, summary.traces["dff"].shape
    ('CNMF', 7, (600, 13))
    """
    components = results.components
    rate, num_frames = results.sampling_frequency, results.num_frames
    facts: dict[str, dict[str, Any]] = {
        "traces": {name: _outline(trace) for name, trace in components.traces.items()},
        "images": {name: _outline(image) for name, image in results.images.items()},
        "metrics": {name: _range(values) for name, values in components.metrics.items()},
        "fits": {name: _outline(values) for name, values in components.fits.items()},
    }
    return FileSummary(
        file=str(results.file_path),
        method=results.method,
        modality="one-photon" if results.is_one_photon else "two-photon",
        caiman_version=results.caiman_version,
        frame_shape=results.frame_shape,
        pixel_size=results.pixel_size,
        num_frames=num_frames,
        sampling_frequency=rate,
        duration=None if rate is None or num_frames is None else num_frames / rate,
        movie_files=results.parameters.data.fnames,
        components=_component_facts(results),
        background=_background(results),
        missing=_not_computed(results, facts),
        left_out=tuple(LeftOutField(field=one.field, reason=one.reason) for one in results.omissions),
        warnings=results.warnings,
        notes=_notes(results),
        **facts,
    )


def _component_facts(results: CaimanResults) -> ComponentFacts:
    components = results.components
    acceptance = components.acceptance
    accepted = len(acceptance.accepted) if acceptance.is_evaluated else 0
    rejected = len(acceptance.rejected)
    picked = {name: int(np.count_nonzero(values)) for name, values in components.hand_picked.items()}
    return ComponentFacts(
        count=components.count,
        verdict=acceptance.verdict,
        accepted=accepted,
        rejected=rejected,
        not_evaluated=components.count - accepted - rejected,
        discarded=0 if results.discarded is None else results.discarded.count,
        manually_accepted=picked.get("manually_accepted"),
        manually_rejected=picked.get("manually_rejected"),
    )


def _background(results: CaimanResults) -> BackgroundFacts:
    trace = results.background_trace
    footprints = results.background_footprints
    return BackgroundFacts(
        components=0 if footprints is None else len(footprints),
        trace=None if trace is None else _outline(trace),
        ring_model=results.has_ring_model,
    )


def _outline(values: Any) -> ArrayFacts:
    return ArrayFacts(shape=values.shape, dtype=str(values.dtype))


def _range(values: NDArray[Any]) -> MetricFacts:
    finite = np.sort(values[np.isfinite(values)], axis=None)
    lowest = median = highest = None
    if finite.size:
        lowest, highest = float(finite[0]), float(finite[-1])
        # np.median imports numpy.ma, which takes longer than everything else here.
        median = float((finite[(finite.size - 1) // 2] + finite[finite.size // 2]) / 2)
    return MetricFacts(shape=values.shape, dtype=str(values.dtype), lowest=lowest, median=median, highest=highest)


def _not_computed(results: CaimanResults, facts: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Return the names of what is absent, as keys of the summary."""
    expected = {
        "traces": ("raw", "dff", "denoised", "deconvolved"),
        "images": ("correlation",),
        "metrics": ("snr", "r_values", "cnn_preds"),
    }
    # The one-photon model removes the baseline, so that it has no ΔF/F; the CNN was trained on 2D two-photon data only.
    undefined = {"traces.dff", "metrics.cnn_preds"} if results.is_one_photon else set()
    if results.is_volumetric:
        undefined.add("metrics.cnn_preds")
    specified = {
        "caiman_version": results.caiman_version,
        "pixel_size": results.pixel_size,
        "sampling_frequency": results.sampling_frequency,
        "num_frames": results.num_frames,
        "movie_files": results.parameters.data.fnames or None,
    }
    return (
        *(name for name, value in specified.items() if value is None),
        *(
            f"{kind}.{name}"
            for kind, names in expected.items()
            for name in names
            if name not in facts[kind] and f"{kind}.{name}" not in undefined
        ),
    )


def _notes(results: CaimanResults) -> tuple[Note, ...]:
    """Return the notes on the values."""
    facts = _component_facts(results)
    notes = {
        **_component_notes(facts),
        "first-batch-only": (
            "OnACID did not finish: the footprints and traces are those of its first batch of frames."
            if results.is_first_batch_only
            else None
        ),
        "default-rate": (
            "The rate is 30 frames per second, CaImAn's default: make sure that it is right."
            if results.sampling_frequency == DEFAULT_RATE
            else None
        ),
        "default-pixel-size": (
            "The pixel size is 1 × 1 µm, CaImAn's default: make sure that it is right."
            if results.parameters.data.dxy == DEFAULT_PIXEL_SIZE
            else None
        ),
        "cut-file-names": _cut_file_names(results),
        "frame-shape-absent": _absent_frame_shapes(results),
    }
    return tuple(Note(code=code, message=message) for code, message in notes.items() if message is not None)


def _component_notes(facts: ComponentFacts) -> dict[str, str | None]:
    return {
        "no-components": "There are no components." if facts.count == 0 else None,
        "not-evaluated": (
            "CaImAn did not evaluate the components: none is accepted or rejected."
            if facts.count and not facts.is_evaluated
            else None
        ),
        "partly-evaluated": (
            f"{facts.not_evaluated} of {facts.count} components are neither accepted nor rejected."
            if facts.verdict == "evaluated" and facts.not_evaluated
            else None
        ),
        "selected": (
            "CaImAn's select_components kept these components, which its evaluation or the user had chosen"
            + (f"; the {facts.discarded} others are in the file as discarded components." if facts.discarded else ".")
            if facts.verdict == "selected"
            else None
        ),
    }


def _cut_file_names(results: CaimanResults) -> str | None:
    cut = [name for name in results.parameters.data.fnames if is_cut_file_name(name)]
    return f"CaImAn cuts some file names to 32 bytes: {', '.join(cut)} may be incomplete." if cut else None


def _absent_frame_shapes(results: CaimanResults) -> str | None:
    omitted = {omission.field for omission in results.omissions}
    absent = [one for one in FRAME_SHAPE_PLACES if one not in results.frame_shape_places and one not in omitted]
    if not absent or not results.frame_shape_places:
        return None
    return f"The frame shape is in {' and '.join(results.frame_shape_places)}, not in {' and '.join(absent)}."
