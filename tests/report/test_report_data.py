"""A report reads the same from a CaImAn file and from the NWB file made of it, and chooses what to show."""

from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile
from report_samples import START

from caiman_interface import CaimanResults
from caiman_interface.report import NWBContentError, read_report_data
from caiman_interface.report.data import SHOWN_FRAMES, build, most_active, peak_to_noise

KINDS = [
    "sim2p_full",
    "sim3d",
    "sim1p_cnmfe",
    "sim1p_cnmfe_nbminus1",
    "sim2p_onacid",
    "sim2p_selected",
    "sim2p_selected_none",
    "sim2p_inmemory_k1",
    "sim2p_minimal",
]


def assert_same_pixels(first, second):
    for one, other in zip(first.coordinates, second.coordinates, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(first.weights, second.weights)
    assert np.array_equal(first.ends, second.ends)


def assert_same_arrays(first, second):
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert np.array_equal(values, second[name]), name


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in KINDS), ("sim3d", {"mask_type": "image"})])
def test_the_nwb_file_gives_the_same_as_the_caiman_file(caiman_files, nwb_of, name, options):
    before = read_report_data(caiman_files[name])
    after = read_report_data(nwb_of(name, **options))
    one, other = before.analysis, after.analysis
    for fact in ("method", "is_one_photon", "evaluation", "frame_shape"):
        assert getattr(one, fact) == getattr(other, fact)
    assert (one.num_frames, one.sampling_frequency) == (other.num_frames, other.sampling_frequency)
    assert np.array_equal(one.ids, other.ids)
    assert (one.accepted is None) == (other.accepted is None)
    assert one.accepted is None or np.array_equal(one.accepted, other.accepted)
    assert_same_arrays(one.metrics, other.metrics)
    assert_same_arrays(one.images, other.images)
    assert_same_pixels(one.pixels, other.pixels)
    assert one.parameters == other.parameters
    assert (one.discarded is None) == (other.discarded is None)
    if one.discarded is not None:
        assert_same_pixels(one.discarded.pixels, other.discarded.pixels)
        assert_same_arrays(one.discarded.metrics, other.discarded.metrics)
    assert before.backdrop_name == after.backdrop_name
    assert np.array_equal(before.backdrop, after.backdrop)
    assert before.strongest == after.strongest
    assert before.shown_frames == after.shown_frames
    assert [trace.position for trace in before.traces] == [trace.position for trace in after.traces]
    for shown, again in zip(before.traces, after.traces, strict=True):
        assert np.array_equal(shown.raw, again.raw)
        assert np.array_equal(shown.denoised, again.denoised)


def test_the_values_are_those_that_the_caiman_file_holds(caiman_files):
    data = read_report_data(caiman_files["sim2p_full"])
    with CaimanResults.open(caiman_files["sim2p_full"]) as results:
        raw = results.components.traces["raw"][:, :]
        correlation = results.images["correlation"]
        snr = results.components.metrics["snr"]
    assert data.analysis.num_accepted == 7
    assert np.array_equal(data.backdrop, correlation)
    assert data.strongest == tuple(np.argsort(-snr))
    assert [trace.position for trace in data.traces] == [2, 12, 0, 1, 3, 4, 5, 9, 8, 7, 6, 11]
    assert np.array_equal(data.traces[1].raw, raw[:, 12])


def test_a_part_of_an_nwb_file_bears_caimans_indices(caiman_files, nwb_of):
    whole = read_report_data(caiman_files["sim2p_full"]).analysis
    part = read_report_data(nwb_of("sim2p_full", roi_ids_to_add=[12, 5, 7])).analysis
    chosen = [12, 5, 7]
    assert part.ids.tolist() == chosen
    assert np.array_equal(part.metrics["snr"], whole.metrics["snr"][chosen])
    assert np.array_equal(part.accepted, whole.accepted[chosen])


def test_folders_do_not_show(caiman_files):
    parameters = read_report_data(caiman_files["sim2p_full"]).analysis.parameters
    assert parameters["data"]["fnames"] == ["sim2p.tif"]
    assert "/data/lab" not in repr(parameters)


@pytest.mark.parametrize(
    ("images", "name"),
    [
        ({"correlation": 1.0, "mean": 2.0, "baseline": 3.0}, "correlation image"),
        ({"mean": 2.0, "baseline": 3.0}, "background (sum of b)"),
        ({"baseline": 3.0}, "baseline image"),
        ({}, "largest footprint weight"),
    ],
)
def test_the_best_image_lies_behind_the_contours(analysis, images, name):
    slope = np.linspace(0, 1, 48).reshape(6, 8)
    data = build(analysis(images={key: slope + value for key, value in images.items()}))
    assert data.backdrop_name == name
    if images:
        assert np.array_equal(data.backdrop, slope + next(iter(images.values())))


def test_an_image_without_contrast_is_not_taken(analysis):
    images = {"correlation": np.full((6, 8), np.nan), "mean": np.ones((6, 8))}
    data = build(analysis(images=images))
    expected = np.zeros((6, 8))
    expected[[1, 1, 2, 4, 4, 5], [1, 2, 5, 6, 7, 7]] = 1
    assert data.backdrop_name == "largest footprint weight"
    assert np.array_equal(data.backdrop, expected)


def test_strength_without_scores_is_the_peak_over_the_noise(analysis):
    made = analysis()
    height = made.denoised.max(axis=0) - made.denoised.mean(axis=0)
    noise = np.sqrt(((made.raw - made.denoised) ** 2).mean(axis=0))
    assert np.allclose(peak_to_noise(made), height / noise)
    assert build(made).strongest == tuple(np.argsort(-height / noise))


def test_scores_that_are_not_numbers_come_last(analysis):
    data = build(analysis(metrics={"snr": np.array([np.nan, 1.0, 2.0])}))
    assert data.strongest == (2, 1, 0)


def test_some_rejected_components_are_always_shown(analysis):
    count = 40
    snr = np.arange(count, dtype=float)
    accepted = np.ones(count, dtype=bool)
    accepted[[1, 3, 5, 7, 9]] = False
    many = analysis(
        ids=np.arange(count),
        accepted=accepted,
        metrics={"snr": snr},
        raw=np.zeros((20, count)),
        denoised=np.zeros((20, count)),
    )
    assert [trace.position for trace in build(many).traces] == [39, 38, 37, 36, 35, 34, 33, 32, 31, 9, 7, 5]


def test_long_recordings_show_where_most_happens():
    traces = np.zeros((10_000, 2))
    traces[6_000:6_500, 0] = 5.0
    traces[8_500:8_700, 1] = 1.0
    shown = most_active(traces)
    assert len(shown) == SHOWN_FRAMES
    assert shown.start <= 6_000
    assert shown.stop >= 8_700


def test_a_file_without_traces_shows_none(analysis):
    data = build(analysis(raw=None, denoised=None))
    assert (data.traces, data.shown_frames) == ((), range(0))


def test_denoised_alone_is_shown_alone(analysis):
    data = build(analysis(raw=None))
    assert all(trace.raw is None and len(trace.denoised) == 50 for trace in data.traces)


@pytest.fixture
def empty_nwb(tmp_path):
    path = tmp_path / "empty.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(NWBFile("nothing", "id", START))
    return path


def test_an_nwb_file_without_rois_is_refused(empty_nwb):
    with pytest.raises(NWBContentError, match=r"empty\.nwb: there are no ROIs"):
        read_report_data(empty_nwb)


@pytest.fixture
def two_planes(caiman_files, tmp_path):
    from neuroconv import ConverterPipe

    from caiman_interface import CaimanSegmentationInterface

    interfaces = {
        key: CaimanSegmentationInterface(file_path=caiman_files[name], metadata_key=key)
        for key, name in (("upper", "sim2p_full"), ("lower", "sim2p_onacid"))
    }
    converter = ConverterPipe(interfaces)
    metadata = converter.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    path = tmp_path / "planes.nwb"
    converter.run_conversion(nwbfile_path=path, metadata=metadata)
    for interface in interfaces.values():
        interface.segmentation_extractor.results.close()
    return path


def test_one_of_several_tables_is_chosen_by_its_name(caiman_files, two_planes):
    with pytest.raises(NWBContentError, match="PlaneSegmentation_lower, PlaneSegmentation_upper"):
        read_report_data(two_planes)
    with pytest.raises(NWBContentError, match="there is no PlaneSegmentation 'middle'"):
        read_report_data(two_planes, "middle")
    for key, name in (("upper", "sim2p_full"), ("lower", "sim2p_onacid")):
        chosen = read_report_data(two_planes, f"PlaneSegmentation_{key}")
        expected = read_report_data(caiman_files[name])
        assert np.array_equal(chosen.backdrop, expected.backdrop)
        assert np.array_equal(chosen.traces[0].raw, expected.traces[0].raw)
        assert chosen.analysis.parameters == expected.analysis.parameters
        assert chosen.analysis.name == f"planes.nwb: PlaneSegmentation_{key}"  # the title, where none is given


def test_a_zarr_store_is_refused(tmp_path):
    (tmp_path / "store.nwb.zarr").mkdir()
    (tmp_path / "store.nwb.zarr" / ".zgroup").write_text("{}")
    with pytest.raises(ValueError, match="is a Zarr store"):
        read_report_data(tmp_path / "store.nwb.zarr")


def test_traces_of_other_rois_are_not_taken_for_these(nwb_of, tmp_path):
    path = tmp_path / "shuffled.nwb"
    path.write_bytes(nwb_of("sim2p_full").read_bytes())
    with h5py.File(path, "r+") as file:
        region = file["processing/ophys/Fluorescence/RoiResponseSeries/rois"]
        region[...] = region[()][::-1]
    data = read_report_data(path)
    assert data.traces[0].raw is None
    assert data.traces[0].denoised is not None


def test_an_nwb_file_without_caimans_parameters_shows_what_it_has(nwb_of, tmp_path):
    path = tmp_path / "bare.nwb"
    path.write_bytes(nwb_of("sim2p_full").read_bytes())
    with h5py.File(path, "r+") as file:
        del file["processing/ophys/CaimanParameters"]
    analysis = read_report_data(path).analysis
    assert analysis.frame_shape == (60, 80)  # of the images
    assert analysis.pixel_size is None
    with h5py.File(path, "r+") as file:
        del file["processing/ophys/SegmentationImages"]
    bare = read_report_data(path)
    x, y = (axis.max() + 1 for axis in bare.analysis.pixels.coordinates)
    assert bare.analysis.frame_shape == (y, x)
    assert bare.backdrop_name == "largest footprint weight"


@pytest.mark.parametrize("kind", ["caiman", "nwb"])
def test_reading_imports_neither_the_hosts_nor_matplotlib(caiman_files, nwb_of, kind):
    path = caiman_files["sim2p_full"] if kind == "caiman" else nwb_of("sim2p_full")
    code = f"""
import sys
from pathlib import Path
from caiman_interface.report import read_report_data
assert read_report_data(Path({str(path)!r})).analysis.count == 13
print(*(name for name in ("neuroconv", "pynwb", "hdmf", "roiextractors", "matplotlib") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
