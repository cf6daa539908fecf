"""`write_nwbfile`: a whole file or none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from numpy.typing import NDArray
from nwbfiles import file_with
from pynwb import NWBFile, read_nwb

from caiman_interface.writer import partial_files
from caiman_interface.writer.file import write_nwbfile


class Failing:
    """Lazy data that cannot be read to the end."""

    shape, ndim, dtype = (400, 2**14), 2, np.dtype("<f8")

    def __init__(self, *, parallel: bool, error: BaseException) -> None:
        self.parallel_read = parallel
        self.error = error

    def __getitem__(self, selection: tuple[slice, ...]) -> NDArray[Any]:
        if selection[0].stop > 200:
            raise self.error
        return np.ones([axis.stop - axis.start for axis in selection])


def failing_file(*, parallel: bool, error: BaseException) -> NWBFile:
    data = Failing(parallel=parallel, error=error)
    return file_with(SliceableDataChunkIterator(data=data, chunk_shape=(10, 2**14)))


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("error", [OSError("the disk is gone"), KeyboardInterrupt(), ZeroDivisionError()], ids=repr)
def test_an_error_in_any_thread_is_raised_once_and_leaves_nothing(
    tmp_path: Path, *, parallel: bool, error: BaseException
) -> None:
    nwbfile = failing_file(parallel=parallel, error=error)
    data = nwbfile.acquisition["Series"].data
    threads = threading.active_count()
    with pytest.raises(type(error)) as caught:
        write_nwbfile(nwbfile, tmp_path / "ours.nwb")
    assert caught.value is error
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
    assert nwbfile.acquisition["Series"].data is data


class Lying:
    """Lazy data that give other values than their shape and type say."""

    ndim = 2

    def __init__(self, values: NDArray[Any], *, shape: tuple[int, ...], dtype: str, parallel: bool) -> None:
        self.values, self.shape, self.dtype, self.parallel_read = values, shape, np.dtype(dtype), parallel

    def __getitem__(self, selection: tuple[slice, ...]) -> NDArray[Any]:
        return self.values[selection]


@pytest.mark.parametrize("parallel", [True, False])
def test_data_that_end_early_are_refused(tmp_path: Path, *, parallel: bool) -> None:
    data = Lying(np.ones((437, 300)), shape=(500, 300), dtype="f8", parallel=parallel)
    nwbfile = file_with(SliceableDataChunkIterator(data=data, chunk_shape=(50, 300)))
    with pytest.raises(
        ValueError, match=r"have shape \(500, 300\), but return shape \(\d+, 300\) for \[\d+:\d+, 0:300\]"
    ):
        write_nwbfile(nwbfile, tmp_path / "ours.nwb")
    assert list(tmp_path.iterdir()) == []


def test_values_that_the_declared_type_cannot_represent_are_refused(tmp_path: Path) -> None:
    def declared(values: NDArray[Any], dtype: str) -> NWBFile:
        data = Lying(values, shape=values.shape, dtype=dtype, parallel=True)
        return file_with(SliceableDataChunkIterator(data=data, chunk_shape=(50, 300)))

    values = np.arange(150_000.0).reshape(500, 300)
    with pytest.raises(ValueError, match=r"declared as int16, but return values of float64 for .* that int16 cannot"):
        write_nwbfile(declared(values, "i2"), tmp_path / "ours.nwb")
    assert list(tmp_path.iterdir()) == []
    for dtype in ("i4", "f4", ">f4"):
        write_nwbfile(declared(values, dtype), tmp_path / "ours.nwb", overwrite=True)
        with h5py.File(tmp_path / "ours.nwb") as file:
            np.testing.assert_array_equal(file["acquisition/Series/data"][()], values)


def test_an_error_of_progress_leaves_nothing(tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        message = "stopped by the caller"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="stopped by the caller"):
        write_nwbfile(file_with(np.zeros((500, 500))), tmp_path / "ours.nwb", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_standard_path_leaves_nothing(tmp_path: Path) -> None:
    nwbfile = failing_file(parallel=False, error=OSError("the disk is gone"))
    with pytest.raises(OSError, match="the disk is gone"):
        write_nwbfile(nwbfile, tmp_path / "ours.nwb.zarr", backend="zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_is_kept_unless_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ours.nwb"
    write_nwbfile(file_with(np.arange(3.0)), path)
    with pytest.raises(FileExistsError, match=r"ours\.nwb exists\. Set overwrite=True"):
        write_nwbfile(file_with(np.arange(4.0)), path)
    assert series_in(path) == [0, 1, 2]
    write_nwbfile(file_with(np.arange(4.0)), path, overwrite=True)
    assert series_in(path) == [0, 1, 2, 3]
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_overwrite_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "ours.nwb"
    write_nwbfile(file_with(np.arange(3.0)), path)
    with pytest.raises(OSError, match="the disk is gone"):
        write_nwbfile(failing_file(parallel=True, error=OSError("the disk is gone")), path, overwrite=True)
    assert series_in(path) == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_appears_when_the_file_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "ours.nwb"
    seen: set[str] = set()

    def look(*_: object) -> None:
        assert not path.exists()
        seen.update(entry.name for entry in tmp_path.iterdir())

    write_nwbfile(file_with(np.zeros((500, 500))), path, progress=look)
    (partial,) = seen
    assert partial.startswith(".ours.nwb.")
    assert partial.endswith(".partial")
    assert list(tmp_path.iterdir()) == [path]


def test_a_zarr_store_and_a_file_replace_each_other(tmp_path: Path) -> None:
    path = tmp_path / "ours.nwb"
    for backend, is_store in (("hdf5", False), ("zarr", True), ("zarr", True), ("hdf5", False)):
        write_nwbfile(file_with(np.arange(3.0)), path, backend=backend, overwrite=True)  # type: ignore[arg-type]
        assert path.is_dir() == is_store
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
@pytest.mark.parametrize("content", [None, "thesis.txt"])
def test_a_folder_that_is_no_zarr_store_is_kept(tmp_path: Path, backend: Any, content: str | None) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    if content is not None:
        (folder / content).write_text("years of work")
    with pytest.raises(IsADirectoryError, match="results is a folder, but not a Zarr store"):
        write_nwbfile(file_with(np.zeros(5)), folder, backend=backend, overwrite=True)
    assert [entry.name for entry in folder.iterdir()] == ([] if content is None else [content])
    assert list(tmp_path.iterdir()) == [folder]


def test_the_rights_of_a_replaced_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ours.nwb"
    write_nwbfile(file_with(np.zeros(5)), path)
    path.chmod(0o640)
    write_nwbfile(file_with(np.ones(5)), path, overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 251}.nwb"
    write_nwbfile(file_with(np.zeros(5)), path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        write_nwbfile(file_with(np.arange(3.0)), tmp_path / "nowhere" / "ours.nwb")


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_what_a_link_points_to_is_replaced_and_the_link_kept(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    link = tmp_path / "ours.nwb"
    link.symlink_to(tmp_path / "store" / "target.nwb")
    for count in (3, 4):
        write_nwbfile(file_with(np.arange(float(count))), link, overwrite=True)
    assert link.is_symlink()
    assert series_in(tmp_path / "store" / "target.nwb") == [0, 1, 2, 3]


@pytest.mark.parametrize("backend", ["zarr", "hdf5"])
def test_what_cannot_be_replaced_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: Any) -> None:
    path = tmp_path / "ours.nwb"
    write_nwbfile(file_with(np.arange(3.0)), path, backend="zarr")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if ".partial" in str(self):
            message = "not permitted"
            raise PermissionError(message)
        return rename(self, target)

    monkeypatch.setattr(partial_files, "exchange", lambda *_: False)  # as on file systems that cannot
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError, match="not permitted"):
        write_nwbfile(file_with(np.arange(4.0)), path, backend=backend, overwrite=True)
    assert list(tmp_path.iterdir()) == [path]
    nwbfile = read_nwb(path)
    assert nwbfile.acquisition["Series"].data[:].tolist() == [0, 1, 2]
    nwbfile.read_io.close()


def test_a_relative_path_means_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_nwbfile(file_with(np.arange(3.0)), "ours.nwb")
    assert series_in(tmp_path / "ours.nwb") == [0, 1, 2]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
@pytest.mark.parametrize("parallel", [True, False])
def test_ctrl_c_ends_the_write_at_once_and_leaves_nothing(tmp_path: Path, *, parallel: bool) -> None:
    script = f"""
        import signal, time
        import numpy as np
        from neuroconv.tools.hdmf import SliceableDataChunkIterator
        from nwbfiles import file_with
        from caiman_interface.writer.file import write_nwbfile

        # Tests that a shell started in the background inherit that the signal is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)

        class Endless:
            shape, ndim, dtype, parallel_read = (10**6, 2**14), 2, np.dtype("<f8"), {parallel}
            def __getitem__(self, selection):
                time.sleep(0.01)
                return np.ones([axis.stop - axis.start for axis in selection])

        data = SliceableDataChunkIterator(data=Endless(), chunk_shape=(10, 2**14), buffer_shape=(100, 2**14))
        started = []
        def report(*_):
            if not started:
                started.append(print("writing", flush=True))
        write_nwbfile(file_with(data), {str(tmp_path / "ours.nwb")!r}, progress=report)
    """
    tests = Path(__file__).parent
    source = Path(sys.modules["caiman_interface"].__file__ or "").parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(source)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - started < 15
    assert process.returncode in {-signal.SIGINT, 130, 1}
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert list(tmp_path.iterdir()) == []


def series_in(path: Path) -> list[float]:
    with h5py.File(path) as file:
        values: list[float] = file["acquisition/Series/data"][()].tolist()
    return values
