"""Each weight of a footprint is at its own pixel, in every way in which CaImAn stores footprints."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiman_interface import CaimanSegmentationExtractor
from caiman_interface.caiman_file import CaimanResults, Footprints


@dataclass
class Drawing:
    """Footprints as lists of (pixel, weight), pixels unsorted, some of them twice, some weights 0."""

    frame_shape: tuple[int, ...]
    columns: list[list[tuple[int, float]]]

    def stored(self, data_type: str, index_type: str) -> dict[str, np.ndarray]:
        """Return the parts of the sparse matrix as they are drawn."""
        pixels = [pixel for column in self.columns for pixel, _ in column]
        weights = [weight for column in self.columns for _, weight in column]
        ends = np.cumsum([0, *(len(column) for column in self.columns)])
        return {
            "data": np.array(weights, dtype=data_type),
            "indices": np.array(pixels, dtype=index_type),
            "indptr": ends.astype(index_type),
            "shape": np.array([np.prod(self.frame_shape), len(self.columns)]),
        }

    def images(self) -> list[np.ndarray]:
        """Paint each footprint pixel by pixel: the slow and obvious way."""
        return [self.image(column) for column in self.columns]

    def image(self, column: list[tuple[int, float]]) -> np.ndarray:
        rows, width = self.frame_shape[:2]
        image = np.zeros(self.frame_shape)
        for pixel, weight in column:
            place: tuple[int, ...] = (pixel % rows, pixel // rows % width)
            if len(self.frame_shape) == 3:
                place = (*place, pixel // (rows * width))
            image[place] += weight
        return image


# Multiples of 1/8, so that sums of them are exact; 0 is often among them.
weights = st.integers(-20, 80).map(lambda eighths: eighths / 8) | st.just(0.0)


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    frame_shape = tuple(draw(st.lists(st.integers(1, 6), min_size=2, max_size=3)))
    pixels = st.integers(0, int(np.prod(frame_shape)) - 1)
    columns = draw(st.lists(st.lists(st.tuples(pixels, weights), max_size=8), max_size=4))
    return Drawing(frame_shape, columns)


@settings(max_examples=100, deadline=None)
@given(drawing=drawings(), data_type=st.sampled_from(["<f4", "<f8", ">f8"]), index_type=st.sampled_from(["i4", "i8"]))
def test_sparse_footprints(
    write_caiman_file: Callable[..., Path], drawing: Drawing, data_type: str, index_type: str
) -> None:
    path = write_caiman_file({"A": drawing.stored(data_type, index_type)}, dims=drawing.frame_shape)
    with CaimanResults.open(path) as results:
        assert results.frame_shape == drawing.frame_shape
        compare(results.components.footprints, drawing.images(), np.dtype(data_type).newbyteorder("="))


@settings(max_examples=50, deadline=None)
@given(drawing=drawings(), data_type=st.sampled_from(["<f4", "<f8", ">f4"]))
def test_dense_footprints(write_caiman_file: Callable[..., Path], drawing: Drawing, data_type: str) -> None:
    pixels = int(np.prod(drawing.frame_shape))
    images = drawing.images()
    dense = np.zeros((pixels, len(images)), dtype=data_type)
    for number, image in enumerate(images):
        dense[:, number] = image.ravel(order="F")
    path = write_caiman_file({"A": dense}, dims=drawing.frame_shape)
    with CaimanResults.open(path) as results:
        assert results.components.footprints.stored_dense
        compare(results.components.footprints, images, np.dtype(data_type).newbyteorder("="))


def compare(footprints: Footprints, images: list[np.ndarray], dtype: np.dtype[Any]) -> None:
    """Compare all that footprints offer with painted images, for all of them and for selections."""
    count = len(images)
    compare_all(footprints, images, dtype)
    for selection in (np.arange(count)[::-1], np.arange(count)[1::2], np.zeros(min(count, 3), dtype=int)):
        compare_all(footprints.select(selection), [images[number] for number in selection], dtype)
    chained = footprints.select(np.arange(count)[::-1]).select(np.arange(count)[: count // 2])
    compare_all(chained, images[::-1][: count // 2], dtype)


def compare_all(footprints: Footprints, images: list[np.ndarray], dtype: np.dtype[Any]) -> None:
    assert len(footprints) == len(images)
    frame_shape = footprints.frame_shape
    stack = np.stack(images, axis=-1) if images else np.zeros((*frame_shape, 0))
    np.testing.assert_array_equal(footprints.images(), stack.astype(dtype), strict=True)
    np.testing.assert_array_equal(footprints.total(), stack.sum(axis=-1))
    for number, image in enumerate(images):
        np.testing.assert_array_equal(footprints.image(number), image.astype(dtype), strict=True)
    table = footprints.pixels()
    starts = [0, *table.ends[:-1]] if len(images) else []
    assert len(table.ends) == len(images)
    assert table.weights.dtype == dtype
    for number, (start, end) in enumerate(zip(starts, table.ends, strict=True)):
        axes = [axis[start:end].tolist() for axis in table.coordinates]
        painted = np.zeros(frame_shape)
        for (x, y, *z), weight in zip(zip(*axes, strict=True), table.weights[start:end], strict=True):
            assert weight != 0
            assert painted[(y, x, *z)] == 0  # each pixel once
            painted[(y, x, *z)] = weight
        np.testing.assert_array_equal(painted, images[number])
    compare_centroids(footprints.centroids(), images)


def compare_centroids(centroids: np.ndarray, images: list[np.ndarray]) -> None:
    for centroid, image in zip(centroids, images, strict=True):
        mass = image.sum()
        if not image.any():
            assert np.isnan(centroid).all()
        elif mass != 0:
            row, column, *plane = (
                sum(image[place] * place[axis] for place in np.ndindex(image.shape)) / mass
                for axis in range(image.ndim)
            )
            np.testing.assert_allclose(centroid, [column, row, *plane], rtol=1e-9, atol=1e-9)


def test_x_is_the_column_and_y_the_row(write_caiman_file: Callable[..., Path]) -> None:
    rows, columns = 3, 5
    dense = np.zeros((rows * columns, 1))
    dense[2 + rows * 4, 0] = 0.5  # row 2, column 4
    with CaimanResults.open(write_caiman_file({"A": dense}, dims=(rows, columns))) as results:
        table = results.components.footprints.pixels()
        assert [axis.tolist() for axis in table.coordinates] == [[4], [2]]
        assert [axis.dtype for axis in table.coordinates] == [np.uint32, np.uint32]
        assert table.weights.tolist() == [0.5]
        assert table.ends.tolist() == [1]
        assert results.components.footprints.image(0)[2, 4] == 0.5
        assert results.components.footprints.centroids().tolist() == [[4.0, 2.0]]


def test_z_is_the_plane(write_caiman_file: Callable[..., Path]) -> None:
    rows, columns, planes = 3, 5, 4
    dense = np.zeros((rows * columns * planes, 1))
    dense[2 + rows * (4 + columns * 1), 0] = 0.5  # row 2, column 4, plane 1
    with CaimanResults.open(write_caiman_file({"A": dense}, dims=(rows, columns, planes))) as results:
        assert results.is_volumetric
        assert [axis.tolist() for axis in results.components.footprints.pixels().coordinates] == [[4], [2], [1]]
        assert results.components.footprints.image(0)[2, 4, 1] == 0.5


def test_unshared_footprints_leave_no_matrix_behind(caiman_files: dict[str, Path]) -> None:
    with CaimanResults.open(caiman_files["sim2p_full"]) as results:
        footprints = results.components.footprints.select(np.array([5, 2]))
        copy = footprints.unshared()
        images = copy.images()
        held = weakref.ref(copy.matrix)
        del copy
        gc.collect()
        assert held() is None
        np.testing.assert_array_equal(images, footprints.images(), strict=True)
        assert results.components.footprints.unshared().matrix is results.components.footprints.matrix


def test_selections_read_the_file_once(caiman_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from caiman_interface.caiman_file.matrices import StoredMatrix

    read, calls = StoredMatrix.read, []
    monkeypatch.setattr(StoredMatrix, "read", lambda self: calls.append(self) or read(self))
    with CaimanResults.open(caiman_files["sim2p_full"]) as results:
        footprints = results.components.footprints
        for number in range(len(footprints)):
            assert footprints.select(np.array([number])).matrix.nnz > 0
    assert len(calls) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dense", [False, True])
def test_weights_that_are_not_finite_are_kept_and_named(
    write_caiman_file: Callable[..., Path], value: float, *, dense: bool
) -> None:
    drawing = Drawing((3, 5), [[(0, 1.0), (7, value)], [(3, value)]])
    sparse_parts = drawing.stored("<f8", "i4")
    matrix = np.array([image.ravel(order="F") for image in drawing.images()]).T
    path = write_caiman_file({"A": matrix if dense else sparse_parts, "b": matrix}, dims=(3, 5))
    with CaimanResults(path) as results:
        for footprints in (results.components.footprints, results.background_footprints):
            assert footprints is not None
            assert footprints.odd_weights == (2, 0)
            np.testing.assert_array_equal(footprints.pixels().weights, [1.0, value, value])
            np.testing.assert_array_equal(footprints.matrix.toarray(), matrix)
        of_a, of_b = (warning for warning in results.warnings if "NaN or infinity" in warning)
        assert of_a.startswith("estimates/A contains 2 weights of NaN or infinity, which are kept")
        assert of_b.startswith("estimates/b contains 2 weights of NaN or infinity: one component that failed in OnACID")


def test_weights_beyond_single_precision_are_named(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_minimal")
    with h5py.File(path, "r+") as file:
        file["estimates/A/data"][3] = 1e300
        row = int(file["estimates/A/indices"][3])
    with CaimanResults(path) as results:
        (warning,) = results.warnings
        assert warning.startswith("estimates/A contains 1 weight too large for single precision")
    extractor = CaimanSegmentationExtractor(path)
    place = (row % 60, row // 60)
    assert np.isinf(extractor.get_roi_image_masks([0])[(*place, 0)])
    assert extractor.get_roi_pixel_masks([0])[0][:, -1].max() == 1e300
    assert tuple(extractor.get_roi_locations([0])[:, 0]) == place
    extractor.results.close()


def test_a_footprint_of_nan_is_located_in_the_middle(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_minimal")
    with h5py.File(path, "r+") as file:
        start, end = file["estimates/A/indptr"][:2]
        file["estimates/A/data"][start:end] = np.nan
    extractor = CaimanSegmentationExtractor(path)
    assert extractor.get_roi_locations([0])[:, 0].tolist() == [29, 39]
    extractor.results.close()


def test_weights_of_half_precision_are_counted_without_warning(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        weights = file["estimates/A/data"][()].astype(np.float16)
        weights[0] = np.nan
        del file["estimates/A/data"]
        file["estimates/A/data"] = weights
    with CaimanResults(path) as results, np.errstate(all="raise"):
        assert results.components.footprints.odd_weights == (1, 0)
