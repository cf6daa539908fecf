"""A CaImAn file that is replaced while it is converted: an error on every way of writing, and no file is left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar

import pytest
from neuroconv import ConverterPipe, NWBConverter
from neuroconv.tools.nwb_helpers import configure_and_write_nwbfile
from pynwb import NWBHDF5IO
from pynwb.testing.mock.file import mock_NWBFile

from caiman_interface import (
    CaimanFileError,
    CaimanSegmentationInterface,
    FastNWBConverter,
    ParallelNWBHDF5IO,
    write_nwbfile,
)
from caiman_interface.caiman_file.rows import DatasetRows
from conversions import session_metadata


class Converter(NWBConverter):
    data_interface_classes: ClassVar = {"Segmentation": CaimanSegmentationInterface}


class FastConverter(FastNWBConverter):
    data_interface_classes: ClassVar = {"Segmentation": CaimanSegmentationInterface}


def run(runner: Any, path: Path, **options: Any) -> None:
    interface = runner.data_interface_objects["Segmentation"] if hasattr(runner, "data_interface_objects") else runner
    runner.run_conversion(nwbfile_path=path, metadata=session_metadata(interface), **options)


def in_memory(caiman: Path) -> Any:
    interface = CaimanSegmentationInterface(caiman)
    return interface.create_nwbfile(metadata=session_metadata(interface))


def write_in_parallel(caiman: Path, path: Path) -> None:
    with ParallelNWBHDF5IO(path, "w") as io:
        io.write(in_memory(caiman))


def append_in_parallel(caiman: Path, path: Path) -> None:
    with ParallelNWBHDF5IO(path, "a") as io:
        nwbfile = io.read()
        CaimanSegmentationInterface(caiman).add_to_nwbfile(nwbfile)
        io.write(nwbfile)


def append(caiman: Path, path: Path) -> None:
    interface = CaimanSegmentationInterface(caiman)
    is_new = "append_on_disk_nwbfile" in signature(interface.run_conversion).parameters
    run(interface, path, **({"append_on_disk_nwbfile": True} if is_new else {"overwrite": False}))


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "interface": lambda caiman, path: run(CaimanSegmentationInterface(caiman), path),
    "overwrite": lambda caiman, path: run(CaimanSegmentationInterface(caiman), path, overwrite=True),
    "zarr": lambda caiman, path: run(CaimanSegmentationInterface(caiman), path, backend="zarr"),
    "converter": lambda caiman, path: run(Converter({"Segmentation": {"file_path": str(caiman)}}), path),
    "fast": lambda caiman, path: run(FastConverter({"Segmentation": {"file_path": str(caiman)}}), path),
    "pipe": lambda caiman, path: run(ConverterPipe({"Segmentation": CaimanSegmentationInterface(caiman)}), path),
    "function": lambda caiman, path: write_nwbfile(in_memory(caiman), path),
    "neuroconv": lambda caiman, path: configure_and_write_nwbfile(
        nwbfile=in_memory(caiman), nwbfile_path=path, backend="hdf5"
    ),
    "io": write_in_parallel,
    "append": append,
    "io_append": append_in_parallel,
}


@pytest.fixture
def replaced(copy_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is replaced by an equal one when its traces are read for the first time."""
    path, original = copy_of("sim_sliced_rows"), DatasetRows.read
    other = Path(shutil.copyfile(path, path.with_suffix(".new")))

    def read(self: DatasetRows, *where: Any) -> Any:
        if other.exists():
            other.replace(path)
        return original(self, *where)

    monkeypatch.setattr(DatasetRows, "read", read)
    return path


@pytest.mark.parametrize("way", WAYS)
def test_a_source_that_is_replaced_is_an_error_and_leaves_no_file(replaced: Path, tmp_path: Path, way: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "session.nwb"
    if "append" in way or way == "overwrite":
        with NWBHDF5IO(path, "w") as io:
            io.write(mock_NWBFile())
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(CaimanFileError, match="changed or replaced while it was read"):
        WAYS[way](replaced, path)
    assert [one.name for one in folder.iterdir()] == ([] if before is None else ["session.nwb"])
    if before is not None and way != "io_append":  # which writes into the file itself, as pynwb does
        assert path.read_bytes() == before
    assert not replaced.with_suffix(".new").exists()


def test_a_source_that_changed_before_is_not_converted(copy_of: Callable[[str], Path]) -> None:
    interface = CaimanSegmentationInterface(copy_of("sim_sliced_rows"))
    os.utime(interface.segmentation_extractor.results.file_path, ns=(1, 1))
    with pytest.raises(CaimanFileError, match="changed or replaced while it was read"):
        interface.create_nwbfile(metadata=session_metadata(interface))
