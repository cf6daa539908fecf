"""Parallel writing of datasets: the same values and the same filters as HDF5's own write."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.typing import NDArray

from caiman_interface.nwb.chunking import trace_chunk_shape
from caiman_interface.writer.chunk_writer import ChunkWriter, available_threads
from caiman_interface.writer.encoding import ChunkEncoding
from caiman_interface.writer.regions import blocks, grown, shrunk

DTYPES = ["i1", "u1", "<i2", ">i2", "<u4", ">i4", "<i8", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8", "?"]
RECORD = np.dtype([("x", "<u4"), ("y", "<u4"), ("weight", "<f4")])
SETTINGS: list[dict[str, Any]] = [
    {},
    {"shuffle": True},
    {"compression": "gzip"},
    {"compression": "gzip", "shuffle": True},
    {"compression": "gzip", "compression_opts": 0},
    {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    {"compression": "gzip", "compression_opts": 9, "shuffle": True},
    {"compression": "gzip", "fletcher32": True},
    {"compression": "lzf", "shuffle": True},
    {"scaleoffset": 0},
]


class Source:
    """An array that is read as the test says."""

    def __init__(self, array: NDArray[Any], *, parallel: bool = True, block: tuple[int, ...] | None = None) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.parallel = parallel
        self.block = block
        self.threads: set[int] = set()

    def read(self, selection: tuple[slice, ...]) -> NDArray[Any]:
        self.threads.add(threading.get_ident())
        return self.array[selection]

    def block_shape(self, chunks: tuple[int, ...]) -> tuple[int, ...]:
        return self.block or chunks


@pytest.fixture
def file(tmp_path: Path) -> Iterator[h5py.File]:
    with h5py.File(tmp_path / "written.h5", "w") as file:
        yield file


def fill(dataset: h5py.Dataset, source: Source, *, threads: int = 2) -> int:
    with ChunkWriter(threads) as writer:
        return sum(writer.fill(dataset, source))


@st.composite
def arrays_and_chunks(draw: st.DrawFn) -> tuple[NDArray[Any], tuple[int, ...]]:
    shape = draw(stn.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=9))
    array = draw(stn.arrays(draw(st.sampled_from(DTYPES)), shape))
    return array, tuple(draw(st.integers(1, length)) for length in shape)


@given(data=st.data(), array_and_chunks=arrays_and_chunks(), options=st.sampled_from(SETTINGS), parallel=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_type_shape_chunk_and_filter_reads_back_as_hdf5_would_have_written_it(
    file: h5py.File,
    data: st.DataObject,
    array_and_chunks: tuple[NDArray[Any], tuple[int, ...]],
    options: dict[str, Any],
    parallel: bool,
) -> None:
    array, chunks = array_and_chunks
    if "scaleoffset" in options and array.dtype.kind not in "iu":
        options = {}
    block = tuple(step * data.draw(st.integers(1, 3)) for step in chunks)
    for name in ("ours", "theirs"):
        if name in file:
            del file[name]
    theirs = file.create_dataset("theirs", data=array, chunks=chunks, **options)
    ours = file.create_dataset("ours", shape=array.shape, dtype=array.dtype, chunks=chunks, **options)
    written = fill(ours, Source(array, parallel=parallel, block=block))
    assert written == array.nbytes
    assert ours.dtype == theirs.dtype
    assert ours[()].tobytes() == theirs[()].tobytes() == array.tobytes()
    assert filters_of(ours) == filters_of(theirs)
    assert ours.id.get_num_chunks() == theirs.id.get_num_chunks()


def filters_of(dataset: h5py.Dataset) -> list[tuple[Any, ...]]:
    plan = dataset.id.get_create_plist()
    return [plan.get_filter(index) for index in range(plan.get_nfilters())]


@pytest.mark.parametrize("options", SETTINGS[:7], ids=str)
def test_records_read_back(file: h5py.File, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    rows = np.zeros(1000, RECORD)
    rows["x"], rows["y"], rows["weight"] = rng.integers(0, 512, 1000), rng.integers(0, 512, 1000), rng.random(1000)
    dataset = file.create_dataset("masks", shape=(1000,), dtype=RECORD, chunks=(300,), **options)
    fill(dataset, Source(rows))
    np.testing.assert_array_equal(dataset[()], rows)


def test_the_bytes_of_a_chunk_are_shuffled_and_then_a_zlib_stream(file: h5py.File) -> None:
    values = np.arange(12, dtype="<u2").reshape(4, 3)
    dataset = file.create_dataset(
        "d", shape=(4, 3), maxshape=(None, 3), dtype="<u2", chunks=(5, 3), compression="gzip", shuffle=True
    )
    fill(dataset, Source(values))
    mask, stored = dataset.id.read_direct_chunk((0, 0))
    low_bytes = bytes([*range(12), 0, 0, 0])  # the chunk is whole: its last row, beyond the dataset, is zero
    assert mask == 0
    assert zlib.decompress(stored) == low_bytes + bytes(15)


def test_levels_up_to_hdf5s_default_are_at_least_as_small_as_zlibs(file: h5py.File) -> None:
    noise = np.random.default_rng(0).normal(0, 30, (2000, 50)).astype("<f4")
    sizes = {}
    for level in (1, 4):
        plain = {"shape": noise.shape, "dtype": noise.dtype, "chunks": (500, 50)}
        ours = file.create_dataset(f"o{level}", **plain, compression="gzip", compression_opts=level, shuffle=True)
        theirs = file.create_dataset(f"t{level}", **plain, compression="gzip", compression_opts=level, shuffle=True)
        fill(ours, Source(noise))
        theirs[()] = noise
        sizes[level] = ours.id.get_storage_size() / theirs.id.get_storage_size()
        assert ours.compression_opts == level
    assert max(sizes.values()) <= 1.001


def test_a_higher_level_is_compressed_by_zlib_at_that_level(file: h5py.File) -> None:
    values = np.random.default_rng(0).poisson(3, 5000).astype("<i2")
    dataset = file.create_dataset(
        "d", shape=(5000,), dtype="<i2", chunks=(5000,), compression="gzip", compression_opts=9
    )
    fill(dataset, Source(values))
    assert dataset.id.read_direct_chunk((0,))[1] == zlib.compress(values.tobytes(), 9)


@pytest.mark.parametrize(
    ("source", "target"),
    [("<f8", "<f4"), ("<i4", "<u4"), ("<f4", "<i2")],
)
def test_values_that_a_conversion_could_change_are_converted_by_hdf5(file: h5py.File, source: str, target: str) -> None:
    values = np.array([1, 2, 300, 4], source)
    dataset = file.create_dataset("d", shape=(4,), dtype=target, chunks=(3,), compression="gzip")
    assert ChunkEncoding.of(dataset, values.dtype) is None
    fill(dataset, Source(values))
    assert dataset[()].tolist() == [1, 2, 300, 4]


@pytest.mark.parametrize(("source", "target"), [("<i2", "<i4"), ("<f4", "<f8"), (">f8", "<f8"), ("<u2", "<f4")])
def test_values_are_converted_to_a_wider_type(file: h5py.File, source: str, target: str) -> None:
    values = np.array([[1, 2, 3], [4, 5, 6]], source)
    dataset = file.create_dataset("d", shape=(2, 3), dtype=target, chunks=(2, 2), compression="gzip", shuffle=True)
    encoding = ChunkEncoding.of(dataset, values.dtype)
    assert encoding == ChunkEncoding(np.dtype(target), (2, 2), shuffle=True, level=4)
    fill(dataset, Source(values))
    assert dataset[()].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_records_whose_fields_stand_in_another_order_are_paired_by_name(file: h5py.File) -> None:
    rows = np.array([(1.5, 2, 3)], dtype=[("weight", "<f4"), ("x", "<u4"), ("y", "<u4")])
    dataset = file.create_dataset("d", shape=(1,), dtype=RECORD, chunks=(1,))
    fill(dataset, Source(rows))
    assert dataset[()].tolist() == [(2, 3, 1.5)]


def test_a_dataset_without_chunks_is_written(file: h5py.File) -> None:
    values = np.arange(20.0).reshape(4, 5)
    dataset = file.create_dataset("d", shape=(4, 5), dtype="f8")
    fill(dataset, Source(values, parallel=False, block=(1, 5)))
    np.testing.assert_array_equal(dataset[()], values)


def test_a_placeholder_row_is_replaced(file: h5py.File) -> None:
    rows = np.arange(1000, dtype="<i8")
    dataset = file.create_dataset("d", data=rows[:1] + 7, maxshape=(None,), chunks=(400,), compression="gzip")
    dataset.resize((1000,))
    fill(dataset, Source(rows))
    np.testing.assert_array_equal(dataset[()], rows)


def test_a_source_of_another_shape_is_refused(file: h5py.File) -> None:
    dataset = file.create_dataset("traces", shape=(4, 5), dtype="f8", chunks=(2, 2))
    with pytest.raises(ValueError, match=r"/traces has shape \(4, 5\), but its data have shape \(5, 4\)"):
        fill(dataset, Source(np.zeros((5, 4))))


def test_a_source_that_is_not_parallel_is_read_in_order_by_the_calling_thread(file: h5py.File) -> None:
    starts = []

    class Ordered(Source):
        def read(self, selection: tuple[slice, ...]) -> NDArray[Any]:
            starts.append(tuple(axis.start for axis in selection))
            return super().read(selection)

    source = Ordered(np.arange(24.0).reshape(8, 3), parallel=False, block=(4, 3))
    dataset = file.create_dataset("d", shape=(8, 3), dtype="f8", chunks=(2, 2), compression="gzip")
    fill(dataset, source)
    assert starts == [(0, 0), (4, 0)]
    assert source.threads == {threading.get_ident()}
    np.testing.assert_array_equal(dataset[()], source.array)


def test_a_parallel_source_is_read_by_the_threads(file: h5py.File) -> None:
    source = Source(np.ones((64, 2**15)))
    dataset = file.create_dataset("d", shape=source.shape, dtype="f8", chunks=(4, 2**15), compression="gzip")
    fill(dataset, source)
    assert threading.get_ident() not in source.threads
    np.testing.assert_array_equal(dataset[()], source.array)


@pytest.mark.parametrize("parallel", [True, False])
def test_an_error_while_reading_is_raised_as_it_is_and_the_threads_end(file: h5py.File, *, parallel: bool) -> None:
    class Broken(Source):
        def read(self, selection: tuple[slice, ...]) -> NDArray[Any]:
            if selection[0].start >= 4:
                message = "the disk is gone"
                raise OSError(message)
            return super().read(selection)

    before = threading.active_count()
    dataset = file.create_dataset("d", shape=(100, 2**17), dtype="f8", chunks=(1, 2**17), compression="gzip")
    with pytest.raises(OSError, match="the disk is gone") as caught:
        fill(dataset, Broken(np.ones(dataset.shape), parallel=parallel))
    assert caught.value.__cause__ is None
    assert threading.active_count() == before


def test_what_is_read_ahead_is_bounded(file: h5py.File) -> None:
    """Whatever the size of the data, no more is read than is being written and what waits for it."""
    row_bytes = 2**23
    source = Source(np.broadcast_to(np.zeros(row_bytes, np.uint8), (60, row_bytes)))
    dataset = file.create_dataset("d", shape=source.shape, dtype="u1", chunks=(1, row_bytes))
    reads, most_ahead, written = [0], 0, 0

    class Counted(Source):
        def read(self, selection: tuple[slice, ...]) -> NDArray[Any]:
            reads[0] += 1
            return super().read(selection)

    with ChunkWriter(2) as writer:
        for nbytes in writer.fill(dataset, Counted(source.array)):
            written += nbytes
            most_ahead = max(most_ahead, reads[0] * row_bytes - written)
    assert written == source.array.nbytes
    assert most_ahead <= 40 * 2**20


@given(
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    data=st.data(),
)
def test_blocks_cover_everything_once_in_whole_chunks(shape: list[int], data: st.DataObject) -> None:
    unit = tuple(data.draw(st.integers(1, length)) for length in shape)
    block = grown(unit, tuple(shape), data.draw(st.integers(1, 10_000)))
    counts = np.zeros(shape, int)
    for selection in blocks(shape, block):
        counts[selection] += 1
        assert all(axis.start % step == 0 for axis, step in zip(selection, unit, strict=True))
    assert (counts == 1).all()


@pytest.mark.parametrize(
    ("unit", "shape", "size", "expected"),
    [
        ((10, 10), (100, 35), 1000, (20, 40)),
        ((10, 10), (100, 35), 10**6, (100, 40)),
        ((10, 10), (100, 100), 350, (10, 30)),
        ((10, 10), (100, 100), 1, (10, 10)),
    ],
)
def test_blocks_grow_along_the_last_axis_first(
    unit: tuple[int, ...], shape: tuple[int, ...], size: int, expected: tuple[int, ...]
) -> None:
    assert grown(unit, shape, size) == expected


def test_a_buffer_shrinks_along_the_axes_that_may() -> None:
    assert shrunk((1000, 512, 512), (10, 64, 64), 512 * 512 * 50, axes=(0,)) == (50, 512, 512)
    assert shrunk((1000, 512, 512), (10, 64, 64), 1, axes=(0,)) == (10, 512, 512)
    assert shrunk((1000, 512), (10, 64), 640, axes=(0, 1)) == (10, 64)
    assert shrunk((7, 5), (3, 5), 10**6, axes=(0, 1)) == (7, 5)


def test_as_many_threads_as_processors_but_no_more_than_one_writer_can_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(3)), raising=False)
    assert available_threads() == 3
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert available_threads() == 8
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert available_threads() == 1


@given(num_frames=st.integers(0, 10**6), num_rois=st.integers(0, 10**5), dtype=st.sampled_from(["f4", "f8"]))
def test_trace_chunks_are_of_one_size_and_balanced(num_frames: int, num_rois: int, dtype: str) -> None:
    frames, rois = trace_chunk_shape(num_frames, num_rois, np.dtype(dtype))
    assert 1 <= frames <= max(1, num_frames)
    assert 1 <= rois <= max(1, num_rois)
    assert frames * rois * np.dtype(dtype).itemsize <= 8_000_000


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((600, 13), (600, 13)),  # small traces are one chunk
        ((10_000, 1000), (2000, 250)),  # 5 chunks a ROI, 4 chunks a frame
        ((60_000, 1000), (5455, 91)),
        ((1000, 10_000), (500, 1000)),  # not (200, 2500)
        ((300, 100_000), (300, 1667)),
        ((8192, 1000), (2049, 250)),  # not 2048 frames, which are four whole pages
    ],
)
def test_trace_chunks_of_usual_sizes(shape: tuple[int, int], chunks: tuple[int, int]) -> None:
    assert trace_chunk_shape(*shape, np.dtype("f8")) == chunks
