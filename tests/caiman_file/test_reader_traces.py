"""A trace is indexed like the numpy array that it represents, and reads only the requested part of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiman_interface.caiman_file import CaimanFileError, CaimanResults, Trace
from caiman_interface.caiman_file.rows import DatasetRows, FileBytes, SumRows

ROIS, FRAMES = 7, 1500  # rows of 12,000 bytes, so that pages and gaps between them matter

# How the same values can lie in a file.
LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "float32": {"dtype": "<f4"},
    "big-endian": {"dtype": ">f8"},
    "integers": {"dtype": "<i4"},
    "chunked": {"chunks": (3, 400)},
    "compressed": {"chunks": (2, 1000), "compression": "gzip", "shuffle": True},
}


@dataclass
class Source:
    """A trace, and the array that it represents."""

    trace: Trace
    array: np.ndarray


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Source]]:
    path = tmp_path_factory.mktemp("traces") / "traces.hdf5"
    values = np.random.default_rng(0).normal(0, 1000, (ROIS, FRAMES)).round(3)
    with h5py.File(path, "w") as file:
        for name, layout in LAYOUTS.items():
            dtype = layout.get("dtype", "<f8")
            file.create_dataset(name, data=values.astype(dtype), **layout)
    with h5py.File(path) as file:
        file_bytes = FileBytes(path, file)
        rows = {name: DatasetRows(file[name], path, file_bytes) for name in LAYOUTS}
        stored = {name: file[name][()] for name in LAYOUTS}
        found = {name: Source(Trace(rows[name]), stored[name].T) for name in LAYOUTS}
        found["without positioned reads"] = Source(Trace(DatasetRows(file["contiguous"], path, None)), values.T)
        for first, second in (("contiguous", "chunked"), ("float32", "big-endian"), ("float32", "integers")):
            total = (stored[first] + stored[second]).T
            found[f"{first} + {second}"] = Source(Trace(SumRows(rows[first], rows[second])), total)
        yield found
        file_bytes.close()


def axis_keys(length: int) -> st.SearchStrategy[Any]:
    """Whatever selects along one axis."""
    position = st.integers(-length, length - 1)
    bound = st.none() | st.integers(-length - 3, length + 3)
    step = st.none() | st.integers(-length, length).filter(bool)
    return st.one_of(
        position,
        position.map(np.int64),
        st.builds(slice, bound, bound, step),
        st.lists(position, max_size=6),
        st.lists(position, max_size=6).map(lambda positions: np.array(positions, dtype=np.int32)),
        st.lists(st.booleans(), min_size=length, max_size=length),
        st.lists(st.booleans(), min_size=length, max_size=length).map(np.array),
    )


# Masks of 1500 frames are drawn from a seed, not value by value.
frame_keys = st.one_of(
    axis_keys(FRAMES).filter(lambda key: not isinstance(key, list) or len(key) < 10),
    st.integers(0, 999).map(lambda seed: np.random.default_rng(seed).random(FRAMES) < 0.01),
)
roi_keys = axis_keys(ROIS)
keys = st.one_of(
    frame_keys,
    st.tuples(frame_keys, roi_keys),
    st.tuples(frame_keys),
    st.just(()),
    st.just(...),
    st.tuples(st.just(...), roi_keys),
    st.tuples(frame_keys, st.just(...)),
    st.tuples(frame_keys, roi_keys, st.just(...)),
    # numpy pairs index lists on both axes, or broadcasts them against each other.
    st.lists(st.tuples(st.integers(-FRAMES, FRAMES - 1), st.integers(-ROIS, ROIS - 1)), max_size=5).map(
        lambda pairs: tuple(np.array(pairs, dtype=int).reshape(-1, 2).T)
    ),
    st.tuples(
        st.lists(st.integers(-FRAMES, FRAMES - 1), min_size=1, max_size=4),
        st.lists(st.integers(-ROIS, ROIS - 1), min_size=1, max_size=4),
    ).map(lambda lists: np.ix_(*lists)),
)


def same_as_numpy(read: Callable[[Any], Any], array: np.ndarray, key: Any) -> None:
    """Compare what two arrays give for a key; where numpy refuses it, ours refuses it too."""
    try:
        expected = array[key]
    except IndexError:
        with pytest.raises(IndexError):
            read(key)
        return
    values = read(key)
    assert np.shape(values) == expected.shape
    # A single value may come as a scalar, which is of this machine's byte order, or as an array without dimensions.
    assert values.dtype == expected.dtype or (np.ndim(values) == 0 and values.dtype == expected.dtype.newbyteorder("="))
    np.testing.assert_array_equal(values, expected)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_indexing_equals_numpys(sources: dict[str, Source], data: st.DataObject) -> None:
    key = data.draw(keys)
    for source in sources.values():
        same_as_numpy(source.trace.__getitem__, source.array, key)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_views_of_views_show_the_right_part(sources: dict[str, Source], data: st.DataObject) -> None:
    source = sources[data.draw(st.sampled_from(["contiguous", "compressed", "contiguous + chunked"]))]
    trace, array = source.trace, source.array
    for _ in range(data.draw(st.integers(1, 3))):
        bound = st.none() | st.integers(-FRAMES, FRAMES)
        frames = data.draw(st.none() | st.builds(slice, bound, bound, st.sampled_from([None, 1, 2, 7, -1, -5])))
        rois = (
            data.draw(st.none() | axis_keys(array.shape[1]).filter(lambda key: np.ndim(key) == 1))
            if (array.shape[1])
            else None
        )
        trace = trace.select(frames=frames, rois=rois)
        array = array[slice(None) if frames is None else frames][:, slice(None) if rois is None else rois]
        assert trace.shape == array.shape
        assert (len(trace), trace.size, trace.nbytes) == (len(array), array.size, array.nbytes)
    np.testing.assert_array_equal(trace[:], array)
    if array.size:
        key = data.draw(st.tuples(st.integers(0, len(array) - 1), st.integers(0, array.shape[1] - 1)))
        same_as_numpy(trace.__getitem__, array, key)
        same_as_numpy(trace.__getitem__, array, (slice(None, None, 3), [key[1], 0]))


@pytest.mark.parametrize(
    "key",
    [
        FRAMES,
        -FRAMES - 1,
        (0, ROIS),
        (0, 0, 0),
        (..., ...),
        None,
        (0, None),
        1.5,
        "raw",
        np.ones(FRAMES - 1, dtype=bool),
        (slice(None), np.ones(ROIS + 1, dtype=bool)),
        np.ones((FRAMES, ROIS), dtype=bool),
    ],
    ids=repr,
)
def test_keys_that_select_nothing_sensible_are_refused(sources: dict[str, Source], key: Any) -> None:
    with pytest.raises(IndexError):
        sources["contiguous"].trace[key]


def test_a_view_cannot_show_what_is_not_there(sources: dict[str, Source]) -> None:
    with pytest.raises(IndexError, match=r"Index 9 is out of range for 7 ROIs"):
        sources["contiguous"].trace.select(rois=[0, 9])


def test_a_trace_becomes_an_array(sources: dict[str, Source]) -> None:
    source = sources["contiguous"]
    np.testing.assert_array_equal(np.asarray(source.trace), source.array)
    assert np.asarray(source.trace, dtype=np.float32).dtype == np.float32
    assert source.trace.ndim == 2
    assert repr(source.trace) == "Trace(frames=1500, rois=7, dtype=float64)"
    with pytest.raises(ValueError, match="always a copy"):
        source.trace.__array__(copy=False)


def test_threads_read_at_once(sources: dict[str, Source]) -> None:
    source = sources["contiguous + chunked"]

    def read(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        start, stop = np.sort(rng.integers(0, FRAMES, 2))
        rois = rng.permutation(ROIS)[: rng.integers(1, ROIS)]
        return np.array_equal(source.trace[start:stop, rois], source.array[start:stop, rois])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(400)))


class Reads:
    """What was read: bytes straight from the file, and the values of datasets that h5py read."""

    def __init__(self) -> None:
        self.direct: list[int] = []
        self.datasets: dict[str, int] = {}

    @property
    def bytes_read(self) -> int:
        return sum(self.direct) + sum(self.datasets.values())


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Count what the real functions read."""
    counted = Reads()
    read_into, getitem = FileBytes.read_into, h5py.Dataset.__getitem__

    def counting_read_into(self: FileBytes, buffer: memoryview, offset: int) -> None:
        counted.direct.append(len(buffer))
        read_into(self, buffer, offset)

    def counting_getitem(self: h5py.Dataset, key: Any, **options: Any) -> Any:
        values = getitem(self, key, **options)
        counted.datasets[self.name] = counted.datasets.get(self.name, 0) + np.asarray(values).nbytes
        return values

    monkeypatch.setattr(FileBytes, "read_into", counting_read_into)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", counting_getitem)
    return counted


def test_opening_reads_neither_traces_nor_weights(caiman_file: Path, reads: Reads) -> None:
    with CaimanResults.open(caiman_file) as results:
        assert results.components.traces
        assert results.components.acceptance
        assert results.num_frames
        assert results.components.traces
        assert len(results.components.footprints) == results.components.count
        assert results.background_trace is None or results.background_trace.shape[0] == results.num_frames
    read_of_estimates = {name.removeprefix("/estimates/") for name in reads.datasets if "/estimates/" in name}
    shapes_and_lists = {"dims", "idx_components", "idx_components_bad"}
    parts = {f"{matrix}/{part}" for matrix in ("A", "b") for part in ("shape", "indices", "indptr")}
    discarded = {f"discarded_components/A{part}" for part in ("", "/shape")}
    metrics = {"SNR_comp", "r_values", "cnn_preds"}  # they show whether components were selected
    with h5py.File(caiman_file) as file:
        texts = {
            name
            for name, node in file["estimates"].items()
            if isinstance(node, h5py.Dataset) and node.dtype.kind == "O" and node.ndim == 0
        }
    assert read_of_estimates <= {*shapes_and_lists, *parts, *metrics, *texts, *discarded}
    # Only S of an online analysis that did not deconvolve is read, to see that it is filled with zeros.
    placeholders = 4 * 100 * 4 if caiman_file.stem == "sim_onacid_fitnext" else 0
    assert sum(reads.direct) == placeholders


def test_a_slice_reads_its_own_bytes(caiman_file: Path, reads: Reads) -> None:
    with h5py.File(caiman_file) as file:
        stored = {name: file["estimates"][name].dtype.itemsize for name in ("C", "YrA", "S", "F_dff")}
    sizes = {"raw": [stored["C"], stored["YrA"]], "denoised": [stored["C"]]}  # raw is the sum of two
    sizes |= {"deconvolved": [stored["S"]], "dff": [stored["F_dff"]]}
    with CaimanResults.open(caiman_file) as results:
        assert results.components.traces
        reads.datasets.clear()
        for name, trace in results.components.traces.items():
            if not trace.shape[1]:
                continue
            reads.direct.clear()
            frames, rois = slice(60, 90), [trace.shape[1] - 1]
            assert trace[frames, rois].shape == (30, 1)
            assert reads.direct == [30 * size for size in sizes[name]]
            reads.direct.clear()
            assert trace[:].shape == trace.shape
            assert reads.direct == [trace.size * size for size in sizes[name]]
        assert not reads.datasets


@pytest.mark.parametrize("name", ["contiguous", "chunked"])
def test_scattered_frames_read_no_more_than_gaps_within_a_page(
    sources: dict[str, Source], reads: Reads, name: str
) -> None:
    trace = sources[name].trace
    assert trace[[0, 700, 1499], 3].shape == (3,)
    assert reads.bytes_read == 3 * 8
    reads.direct.clear()
    reads.datasets.clear()
    assert trace[[0, 100, 1499], 3].shape == (3,)
    assert reads.bytes_read == (101 + 1) * 8


@pytest.mark.parametrize(("frames", "at_a_time", "calls"), [(500, 1e6, 1), (100, 1e6, 1), (100, 1e4, 4), (80, 1e6, 7)])
def test_rows_are_read_whole_where_little_is_left_out(
    write_caiman_file: Callable[..., Path],
    reads: Reads,
    monkeypatch: pytest.MonkeyPatch,
    frames: int,
    at_a_time: float,
    calls: int,
) -> None:
    """One step per row takes longer than to read up to an unused page of each."""
    monkeypatch.setattr("caiman_interface.caiman_file.rows._SCRATCH_BYTES", int(at_a_time))
    traces = np.random.default_rng(1).random((ROIS, 600))
    with CaimanResults.open(write_caiman_file({"A": np.eye(8, ROIS), "C": traces}, dims=(2, 4))) as results:
        trace = results.components.traces["denoised"]
        np.testing.assert_array_equal(trace[5 : 5 + frames], traces[:, 5 : 5 + frames].T, strict=True)
        assert len(reads.direct) == calls
        np.testing.assert_array_equal(trace[5 : 5 + frames, [4, 2]], traces[[4, 2], 5 : 5 + frames].T, strict=True)


def test_nothing_selected_reads_nothing(sources: dict[str, Source], reads: Reads) -> None:
    for source in sources.values():
        assert source.trace[5:5].shape == (0, ROIS)
        assert source.trace[:, []].shape == (FRAMES, 0)
    assert reads.bytes_read == 0


def test_a_file_that_shrinks_while_open_is_not_read_past_its_end(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with CaimanResults.open(path) as results:
        trace = results.components.traces["denoised"]
        with path.open("r+b") as file:
            file.truncate(20_000)
        with pytest.raises(CaimanFileError, match="the file ends in the middle of a trace"):
            trace[:]
