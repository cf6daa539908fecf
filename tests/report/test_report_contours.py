"""The outlines enclose what CaImAn's do."""

from __future__ import annotations

import numpy as np
import pytest
from contourpy import LineType, contour_generator
from matplotlib.path import Path as Polygon
from scipy.sparse import csc_array

from caiman_interface import CaimanResults
from caiman_interface.report.contours import flattened, outlines


def footprints(*images: np.ndarray) -> csc_array:
    """Return images (rows, columns[, planes]) as a (pixels, components) matrix."""
    return csc_array(np.stack([image.ravel(order="F") for image in images], axis=1))


def outline(image: np.ndarray) -> list[np.ndarray]:
    (planes,) = outlines(footprints(image), image.shape)
    return planes.get(0, [])


def disc(shape: tuple[int, int], row: float, column: float, width: float) -> np.ndarray:
    rows, columns = np.indices(shape)
    image = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
    return np.where(image > 0.02, image, 0)


def caiman_lines(image: np.ndarray) -> list[np.ndarray]:
    """Draw on the whole frame, as ``caiman.utils.visualization.get_contours`` does with ``thr_method='nrg'``."""
    flat = image.ravel()
    strongest_first = np.argsort(flat)[::-1]
    cumulated = np.cumsum(flat[strongest_first] ** 2)
    levels = np.empty(flat.size)
    levels[strongest_first] = cumulated / cumulated[-1]
    lines = contour_generator(z=levels.reshape(image.shape), line_type=LineType.Separate).lines(0.9)
    return [np.asarray(line) for line in lines]


def test_an_outline_is_the_one_that_caiman_draws():
    image = disc((40, 60), 15.3173, 42.7841, 3.1)  # all weights differ
    (line,) = outline(image)
    (expected,) = caiman_lines(image)
    assert np.array_equal(line[0], line[-1])
    assert {tuple(point) for point in np.round(line, 9)} == {tuple(point) for point in np.round(expected, 9)}


def test_an_outline_encloses_nine_tenths_of_the_energy():
    image = disc((50, 30), 20.6, 11.2, 4.0)
    (line,) = outline(image)
    rows, columns = np.indices(image.shape)
    inside = Polygon(line).contains_points(np.column_stack([columns.ravel(), rows.ravel()])).reshape(image.shape)
    energy = image**2
    assert energy[inside].sum() / energy.sum() == pytest.approx(0.9, abs=0.01)
    assert image[inside].min() >= image[~inside].max()


def test_outlines_of_a_real_file_are_around_the_centres_of_its_footprints(caiman_files):
    with CaimanResults.open(caiman_files["sim2p_full"]) as results:
        lines = outlines(results.components.footprints.matrix, results.frame_shape)
        expected = results.components.footprints.centroids()
    for position in range(6):  # round cells, each in one piece
        (line,) = lines[position][0]
        assert np.allclose((line.min(axis=0) + line.max(axis=0)) / 2, expected[position], atol=0.5)


def test_a_footprint_of_one_pixel_has_an_outline_around_it():
    image = np.zeros((5, 9))
    image[3, 7] = 2.0
    (line,) = outline(image)
    assert np.allclose(line.mean(axis=0), [7, 3], atol=0.2)
    assert Polygon(line).contains_point((7, 3))


def test_a_footprint_in_two_pieces_has_two_outlines():
    first, second = outline(disc((40, 40), 8, 8, 2) + disc((40, 40), 30, 28, 2))
    assert sorted(tuple(np.round(line.mean(axis=0))) for line in (first, second)) == [(8, 8), (28, 30)]


def test_empty_footprints_have_no_outline():
    empty = np.zeros((4, 4))
    assert outlines(footprints(empty, empty), (4, 4)) == [{}, {}]


def test_outlines_of_a_volume_are_those_of_its_planes(caiman_files):
    with CaimanResults.open(caiman_files["sim3d"]) as results:
        found = outlines(results.components.footprints.matrix, results.frame_shape)
        volumes = results.components.footprints.images()  # (rows, columns, planes, components)
    for component, planes in enumerate(found):
        energy = volumes[..., component] ** 2
        strongest_first = np.argsort(-energy, axis=None)
        inside = np.zeros(energy.size, dtype=bool)
        inside[strongest_first[: np.searchsorted(np.cumsum(energy.flat[strongest_first]), 0.9 * energy.sum())]] = True
        with_pixels = np.flatnonzero(inside.reshape(energy.shape).any(axis=(0, 1)))
        assert set(with_pixels) <= set(planes)


def test_a_flattened_volume_has_the_largest_weight_of_the_planes(caiman_files):
    with CaimanResults.open(caiman_files["sim3d"]) as results:
        flat = flattened(results.components.footprints.matrix, results.frame_shape)
        volumes = results.components.footprints.images()
    rows, columns = results.frame_shape[:2]
    assert np.array_equal(flat.toarray().reshape((rows, columns, -1), order="F"), volumes.max(axis=2))
