"""NeuroConv's own ways of writing use the parallel writer for files with CaImAn results, and pynwb for all others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
from hdmf_zarr import NWBZarrIO
from neuroconv import ConverterPipe, NWBConverter
from neuroconv.tools import nwb_helpers
from neuroconv.tools.nwb_helpers import (
    get_default_backend_configuration,
    get_existing_backend_configuration,
)
from nwbfiles import file_with
from pynwb import NWBHDF5IO, read_nwb
from test_write_nwbfile_converters import SeriesInterface

from caiman_interface import CaimanSegmentationInterface
from caiman_interface.plugins.registry import NO_FAST_WRITE, use_fast_writer
from caiman_interface.writer.chunk_writer import ChunkWriter
from caiman_interface.writer.hdf5_io import MarkedNWBHDF5IO
from caiman_interface.writer.zarr_io import NeuroConvZarrIO

DATA = Path(__file__).parents[1] / "data" / "sim2p_full.hdf5"
RAW = "processing/ophys/Fluorescence/RoiResponseSeries/data"
MASKS = "processing/ophys/ImageSegmentation/PlaneSegmentation/pixel_mask"


@pytest.fixture(autouse=True)
def fast_writer(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Register the writer, and list the datasets that are written in parallel."""
    mapping = nwb_helpers.BACKEND_NWB_IO
    before = dict(mapping)
    mapping.update(hdf5=NWBHDF5IO, zarr=NWBZarrIO)
    use_fast_writer()
    written: list[str] = []
    fill = ChunkWriter.fill

    def note(self: ChunkWriter, dataset: h5py.Dataset, source: Any) -> Any:
        written.append(dataset.name)
        return fill(self, dataset, source)

    monkeypatch.setattr(ChunkWriter, "fill", note)
    yield written
    mapping.update(before)


class SegmentationConverter(NWBConverter):
    data_interface_classes: ClassVar = {"Segmentation": CaimanSegmentationInterface}


class SegmentationPipe(ConverterPipe):
    """A converter that other converters use like an interface."""

    def __init__(self, file_path: str, verbose: bool = False) -> None:
        super().__init__(data_interfaces=[CaimanSegmentationInterface(file_path=file_path)], verbose=verbose)


class NestedConverter(NWBConverter):
    data_interface_classes: ClassVar = {"Segmentation": SegmentationPipe, "Series": SeriesInterface}


SOURCE = {"Segmentation": {"file_path": str(DATA)}}
WAYS: dict[str, Any] = {
    "converter": lambda: SegmentationConverter(SOURCE),
    "pipe": lambda: ConverterPipe(data_interfaces=[CaimanSegmentationInterface(file_path=DATA)]),
    "nested": lambda: NestedConverter({**SOURCE, "Series": {"name": "Series"}}),
}


def run(made: Any, path: Path, **options: Any) -> Path:
    metadata = made.get_metadata()
    metadata["NWBFile"].update(session_start_time="2024-01-02T03:04:05+00:00", session_description="A session.")
    made.run_conversion(nwbfile_path=str(path), metadata=metadata, **options)
    return path


def check(path: Path) -> None:
    """Compare with the CaImAn file."""
    nwbfile = read_nwb(path)
    ophys = nwbfile.processing["ophys"]
    with h5py.File(DATA) as source:
        np.testing.assert_array_equal(ophys["Fluorescence"]["Denoised"].data[:], source["estimates/C"][()].T)
        assert len(ophys["ImageSegmentation"]["PlaneSegmentation"]) == len(source["estimates/C"])
        weights = np.concatenate(list(ophys["ImageSegmentation"]["PlaneSegmentation"]["pixel_mask"][:]))["weight"]
        expected = source["estimates/A/data"][()]
        np.testing.assert_array_equal(weights, expected[expected != 0].astype("f4"))
    nwbfile.read_io.close()


@pytest.mark.parametrize("way", WAYS)
def test_each_way_writes_in_parallel(tmp_path: Path, fast_writer: list[str], way: str) -> None:
    path = run(WAYS[way](), tmp_path / "ours.nwb")
    assert f"/{RAW}" in fast_writer
    check(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours.nwb"]
    run(WAYS[way](), path, overwrite=True)
    check(path)


def test_a_file_without_our_content_is_written_by_pynwb(tmp_path: Path, fast_writer: list[str]) -> None:
    class OnlySeries(NWBConverter):
        data_interface_classes: ClassVar = {"Series": SeriesInterface}

    run(OnlySeries({"Series": {"name": "Series"}}), tmp_path / "other.nwb")
    assert fast_writer == []
    with h5py.File(tmp_path / "other.nwb") as file:
        assert len(file["acquisition"]) == 1


def test_a_configuration_of_a_first_build_is_honoured(tmp_path: Path, fast_writer: list[str]) -> None:
    converter = SegmentationConverter(SOURCE)
    metadata = converter.get_metadata()
    metadata["NWBFile"].update(session_start_time="2024-01-02T03:04:05+00:00", session_description="A session.")
    configuration = get_default_backend_configuration(converter.create_nwbfile(metadata=metadata), "hdf5")
    configuration.dataset_configurations[RAW].chunk_shape = (100, 5)
    configuration.dataset_configurations[f"{MASKS}/data"].chunk_shape = (123,)
    configuration.dataset_configurations[f"{MASKS}/data"].buffer_shape = (1230,)
    converter.run_conversion(
        nwbfile_path=str(tmp_path / "ours.nwb"), metadata=metadata, backend_configuration=configuration
    )
    assert f"/{RAW}" in fast_writer
    check(tmp_path / "ours.nwb")
    with h5py.File(tmp_path / "ours.nwb") as file:
        assert file[RAW].chunks == (100, 5)
        assert file[MASKS].chunks == (123,)


def test_zarr_stores_appear_when_they_are_complete(tmp_path: Path) -> None:
    path = run(SegmentationConverter(SOURCE), tmp_path / "ours.nwb.zarr", backend="zarr")
    check(path)
    run(SegmentationConverter(SOURCE), path, backend="zarr", overwrite=True)
    check(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours.nwb.zarr"]


@pytest.mark.parametrize("in_place", [False, True])
def test_appending_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_place: bool) -> None:
    if in_place:
        monkeypatch.setenv("CAIMAN_INTERFACE_APPEND_IN_PLACE", "1")
    path = tmp_path / "ours.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(file_with(np.arange(3.0)))
    path.chmod(0o640)
    inode = path.stat().st_ino
    run(SegmentationConverter(SOURCE), path, append_on_disk_nwbfile=True)
    check(path)
    with h5py.File(path) as file:
        assert file["acquisition/Series/data"][()].tolist() == [0, 1, 2]
    assert (path.stat().st_mode & 0o777, path.stat().st_ino) == (0o640, inode)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours.nwb"]


def test_a_failed_append_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ours.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(file_with(np.arange(3.0)))
    before = path.read_bytes()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(MarkedNWBHDF5IO, "write_builder", fail)
    with pytest.raises(OSError, match="Input/output error"):
        run(SegmentationConverter(SOURCE), path, append_on_disk_nwbfile=True)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours.nwb"]


@pytest.mark.parametrize("reader", [NWBHDF5IO, MarkedNWBHDF5IO])
def test_neuroconv_recognises_files_that_pynwb_opened(tmp_path: Path, reader: Any) -> None:
    path = run(SegmentationConverter(SOURCE), tmp_path / "ours.nwb")
    with reader(path, mode="r") as io:
        assert get_existing_backend_configuration(io.read()).backend == "hdf5"


def test_the_writer_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    nwb_helpers.BACKEND_NWB_IO["hdf5"] = NWBHDF5IO
    monkeypatch.setenv(NO_FAST_WRITE, "1")
    use_fast_writer()
    assert nwb_helpers.BACKEND_NWB_IO["hdf5"] is NWBHDF5IO
    monkeypatch.delenv(NO_FAST_WRITE)
    use_fast_writer()
    assert {"hdf5": MarkedNWBHDF5IO, "zarr": NeuroConvZarrIO} == nwb_helpers.BACKEND_NWB_IO


def test_a_writer_of_somebody_else_stays() -> None:
    class Lab(NWBHDF5IO):  # type: ignore[misc]
        pass

    nwb_helpers.BACKEND_NWB_IO["hdf5"] = Lab
    use_fast_writer()
    assert nwb_helpers.BACKEND_NWB_IO["hdf5"] is Lab


def test_a_neuroconv_without_the_mapping_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(nwb_helpers, "BACKEND_NWB_IO")
    use_fast_writer()
    assert not hasattr(nwb_helpers, "BACKEND_NWB_IO")


@pytest.mark.parametrize("variable", [None, NO_FAST_WRITE, "CAIMAN_INTERFACE_NO_AUTOLOAD"])
def test_importing_neuroconv_registers_the_writer(variable: str | None) -> None:
    code = (
        "import caiman_interface, neuroconv.datainterfaces, neuroconv.tools.nwb_helpers as helpers\n"
        "print(helpers.BACKEND_NWB_IO['hdf5'].__name__)"
    )
    environment = {**os.environ, **({} if variable is None else {variable: "1"})}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ("MarkedNWBHDF5IO" if variable is None else "NWBHDF5IO")
