"""What the interactive page carries: components, contours, images, footprints and traces, small enough to open fast."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contours import each_footprint, outlines
from .data import FOOTPRINT_IMAGE, IMAGES, ComponentSet, ReportData
from .reduction import Binning, CodedTraces, reduced_traces
from .static import contrast

PAGE_BYTES = 14_300_000
"""Largest size of a page, with a margin below 15 MB."""

LIBRARY_BYTES = 2_300_000
"""Size of Bokeh's scripts, the template and the styles in it."""

MOST_SAMPLES = 4000
_FEWEST_SAMPLES = 100
_IMAGE_BYTES = 2_000_000
_CROP_BYTES = 1_000_000
_CROP_SIDES = (128, 96, 64, 48, 32, 24, 16, 12)
_BASE64 = 4 / 3
_BYTES_PER_CODE = 2
_LARGEST_INT16 = 32_767
_CROP_OVERHEAD = 160
"""Bytes of the description of one small array in the page."""


@dataclass(frozen=True)
class Contours:
    """The outlines of all components in all planes, as whole numbers of `1 / scale` pixels.

    Attributes
    ----------
    x, y : array of int16
        The points of all lines.
    line_ends : array of int32
        Where each line ends in `x` and `y`.
    line_components, line_planes : array of int32
        To which component and plane each line belongs; rising by component.
    scale : float
        Units per pixel.
    """

    x: NDArray[np.int16]
    y: NDArray[np.int16]
    line_ends: NDArray[np.int32]
    line_components: NDArray[np.int32]
    line_planes: NDArray[np.int32]
    scale: float

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (self.x, self.y, self.line_ends, self.line_components, self.line_planes)
        return sum(array.nbytes for array in arrays)


@dataclass(frozen=True)
class Crop:
    """A footprint within the box around it, seen along z.

    Attributes
    ----------
    image : array of uint8
        Weights of the footprint's peak, 255.
    left, top, width, height : int
        The box in pixels of the frame.
    """

    image: NDArray[np.uint8]
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class PageData:
    """Everything that the page shows of the components.

    Attributes
    ----------
    columns : dict of array
        One value per component, those set aside last: ``id``, ``status``, ``manual``, ``x``, ``y``, ``plane``,
        ``pixels`` and the metrics and fits.
    contours : Contours
    images : dict of list of array
        Name → the planes of an image as uint8, of the frame's shape or reduced.
    crops : list of Crop
    binning : Binning
    traces : dict of CodedTraces
        Keys of `ReportData.components.traces`.
    """

    columns: dict[str, NDArray[Any]]
    contours: Contours
    images: dict[str, list[NDArray[np.uint8]]]
    crops: list[Crop]
    binning: Binning
    traces: dict[str, CodedTraces]

    @classmethod
    def read(cls, data: ReportData) -> PageData:
        """Read what a page shows of open results, and reduce the traces to the room that is left."""
        groups = [group for group in (data.components, data.discarded) if group is not None]
        contours, crops, images = _contours(data, groups), _crops(data, groups), _images(data)
        used = sum(plane.nbytes for planes in images.values() for plane in planes)
        used += contours.nbytes + sum(crop.image.nbytes for crop in crops)
        room = (PAGE_BYTES - LIBRARY_BYTES) / _BASE64 - used - _CROP_OVERHEAD * len(crops)
        count = sum(group.count for group in groups)
        names = {name for group in groups for name in group.traces}
        samples = int(room / _BYTES_PER_CODE / max(1, count * len(names)))
        binning, traces = reduced_traces(data, int(np.clip(samples, _FEWEST_SAMPLES, MOST_SAMPLES)))
        return cls(_columns(groups), contours, images, crops, binning, traces)


def _columns(groups: list[ComponentSet]) -> dict[str, NDArray[Any]]:
    centroids = np.concatenate([group.centroids for group in groups])
    columns: dict[str, Any] = {
        "id": np.concatenate([group.ids for group in groups]).astype(np.int32),
        "status": np.array([status for group in groups for status in group.statuses], dtype=object),
        "manual": np.array([manual for group in groups for manual in group.manual], dtype=object),
        "pixels": np.concatenate([np.diff(group.footprints.indptr) for group in groups]).astype(np.int32),
        **dict(zip(("x", "y", "plane"), centroids.T, strict=False)),
    }
    metrics = dict.fromkeys(name for group in groups for name in (*group.metrics, *group.fits))
    return {**columns, **{name: _metric(groups, name) for name in metrics}}


def _metric(groups: list[ComponentSet], name: str) -> NDArray[np.float64]:
    """Return one number per component, the first of a row of values; NaN where a group has none."""
    parts = []
    for group in groups:
        values = group.metrics.get(name, group.fits.get(name))
        absent = values is None or np.size(values) == 0
        wide = np.full(group.count, np.nan) if absent else np.asarray(values, dtype=np.float64)
        parts.append(wide.reshape(group.count, -1)[:, 0] if group.count else np.zeros(0))
    return np.concatenate(parts)


def _contours(data: ReportData, groups: list[ComponentSet]) -> Contours:
    lines: list[NDArray[np.float64]] = []
    owners: list[tuple[int, int]] = []
    first = 0
    for group in groups:
        for position, planes in enumerate(outlines(group.footprints, data.frame_shape), start=first):
            for plane, outline in planes.items():
                lines += outline
                owners += [(position, plane)] * len(outline)
        first += group.count
    scale = min(16.0, math.floor(_LARGEST_INT16 / (max(data.frame_shape[:2]) + 1)))
    points = np.concatenate(lines) if lines else np.zeros((0, 2))
    components, planes_of_lines = np.array(owners, dtype=np.int32).reshape(-1, 2).T
    x, y = (points * scale).round().astype(np.int16).T
    ends = np.cumsum([len(line) for line in lines], dtype=np.int32)
    return Contours(x.copy(), y.copy(), ends, components.copy(), planes_of_lines.copy(), scale)


def _images(data: ReportData) -> dict[str, list[NDArray[np.uint8]]]:
    """Return the images as grey levels, reduced by whole factors where they would make the page too large."""
    named = {IMAGES[key]: image for key, image in data.images.items()}
    best, image = data.backdrop()
    ordered = {best: image, **named, FOOTPRINT_IMAGE: data.footprint_image()}
    values = sum(image.size for image in ordered.values())
    step = max(1, math.ceil(math.sqrt(values / _IMAGE_BYTES)))
    return {name: [_grey(plane, step, contrast(image)) for plane in _planes(image)] for name, image in ordered.items()}


def _planes(image: NDArray[Any]) -> list[NDArray[Any]]:
    return [image] if image.ndim == 2 else [image[..., plane] for plane in range(image.shape[2])]  # noqa: PLR2004


def _grey(plane: NDArray[Any], step: int, limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    wide = np.nan_to_num(np.asarray(plane, dtype=np.float64), nan=low, posinf=high, neginf=low)
    padded = np.pad(wide, [(0, -length % step) for length in wide.shape], mode="edge")
    rows, columns = padded.shape
    mean = padded.reshape(rows // step, step, columns // step, step).mean(axis=(1, 3))
    grey = np.clip((mean - low) / (high - low) * 255, 0, 255)
    return np.asarray(grey.round(), dtype=np.uint8)


def _crops(data: ReportData, groups: list[ComponentSet]) -> list[Crop]:
    boxes = [box for group in groups for box in _boxes(group, data.frame_shape)]
    sizes = [(*image.shape,) for image, _, _ in boxes]
    side = next(
        (
            side
            for side in _CROP_SIDES
            if sum(math.prod(-(-length // _step(size, side)) for length in size) for size in sizes) <= _CROP_BYTES
        ),
        _CROP_SIDES[-1],
    )
    return [_reduced(image, left, top, _step(image.shape, side)) for image, left, top in boxes]


def _boxes(group: ComponentSet, frame_shape: tuple[int, ...]) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Yield each footprint within the box around it, and the box's left and top."""
    for x, y, _, weights in each_footprint(group.footprints, frame_shape):
        if not len(x):
            yield np.zeros((1, 1), dtype=np.uint8), 0, 0
            continue
        left, top = int(x.min()), int(y.min())
        image = np.zeros((int(y.max()) - top + 1, int(x.max()) - left + 1))
        np.maximum.at(image, (y - top, x - left), np.maximum(weights, 0))
        yield (image / max(image.max(), 1e-300) * 255).round().astype(np.uint8), left, top


def _step(shape: tuple[int, ...], side: int) -> int:
    return max(1, math.ceil(max(shape) / side))


def _reduced(image: NDArray[np.uint8], left: int, top: int, step: int) -> Crop:
    """Keep the largest weight of each block of `step` by `step` pixels."""
    padded = np.pad(image, [(0, -length % step) for length in image.shape])
    rows, columns = padded.shape
    largest = padded.reshape(rows // step, step, columns // step, step).max(axis=(1, 3))
    return Crop(largest, left, top, columns, rows)
