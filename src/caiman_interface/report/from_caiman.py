"""The results in a CaImAn file, as a report takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import CaimanResults, Components, PixelTable
from caiman_interface.caiman_file.file_names import published_name

from .data import IMAGES, Analysis, Discarded


@contextmanager
def open_caiman(file_path: Path) -> Iterator[Analysis]:
    """Open a CaImAn file; its traces can be read within the context.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CaimanFileError
        If it is not what CaImAn writes.
    """
    with CaimanResults.open(file_path) as results:
        yield analysis_of(results)


def analysis_of(results: CaimanResults) -> Analysis:
    """Return the results in an open CaImAn file."""
    components = results.components
    acceptance = components.acceptance
    evaluated = acceptance.verdict != "not evaluated"
    discarded = results.discarded
    return Analysis(
        name=results.file_path.name,
        method=results.method,
        is_one_photon=results.is_one_photon,
        evaluation=acceptance.verdict,
        frame_shape=results.frame_shape,
        num_frames=results.num_frames,
        sampling_frequency=results.sampling_frequency,
        ids=np.arange(components.count),
        accepted=acceptance.mask(components.count) if evaluated else None,
        metrics=_metrics(components),
        pixels=_pixels(components),
        images={name: image for name, image in results.images.items() if name in IMAGES},
        raw=components.traces.get("raw"),
        denoised=components.traces.get("denoised"),
        parameters=_parameters(results),
        discarded=None if discarded is None else Discarded(_pixels(discarded), _metrics(discarded)),
    )


def _pixels(components: Components) -> PixelTable:
    """Return the footprints with the weights that an NWB file can hold, so that both give the same picture."""
    pixels = components.footprints.pixels()
    return replace(pixels, weights=pixels.weights.astype(np.float32))


def _metrics(components: Components) -> dict[str, NDArray[Any]]:
    return {name: values for name, values in components.metrics.items() if name != "eccentricity"}


def _parameters(results: CaimanResults) -> dict[str, dict[str, Any]]:
    stored = results.parameters.stored
    return {group: {name: _plain(value) for name, value in parameters.items()} for group, parameters in stored.items()}


def _plain(value: Any) -> Any:
    """Turn a parameter into plain Python, without local folders: a report is shown to others."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [published_name(item, maybe_cut=True) if isinstance(item, str) else item for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return published_name(value) if isinstance(value, str) else value
