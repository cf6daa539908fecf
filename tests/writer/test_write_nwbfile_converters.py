"""`FastNWBConverter` and `FastWriteMixin`: NeuroConv's `run_conversion`, with its own checks and meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
from neuroconv import BaseDataInterface, NWBConverter
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from neuroconv.tools.nwb_helpers import get_default_backend_configuration
from nwbfiles import contents, empty_file
from pynwb import NWBFile, TimeSeries, read_nwb

from caiman_interface.writer.file import FastNWBConverter, FastWriteMixin


class SeriesInterface(BaseDataInterface):  # type: ignore[misc]
    """A series of numbers, lazily read."""

    def __init__(self, name: str = "Series", verbose: bool = False) -> None:
        super().__init__(verbose=verbose, name=name)

    def add_to_nwbfile(self, nwbfile: NWBFile, metadata: dict[str, Any] | None = None, first: int = 0) -> None:  # noqa: ARG002
        values = np.arange(first, first + 60_000).reshape(3000, 20)
        data = SliceableDataChunkIterator(data=values, chunk_shape=(1000, 20))
        nwbfile.add_acquisition(TimeSeries(name=self.source_data["name"], data=data, unit="V", rate=1.0))


class FastSeriesInterface(FastWriteMixin, SeriesInterface):
    """The same, written in parallel."""


class StockConverter(NWBConverter):  # type: ignore[misc]
    data_interface_classes: ClassVar = {"One": SeriesInterface, "Two": SeriesInterface}


class FastConverter(FastNWBConverter):
    data_interface_classes: ClassVar = {"One": SeriesInterface, "Two": SeriesInterface}


SOURCE: dict[str, dict[str, Any]] = {"One": {"name": "One"}, "Two": {"name": "Two"}}
OPTIONS = {"Two": {"first": 7}}


def metadata_of(converter: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = converter.get_metadata()
    metadata["NWBFile"].update(session_start_time="2024-01-02T03:04:05+00:00", session_description="A session.")
    return metadata


def run(converter: Any, path: Path, **options: Any) -> Path:
    converter.run_conversion(nwbfile_path=path, metadata=metadata_of(converter), **options)
    return path


def is_fast(path: Path, name: str) -> bool:
    """Whether the parallel writer wrote a series; by default it shuffles bytes, which NeuroConv does not."""
    with h5py.File(path) as file:
        return bool(file[f"acquisition/{name}/data"].shuffle)


def test_a_converter_writes_what_neuroconvs_writes(tmp_path: Path) -> None:
    stock = run(StockConverter(SOURCE), tmp_path / "stock.nwb", conversion_options=OPTIONS)
    fast = run(FastConverter(SOURCE), tmp_path / "fast.nwb", conversion_options=OPTIONS)
    assert contents(fast) == contents(stock)
    assert is_fast(fast, "Two")
    assert not is_fast(stock, "Two")


def test_an_interface_writes_what_the_stock_one_writes(tmp_path: Path) -> None:
    stock = run(SeriesInterface(), tmp_path / "stock.nwb", first=3)
    fast = run(FastSeriesInterface(), tmp_path / "fast.nwb", first=3)
    assert contents(fast) == contents(stock)
    assert is_fast(fast, "Series")


def test_a_subclass_may_write_its_arguments_otherwise(tmp_path: Path) -> None:
    class Labs(FastSeriesInterface):
        def create_nwbfile(self, metadata: Any = None, **options: Any) -> NWBFile:
            nwbfile: NWBFile = super().create_nwbfile(metadata=metadata, **options)
            nwbfile.lab = "Lab"
            return nwbfile

    class LabsConverter(FastConverter):
        def create_nwbfile(self, *arguments: Any, **options: Any) -> NWBFile:
            nwbfile: NWBFile = super().create_nwbfile(*arguments, **options)
            nwbfile.lab = "Lab"
            return nwbfile

    paths = run(Labs(), tmp_path / "interface.nwb", first=7), tmp_path / "converter.nwb"
    run(LabsConverter(SOURCE), paths[1], conversion_options=OPTIONS)
    for path, name in zip(paths, ("Series", "Two"), strict=True):
        with h5py.File(path) as file:
            assert file["general/lab"].asstr()[()] == "Lab"
            assert file[f"acquisition/{name}/data"][0, 0] == 7


@pytest.mark.parametrize("make", [FastSeriesInterface, lambda: FastConverter(SOURCE)], ids=["interface", "converter"])
def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path, make: Any) -> None:
    path = run(make(), tmp_path / "fast.nwb")
    with pytest.raises(ValueError, match="already exists"):
        run(make(), path)
    run(make(), path, overwrite=True)
    assert list(tmp_path.iterdir()) == [path]


def test_an_interface_appends_to_a_file_on_disk(tmp_path: Path) -> None:
    path = run(FastSeriesInterface(name="First"), tmp_path / "fast.nwb")
    run(FastSeriesInterface(name="Second"), path, append_on_disk_nwbfile=True)
    nwbfile = read_nwb(path)
    assert set(nwbfile.acquisition) == {"First", "Second"}
    np.testing.assert_array_equal(nwbfile.acquisition["Second"].data[:], np.arange(60_000).reshape(3000, 20))
    nwbfile.read_io.close()
    assert is_fast(path, "First")


def test_an_interface_adds_to_a_file_in_memory(tmp_path: Path) -> None:
    nwbfile = empty_file()
    SeriesInterface(name="Before").add_to_nwbfile(nwbfile)
    path = run(FastSeriesInterface(name="After"), tmp_path / "fast.nwb", nwbfile=nwbfile)
    with h5py.File(path) as file:
        assert set(file["acquisition"]) == {"Before", "After"}


def test_a_backend_configuration_is_honoured(tmp_path: Path) -> None:
    converter = FastConverter(SOURCE)
    nwbfile = converter.create_nwbfile(metadata=metadata_of(converter))
    configuration = get_default_backend_configuration(nwbfile, "hdf5")
    configuration.dataset_configurations["acquisition/One/data"].chunk_shape = (300, 20)
    path = run(converter, tmp_path / "fast.nwb", backend_configuration=configuration)
    with h5py.File(path) as file:
        assert file["acquisition/One/data"].chunks == (300, 20)
        assert not file["acquisition/One/data"].shuffle


def test_zarr_is_written(tmp_path: Path) -> None:
    path = run(FastSeriesInterface(), tmp_path / "fast.nwb.zarr", backend="zarr")
    nwbfile = read_nwb(path)
    assert nwbfile.acquisition["Series"].data[2999, 19] == 59_999
    nwbfile.read_io.close()


def test_a_conversion_reports_its_progress(tmp_path: Path) -> None:
    interface = FastSeriesInterface()
    reports: list[tuple[int, int, str]] = []
    interface.progress = lambda *report: reports.append(report)
    run(interface, tmp_path / "fast.nwb")
    assert reports[-1] == (480_000, 480_000, "/acquisition/Series/data")
