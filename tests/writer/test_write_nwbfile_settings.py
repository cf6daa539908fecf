"""`write_nwbfile`: what a caller asks for is honoured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdmf.backends.hdf5 import H5DataIO
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from neuroconv.tools.nwb_helpers import configure_and_write_nwbfile, get_default_backend_configuration
from nwbfiles import (
    PIXEL,
    contents,
    empty_file,
    file_with,
    ophys_file,
    plane_segmentation,
    records,
    set_compression,
    write_as_neuroconv_does,
)
from pynwb import NWBHDF5IO, NWBFile, TimeSeries, read_nwb
from pynwb.base import Images
from pynwb.image import GrayscaleImage
from roiextractors.testing import generate_dummy_imaging_extractor

from caiman_interface.writer.file import write_nwbfile

SERIES = "acquisition/Series/data"
VALUES = np.random.default_rng(0).integers(0, 50, (3000, 40))
MASKS = "processing/ophys/ImageSegmentation/PlaneSegmentation/pixel_mask"


def series_file() -> NWBFile:
    return file_with(SliceableDataChunkIterator(data=VALUES, chunk_shape=(1000, 40)))


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("gzip", None, ("gzip", 4)),
        ("gzip", {"level": 1}, ("gzip", 1)),
        ("gzip", {"level": 9}, ("gzip", 9)),
        ("gzip", {"level": 0}, ("gzip", 0)),
        (None, None, (None, None)),
        ("lzf", None, ("lzf", None)),
    ],
)
def test_filters_and_chunks_of_a_configuration_are_honoured(
    tmp_path: Path, method: str | None, options: dict[str, Any] | None, expected: tuple[str | None, int | None]
) -> None:
    nwbfile = series_file()
    configuration = get_default_backend_configuration(nwbfile, "hdf5")
    dataset = configuration.dataset_configurations[SERIES]
    set_compression(dataset, method, options)
    dataset.chunk_shape = (170, 13)
    dataset.buffer_shape = (340, 26)
    expectation: AbstractContextManager[Any] = nullcontext()
    if method == "lzf":
        expectation = pytest.warns(UserWarning, match="lzf compression may not be available")
    with expectation:
        write_nwbfile(nwbfile, tmp_path / "ours.nwb", backend_configuration=configuration)
    with h5py.File(tmp_path / "ours.nwb") as file:
        written = file[SERIES]
        assert (written.compression, written.compression_opts) == expected
        assert not written.shuffle
        assert written.chunks == (170, 13)
        np.testing.assert_array_equal(written[()], VALUES)


def test_an_array_stands_in_one_piece_where_the_configuration_says_so(tmp_path: Path) -> None:
    nwbfile = file_with(VALUES)
    configuration = get_default_backend_configuration(nwbfile, "hdf5")
    dataset = configuration.dataset_configurations[SERIES]
    set_compression(dataset, None, None)
    dataset.chunk_shape = None
    write_nwbfile(nwbfile, tmp_path / "ours.nwb", backend_configuration=configuration)
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file[SERIES].chunks is None
        np.testing.assert_array_equal(file[SERIES][()], VALUES)


def test_a_configuration_for_masks_is_honoured(tmp_path: Path) -> None:
    masks = records(PIXEL, 20_000)

    def make() -> NWBFile:
        nwbfile = file_with(np.arange(10.0))
        plane_segmentation(nwbfile, masks, rois=10)
        return nwbfile

    nwbfile = make()
    configuration = get_default_backend_configuration(nwbfile, "hdf5")
    masks_configuration = configuration.dataset_configurations[
        "processing/ophys/ImageSegmentation/PlaneSegmentation/pixel_mask/data"
    ]
    masks_configuration.chunk_shape = (1234,)
    masks_configuration.buffer_shape = (20_000,)
    set_compression(masks_configuration, "gzip", {"level": 2})
    write_nwbfile(nwbfile, tmp_path / "ours.nwb", backend_configuration=configuration)
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file[MASKS].chunks == (1234,)
        assert (file[MASKS].compression_opts, file[MASKS].shuffle) == (2, False)
        np.testing.assert_array_equal(file[MASKS][()], masks)


def test_masks_with_another_filter_are_left_to_hdmf(tmp_path: Path) -> None:
    nwbfile = file_with(np.arange(10.0))
    plane_segmentation(nwbfile, records(PIXEL, 9000), rois=10)
    configuration = get_default_backend_configuration(nwbfile, "hdf5")
    location = "processing/ophys/ImageSegmentation/PlaneSegmentation/pixel_mask/data"
    set_compression(configuration.dataset_configurations[location], "lzf", None)
    with pytest.warns(UserWarning, match="lzf compression may not be available"):
        write_nwbfile(nwbfile, tmp_path / "ours.nwb", backend_configuration=configuration)
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file[MASKS].compression == "lzf"
        np.testing.assert_array_equal(file[MASKS][()], records(PIXEL, 9000))


def test_a_configuration_made_for_a_file_of_the_same_structure_fits(tmp_path: Path) -> None:
    configuration = get_default_backend_configuration(series_file(), "hdf5")
    configuration.dataset_configurations[SERIES].chunk_shape = (500, 40)
    write_nwbfile(series_file(), tmp_path / "ours.nwb", backend_configuration=configuration)
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file[SERIES].chunks == (500, 40)


def test_zarr_has_the_content_that_neuroconv_writes(tmp_path: Path) -> None:
    write_nwbfile(ophys_file_for_zarr(), tmp_path / "ours.nwb.zarr", backend="zarr")
    configure_and_write_nwbfile(ophys_file_for_zarr(), str(tmp_path / "theirs.nwb.zarr"), backend="zarr")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours.nwb.zarr", "theirs.nwb.zarr"]
    ours, theirs = read_nwb(tmp_path / "ours.nwb.zarr"), read_nwb(tmp_path / "theirs.nwb.zarr")
    for nwbfile in (ours, theirs):
        table = nwbfile.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
        assert nwbfile.processing["ophys"]["Fluorescence"]["Raw"].rois.table is table
    for name in ("Raw", "Same"):
        np.testing.assert_array_equal(
            ours.processing["ophys"]["Fluorescence"][name].data[:],
            theirs.processing["ophys"]["Fluorescence"][name].data[:],
        )
    for nwbfile in (ours, theirs):
        nwbfile.read_io.close()


def ophys_file_for_zarr() -> NWBFile:
    nwbfile = ophys_file()
    del nwbfile.acquisition["Wrapped"]  # its settings are those of HDF5
    return nwbfile


def test_a_zarr_configuration_says_the_backend(tmp_path: Path) -> None:
    nwbfile = series_file()
    configuration = get_default_backend_configuration(nwbfile, "zarr")
    write_nwbfile(nwbfile, tmp_path / "ours.nwb.zarr", backend_configuration=configuration)
    assert (tmp_path / "ours.nwb.zarr").is_dir()


@pytest.mark.parametrize("make", [series_file, ophys_file], ids=["one_series", "with_links"])
def test_a_file_that_was_read_from_another_is_exported(tmp_path: Path, make: Callable[[], NWBFile]) -> None:
    source = write_as_neuroconv_does(make, tmp_path / "source.nwb")
    with NWBHDF5IO(source, mode="r") as io:
        write_nwbfile(io.read(), tmp_path / "copy.nwb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.nwb", "source.nwb"]
    assert contents(tmp_path / "copy.nwb") == contents(source)


def test_settings_that_somebody_wrapped_data_in_are_kept(tmp_path: Path) -> None:
    nwbfile = file_with(H5DataIO(VALUES, compression="gzip", compression_opts=1, shuffle=False, chunks=(100, 40)))
    nwbfile.add_acquisition(TimeSeries(name="Free", data=VALUES, unit="V", rate=1.0))
    masks = records(PIXEL, 9000)
    plane_segmentation(nwbfile, H5DataIO(masks, compression="gzip", chunks=(1000,)), rois=10)
    write_nwbfile(nwbfile, tmp_path / "ours.nwb")
    with h5py.File(tmp_path / "ours.nwb") as file:
        series = file[SERIES]
        assert (series.compression, series.compression_opts, series.shuffle) == ("gzip", 1, False)
        assert series.chunks == (100, 40)
        assert file["acquisition/Free/data"].shuffle
        assert (file[MASKS].chunks, file[MASKS].shuffle) == ((1000,), False)
        np.testing.assert_array_equal(series[()], VALUES)
        np.testing.assert_array_equal(file[MASKS][()], masks)


def test_an_image_has_the_layout_that_neuroconv_gives_it(tmp_path: Path) -> None:
    def make() -> NWBFile:
        nwbfile = empty_file()
        image = GrayscaleImage(name="image", data=np.random.default_rng(2).random((200, 300)))
        nwbfile.add_acquisition(Images(name="images", images=[image]))
        return nwbfile

    write_nwbfile(make(), tmp_path / "ours.nwb")
    theirs = write_as_neuroconv_does(make, tmp_path / "theirs.nwb")
    with h5py.File(tmp_path / "ours.nwb") as ours, h5py.File(theirs) as standard:
        image, expected = ours["acquisition/images/image"], standard["acquisition/images/image"]
        assert (image.maxshape, image.dtype) == (expected.maxshape, expected.dtype)
        np.testing.assert_array_equal(image[()], expected[()])


def test_a_backend_that_contradicts_the_configuration_is_refused(tmp_path: Path) -> None:
    nwbfile = series_file()
    configuration = get_default_backend_configuration(nwbfile, "hdf5")
    with pytest.raises(ValueError, match="backend is 'zarr', but backend_configuration is for 'hdf5'"):
        write_nwbfile(nwbfile, tmp_path / "ours.nwb", backend="zarr", backend_configuration=configuration)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_the_content_does_not_depend_on_the_threads(tmp_path: Path, threads: int) -> None:
    write_nwbfile(ophys_file(), tmp_path / "ours.nwb", threads=threads)
    assert contents(tmp_path / "ours.nwb") == contents(write_as_neuroconv_does(ophys_file, tmp_path / "theirs.nwb"))


def test_no_threads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="threads is 0"):
        write_nwbfile(series_file(), tmp_path / "ours.nwb", threads=0)


def test_progress_counts_the_bytes_of_all_large_datasets(tmp_path: Path) -> None:
    nwbfile = ophys_file()
    reports: list[tuple[int, int, str]] = []
    write_nwbfile(nwbfile, tmp_path / "ours.nwb", progress=lambda *report: reports.append(report))
    done, totals, names = zip(*reports, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]}
    assert done[-1] >= 3000 * 40 * (8 + 4) + 20_000 * PIXEL.itemsize
    assert "/processing/ophys/Fluorescence/Raw/data" in names
    assert f"/{MASKS}" in names


def test_progress_reaches_the_end_where_the_file_has_another_type(tmp_path: Path) -> None:
    """The times of a series become float64, as its schema says."""
    times = np.arange(40_000, dtype="f4")
    reports: list[tuple[int, int, str]] = []
    nwbfile = file_with(np.zeros(40_000, "i2"), rate=None, timestamps=times)
    with pytest.warns(UserWarning, match="float32 is being converted to data type float64"):
        write_nwbfile(nwbfile, tmp_path / "ours.nwb", progress=lambda *report: reports.append(report))
    assert reports[-1][:2] == (240_000, 240_000)


def test_the_progress_bar_of_an_iterator_is_moved(tmp_path: Path) -> None:
    class Bar:
        def __init__(self, total: int, **options: Any) -> None:
            self.total, self.moves = total, []
            assert options == {"desc": "Writing"}

        def update(self, n: int) -> None:
            self.moves.append(n)

    extractor = generate_dummy_imaging_extractor(num_samples=30, num_rows=10, num_columns=10)
    from neuroconv.tools.roiextractors.imagingextractordatachunkiterator import ImagingExtractorDataChunkIterator

    options: dict[str, Any] = {"progress_bar_class": Bar, "progress_bar_options": {"desc": "Writing"}}
    iterator = ImagingExtractorDataChunkIterator(
        extractor, chunk_shape=(2, 10, 10), buffer_shape=(4, 10, 10), display_progress=True, **options
    )
    write_nwbfile(file_with(iterator), tmp_path / "ours.nwb")
    assert iterator.progress_bar.total == 8
    assert sum(iterator.progress_bar.moves) == 8


@pytest.mark.parametrize("make", [series_file, ophys_file])
def test_the_file_in_memory_is_left_as_it_was_and_can_be_written_again(
    tmp_path: Path, make: Callable[[], NWBFile]
) -> None:
    nwbfile = make()
    before = data_in_memory(nwbfile)
    write_nwbfile(nwbfile, tmp_path / "first.nwb")
    assert data_in_memory(nwbfile) == before
    write_nwbfile(nwbfile, tmp_path / "second.nwb")
    assert contents(tmp_path / "first.nwb") == contents(tmp_path / "second.nwb")
    assert all(child.container_source is None for child in nwbfile.all_children())


def test_the_file_in_memory_is_left_as_it_was_by_the_standard_path(tmp_path: Path) -> None:
    nwbfile = ophys_file_for_zarr()
    before = data_in_memory(nwbfile)
    write_nwbfile(nwbfile, tmp_path / "first.nwb.zarr", backend="zarr")
    assert data_in_memory(nwbfile) == before
    assert all(child.container_source is None for child in nwbfile.all_children())


def data_in_memory(nwbfile: NWBFile) -> list[int]:
    """The identity of every dataset."""
    return [
        id(child.fields.get(field, getattr(child, field, None)))
        for child in nwbfile.all_children()
        for field in ("data", "timestamps")
    ]
