"""The results in an NWB file that was made of a CaImAn file, as a report takes them; read with h5py alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import PixelTable

from .data import Analysis, Discarded

_TABLE = "PlaneSegmentation"
_OTHER_TABLES = ("Background", "Discarded")
_METRICS = ("snr", "r_values", "cnn_preds")
_IMAGES = {"correlation": "correlation_image", "mean": "mean_image", "baseline": "baseline_image"}
_SERIES = {"raw": "RoiResponseSeries", "denoised": "Denoised"}
_FACTS = "analysis"  # the group of CaimanParameters that says what the analysis was
_SPARSE_MASKS = ("pixel_mask", "voxel_mask")
_IMAGE_BLOCK_BYTES = 100_000_000


class NWBContentError(ValueError):
    """An NWB file does not hold what a report shows."""


@contextmanager
def open_nwb(file_path: Path, plane_segmentation: str | None = None) -> Iterator[Analysis]:
    """Open an NWB file; its traces can be read within the context.

    Parameters
    ----------
    file_path : Path
        The NWB file (HDF5).
    plane_segmentation : str, optional
        Name of the table of ROIs to show; needed where there are several.

    Raises
    ------
    NWBContentError
        If there is no table of ROIs, or several and none was named.
    """
    with h5py.File(file_path, "r") as file:
        table = _choose_table(file, file_path, plane_segmentation)
        chosen = "" if plane_segmentation is None else f": {plane_segmentation}"
        yield _analysis(file, file_path, table, name=file_path.name + chosen)


def _choose_table(file: h5py.File, file_path: Path, wanted: str | None) -> h5py.Group:
    tables = {_own_name(group): group for group in _of_type(file.get("processing", {}), _TABLE)}
    ours = {name: group for name, group in tables.items() if not name.startswith(_OTHER_TABLES)}
    if wanted is not None:
        if wanted not in tables:
            raise NWBContentError(
                f"{file_path}: there is no PlaneSegmentation '{wanted}'. There are: {', '.join(tables) or 'none'}."
            )
        return tables[wanted]
    if len(ours) == 1:
        return next(iter(ours.values()))
    if not ours:
        raise NWBContentError(f"{file_path}: there are no ROIs (no PlaneSegmentation) in this NWB file.")
    raise NWBContentError(
        f"{file_path}: there are several tables of ROIs. Choose one with --plane-segmentation: {', '.join(ours)}."
    )


def _analysis(file: h5py.File, file_path: Path, table: h5py.Group, *, name: str) -> Analysis:
    processing = file["processing"]
    ending = _own_name(table).partition(_TABLE)[2]
    parameters = _parameters(_of_type(processing, "DynamicTable"), ending)
    facts = parameters.pop(_FACTS, {})
    images = _images(list(_of_type(processing, "GrayscaleImage")), ending)
    pixels = _pixels(table, file_path)
    series = {_own_name(group): group for group in _of_type(processing, "RoiResponseSeries")}
    own = {name: group for name, group in series.items() if _covers(group, table)}
    clock = next(iter(own.values()), series.get(f"Background{ending}"))
    accepted = table.get("is_accepted")
    discarded = table.parent.get(f"Discarded{_TABLE}{ending}")
    return Analysis(
        name=name,
        method=facts.get("method"),
        is_one_photon=facts.get("one_photon"),
        evaluation=facts.get("evaluation"),
        frame_shape=_frame_shape(facts.get("frame_shape"), images, pixels),
        num_frames=None if clock is None else int(clock["data"].shape[0]),
        sampling_frequency=_rate(clock, parameters),
        ids=np.asarray(table["id"][()], dtype=np.int64),
        accepted=None if accepted is None else np.asarray(accepted[()], dtype=bool),
        metrics=_metrics(table),
        pixels=pixels,
        images=images,
        parameters=parameters,
        discarded=None if discarded is None else Discarded(_pixels(discarded, file_path), _metrics(discarded)),
        **{kind: _series(own, f"{start}{ending}") for kind, start in _SERIES.items()},
    )


def _of_type(group: Mapping[str, Any], neurodata_type: str) -> Iterator[Any]:
    """Yield the groups and datasets of one of NWB's types, at any depth."""
    for node in group.values():
        if _type_of(node) == neurodata_type:
            yield node
        elif isinstance(node, h5py.Group):
            yield from _of_type(node, neurodata_type)


def _type_of(node: Any) -> str:
    return str(node.attrs.get("neurodata_type", ""))


def _own_name(node: Any) -> str:
    return str(node.name).rpartition("/")[2]


def _metrics(table: h5py.Group) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(table[name][()]) for name in _METRICS if name in table}


def _covers(series: h5py.Group, table: h5py.Group) -> bool:
    """Tell whether a series has one column for each row of a table, in its order."""
    region = series["rois"]
    target = series.file[region.attrs["table"]]
    return bool(target == table and np.array_equal(region[()], np.arange(len(table["id"]))))


def _series(own: Mapping[str, h5py.Group], name: str) -> Any:
    """Return the data of one series as (frames, ROIs)."""
    data = own[name]["data"] if name in own else None
    return data if data is None or data.ndim == 2 else data[()][:, np.newaxis]  # noqa: PLR2004


def _rate(clock: h5py.Group | None, parameters: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Return the frames per second of a series; what CaImAn was told where there is none."""
    if clock is not None and "starting_time" in clock:
        return float(clock["starting_time"].attrs["rate"])
    if clock is not None and len(clock.get("timestamps", ())) > 1:
        times = clock["timestamps"]
        return float((len(times) - 1) / (times[-1] - times[0]))
    rate = parameters.get("data", {}).get("fr")
    return None if rate is None else float(rate)


def _parameters(tables: Iterator[h5py.Group], ending: str) -> dict[str, dict[str, Any]]:
    """Read the table of CaImAn's parameters, whose values are JSON and whose nested names are joined by '/'."""
    found = next((table for table in tables if _own_name(table) == f"CaimanParameters{ending}"), None)
    parameters: dict[str, dict[str, Any]] = {}
    if found is None:
        return parameters
    second = "parameter" if "parameter" in found else "name"
    columns = (found[column].asstr()[()] for column in ("group", second, "value"))
    for group, name, value in zip(*columns, strict=True):
        place = parameters.setdefault(group, {})
        *parents, last = name.split("/")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = json.loads(value)
    return parameters


def _images(nodes: list[h5py.Dataset], ending: str) -> dict[str, NDArray[Any]]:
    """Read the images, which NWB keeps as (x, y), as (rows, columns[, planes])."""
    by_name = {_own_name(node): node for node in nodes}
    images = {}
    for kind, start in _IMAGES.items():
        name = f"{start}{ending}"
        planes = [f"plane{plane}_{name}" for plane in range(len(by_name))]
        stack = [by_name[plane] for plane in planes if plane in by_name]
        if name in by_name:
            images[kind] = np.asarray(by_name[name][()]).T
        elif stack:
            images[kind] = np.stack([plane[()].T for plane in stack], axis=2)
    return images


def _pixels(table: h5py.Group, file_path: Path) -> PixelTable:
    """Read the masks of a table, whichever form they have."""
    for name in _SPARSE_MASKS:
        if name in table:
            return _sparse_masks(table, name)
    if "image_mask" in table:
        return _image_masks(table["image_mask"])
    raise NWBContentError(f"{file_path}: the table {table.name} has no masks.")


def _sparse_masks(table: h5py.Group, name: str) -> PixelTable:
    rows = table[name][()]
    axes = [axis for axis in ("x", "y", "z") if axis in rows.dtype.names]
    return PixelTable(
        coordinates=tuple(rows[axis].astype(np.uint32) for axis in axes),
        weights=rows["weight"],
        ends=table[f"{name}_index"][()].astype(np.int64),
    )


def _image_masks(dataset: h5py.Dataset) -> PixelTable:
    """Read images of shape (rois, x, y[, z]) as pixels, in the order in which a CaImAn file has them."""
    count, *shape = dataset.shape
    step = max(1, _IMAGE_BLOCK_BYTES // max(1, math.prod(shape) * dataset.dtype.itemsize))
    parts: list[tuple[NDArray[Any], ...]] = []
    lengths = np.zeros(count, dtype=np.int64)
    for start, stop in pairwise([*range(0, count, step), count]):
        block = dataset[start:stop]
        ordered = block if len(shape) == 2 else np.moveaxis(block, -1, 1)  # noqa: PLR2004 ((rois, [z, ]x, y))
        found = np.nonzero(ordered)
        owner, *planes, x, y = found
        lengths[start:stop] = np.bincount(owner, minlength=stop - start)
        parts.append((ordered[found], x, y, *planes))
    weights, *coordinates = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return PixelTable(
        coordinates=tuple(axis.astype(np.uint32) for axis in coordinates),
        weights=weights,
        ends=np.cumsum(lengths),
    )


def _frame_shape(written: list[int] | None, images: Mapping[str, NDArray[Any]], pixels: PixelTable) -> tuple[int, ...]:
    """Return the frame's shape: as it was written, or else that of an image, or as far as the masks reach."""
    if written is not None:
        return tuple(int(length) for length in written)
    if images:
        return next(iter(images.values())).shape
    x, y, *z = (int(axis.max(initial=0)) + 1 for axis in pixels.coordinates)
    return (y, x, *z)
