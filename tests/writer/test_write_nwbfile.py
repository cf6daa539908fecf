"""`write_nwbfile`: the content that NeuroConv's own write gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdmf.backends.hdf5 import H5DataIO
from hdmf.data_utils import DataChunkIterator
from neuroconv.tools.hdmf import GenericDataChunkIterator, SliceableDataChunkIterator
from neuroconv.tools.roiextractors.imagingextractordatachunkiterator import ImagingExtractorDataChunkIterator
from numpy.typing import NDArray
from nwbfiles import (
    PIXEL,
    VOXEL,
    contents,
    empty_file,
    file_with,
    ophys_file,
    plane_segmentation,
    records,
    write_as_neuroconv_does,
)
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from roiextractors.testing import generate_dummy_imaging_extractor

from caiman_interface.writer.file import write_nwbfile

SERIES = "acquisition/Series/data"


def sliceable(array: Any, **options: Any) -> SliceableDataChunkIterator:
    return SliceableDataChunkIterator(data=array, **options)


class ColumnIterator(SliceableDataChunkIterator):
    """What `add_column` asks for a length, which NeuroConv's iterators have from 0.10 on."""

    def __len__(self) -> int:
        return int(self.data.shape[0])


def test_a_whole_file_has_the_content_that_neuroconv_writes(tmp_path: Path) -> None:
    write_nwbfile(ophys_file(), tmp_path / "ours.nwb")
    theirs = write_as_neuroconv_does(ophys_file, tmp_path / "theirs.nwb")
    assert contents(tmp_path / "ours.nwb") == contents(theirs)
    assert (tmp_path / "ours.nwb").stat().st_size <= theirs.stat().st_size


def test_datasets_are_gzip_with_shuffle_and_as_growable_as_hdmf_makes_them(tmp_path: Path) -> None:
    write_nwbfile(ophys_file(), tmp_path / "ours.nwb")
    write_as_neuroconv_does(ophys_file, tmp_path / "theirs.nwb")
    table = "processing/ophys/ImageSegmentation/PlaneSegmentation"
    names = [f"{table}/pixel_mask", "processing/ophys/Fluorescence/Raw/data", "processing/ophys/Fluorescence/Same/data"]
    with h5py.File(tmp_path / "ours.nwb") as ours, h5py.File(tmp_path / "theirs.nwb") as theirs:
        for name in names:
            assert (ours[name].compression, ours[name].compression_opts, ours[name].shuffle) == ("gzip", 4, True)
            # hdmf before 5 makes no column that can grow; ours can.
            assert ours[name].maxshape in {theirs[name].maxshape, (None, *theirs[name].maxshape[1:])}
        assert ours[names[1]].chunks == (700, 15)
        wrapped = ours["acquisition/Wrapped/data"]
        assert (wrapped.fletcher32, wrapped.shuffle) == (True, False)  # as the caller wrapped it


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i2", "<i4", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("wrap", [sliceable, np.asarray], ids=["iterator", "array"])
def test_every_type_is_stored_as_hdmf_stores_it(tmp_path: Path, dtype: str, wrap: Callable[[Any], Any]) -> None:
    values = np.random.default_rng(0).integers(0, 100, (9000, 9)).astype(dtype)

    def make() -> NWBFile:
        return file_with(wrap(values))

    write_nwbfile(make(), tmp_path / "ours.nwb")
    assert contents(tmp_path / "ours.nwb") == contents(write_as_neuroconv_does(make, tmp_path / "theirs.nwb"))


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((1, 1), (1, 1)),
        ((1, 50), (1, 7)),
        ((50, 1), (7, 1)),
        ((101, 103), (10, 10)),
        ((64, 64), (64, 64)),
        ((17,), (4,)),
        ((5, 6, 7), (2, 6, 3)),
        ((3, 4, 5, 2), (1, 4, 2, 2)),
    ],
)
def test_every_shape_reads_back(tmp_path: Path, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    values = np.arange(math.prod(shape), dtype="<i4").reshape(shape)
    write_nwbfile(file_with(sliceable(values, chunk_shape=chunks)), tmp_path / "ours.nwb")
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file[SERIES].chunks == chunks
        np.testing.assert_array_equal(file[SERIES][()], values)


def test_booleans_in_a_column_read_back(tmp_path: Path) -> None:
    nwbfile = empty_file()
    table = plane_segmentation(nwbfile, records(PIXEL, 100), rois=100)
    accepted = np.random.default_rng(0).random(100) > 0.5
    table.add_column(name="is_accepted", description="Accepted.", data=ColumnIterator(data=accepted, chunk_shape=(30,)))
    write_nwbfile(nwbfile, tmp_path / "ours.nwb")
    with NWBHDF5IO(tmp_path / "ours.nwb", mode="r") as io:
        column = io.read().processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]["is_accepted"]
        assert column.data.dtype == bool
        np.testing.assert_array_equal(column.data[()], accepted)


def test_images_of_masks_from_an_iterator_are_written_and_the_iterator_is_not_used_up(tmp_path: Path) -> None:
    """NeuroConv's default configuration iterates over the columns, and so uses them up."""
    images = np.random.default_rng(0).random((6, 20, 30)).astype("<f4")
    nwbfile = empty_file()
    table = plane_segmentation(nwbfile, records(PIXEL, 60), rois=6)
    table.add_column(
        name="image_mask", description="Images.", data=ColumnIterator(data=images, chunk_shape=(4, 20, 30))
    )
    for name in ("first.nwb", "second.nwb"):
        write_nwbfile(nwbfile, tmp_path / name)
        with h5py.File(tmp_path / name) as file:
            written = file["processing/ophys/ImageSegmentation/PlaneSegmentation/image_mask"]
            np.testing.assert_array_equal(written[()], images)


@pytest.mark.parametrize(("name", "dtype"), [("pixel_mask", PIXEL), ("voxel_mask", VOXEL)])
@pytest.mark.parametrize("rows", [1, 7000, 300_000])
@pytest.mark.parametrize("as_list", [False, True])
def test_masks_are_stored_as_hdmf_stores_them(
    tmp_path: Path, name: str, dtype: np.dtype[Any], rows: int, *, as_list: bool
) -> None:
    masks = records(dtype, rows)
    nwbfile = empty_file()
    plane_segmentation(nwbfile, masks.tolist() if as_list else masks, rois=1, name=name)
    write_nwbfile(nwbfile, tmp_path / "ours.nwb")
    with h5py.File(tmp_path / "ours.nwb") as file:
        column = file[f"processing/ophys/ImageSegmentation/PlaneSegmentation/{name}"]
        assert column.dtype == dtype
        # One row is left to hdmf, whose columns can grow from version 5 on.
        assert column.maxshape == (None,) or (rows == 1 and version("hdmf") < "5")
        np.testing.assert_array_equal(column[()], masks)


def test_records_with_other_field_types_are_converted_as_hdmf_converts_them(tmp_path: Path) -> None:
    wide = np.dtype([("x", "<i8"), ("y", "<i8"), ("weight", "<f8")])

    def make() -> NWBFile:
        nwbfile = empty_file()
        plane_segmentation(nwbfile, records(PIXEL, 9000).astype(wide), rois=3)
        return nwbfile

    write_nwbfile(make(), tmp_path / "ours.nwb")
    assert contents(tmp_path / "ours.nwb") == contents(write_as_neuroconv_does(make, tmp_path / "theirs.nwb"))


@pytest.mark.filterwarnings("ignore:Spec 'TimeSeries/timestamps'")  # hdmf's, in both
def test_a_type_that_the_schema_prescribes_is_stored(tmp_path: Path) -> None:
    times = np.arange(20_000, dtype="<f4")

    def make() -> NWBFile:
        return file_with(np.zeros(20_000), rate=None, timestamps=sliceable(times))

    write_nwbfile(make(), tmp_path / "ours.nwb")
    assert contents(tmp_path / "ours.nwb") == contents(write_as_neuroconv_does(make, tmp_path / "theirs.nwb"))
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file["acquisition/Series/timestamps"].dtype == "<f8"


def test_series_that_share_times_link_to_them(tmp_path: Path) -> None:
    nwbfile = file_with(np.zeros(20_000), rate=None, timestamps=np.arange(20_000.0))
    nwbfile.add_acquisition(
        TimeSeries(name="Other", data=np.ones(20_000), unit="V", timestamps=nwbfile.acquisition["Series"])
    )
    write_nwbfile(nwbfile, tmp_path / "ours.nwb")
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file["acquisition/Other/timestamps"] == file["acquisition/Series/timestamps"]


def test_an_iterator_that_two_series_share_is_written_to_both(tmp_path: Path) -> None:
    values = np.arange(5000.0)
    iterator = sliceable(values)
    nwbfile = file_with(iterator)
    nwbfile.add_acquisition(TimeSeries(name="Other", data=iterator, unit="V", rate=1.0))
    write_nwbfile(nwbfile, tmp_path / "ours.nwb")
    with h5py.File(tmp_path / "ours.nwb") as file:
        np.testing.assert_array_equal(file[SERIES][()], values)
        np.testing.assert_array_equal(file["acquisition/Other/data"][()], values)


def test_empty_data_are_written_as_hdmf_writes_them(tmp_path: Path) -> None:
    def make() -> NWBFile:
        return file_with(np.empty((0, 4)))

    write_nwbfile(make(), tmp_path / "ours.nwb")
    assert contents(tmp_path / "ours.nwb") == contents(write_as_neuroconv_does(make, tmp_path / "theirs.nwb"))


def test_an_iterator_of_unknown_length_is_left_to_hdmf(tmp_path: Path) -> None:
    def make() -> NWBFile:
        rows = (np.full(3, index, "<i2") for index in range(1000))
        return file_with(H5DataIO(data=DataChunkIterator(data=rows, buffer_size=70), compression="gzip"))

    write_nwbfile(make(), tmp_path / "ours.nwb")
    assert contents(tmp_path / "ours.nwb") == contents(write_as_neuroconv_does(make, tmp_path / "theirs.nwb"))


def test_data_in_another_file_are_linked_to(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "source.h5", "w") as source:
        source["values"] = np.arange(50_000.0)
        write_nwbfile(file_with(H5DataIO(data=source["values"], link_data=True)), tmp_path / "ours.nwb")
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file["acquisition/Series"].get("data", getlink=True).filename == "source.h5"
        np.testing.assert_array_equal(file[SERIES][()], np.arange(50_000.0))


@pytest.mark.parametrize("chunk_frames", [3, 10])
def test_a_movie_of_an_imaging_extractor_is_written(tmp_path: Path, chunk_frames: int) -> None:
    extractor = generate_dummy_imaging_extractor(num_samples=25, num_rows=12, num_columns=17, dtype="uint16")

    def make() -> NWBFile:
        iterator = ImagingExtractorDataChunkIterator(extractor, chunk_shape=(chunk_frames, 17, 12))
        return file_with(iterator)

    write_nwbfile(make(), tmp_path / "ours.nwb")
    assert contents(tmp_path / "ours.nwb") == contents(write_as_neuroconv_does(make, tmp_path / "theirs.nwb"))
    with h5py.File(tmp_path / "ours.nwb") as file:
        frames = extractor.get_series(start_sample=0, end_sample=25)
        np.testing.assert_array_equal(file[SERIES][()], frames.transpose(0, 2, 1))


class Stream(GenericDataChunkIterator):
    """Frames that can only be had one after the other, as those of a video."""

    def __init__(self, frames: NDArray[Any], **options: Any) -> None:
        self.frames = frames
        self.position = 0
        super().__init__(**options)

    def _get_data(self, selection: tuple[slice, ...]) -> NDArray[Any]:
        count = selection[0].stop - selection[0].start
        self.position += count
        return self.frames[self.position - count : self.position]

    def _get_maxshape(self) -> tuple[int, ...]:
        return self.frames.shape

    def _get_dtype(self) -> np.dtype[Any]:
        return self.frames.dtype


def test_an_iterator_that_must_be_read_in_order_is(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (70, 600, 500), dtype="u1")
    write_nwbfile(file_with(Stream(frames, chunk_shape=(3, 200, 500), buffer_shape=(70, 600, 500))), tmp_path / "a.nwb")
    with h5py.File(tmp_path / "a.nwb") as file:
        np.testing.assert_array_equal(file[SERIES][()], frames)


def test_what_only_one_thread_reads_is_read_in_short_pieces(tmp_path: Path) -> None:
    """An iterator's own buffer holds up to a gigabyte."""
    sizes = []

    class Lazy:
        shape, ndim, dtype = (8000, 500, 16), 3, np.dtype("<f4")

        def __getitem__(self, selection: tuple[slice, ...]) -> NDArray[Any]:
            block = np.full([axis.stop - axis.start for axis in selection], selection[0].start, "<f4")
            sizes.append(block.nbytes)
            return block

    write_nwbfile(file_with(sliceable(Lazy(), chunk_shape=(100, 500, 16), buffer_gb=1.0)), tmp_path / "ours.nwb")
    assert max(sizes) <= 28 * 2**20
    assert sum(sizes) == 8000 * 500 * 16 * 4


def test_the_file_is_valid_and_read_by_pynwb(tmp_path: Path) -> None:
    from pynwb import validate

    write_nwbfile(ophys_file(), tmp_path / "ours.nwb")
    with NWBHDF5IO(tmp_path / "ours.nwb", mode="r") as io:
        assert validate(io=io) == []
        nwbfile = io.read()
        table = nwbfile.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
        assert list(table["roi_name"][:2]) == ["cell 0", "cell 1"]
        assert len(table["pixel_mask"][39]) == 500
        series = nwbfile.processing["ophys"]["Fluorescence"]["Same"]
        assert series.rois.table is table
        assert series.timestamps.shape == (3000,)


def test_rows_can_be_appended_to_a_written_column(tmp_path: Path) -> None:
    write_nwbfile(ophys_file(), tmp_path / "ours.nwb")
    with h5py.File(tmp_path / "ours.nwb", "r+") as file:
        column = file["processing/ophys/ImageSegmentation/PlaneSegmentation/pixel_mask"]
        column.resize((20_001,))
        column[20_000] = (1, 2, 0.5)
    with h5py.File(tmp_path / "ours.nwb") as file:
        column = file["processing/ophys/ImageSegmentation/PlaneSegmentation/pixel_mask"]
        assert column[20_000].tolist() == (1, 2, 0.5)
        np.testing.assert_array_equal(column[:20_000], records(PIXEL, 20_000))
