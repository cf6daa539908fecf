"""The outlines enclose what CaImAn's do."""

from __future__ import annotations

import numpy as np
import pytest
from contourpy import LineType, contour_generator
from matplotlib.path import Path as Polygon

from caiman_interface import CaimanResults
from caiman_interface.caiman_file import PixelTable
from caiman_interface.report.contours import centroids, outlines, project


def footprint(image: np.ndarray) -> PixelTable:
    """Make one footprint of an image (rows, columns[, planes])."""
    row, column, *plane = (axis.astype(np.uint32) for axis in np.nonzero(image))
    weights = image[np.nonzero(image)]
    return PixelTable(coordinates=(column, row, *plane), weights=weights, ends=np.array([len(weights)]))


def disc(shape: tuple[int, int], row: float, column: float, width: float) -> np.ndarray:
    rows, columns = np.indices(shape)
    image = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
    return np.where(image > 0.02, image, 0)


def as_caiman_draws(image: np.ndarray) -> list[np.ndarray]:
    """Draw on the whole frame, as ``caiman.utils.visualization.get_contours`` does with ``thr_method='nrg'``."""
    flat = image.ravel()
    strongest_first = np.argsort(flat)[::-1]
    cumulated = np.cumsum(flat[strongest_first] ** 2)
    levels = np.empty(flat.size)
    levels[strongest_first] = cumulated / cumulated[-1]
    lines = contour_generator(z=levels.reshape(image.shape), line_type=LineType.Separate).lines(0.9)
    return [np.asarray(line) for line in lines]


def test_an_outline_is_the_one_that_caiman_draws():
    image = disc((40, 60), 15.3173, 42.7841, 3.1)  # no two pixels have the same weight
    ((line,),) = outlines(footprint(image))
    (expected,) = as_caiman_draws(image)
    assert np.array_equal(line[0], line[-1])
    assert {tuple(point) for point in np.round(line, 9)} == {tuple(point) for point in np.round(expected, 9)}


def test_an_outline_encloses_nine_tenths_of_the_energy():
    image = disc((50, 30), 20.6, 11.2, 4.0)
    ((line,),) = outlines(footprint(image))
    rows, columns = np.indices(image.shape)
    inside = Polygon(line).contains_points(np.column_stack([columns.ravel(), rows.ravel()])).reshape(image.shape)
    energy = image**2
    assert energy[inside].sum() / energy.sum() == pytest.approx(0.9, abs=0.01)
    assert image[inside].min() >= image[~inside].max()


def test_outlines_of_a_real_file_lie_around_the_centres_of_its_footprints(caiman_files):
    with CaimanResults.open(caiman_files["sim2p_full"]) as results:
        pixels = results.components.footprints.pixels()
        expected = results.components.footprints.centroids()
    assert np.allclose(centroids(pixels), expected)
    for position in range(6):  # round cells, each in one piece
        (line,) = outlines(pixels)[position]
        assert np.allclose((line.min(axis=0) + line.max(axis=0)) / 2, expected[position], atol=0.5)


def test_a_footprint_of_one_pixel_has_an_outline_around_it():
    image = np.zeros((5, 9))
    image[3, 7] = 2.0
    ((line,),) = outlines(footprint(image))
    assert np.allclose(line.mean(axis=0), [7, 3], atol=0.2)
    assert Polygon(line).contains_point((7, 3))


def test_a_footprint_in_two_pieces_has_two_outlines():
    image = disc((40, 40), 8, 8, 2) + disc((40, 40), 30, 28, 2)
    ((first, second),) = outlines(footprint(image))
    centres = sorted([tuple(np.round(line.mean(axis=0))) for line in (first, second)])
    assert centres == [(8, 8), (28, 30)]


def test_empty_footprints_have_no_outline():
    nothing = np.zeros(0, dtype=np.uint32)
    table = PixelTable(coordinates=(nothing, nothing), weights=np.zeros(0), ends=np.array([0, 0]))
    assert outlines(table) == [[], []]
    assert np.all(np.isnan(centroids(table)))


def test_a_projection_takes_the_largest_weight_on_each_line(caiman_files):
    with CaimanResults.open(caiman_files["sim3d"]) as results:
        pixels = results.components.footprints.pixels()
        volumes = results.components.footprints.images()  # (rows, columns, planes, components)
    for axes, along in (((0, 1), 2), ((0, 2), 0), ((2, 1), 1)):
        flat = volumes.max(axis=along)  # (rows, columns), (columns, planes) or (rows, planes)
        down_first = np.moveaxis(flat, 1, 0) if along == 0 else flat
        seen = project(pixels, axes)
        start = 0
        for component, end in enumerate(seen.ends):
            image = np.zeros(down_first.shape[:2])
            x, y = (axis[start:end] for axis in seen.coordinates)
            image[y, x] = seen.weights[start:end]
            assert np.array_equal(image, down_first[..., component])
            start = end
