"""A report reads the same from a CaImAn file and from the NWB file made from it."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_interface import CaimanResults
from caiman_interface.report import ReportData

NAMES = ("sim2p_full", "sim3d", "sim1p_cnmfe", "sim2p_onacid", "sim2p_selected", "sim2p_selected_none", "sim2p_minimal")


def assert_same_arrays(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert np.array_equal(first[name], second[name], equal_nan=True), name


def assert_same_components(first, second):
    assert np.array_equal(first.ids, second.ids)
    assert (first.statuses, first.manual) == (second.statuses, second.manual)
    assert (first.footprints != second.footprints).nnz == 0
    assert np.allclose(first.centroids, second.centroids, atol=1e-4, equal_nan=True)
    assert_same_arrays(first.metrics, second.metrics)
    assert_same_arrays(first.fits, second.fits)
    assert first.traces.keys() == second.traces.keys()
    for name, trace in first.traces.items():
        assert np.array_equal(trace[:, :], second.traces[name][:, :], equal_nan=True), name


def assert_same(before: ReportData, after: ReportData):
    for fact in ("method", "caiman_version", "is_one_photon", "frame_shape", "num_frames", "sampling_frequency"):
        assert getattr(before, fact) == getattr(after, fact), fact
    assert_same_arrays(before.images, after.images)
    assert_same_components(before.components, after.components)
    assert (before.discarded is None) == (after.discarded is None)
    if before.discarded is not None:
        assert_same_components(before.discarded, after.discarded)
    for group, values in before.parameters.items():
        assert after.parameters[group] == values


@pytest.mark.parametrize(("name", "backend"), [*((name, "hdf5") for name in NAMES), ("sim2p_full", "zarr")])
def test_the_nwb_file_gives_the_same_as_the_caiman_file(caiman_files, converted, name, backend):
    with (
        ReportData.open(caiman_files[name]) as before,
        ReportData.open(converted(name, backend)) as after,
    ):
        assert_same(before, after)


def test_results_under_other_names_are_read_too(caiman_files, convert, tmp_path):
    options = {"metadata_key": "plane0", "plane_segmentation_name": "Cells"}

    def rename(metadata):
        metadata["Ophys"]["PlaneSegmentations"]["plane0"]["name"] = "Cells"

    path = convert(caiman_files["sim2p_full"], tmp_path / "cells.nwb", metadata=rename, **options)
    with ReportData.open(caiman_files["sim2p_full"]) as before, ReportData.open(path) as after:
        assert "Cells" in after.nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations
        assert (after.method, after.parameter("quality", "min_SNR")) == ("CNMF", 9)
        assert_same(before, after)


def test_a_volume_under_the_key_plane0_is_read(caiman_files, convert, tmp_path):
    path = convert(caiman_files["sim3d"], tmp_path / "volume.nwb", metadata_key="plane0")
    with ReportData.open(caiman_files["sim3d"]) as before, ReportData.open(path) as after:
        assert_same(before, after)


def test_one_of_several_analyses_is_chosen_by_its_key(caiman_files, two_planes):
    with pytest.raises(ValueError, match=r"lower.*upper"), ReportData.open(two_planes):
        pass
    for key, name in (("upper", "sim2p_full"), ("lower", "sim2p_onacid")):
        with ReportData.open(caiman_files[name]) as before, ReportData.open(two_planes, key) as after:
            assert_same(before, after)


@pytest.fixture(scope="module")
def two_planes(caiman_files, tmp_path_factory):
    from neuroconv import ConverterPipe

    from caiman_interface import CaimanSegmentationInterface
    from conversions import START

    interfaces = {
        key: CaimanSegmentationInterface(file_path=caiman_files[name], metadata_key=key)
        for key, name in (("upper", "sim2p_full"), ("lower", "sim2p_onacid"))
    }
    converter = ConverterPipe(interfaces)
    metadata = converter.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    path = tmp_path_factory.mktemp("planes") / "planes.nwb"
    converter.run_conversion(nwbfile_path=path, metadata=metadata)
    for interface in interfaces.values():
        interface.segmentation_extractor.results.close()
    return path


def test_the_values_are_those_of_the_caiman_file(everything):
    with ReportData.open(everything) as data, CaimanResults.open(everything) as results:
        components = results.components
        assert data.components.statuses.count("accepted") == len(components.acceptance.accepted)
        assert np.array_equal(data.components.traces["raw"][:, [12]], components.traces["raw"][:, [12]])
        assert set(data.components.traces) >= {"raw", "dff", "denoised", "deconvolved", "dff_denoised"}
        assert data.tally() == {"accepted": 7, "rejected": 6, "discarded": 6}
        name, image = data.backdrop()
        assert name == "correlation image"
        assert np.array_equal(image, results.images["correlation"])


def test_the_choices_of_a_user_are_read(manual_file):
    with ReportData.open(manual_file) as data:
        manual = data.components.manual
    assert [n for n, choice in enumerate(manual) if choice == "accepted"] == [0, 2, 11]
    assert [n for n, choice in enumerate(manual) if choice == "rejected"] == [1]


def test_directories_are_not_shown(caiman_files):
    with ReportData.open(caiman_files["sim2p_full"]) as data:
        assert data.parameters["data"]["fnames"] == ["sim2p.tif"]
        assert "/data/lab" not in repr(data.parameters)


def test_components_without_evaluation_are_not_called_accepted(caiman_files):
    with ReportData.open(caiman_files["sim2p_minimal"]) as data:
        assert data.tally() == {"not evaluated": 13}


SLOPE = np.linspace(0, 1, 48).reshape(6, 8)


@pytest.mark.parametrize(
    ("images", "name"),
    [
        ({"correlation": SLOPE + 1, "mean": SLOPE}, "correlation image"),
        ({"correlation": np.full((6, 8), np.nan), "mean": SLOPE}, "background (sum of b)"),
        ({"mean": np.ones((6, 8)), "baseline": SLOPE}, "baseline image"),
        ({}, "largest footprint weight"),
    ],
)
def test_the_best_image_with_contrast_is_behind_the_contours(report_data, images, name):
    found, image = report_data(images=images).backdrop()
    assert found == name
    if not images:
        assert [tuple(pixel) for pixel in np.argwhere(image)] == [(1, 1), (1, 2), (2, 5), (4, 6), (4, 7), (5, 7)]


def test_strength_without_snr_is_the_peak_over_the_noise(report_data):
    data = report_data()
    raw, denoised = (data.components.traces[name] for name in ("raw", "denoised"))
    noise = np.sqrt(((raw - denoised) ** 2).mean(axis=0))
    expected = (denoised.max(axis=0) - denoised.mean(axis=0)) / noise
    assert np.array_equal(data.ranking(), np.argsort(-expected))


def test_an_snr_that_is_not_a_number_is_last(report_data):
    assert report_data(components={"metrics": {"snr": np.array([np.nan, 1.0, 2.0])}}).ranking().tolist() == [2, 1, 0]


def test_times_follow_the_rate_or_the_timestamps(report_data):
    frames = np.array([0, 2.5, 49])
    assert np.allclose(report_data().times(frames), [0, 0.25, 4.9])
    stamps = 100 + np.arange(50) ** 2
    assert np.allclose(report_data(timestamps=stamps).times(frames), [0, 6.5, 2401])
    without = report_data(sampling_frequency=None)
    assert not without.has_time
    assert np.array_equal(without.times(frames), frames)
