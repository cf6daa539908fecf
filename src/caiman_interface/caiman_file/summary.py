"""What a CaImAn file holds, as plain values: the facts that `caiman-interface inspect` shows."""

from __future__ import annotations

from itertools import takewhile
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from . import CaimanResults, Components
from .components import DFF_TRACES, FITS, METRICS, STORED_TRACES
from .encoding import is_absent, is_sparse
from .parameters import is_cut_file_name

_FRAME_SHAPE_PLACES = ("dims", "estimates/dims", "params/data/dims")

# What CaImAn assumes when it is told nothing.
_DEFAULT_RATE = 30.0
_DEFAULT_PIXEL_SIZE = (1.0, 1.0)

_WHOLE_FILE_NAMES_FROM = (1, 8)


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class ArrayFacts(_Facts):
    """The outline of one array."""

    shape: tuple[int, ...] = Field(description="Traces: (frames, components). Images: the frame's shape.")
    dtype: str = Field(description="numpy's name of the type in the file.")


class MetricFacts(ArrayFacts):
    """The outline of one value a component; the range leaves out values that are not finite."""

    lowest: float | None = Field(description="Smallest value; null where there is none.")
    median: float | None = Field(description="Median; null where there is none.")
    highest: float | None = Field(description="Largest value; null where there is none.")


class ComponentFacts(_Facts):
    """How many components there are, and what became of them."""

    count: int = Field(description="Components in the file, without those set aside.")
    verdict: Literal["evaluated", "selected", "not evaluated"] = Field(
        description="'selected': `select_components` removed the rejected ones, so all that remain were accepted."
    )
    accepted: int = Field(description="Components that CaImAn accepted.")
    rejected: int = Field(description="Components that CaImAn rejected.")
    not_evaluated: int = Field(description="Components on which CaImAn did not decide.")
    discarded: int = Field(description="Components that `select_components` set aside in the same file.")


class BackgroundFacts(_Facts):
    """How CaImAn modelled the background."""

    components: int = Field(description="Background components (b and f); 0 where there are none.")
    trace: ArrayFacts | None = Field(description="Outline of the background's traces, (frames, components).")
    ring_model: bool = Field(description="Whether the one-photon ring model (W) stands in the file.")


class Note(_Facts):
    """Something about the file that its reader should know."""

    code: str = Field(description="Stable name of this kind of note.")
    message: str = Field(description="The same for people.")


class FileSummary(_Facts):
    """What one CaImAn file holds. The keys are stable; a value that the file does not state is null."""

    file: str = Field(description="Path of the file, as it was given.")
    method: Literal["CNMF", "CNMF-E", "OnACID"] = Field(description="The analysis.")
    modality: Literal["one-photon", "two-photon"] = Field(description="What the analysis was set up for.")
    caiman_version: str | None = Field(description="Release of CaImAn; null before about 1.6.")
    frame_shape: tuple[int, ...] = Field(description="Rows, columns and, in a volume, planes.")
    pixel_size: tuple[float, ...] | None = Field(
        description="Micrometres per pixel in x (its width), y (its height) and, if stated, z (dxy)."
    )
    num_frames: int | None = Field(description="Number of frames.")
    sampling_frequency: float | None = Field(description="Frames per second (fr).")
    duration: float | None = Field(description="Seconds; null where the rate or the frames are not known.")
    movie_files: tuple[str, ...] = Field(description="The movies, as CaImAn was given them.")
    components: ComponentFacts
    traces: dict[str, ArrayFacts] = Field(description="Of raw, dff, denoised, deconvolved: those in the file.")
    images: dict[str, ArrayFacts] = Field(
        description="Of correlation, mean (the background: the sum of b), noise, baseline: those in the file."
    )
    metrics: dict[str, MetricFacts] = Field(description="Of snr, r_values, cnn_preds, eccentricity: those in the file.")
    fits: dict[str, ArrayFacts] = Field(description="Of the deconvolution's fits: those in the file.")
    background: BackgroundFacts
    missing: tuple[str, ...] = Field(description="What CaImAn can compute or save, and this file does not hold.")
    notes: tuple[Note, ...] = Field(description="What is odd.")


def describe_file(results: CaimanResults) -> FileSummary:
    """Say what a CaImAn file holds, without reading any trace or footprint of a component.

    Parameters
    ----------
    results : CaimanResults
        The open file.

    Returns
    -------
    FileSummary
        Frozen; ``.model_dump(mode="json")`` gives plain values.

    Raises
    ------
    CaimanFileError
        If a part of the file contradicts another.

    Examples
    --------
    >>> from caiman_interface import CaimanResults
    >>> with CaimanResults.open("tests/data/sim2p_full.hdf5") as results:
    ...     summary = describe_file(results)
    >>> summary.method, summary.components.accepted, summary.traces["dff"].shape
    ('CNMF', 7, (600, 13))
    """
    components, data = results.components, results.parameters.data
    rate, num_frames = results.sampling_frequency, results.num_frames
    with h5py.File(results.file_path, "r") as file:
        background = _background(results, file)
        notes = (*_notes(results), *_stored_notes(results, file))
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
        pixel_size=data.dxy,
        num_frames=num_frames,
        sampling_frequency=rate,
        duration=None if rate is None or num_frames is None else num_frames / rate,
        movie_files=data.fnames,
        components=_component_facts(results),
        background=background,
        missing=_missing(results, facts),
        notes=notes,
        **facts,
    )


def _component_facts(results: CaimanResults) -> ComponentFacts:
    components = results.components
    acceptance = components.acceptance
    judged = acceptance.verdict != "not evaluated"
    accepted = len(acceptance.accepted) if judged else 0
    rejected = len(acceptance.rejected)
    return ComponentFacts(
        count=components.count,
        verdict=acceptance.verdict,
        accepted=accepted,
        rejected=rejected,
        not_evaluated=components.count - accepted - rejected,
        discarded=0 if results.discarded is None else results.discarded.count,
    )


def _background(results: CaimanResults, file: h5py.File) -> BackgroundFacts:
    trace = results.background_trace
    footprints = results.background_footprints
    return BackgroundFacts(
        components=0 if footprints is None else len(footprints),
        trace=None if trace is None else _outline(trace),
        ring_model=is_sparse(file.get("estimates/W")),
    )


def _outline(values: Any) -> ArrayFacts:
    return ArrayFacts(shape=values.shape, dtype=str(values.dtype))


def _range(values: NDArray[Any]) -> MetricFacts:
    finite = values[np.isfinite(values)]
    lowest, median, highest = (
        (float(finite.min()), float(np.median(finite)), float(finite.max())) if finite.size else (None, None, None)
    )
    return MetricFacts(shape=values.shape, dtype=str(values.dtype), lowest=lowest, median=median, highest=highest)


def _missing(results: CaimanResults, facts: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Name what is not there, by the key under which the summary would have it."""
    expected = {
        "traces": ("raw", "dff", "denoised", "deconvolved"),
        "images": ("correlation",),
        "metrics": ("snr", "r_values", "cnn_preds"),
    }
    # The one-photon model takes the baseline away, so that it has no ΔF/F; the CNN knows 2D two-photon cells only.
    undefined = {"traces.dff", "metrics.cnn_preds"} if results.is_one_photon else set()
    if results.is_volumetric:
        undefined.add("metrics.cnn_preds")
    stated = {
        "caiman_version": results.caiman_version,
        "pixel_size": results.parameters.data.dxy,
        "sampling_frequency": results.sampling_frequency,
        "num_frames": results.num_frames,
        "movie_files": results.parameters.data.fnames or None,
    }
    return (
        *(name for name, value in stated.items() if value is None),
        *(
            f"{kind}.{name}"
            for kind, names in expected.items()
            for name in names
            if name not in facts[kind] and f"{kind}.{name}" not in undefined
        ),
    )


def _notes(results: CaimanResults) -> tuple[Note, ...]:
    """Note what the values say."""
    facts, data = _component_facts(results), results.parameters.data
    notes = {
        "no-components": "There are no components." if facts.count == 0 else None,
        "not-evaluated": (
            "CaImAn did not evaluate the components: none is accepted or rejected."
            if facts.count and facts.verdict == "not evaluated"
            else None
        ),
        "partly-evaluated": (
            f"{facts.not_evaluated} of {facts.count} components are neither accepted nor rejected."
            if facts.verdict == "evaluated" and facts.not_evaluated
            else None
        ),
        "selected": (
            "select_components left the accepted components only"
            + (f"; the {facts.discarded} others are set aside in the file." if facts.discarded else ".")
            if facts.verdict == "selected"
            else None
        ),
        "default-rate": (
            "The rate is 30 frames per second, which CaImAn assumes when it is told none: make sure that it is right."
            if results.sampling_frequency == _DEFAULT_RATE
            else None
        ),
        "default-pixel-size": (
            "The pixel size is 1 × 1 µm, which CaImAn assumes when it is told none: make sure that it is right."
            if data.dxy == _DEFAULT_PIXEL_SIZE
            else None
        ),
        "cut-file-names": _cut_file_names(results),
    }
    return tuple(Note(code=code, message=message) for code, message in notes.items() if message is not None)


def _cut_file_names(results: CaimanResults) -> str | None:
    version = results.caiman_version
    if version is not None and _release(version) >= _WHOLE_FILE_NAMES_FROM:
        return None
    cut = [name for name in results.parameters.data.fnames if is_cut_file_name(name)]
    return f"CaImAn before 1.8 cut names of files to 32 bytes: {', '.join(cut)} may be incomplete." if cut else None


def _release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, (1, 9, 10) for '1.9.10rc1'."""
    parts = ("".join(takewhile(str.isdigit, part)) for part in version.split("."))
    return tuple(int(part) for part in takewhile(bool, parts))


def _stored_notes(results: CaimanResults, file: h5py.File) -> tuple[Note, ...]:
    """Note what stands in the file and is passed over."""
    stated = {place: file.get(place) for place in _FRAME_SHAPE_PLACES}
    present = {place: tuple(node[()].tolist()) for place, node in stated.items() if not is_absent(node, ndim=1)}
    absent = [place for place in _FRAME_SHAPE_PLACES if place not in present]
    unfit = {place: shape for place, shape in present.items() if shape != results.frame_shape}
    stale = _stale(results.components, file)
    notes = {
        "frame-shape-absent": (
            f"The frame shape stands in {' and '.join(present)}, not in {' and '.join(absent)}." if absent else None
        ),
        "frame-shape-unfit": (
            "Passed over, since it does not fit the footprints: "
            + ", ".join(f"{place} = {shape}" for place, shape in unfit.items())
            + "."
            if unfit
            else None
        ),
        "stale-values": (
            f"Passed over, since they do not cover the {results.components.count} components: "
            + ", ".join(f"{name} ({count})" for name, count in stale.items())
            + "."
            if stale
            else None
        ),
    }
    return tuple(Note(code=code, message=message) for code, message in notes.items() if message is not None)


def _stale(components: Components, file: h5py.File) -> dict[str, int]:
    """Return the values a component that CaImAn kept for other components, with how many they cover."""
    names = (*METRICS.values(), *FITS.values(), STORED_TRACES["dff"], *DFF_TRACES.values())
    nodes = {name: file.get(f"estimates/{name}") for name in names}
    lengths = {
        name: int(node.shape[0])
        for name, node in nodes.items()
        if isinstance(node, h5py.Dataset) and not is_absent(node, ndim=1) and node.size
    }
    return {name: length for name, length in lengths.items() if length != components.count}
