"""Compare an NWB file with the CaImAn file, both read with plain h5py and scipy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

LARGEST = 10**8
OPHYS = "processing/ophys"
TABLE = f"{OPHYS}/ImageSegmentation/PlaneSegmentation"
BACKGROUND = f"{OPHYS}/ImageSegmentation/BackgroundPlaneSegmentation"
TRACES = {"Denoised": "C", "Deconvolved": "S", "DfOverF": "F_dff", "Background": "f"}
METRICS = {"snr": "SNR_comp", "r_values": "r_values", "cnn_preds": "cnn_preds", "eccentricity": "ecc"}
FITS = {
    "baseline": "bl",
    "initial_calcium": "c1",
    "noise_std": "neurons_sn",
    "regularization": "lam",
    "ar_coefficients": "g",
}
IMAGES = {"correlation_image": "Cn", "noise_image": "sn", "baseline_image": "b0"}
ERRORS = (LookupError, OSError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError, OverflowError)


class OutsideError(Exception):
    """A field is in a file outside of the folder of the CaImAn file."""


def dataset(file: h5py.File, path: str) -> h5py.Dataset | None:
    """Return a dataset wherever the links lead; an error if that is outside of the folder."""
    try:
        node = file[path]
    except ERRORS:
        return None
    if not isinstance(node, h5py.Dataset):
        return None
    folder = Path(file.filename).parent.resolve()
    names = [node.file.filename, *(name for name, *_ in node.external or ())]
    if any(not (folder / name).resolve().is_relative_to(folder) for name in names):
        raise OutsideError(path)
    return node


def numbers(file: h5py.File, path: str) -> NDArray[Any] | None:
    """Return the real numbers of a field, also those that are written as text; None if it has none."""
    node = dataset(file, path)
    try:
        if node is None or node.shape is None or node.size > LARGEST:
            return None
        values = np.asarray(node[()])
        if values.dtype.kind in "SO":
            return np.vectorize(float, otypes=["f8"])(values) if values.size else None
        return values if values.dtype.kind in "fiub" else None
    except ERRORS:
        return None


def same(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether two arrays are equal, NaN included, to the precision of the smaller type."""
    if found.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        wide = np.longdouble
        return bool(np.allclose(found.astype(wide), expected.astype(wide), rtol=1e-6, atol=1e-37, equal_nan=True))


def matrix(file: h5py.File, path: str) -> NDArray[Any] | None:
    """Return a sparse or dense matrix of a CaImAn file as a dense array."""
    stored = numbers(file, path)
    if stored is not None:
        return stored if stored.ndim == 2 else None
    data, indices, indptr, shape = (numbers(file, f"{path}/{name}") for name in ("data", "indices", "indptr", "shape"))
    if data is None or indices is None or indptr is None or shape is None or shape.shape != (2,):
        return None
    try:
        if np.prod(shape.astype(float)) > LARGEST:
            return None
        shape = tuple(int(side) for side in shape)
        return dense_of(data, indices.astype("i8"), indptr.astype("i8"), shape)
    except ERRORS:
        return None


def dense_of(data: Any, indices: Any, indptr: Any, shape: tuple[int, int]) -> NDArray[Any]:
    columns = sparse.csc_array((data.astype("f8"), indices, indptr), shape=shape)
    columns.check_format(full_check=True)
    with np.errstate(all="ignore"):
        return columns.toarray()


def frame_shapes(file: h5py.File, pixels: int) -> set[tuple[int, ...]]:
    """Return every frame shape that the file gives and the number of pixels allows."""
    shapes = set()
    for path in ("dims", "estimates/dims", "params/data/dims"):
        values = numbers(file, path)
        if values is not None and values.ndim == 1 and np.prod(values.astype(float)) == pixels:
            shapes.add(tuple(int(side) for side in values))
    image = dataset(file, "estimates/Cn")
    if image is not None and image.shape is not None and image.size == pixels and len(image.shape) > 1:
        shapes |= {image.shape, image.shape[::-1]}
    return shapes | shapes_in_name(file, pixels)


def shapes_in_name(file: h5py.File, pixels: int) -> set[tuple[int, ...]]:
    """Return the frame shape in the name of the memory-mapped movie."""
    try:
        name = str(file.attrs.get("mmap_file") or file["mmap_file"][()])
    except ERRORS:
        return set()
    found = re.search(r"_d1_(\d+)_d2_(\d+)_d3_(\d+)_", name)
    sides = [int(side) for side in found.groups()] if found else [0]
    return {tuple(sides[:2] if sides[2] == 1 else sides)} if np.prod(sides) == pixels else set()


class Comparison:
    """The differences between a CaImAn file and an NWB file."""

    def __init__(self, source: h5py.File, nwb: h5py.File, *, any_orientation: bool) -> None:
        self.source, self.nwb, self.any_orientation = source, nwb, any_orientation

    def read(self, name: str) -> NDArray[Any] | None:
        return numbers(self.source, f"estimates/{name}")

    def problems(self) -> Iterator[str]:
        for check in (self.footprints, self.traces, self.raw_trace, self.columns, self.acceptance, self.images):
            try:
                yield from check()
            except OutsideError as error:
                yield f"{error} is outside of the folder and was read"

    def footprints(self) -> Iterator[str]:
        expected = matrix(self.source, "estimates/A")
        if expected is None:
            yield "A cannot be read, and a table of ROIs was written"
            return
        shapes = frame_shapes(self.source, expected.shape[0])
        if not any(same(self.written_footprints(shape, order), expected) for shape in shapes for order in self.orders):
            yield f"the footprints differ from A with every frame shape of {sorted(shapes)}"

    @property
    def orders(self) -> tuple[bool, ...]:
        return (False, True) if self.any_orientation else (False,)

    def written_footprints(self, shape: tuple[int, ...], swapped: bool) -> NDArray[Any]:
        table = self.nwb[TABLE]
        count, pixels = len(table["id"]), int(np.prod(shape))
        dense = np.zeros((pixels, count))
        wrong = np.full(dense.shape, np.inf)
        if "image_mask" in table:
            masks = np.asarray(table["image_mask"][()], dtype=float)
            axes = (2, 1) if swapped else (1, 2)
            order = (0, *axes, *range(3, masks.ndim))
            flat = [mask.swapaxes(0, 1).ravel(order="F") for mask in masks.transpose(order)]
            return np.stack(flat, axis=1)
        name = "pixel_mask" if "pixel_mask" in table else "voxel_mask"
        rows, ends = table[name][()], table[f"{name}_index"][()].astype("i8")
        first, second = ("x", "y") if swapped else ("y", "x")
        place = rows[first].astype("i8") + shape[0] * rows[second].astype("i8")
        if len(shape) == 3 and "z" not in (rows.dtype.names or ()):
            return wrong
        if len(shape) == 3:
            place = place + shape[0] * shape[1] * rows["z"].astype("i8")
        owner = np.repeat(np.arange(count), np.diff(ends, prepend=0))
        inside = (rows[first] < shape[0]) & (rows[second] < shape[1])
        if not inside.all() or (place >= pixels).any():
            return wrong
        np.add.at(dense, (place, owner), self.weights(name))
        return dense

    def weights(self, name: str) -> NDArray[Any]:
        """Return the weights of a sparse mask; those beyond float32 are in the column of corrections."""
        weights = self.nwb[TABLE][name]["weight"].astype(float)
        correction = self.nwb[TABLE].get(f"{name}_correction")
        if correction is None or correction.dtype != np.float64:
            return weights
        return np.where(np.isfinite(weights), weights, correction[()])

    def traces(self) -> Iterator[str]:
        for name, field in TRACES.items():
            path = f"{OPHYS}/Fluorescence/{name}/data"
            if path not in self.nwb:
                continue
            expected, found = self.read(field), self.nwb[path][()]
            if expected is not None and expected.ndim == 1:
                expected = expected[np.newaxis]
            if expected is None or expected.ndim != 2:
                yield f"{name} was written without a usable {field}"
            elif not same(found, expected.T[-len(found) :]):
                yield f"{name} differs from {field}"
            yield from self.rate(name)

    def rate(self, name: str) -> Iterator[str]:
        path = f"{OPHYS}/Fluorescence/{name}/starting_time"
        expected = numbers(self.source, "params/data/fr")
        if path not in self.nwb:
            return
        found = self.nwb[path].attrs["rate"]
        if expected is None or not expected.size or not same(np.array(found), expected.reshape(-1)[0]):
            yield f"the rate of {name} is {found}, not {expected}"

    def raw_trace(self) -> Iterator[str]:
        path = f"{OPHYS}/Fluorescence/RoiResponseSeries/data"
        if path not in self.nwb:
            return
        denoised, found = self.read("C"), self.nwb[path][()]
        for name in ("YrA", "R"):
            residual = self.read(name)
            if denoised is not None and residual is not None and denoised.shape == residual.shape:
                with np.errstate(all="ignore"):
                    total = denoised.astype("f8") + residual.astype("f8")
                if same(found, total.T[-len(found) :]) or nearly(found, total.T[-len(found) :]):
                    return
        yield "RoiResponseSeries is not C + YrA"

    def columns(self) -> Iterator[str]:
        table = self.nwb[TABLE]
        for name, field in {**METRICS, **FITS}.items():
            if name not in table:
                continue
            expected, found = self.read(field), table[name][()]
            if expected is None:
                yield f"column {name} was written without a usable {field}"
            elif not same(found.reshape(-1), expected.reshape(-1)):
                yield f"column {name} differs from {field}"

    def acceptance(self) -> Iterator[str]:
        table = self.nwb[TABLE]
        if "is_accepted" not in table:
            return
        found = table["is_accepted"][()].astype(bool)
        accepted, rejected = self.index_list("idx_components"), self.index_list("idx_components_bad")
        if accepted is None and rejected is None:
            if not found.all():
                yield "is_accepted was made up"
            return
        wanted = indices(accepted, len(found)) if accepted is not None else ~indices(rejected, len(found))
        if not np.array_equal(found, wanted):
            yield "is_accepted differs from idx_components"

    def index_list(self, name: str) -> NDArray[Any] | None:
        """Return a list of components; None if it is not a list or has values that are not numbers of components."""
        values = self.read(name)
        return None if values is None or values.ndim != 1 or not np.isfinite(values.astype("f8")).all() else values

    def images(self) -> Iterator[str]:
        for name, field in IMAGES.items():
            path = f"{OPHYS}/SegmentationImages/{name}"
            if path not in self.nwb:
                continue
            expected, found = self.read(field), self.nwb[path][()]
            if expected is None:
                yield f"{name} was written without a usable {field}"
            elif not any(same(found.ravel(order), expected.ravel("F")) for order in "CF"):
                yield f"{name} differs from {field}"


def nearly(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether sums agree that were made in single precision."""
    if found.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        size = np.nanmax(np.abs(expected), initial=0.0)
        return bool(np.allclose(found.astype("f8"), expected, rtol=1e-4, atol=1e-6 * size, equal_nan=True))


def indices(values: NDArray[Any], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    if values.dtype == bool and values.shape == (count,):
        return values
    whole = values.ravel().astype("i8")
    mask[whole[(whole >= 0) & (whole < count)]] = True
    return mask


def compare(source: Path, nwb: Path, *, any_orientation: bool = False) -> list[str]:
    """Return what is wrong in an NWB file."""
    with h5py.File(source) as caiman, h5py.File(nwb) as written:
        if TABLE not in written:
            return ["there is no table of ROIs"]
        return list(Comparison(caiman, written, any_orientation=any_orientation).problems())


def left_out_needlessly(source: Path, nwb: Path, touched: set[str]) -> list[str]:
    """Return the traces and metrics that are usable, were not damaged, and are not in the NWB file."""
    lost = []
    with h5py.File(source) as caiman, h5py.File(nwb) as written:
        count = len(written[TABLE]["id"])
        shapes = set()
        for field in ("C", "S", "YrA", "R", "F_dff"):
            try:
                values = numbers(caiman, f"estimates/{field}")
            except OutsideError:
                values = None
            if values is not None and values.ndim == 2:
                shapes.add(values.shape)
        if len(shapes) == 1 and next(iter(shapes))[0] == count:
            lost += [
                f"estimates/{field}"
                for name, field in TRACES.items()
                if field != "f"
                and f"estimates/{field}" not in touched
                and f"{OPHYS}/Fluorescence/{name}" not in written
                and numbers(caiman, f"estimates/{field}") is not None
            ]
        for name, field in METRICS.items():
            # the eccentricity counts only where the parameters say that it was used
            if name == "eccentricity" or f"estimates/{field}" in touched or name in written[TABLE]:
                continue
            values = numbers(caiman, f"estimates/{field}")
            if values is not None and values.shape == (count,):
                lost.append(f"estimates/{field}")
    return lost
