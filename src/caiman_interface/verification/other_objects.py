"""The comparison of images, the imaging plane, parameters, the ring model and shifts."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pynwb.core import DynamicTable

from caiman_interface.caiman_file.file_names import published_value
from caiman_interface.metadata.vocabulary import COMPONENTS
from caiman_interface.metadata.vocabulary import IMAGES as IMAGE_TEXTS
from caiman_interface.nwb.parameters import parameters_name, read_rows
from caiman_interface.nwb.ring_model import ring_model_name
from caiman_interface.nwb.shifts import shifts_name

from .caiman_values import (
    array_at,
    is_same_json,
    matrix_at,
    named,
    node_at,
    numbers_at,
    parameters_in,
    row_sums_at,
    scalar_at,
)
from .comparison import difference
from .context import NOT_IN_CAIMAN, Context, Result, compared, different, missing, not_from_caiman, not_stored
from .fields import ESTIMATES, IMAGES, ROI_SOURCES
from .lazy_arrays import held_dtype
from .roi_tables import has_rois

# Rows of the group `analysis` that describe the conversion, not the CaImAn file.
_OF_THE_CONVERSION = {
    "package_version",
    "metadata_key",
    "objects",
    "rate_source",
    "num_frames",
    "left_out",
    "stored_as",
}
_GREATEST_CORRELATION = 1 + 1e-5


def expected_images(context: Context) -> set[str]:
    """Return the keys of the images that the NWB file must have."""
    ssub, shapes = scalar_at(context.file, "params/init/ssub"), [context.frame_shape]
    if context.history.is_online:
        shapes.append(context.shape_of_online_frames)
    small = [tuple(math.ceil(length / ssub) for length in context.frame_shape)] if ssub and ssub >= 1 else []
    found = {
        key
        for key, possible in {"correlation": shapes, "noise": shapes, "baseline": [*shapes, *small]}.items()
        if _is_image(node_at(context.file[ESTIMATES], IMAGES[key]), possible)
    }
    if "correlation" in found and not _is_named_rightly("correlation", _image_values(context, "correlation")):
        found = {*found, "peak_to_noise"} - {"correlation"}
    return found | ({"mean"} if has_rois(context, ROI_SOURCES[1]) else set())


def _is_image(node: Any, shapes: Sequence[tuple[int, ...]]) -> bool:
    """Return whether a node has the pixels of a frame, in its shape or flattened."""
    if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "iuf" or not node.size:
        return False
    return any(node.shape in {shape, (math.prod(shape),), (math.prod(shape), 1)} for shape in shapes)


def image_results(context: Context, given: Collection[str]) -> Iterator[Result]:
    """Compare the images; `given` are the names of those from other files."""
    written = context.objects.images
    for key in sorted(expected_images(context) - set(written)):
        name = f"{IMAGE_TEXTS[key].name}{context.objects.ending}" if key in IMAGE_TEXTS else key
        yield missing(context.paths(ESTIMATES, [IMAGES[key]]), f"SegmentationImages/{name}")
    for key, planes in written.items():
        paths = context.paths(ESTIMATES, [IMAGES[key]])
        values = _image_values(context, key)
        for plane, image in enumerate(planes):
            place = f"SegmentationImages/{image.name}"
            if values is None:
                yield different((), place, NOT_IN_CAIMAN)
                continue
            found = _image_difference(values, image.data, plane, len(planes))
            if found is None and not _is_named_rightly(key, values):
                found = "a peak-to-noise ratio has the name of a correlation, or the reverse"
            yield compared(paths, place, found)
    known = [image for planes in written.values() for image in planes]
    for image in context.objects.all_images():
        is_unknown = image.name not in given and all(image is not other for other in known)
        if context.objects.is_only and is_unknown:
            yield not_from_caiman(f"SegmentationImages/{image.name}", claimed=False)


def _image_values(context: Context, key: str) -> NDArray[Any] | None:
    group = context.file[ESTIMATES]
    values = row_sums_at(group, IMAGES[key]) if key == "mean" else numbers_at(group, IMAGES[key])
    return values if values is not None and values.size else None


def _image_difference(values: NDArray[Any], stored: Any, plane: int, planes: int) -> str | None:
    """Compare an image of shape (x, y) with CaImAn's, of the shape of the frame or flattened in Fortran order."""
    columns, rows = stored.shape
    shape = (rows, columns) if planes == 1 else (rows, columns, planes)
    if values.ndim == len(shape) and values.shape != shape and values.shape[1:] != (1,):
        return f"shape {values.shape} in CaImAn, {shape} in the NWB file"
    if values.size != int(np.prod(shape)):
        return f"{values.size} pixels in CaImAn, {int(np.prod(shape))} in the NWB file"
    image = values if values.shape == shape else values.reshape(shape, order="F")
    expected = (image if planes == 1 else image[:, :, plane]).T
    return difference(expected.astype(held_dtype(expected.dtype), copy=False), stored, ("x", "y"))


def _is_named_rightly(key: str, values: NDArray[Any] | None) -> bool:
    if values is None:
        return True
    finite = values[np.isfinite(values)]
    is_correlation = bool(np.all(np.abs(finite) <= _GREATEST_CORRELATION))
    return {"correlation": is_correlation, "peak_to_noise": not is_correlation}.get(key, True)


def plane_results(context: Context) -> Iterator[Result]:
    """Compare the imaging plane with the rate and the size of pixels."""
    table = context.objects.table(COMPONENTS)
    if table is None:
        return
    plane = table.imaging_plane
    if context.rate is not None and not context.is_rate_given:
        paths, place = context.paths("params/data", ["fr"]), f"{plane.name}/imaging_rate"
        if plane.imaging_rate is None:
            yield missing(paths, place)
        else:
            equal = plane.imaging_rate == context.rate
            found = f"{context.rate} from CaImAn, {plane.imaging_rate} in the NWB file"
            yield compared(paths, place, None if equal else found)
    size = context.pixel_size
    if size is not None and np.all(np.isfinite(size)) and min(size) > 0 and len(size) in {2, 3}:
        paths, place = context.paths("params/data", ["dxy"]), f"{plane.name}/grid_spacing"
        if plane.grid_spacing is None:
            yield missing(paths, place)
        elif plane.grid_spacing_unit != "meters":
            yield different(paths, place, f"in meters from CaImAn, in {plane.grid_spacing_unit} in the NWB file")
        else:
            stored = np.asarray(plane.grid_spacing)[()]
            equal = stored.shape == (len(size),) and np.allclose(stored, size, rtol=1e-12, atol=0)
            shown = tuple(float(f"{length:.12g}") for length in size)
            yield compared(paths, place, None if equal else f"{shown} from CaImAn, {stored.tolist()} in the NWB file")


def parameter_results(context: Context, analysis: Mapping[str, Any]) -> Iterator[Result]:
    """Compare the parameters; `analysis` are the values of the group ``analysis``."""
    place, table = parameters_name(context.objects.ending).name, context.objects.parameters_table
    stored = {} if table is None else read_rows(table)
    expected = {("analysis", name): value for name, value in _flat(analysis)}
    params = context.file.get("params")
    # A group that cannot be used is written nevertheless, unless it is not plain values.
    written = [f"params/{group}/{name}" for group, name in stored]
    skipped = {path for path in context.omitted if not any(one.startswith(f"{path}/") for one in written)}
    for group in named(params) if isinstance(params, h5py.Group) else ():
        node = params.get(group)
        if isinstance(node, h5py.Group):
            expected.update({(group, name): value for name, value in parameters_in(node, f"params/{group}/", skipped)})
    paths = {key: _parameter_paths(context, *key) for key in expected}
    if table is None:
        yield missing(tuple(path for found in paths.values() for path in found), place, "the whole table")
        return
    yield from _row_results(place, expected, paths, stored, context.omitted)


def _row_results(
    place: str,
    expected: Mapping[tuple[str, str], Any],
    paths: Mapping[tuple[str, str], tuple[str, ...]],
    stored: Mapping[tuple[str, str], str],
    omitted: frozenset[str],
) -> Iterator[Result]:
    published = {key: published_value(value) for key, value in expected.items()}
    equal = [key for key in expected if key in stored and is_same_json(stored[key], published[key])]
    found = tuple(path for key in equal for path in paths[key])
    yield compared(found, place, None, note=f"{len(equal)} parameters")
    for key, value in expected.items():
        row = f"{place}/{'/'.join(key)}"
        if key not in stored:
            if not _is_omitted(*key, omitted):
                yield missing(paths[key], row)
        elif key not in set(equal):
            yield different(paths[key], row, f"{_shown(published[key])} in CaImAn, {stored[key]} in the NWB file")
        if published[key] != value and not is_same_json(json.dumps(published[key]), value):
            yield not_stored(paths[key], row, "directory names (they may identify people)")
    for group, name in stored:
        if (group, name) not in expected and not (group == "analysis" and name in _OF_THE_CONVERSION):
            yield not_from_caiman(f"{place}/{group}/{name}", claimed=True)


def _is_omitted(group: str, name: str, omitted: frozenset[str]) -> bool:
    """Return whether the conversion leaves out a parameter, or a group in which it is."""
    path = PurePosixPath(name if group == "analysis" else f"params/{group}/{name}")
    return any(str(part) in omitted for part in (path, *path.parents))


def _parameter_paths(context: Context, group: str, name: str) -> tuple[str, ...]:
    if group != "analysis":
        return context.paths(f"params/{group}", [name])
    if name == "frame_shape":
        return context.paths("", ["dims", f"{ESTIMATES}/dims", f"{ESTIMATES}/discarded_components/dims"])
    return context.paths("", [name])


def _shown(value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)


def _flat(values: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{start}{name}/")
        else:
            yield start + name, value.tolist() if isinstance(value, np.ndarray) else value


def ring_model_results(context: Context) -> Iterator[Result]:
    """Compare the ring model."""
    place = ring_model_name(context.objects.ending).name
    matrix = matrix_at(context.file[ESTIMATES], "W")
    table, paths = context.objects.ring_model, context.paths(ESTIMATES, ["W"])
    if matrix is None and table is not None:
        yield not_from_caiman(place, claimed=True)
    if matrix is None:
        return
    if table is None:
        detail = "the ring model is large compared with the file; it is stored with include_ring_model"
        yield not_stored(paths, None, detail)
        return
    yield from _matrix_results(table, matrix, place, paths)


def _matrix_results(table: DynamicTable, matrix: Any, place: str, paths: tuple[str, ...]) -> Iterator[Result]:
    entries = matrix.tocoo()
    order = np.lexsort((entries.row, entries.col))
    columns = ("pixel", "ring_pixel", "weight")
    absent = [name for name in columns if name not in table.colnames]
    for name in absent:
        yield missing(paths, f"{place}/{name}")
    if absent:
        return
    stored = {name: np.asarray(table[name].data[:]) for name in columns}
    expected = {
        "pixel": entries.row[order].astype(np.uint32),
        "ring_pixel": entries.col[order].astype(np.uint32),
        "weight": entries.data[order],
    }
    found = {name: difference(expected[name], stored[name], ("row",)) for name in columns}
    if any(found.values()) and len(stored["pixel"]) == len(order):
        by_rows = np.lexsort((expected["ring_pixel"], expected["pixel"]))  # the order of version 0.1
        reordered = {name: difference(expected[name][by_rows], stored[name], ("row",)) for name in columns}
        found = found if any(reordered.values()) else reordered
    for name in columns:
        yield compared(paths, f"{place}/{name}", found[name])


def shift_results(context: Context) -> Iterator[Result]:
    """Compare the shifts of motion correction."""
    place, series = shifts_name(context.objects.ending).name, context.objects.shifts
    paths, last = context.paths(ESTIMATES, ["shifts"]), _last_shifts(context)
    if series is None:
        if last is not None:
            yield missing(paths, place)
        return
    if last is None:
        yield different((), place, NOT_IN_CAIMAN)
        return
    frames = series.data.shape[0]
    if frames < len(last):
        yield missing(paths, place, f"frames {frames} to {len(last) - 1}")
    factors = np.where(np.arange(last.shape[1]) < 2, scale_of_shifts(context), 1)  # noqa: PLR2004 (planes are not shrunk)
    yield compared(paths, place, difference(last[:frames] * factors, series.data, ("frame", "axis")))


def _last_shifts(context: Context) -> NDArray[np.float64] | None:
    """Return one shift per frame: of several passes over the movie, those of the last one; None if there are none."""
    node, total = array_at(context.file[ESTIMATES], "shifts", 2), context.num_frames
    if node is None or not total or node.shape[1] not in {2, 3}:
        return None
    has_passes = context.history.is_online and len(node) > total and len(node) % total == 0
    return np.asarray(node[len(node) - total :], dtype=np.float64) if len(node) == total or has_passes else None


def scale_of_shifts(context: Context) -> float:
    """Return the factor that converts CaImAn's shifts to pixels of the frame of the footprints."""
    factor = context.shrink_of_movie
    return factor if context.shrink_factor == 1 else 1.0
