"""The times of frames: the rate of the CaImAn file, a given rate, or timestamps; never two that contradict."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from neuroconv.tools.yaml_conversion_specification import run_conversion_from_yaml
from pydantic import ValidationError
from pynwb import NWBFile
from pynwb.testing.mock.file import mock_NWBFile
from pynwb.testing.mock.ophys import mock_ImagingPlane, mock_TwoPhotonSeries

from caiman_interface import CaimanSegmentationInterface, write_nwbfile
from caiman_interface.conversion.timestamps import TimestampsError, find_timestamps, read_timestamps
from caiman_interface.specification.checks import check_specification

FILE = Path(__file__).parent / "data" / "sim2p_full.hdf5"
FRAMES, FILE_RATE = 600, 15.49
KEY = "caiman_segmentation"
PLANE = ("Ophys", "ImagingPlanes", KEY, "imaging_rate")
IRREGULAR = np.cumsum(np.random.default_rng(0).uniform(0.05, 0.15, FRAMES))


@pytest.fixture
def opened() -> Iterator[Callable[..., CaimanSegmentationInterface]]:
    """A function that makes an interface, which is closed at the end."""
    interfaces = []

    def make(file: Path = FILE, **arguments: Any) -> CaimanSegmentationInterface:
        interfaces.append(CaimanSegmentationInterface(file, **arguments))
        return interfaces[-1]

    yield make
    for interface in interfaces:
        interface.segmentation_extractor.results.close()


def added(interface: CaimanSegmentationInterface, metadata: Any = None, **options: Any) -> NWBFile:
    nwbfile = mock_NWBFile()
    interface.add_to_nwbfile(nwbfile, metadata, **options)
    return nwbfile


def series_of(nwbfile: NWBFile) -> list[Any]:
    return list(nwbfile.processing["ophys"]["Fluorescence"].roi_response_series.values())


# A given rate


@pytest.mark.parametrize("dictionaries", [True, False])
def test_a_given_rate_is_that_of_every_series_and_of_the_plane(opened, dictionaries):
    interface = opened(sampling_frequency=10.0)
    metadata = interface.get_metadata(use_new_metadata_format=dictionaries)
    nwbfile = added(interface, metadata)
    assert {series.rate for series in series_of(nwbfile)} == {10.0}
    assert len(series_of(nwbfile)) > 3
    assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == 10.0
    assert interface.sampling_frequency == 10.0
    assert interface.get_timestamps()[1] == interface.get_original_timestamps()[1] == 0.1


def test_the_rate_of_the_plane_is_the_given_one_without_metadata_too(opened):
    nwbfile = added(opened(sampling_frequency=10.0), {})
    assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == 10.0


def test_a_specification_can_give_the_rate(tmp_path):
    specification = {
        "data_interfaces": {"Segmentation": "CaimanSegmentationInterface"},
        "metadata": {"NWBFile": {"session_start_time": "2024-05-02T10:30:00+02:00"}},
        "experiments": {
            "ophys": {
                "metadata": {"NWBFile": {"session_description": "A session."}},
                "sessions": [
                    {
                        "nwbfile_name": "mouse1_day1",
                        "source_data": {"Segmentation": {"file_path": FILE.name, "sampling_frequency": 10.0}},
                    }
                ],
            }
        },
    }
    path = tmp_path / "spec.yml"
    path.write_text(yaml.safe_dump(specification))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_conversion_from_yaml(path, data_folder_path=FILE.parent, output_folder_path=tmp_path)
    with h5py.File(tmp_path / "mouse1_day1.nwb") as file:
        series = file["processing/ophys/Fluorescence"]
        assert {series[name]["starting_time"].attrs["rate"] for name in series} == {10.0}
        assert file["general/optophysiology/ImagingPlane/imaging_rate"][()] == 10.0


@pytest.mark.parametrize("empty", [None, float("nan"), ""])
def test_an_empty_field_of_a_form_is_no_rate(opened, empty):
    assert opened(sampling_frequency=empty, timestamps_path=None).sampling_frequency == FILE_RATE


@pytest.mark.parametrize("rate", [0, -1.0, float("inf"), "fast"])
def test_a_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(ValidationError, match="sampling_frequency"):
        CaimanSegmentationInterface(FILE, sampling_frequency=rate)


def test_a_file_without_a_rate_needs_one(opened, copy_of):
    path = copy_of("sim2p_minimal")
    with h5py.File(path, "r+") as file:
        del file["params/data/fr"]
    interface = opened(path)
    with pytest.raises(ValueError, match=r"sim2p_minimal.hdf5, at .*no imaging rate.*sampling_frequency"):
        interface.check_sampling()
    assert interface.sampling_frequency is None
    given = opened(path, sampling_frequency=7.5)
    given.check_sampling()
    assert {series.rate for series in series_of(added(given))} == {7.5}


# A rate in the metadata


@pytest.mark.parametrize("in_lists", [True, False])
def test_another_rate_in_the_metadata_is_refused(opened, in_lists):
    interface = opened()
    metadata: Any = {"Ophys": {"ImagingPlanes": {KEY: {"imaging_rate": 10.0}}}}
    if in_lists:
        metadata = {"Ophys": {"ImagingPlane": [{"name": "ImagingPlane", "imaging_rate": 10.0}]}}
    nwbfile = mock_NWBFile()
    with pytest.raises(ValidationError, match=r"imaging_rate is 10 Hz.*15\.49 Hz.*sampling_frequency") as caught:
        interface.add_to_nwbfile(nwbfile, metadata)
    assert [error["loc"] for error in caught.value.errors()] == [PLANE]
    assert not nwbfile.processing
    assert not nwbfile.imaging_planes


def test_the_rate_in_the_metadata_may_be_the_rounded_one(opened):
    nwbfile = added(opened(), {"Ophys": {"ImagingPlanes": {KEY: {"imaging_rate": 15.5}}}})
    assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == 15.5


def test_a_given_rate_replaces_that_of_the_file_in_older_metadata(opened):
    metadata = opened().get_metadata(use_new_metadata_format=True)
    nwbfile = added(opened(sampling_frequency=10.0), metadata)
    assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == 10.0


def test_another_rate_of_a_movie_on_the_same_plane_is_a_warning(opened):
    metadata = {
        "Ophys": {
            "ImagingPlanes": {"shared": {"name": "Shared", "imaging_rate": 30.0}},
            "PlaneSegmentations": {KEY: {"imaging_plane_metadata_key": "shared"}},
            "MicroscopySeries": {"movie": {"imaging_plane_metadata_key": "shared"}},
        }
    }
    with pytest.warns(UserWarning, match=r"imaging_rate is 30 Hz.*15\.49 Hz"):
        nwbfile = added(opened(), metadata)
    assert nwbfile.imaging_planes["Shared"].imaging_rate == 30.0


# Timestamps


def written(folder: Path, kind: str, times: Any) -> str:
    if kind == "hdf5":
        with h5py.File(folder / "sync.h5", "w") as file:
            file["camera/times"] = times
        return f"{folder / 'sync.h5'}::camera/times"
    path = folder / f"times.{kind}"
    if kind == "npy":
        np.save(path, times)
    else:
        heading = "time (s)\n" if kind == "csv" else ""
        path.write_text(heading + "\n".join(repr(float(time)) for time in times) + "\n")
    return str(path)


@pytest.mark.parametrize("kind", ["npy", "csv", "txt", "hdf5"])
def test_timestamps_of_a_file_are_those_of_the_series(opened, tmp_path, kind):
    interface = opened(timestamps_path=written(tmp_path, kind, IRREGULAR))
    nwbfile = added(interface)
    for series in series_of(nwbfile):
        timestamps = series.timestamps
        np.testing.assert_array_equal(timestamps if isinstance(timestamps, np.ndarray) else timestamps.data, IRREGULAR)
        assert series.rate is None
    rate = nwbfile.imaging_planes["ImagingPlane"].imaging_rate
    assert rate == pytest.approx(1 / np.median(np.diff(IRREGULAR)))
    np.testing.assert_array_equal(interface.get_original_timestamps(), IRREGULAR)


def test_regular_timestamps_become_a_rate(opened, tmp_path):
    nwbfile = added(opened(timestamps_path=written(tmp_path, "npy", 5 + np.arange(FRAMES) / 20)))
    assert {series.starting_time for series in series_of(nwbfile)} == {5}
    assert all(series.rate == pytest.approx(20) for series in series_of(nwbfile))
    assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == pytest.approx(20)


def test_a_relative_path_is_found_from_the_caiman_file(tmp_path, monkeypatch):
    sessions = tmp_path / "data" / "sessions"
    sessions.mkdir(parents=True)
    expected = written(sessions, "npy", IRREGULAR)
    monkeypatch.chdir(tmp_path)
    assert find_timestamps("sessions/times.npy", "data/sessions/results.hdf5") == expected
    assert find_timestamps("times.npy", sessions / "results.hdf5") == expected
    assert find_timestamps("sync.h5::camera/times", sessions / "results.hdf5") == "sync.h5::camera/times"


def test_timestamps_and_a_rate_exclude_each_other(tmp_path):
    path = written(tmp_path, "npy", IRREGULAR)
    with pytest.raises(ValidationError, match="exclude each other"):
        CaimanSegmentationInterface(FILE, sampling_frequency=10.0, timestamps_path=path)


def changed(index: int, value: float) -> Any:
    times = np.arange(FRAMES) / 10
    times[index] = value
    return times


@pytest.mark.parametrize(
    ("kind", "times", "message"),
    [
        ("npy", np.arange(599) / 10, r"times\.npy': there are 599 times for 600 frames"),
        ("npy", changed(17, np.nan), r"times\.npy': frame 17 is nan; expected a finite number"),
        ("csv", changed(17, np.nan), r"times\.csv': line 19 is nan"),
        ("txt", changed(17, 0.5), r"times\.txt': line 18 \(0\.5 s\) is not after line 17 \(1\.6 s\)"),
        ("hdf5", changed(17, 0.5), r"sync\.h5::camera/times': frame 17 \(0\.5 s\) is not after frame 16"),
        ("npy", np.zeros((600, 2)), r"the shape is \(600, 2\)"),
        ("npy", np.array(["a"] * 600), r"have the type <U1; expected numbers"),
    ],
)
def test_wrong_timestamps_are_refused_with_file_and_place(tmp_path, kind, times, message):
    path = written(tmp_path, kind, times)
    with pytest.raises(TimestampsError, match=message):
        CaimanSegmentationInterface(FILE, timestamps_path=path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.npy", None, "there is no such file"),
        ("times.npy", b"not numpy", "cannot be read"),
        ("times.txt", b"0.1\n0,2\n", "line 2 is '0,2'; expected one number per line"),
        ("times.txt", b"\xff\xfe0", "cannot be read as text"),
        ("times.xlsx", b"", r"the format is unknown; expected a \.npy file"),
        ("sync.h5::times", b"not HDF5", "cannot be read as HDF5"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name.partition("::")[0]).write_bytes(content)
    with pytest.raises(TimestampsError, match=message):
        read_timestamps(f"{tmp_path}/{name}")


def test_a_missing_dataset_is_refused_with_those_that_there_are(tmp_path):
    path = written(tmp_path, "hdf5", IRREGULAR).removesuffix("::camera/times")
    with pytest.raises(TimestampsError, match=r"no such dataset; the file has 'camera/times'"):
        read_timestamps(f"{path}::frames")
    with pytest.raises(TimestampsError, match=r"::DATASET', such as 'camera/times'"):
        read_timestamps(path)


# The movie beside the traces


def with_plane(rate: float, plane: str = "ImagingPlane") -> NWBFile:
    nwbfile = mock_NWBFile(session_start_time=datetime(2024, 5, 2, tzinfo=timezone.utc))
    imaging_plane = mock_ImagingPlane(name=plane, imaging_rate=rate)
    nwbfile.add_device(imaging_plane.device)
    nwbfile.add_imaging_plane(imaging_plane)
    return nwbfile


def add_movie(nwbfile: NWBFile, frames: int, rate: float) -> None:
    (plane,) = nwbfile.imaging_planes.values()
    data = np.zeros((frames, 4, 5), dtype=np.uint8)
    nwbfile.add_acquisition(mock_TwoPhotonSeries(name="Movie", imaging_plane=plane, data=data, rate=rate))


def with_movie(frames: int, rate: float, plane: str = "ImagingPlane") -> NWBFile:
    nwbfile = with_plane(rate, plane)
    add_movie(nwbfile, frames, rate)
    return nwbfile


@pytest.mark.parametrize("plane", ["ImagingPlane", "Cortex"])
def test_a_movie_of_another_length_or_rate_is_a_warning_with_both_numbers(opened, plane):
    with pytest.warns(UserWarning, match="the movie") as caught:
        opened().add_to_nwbfile(with_movie(400, 30.0, plane))
    messages = [str(warning.message) for warning in caught if "movie" in str(warning.message)]
    assert messages == [
        f"{FILE}: the movie 'Movie' has 400 frames, and the traces have 600.",
        f"{FILE}: the movie 'Movie' has 30 frames per second, and the traces have 15.49.",
    ]


def test_a_matching_movie_is_no_warning(opened):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened().add_to_nwbfile(with_movie(600, 15.49))
        opened().add_to_nwbfile(with_movie(400, 15.49), stub_test=True)


@pytest.mark.filterwarnings("ignore:Spec 'TwoPhotonSeries/num_samples'")  # hdmf 6.1 of pynwb's own attribute
@pytest.mark.parametrize("frames", [599, 700])
def test_a_movie_that_is_added_after_the_traces_is_compared_when_the_file_is_written(opened, tmp_path, frames):
    nwbfile = with_plane(15.49)
    opened().add_to_nwbfile(nwbfile)
    add_movie(nwbfile, frames, 15.49)
    with pytest.warns(UserWarning, match=f"the movie 'Movie' has {frames} frames, and the traces have 600"):
        write_nwbfile(nwbfile, tmp_path / "session.nwb")


SPECIFICATION = """\
metadata: {{NWBFile: {{session_start_time: "2024-05-03T14:30:00+02:00"}}}}
data_interfaces: {{Segmentation: CaimanSegmentationInterface, Movie: TiffImagingInterface}}
experiments:
  day1:
    sessions:
      - nwbfile_name: one
        source_data:
          Segmentation: {{file_path: {file}}}
          Movie: {{{movie}, sampling_frequency: 30.0}}
"""


def test_a_movie_that_a_tiff_reader_cuts_off_is_found_before_conversion(tmp_path):
    """TIFF readers pass over what is missing from an incomplete copy."""
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "movie.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(60):
            writer.write(np.zeros((8, 9), dtype=np.uint16), contiguous=False, metadata=None)
    os.truncate(path, path.stat().st_size // 2)
    movie = f"file_paths: [{path}]" if _takes_file_paths() else f"file_path: {path}"
    specification = tmp_path / "session.yml"
    specification.write_text(SPECIFICATION.format(file=FILE, movie=movie))
    warned = [one.message for one in check_specification(specification).findings if one.severity == "warning"]
    assert "the movie 'TiffImagingInterface' has 30 frames, and the traces have 600" in warned
    assert "the movie 'TiffImagingInterface' has 30 frames per second, and the traces have 15.49" in warned


def _takes_file_paths() -> bool:
    from neuroconv.datainterfaces import TiffImagingInterface

    return "file_paths" in TiffImagingInterface.get_source_schema()["properties"]
