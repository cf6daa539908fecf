"""`ParallelNWBHDF5IO` in place of pynwb's `NWBHDF5IO`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyfive
import pytest
from hdmf.backends.hdf5 import H5DataIO
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from nwbfiles import PIXEL, contents, file_with, ophys_file, plane_segmentation, records
from pynwb import NWBHDF5IO, NWBFile, TimeSeries

from caiman_interface import ParallelNWBHDF5IO
from caiman_interface.writer.hdf5_io import MarkedNWBHDF5IO
from caiman_interface.writer.marks import is_marked_for_fast_write, mark_for_fast_write

SERIES = "acquisition/Series/data"


def wrapped_file(*, lzf: bool = True) -> NWBFile:
    """A file with datasets that are stored in each way that a `H5DataIO` can ask for."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3000, 40))
    nwbfile = file_with(H5DataIO(values, compression="gzip", compression_opts=2, shuffle=True, chunks=(1000, 20)))
    others = {
        "Plain": values,
        "Iterator": SliceableDataChunkIterator(data=values, chunk_shape=(500, 40)),
        "Chunked": H5DataIO(values.astype("f4"), chunks=(300, 40)),
    }
    if lzf:
        others["Lzf"] = H5DataIO(values, compression="lzf")
    for name, data in others.items():
        nwbfile.add_acquisition(TimeSeries(name=name, data=data, unit="V", rate=1.0))
    masks = H5DataIO(records(PIXEL, 20_000), compression="gzip", chunks=(3000,), maxshape=(None,))
    plane_segmentation(nwbfile, masks, rois=10)
    return nwbfile


def layout(path: Path) -> dict[str, Any]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: (
                found.update(
                    {name: (node.chunks, node.compression, node.compression_opts, node.shuffle, node.maxshape)}
                )
                if isinstance(node, h5py.Dataset)
                else None
            )
        )
    return found


@pytest.mark.filterwarnings("ignore:.*lzf compression may not be available:UserWarning")
def test_values_and_settings_are_those_of_pynwb(tmp_path: Path) -> None:
    for io_class, name in ((ParallelNWBHDF5IO, "ours.nwb"), (NWBHDF5IO, "theirs.nwb")):
        with io_class(tmp_path / name, "w") as io:
            io.write(wrapped_file())
    assert contents(tmp_path / "ours.nwb") == contents(tmp_path / "theirs.nwb")
    assert layout(tmp_path / "ours.nwb") == layout(tmp_path / "theirs.nwb")


def test_the_objects_know_the_final_path(tmp_path: Path) -> None:
    nwbfile = file_with(np.zeros((300, 300)))
    path = tmp_path / "ours.nwb"
    with ParallelNWBHDF5IO(str(path), mode="w") as io:
        io.write(nwbfile)
    assert {child.container_source for child in (nwbfile, *nwbfile.all_children())} == {str(path)}
    with ParallelNWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours.nwb"]


def test_a_file_that_links_to_another_file_finds_it(tmp_path: Path) -> None:
    with ParallelNWBHDF5IO(tmp_path / "raw.nwb", "w") as io:
        io.write(file_with(np.arange(5.0)))
    with NWBHDF5IO(tmp_path / "raw.nwb", "r") as raw:
        linked = raw.read().acquisition["Series"]
        nwbfile = file_with(np.arange(3.0), name="Other")
        nwbfile.add_acquisition(linked)
        with ParallelNWBHDF5IO(tmp_path / "linked.nwb", "w", manager=raw.manager) as io:
            io.write(nwbfile)
    with h5py.File(tmp_path / "linked.nwb") as file:
        assert file[SERIES][()].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("before", [None, b"old"])
def test_leaving_without_a_write_keeps_what_was_there(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "ours.nwb"
    if before is not None:
        path.write_bytes(before)
    with ParallelNWBHDF5IO(path, "w"):
        pass
    with pytest.raises(ZeroDivisionError), ParallelNWBHDF5IO(path, "w") as io:  # noqa: PT012
        io.write(file_with(np.zeros(5)))
        1 / 0  # noqa: B018
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_failed_write_can_be_repeated(tmp_path: Path) -> None:
    class Failing:
        shape, ndim, dtype = (400, 300), 2, np.dtype("<f8")
        fails = True

        def __getitem__(self, selection: tuple[slice, ...]) -> Any:
            if self.fails:
                raise OSError("the disk is gone")
            return np.ones([axis.stop - axis.start for axis in selection])

    data = Failing()
    nwbfile = file_with(SliceableDataChunkIterator(data=data, chunk_shape=(10, 300)))
    with pytest.raises(OSError, match="the disk is gone"), ParallelNWBHDF5IO(tmp_path / "ours.nwb", "w") as io:
        io.write(nwbfile)
    assert list(tmp_path.iterdir()) == []
    data.fails = False
    with ParallelNWBHDF5IO(tmp_path / "other.nwb", "w") as io:
        io.write(nwbfile)
    with h5py.File(tmp_path / "other.nwb") as file:
        assert file[SERIES][()].sum() == 400 * 300


def test_other_modes_and_export_are_those_of_pynwb(tmp_path: Path) -> None:
    path = tmp_path / "ours.nwb"
    with ParallelNWBHDF5IO(path, "w") as io:
        io.write(ophys_file())
    with ParallelNWBHDF5IO(path, "r+") as io:
        nwbfile = io.read()
        nwbfile.add_acquisition(TimeSeries(name="Added", data=np.arange(4.0), unit="V", rate=1.0))
        io.write(nwbfile)
    with ParallelNWBHDF5IO(path, "r") as io, ParallelNWBHDF5IO(tmp_path / "copy.nwb", "w") as copy:
        copy.export(src_io=io, nwbfile=io.read())
    assert contents(tmp_path / "copy.nwb") == contents(path)
    with h5py.File(tmp_path / "copy.nwb") as file:
        assert file["acquisition/Added/data"][()].tolist() == [0, 1, 2, 3]


def test_every_dataset_is_read_by_pyfive(tmp_path: Path) -> None:
    with ParallelNWBHDF5IO(tmp_path / "ours.nwb", "w") as io:
        io.write(wrapped_file(lzf=False))  # a filter that pyfive does not know
    with h5py.File(tmp_path / "ours.nwb") as expected, pyfive.File(str(tmp_path / "ours.nwb")) as found:
        names: list[str] = []
        expected.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        numbers = [name for name in names if expected[name].dtype.kind in "biufV" and expected[name].shape]
        assert {"acquisition/Series/data", "acquisition/Iterator/data"} <= set(numbers)
        for name in numbers:
            np.testing.assert_array_equal(np.asarray(found[name][:]), expected[name][()], err_msg=name)


def test_only_marked_files_are_written_in_parallel_for_neuroconv(tmp_path: Path) -> None:
    for name, marked in (("marked.nwb", True), ("other.nwb", False)):
        reports: list[tuple[int, int, str]] = []
        nwbfile = file_with(H5DataIO(np.zeros((500, 500)), compression="gzip"))
        if marked:
            mark_for_fast_write(nwbfile)
        assert is_marked_for_fast_write(nwbfile) == marked
        with MarkedNWBHDF5IO(tmp_path / name, "w", progress=lambda *report: reports.append(report)) as io:  # noqa: B023
            io.write(nwbfile)
        assert bool(reports) == marked
    assert contents(tmp_path / "marked.nwb") == contents(tmp_path / "other.nwb")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"compression": "gzip", "chunks": (1000, 20)}, ("gzip", 4, True)),  # NeuroConv's defaults
        ({"compression": "gzip", "compression_opts": 4}, ("gzip", 4, False)),
        ({"compression": "gzip", "shuffle": False}, ("gzip", 4, False)),
        ({"chunks": (1000, 20)}, (None, None, False)),
    ],
)
def test_neuroconvs_write_shuffles_bytes_where_the_settings_leave_it_open(
    tmp_path: Path, settings: dict[str, Any], expected: tuple[str | None, int | None, bool]
) -> None:
    values = np.random.default_rng(0).normal(size=(3000, 40))
    for io_class in (MarkedNWBHDF5IO, ParallelNWBHDF5IO):
        nwbfile = file_with(H5DataIO(values, **settings))
        mark_for_fast_write(nwbfile)
        with io_class(tmp_path / "series.nwb", "w") as io:
            io.write(nwbfile)
        with h5py.File(tmp_path / "series.nwb") as file:
            data = file[SERIES]
            wanted = expected if io_class is MarkedNWBHDF5IO else (*expected[:2], False)
            assert (data.compression, data.compression_opts, data.shuffle) == wanted
            np.testing.assert_array_equal(data[()], values)


def test_a_mark_does_not_keep_a_file_alive() -> None:
    from caiman_interface.writer import marks

    mark_for_fast_write(nwbfile := file_with(np.zeros(3)))
    before = len(marks._marked)
    del nwbfile
    import gc

    gc.collect()
    assert len(marks._marked) < before
