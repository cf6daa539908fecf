"""Files appear when they are complete; leftovers of killed processes go, those of running ones stay."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from nwbfiles import file_with
from test_write_nwbfile_failures import series_in

from caiman_interface.writer.errors import DiskError
from caiman_interface.writer.file import write_nwbfile
from caiman_interface.writer.partial_files import PartialFile, remove_leftovers

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")


@posix_only
def test_leftovers_of_dead_processes_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".one.nwb.0123abcd.partial").write_bytes(b"half")
    (tmp_path / ".two.nwb.zarr.0123abcd.partial" / "two.nwb.zarr").mkdir(parents=True)
    for name in ("notes.partial", ".hidden", ".one.nwb.xyz.partial"):
        (tmp_path / name).write_bytes(b"mine")
    write_nwbfile(file_with(np.zeros(3)), tmp_path / "ours.nwb")
    assert {entry.name for entry in tmp_path.iterdir()} == {
        "ours.nwb",
        "notes.partial",
        ".hidden",
        ".one.nwb.xyz.partial",
    }


@posix_only
@pytest.mark.parametrize("folder", [False, True])
def test_partial_files_of_running_processes_stay(tmp_path: Path, *, folder: bool) -> None:
    partial = PartialFile(tmp_path / "ours.nwb", replace="never", folder=folder)
    if folder:
        partial.path.mkdir()
    code = (
        "import sys; from pathlib import Path; from caiman_interface.writer.partial_files import remove_leftovers\n"
        "remove_leftovers(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert len(list(tmp_path.iterdir())) == 1
    partial.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_store_whose_exchange_was_interrupted_gets_its_name_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside = tmp_path / ".ours.nwb.zarr.0123abcd.replaced"
    aside.mkdir()
    remove_leftovers(tmp_path)
    assert aside.exists()  # it may be a matter of a moment
    monkeypatch.setattr("time.time", lambda: 4e9)
    remove_leftovers(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours.nwb.zarr"]


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_a_file_that_appeared_meanwhile_is_not_replaced(tmp_path: Path, backend: str) -> None:
    path = tmp_path / "ours.nwb"
    nwbfile = file_with(np.zeros((500, 500)))
    first = PartialFile(path, replace="never", folder=backend == "zarr")
    if backend == "zarr":
        first.path.mkdir()
        (first.path / ".zgroup").write_text("{}")
    write_nwbfile(nwbfile, path, backend=backend)  # type: ignore[arg-type]
    with pytest.raises(FileExistsError, match=r"ours\.nwb was written by another process in the meantime"):
        first.commit()
    first.discard()
    assert list(tmp_path.iterdir()) == [path]
    write_nwbfile(file_with(np.arange(3.0)), path, overwrite=True)
    assert series_in(path) == [0, 1, 2]


def test_two_processes_that_write_one_file(tmp_path: Path) -> None:
    code = f"""
        import sys, time, numpy as np
        from nwbfiles import file_with
        from caiman_interface.writer.file import write_nwbfile
        print("ready", flush=True); sys.stdin.readline()
        def wait(*_): time.sleep(0.5)
        write_nwbfile(file_with(np.zeros((500, 500))), {str(tmp_path / "ours.nwb")!r}, progress=wait)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    settings = {"cwd": Path(__file__).parent, "text": True, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, **settings) for _ in range(2)]  # type: ignore[call-overload]
    for process in both:
        process.stdout.readline()
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert "FileExistsError" in "".join(errors)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours.nwb"]


def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ours.nwb"
    write_nwbfile(file_with(np.arange(3.0)), path)
    path.chmod(0o444)
    with pytest.raises(PermissionError, match=r"ours\.nwb exists and is read-only, so it is not replaced"):
        write_nwbfile(file_with(np.zeros(5)), path, overwrite=True)
    assert series_in(path) == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match=rf"Permission denied in the folder {tmp_path}"):
            write_nwbfile(file_with(np.zeros(5)), tmp_path / "ours.nwb")
    finally:
        tmp_path.chmod(0o755)


@posix_only
@pytest.mark.parametrize("old", [False, True])
def test_a_limit_of_file_size_is_explained(tmp_path: Path, *, old: bool) -> None:
    path = tmp_path / "ours.nwb"
    if old:
        write_nwbfile(file_with(np.arange(3.0)), path)
    code = f"""
        import resource, sys, numpy as np
        from nwbfiles import file_with
        from caiman_interface.writer.file import write_nwbfile
        nwbfile = file_with(np.random.default_rng(0).normal(size=(2000, 500)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            write_nwbfile(nwbfile, {str(path)!r}, overwrite=True)
        except OSError as error:
            print(type(error).__name__, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(
        f"DiskError {path} was not written: the file would be larger than this system or user"
    )
    assert "It needs up to 8 MB;" in done.stdout
    assert done.stderr == ""
    assert [entry.name for entry in tmp_path.iterdir()] == (["ours.nwb"] if old else [])
    if old:
        assert "The file that was there before is unchanged." in done.stdout
        assert series_in(path) == [0, 1, 2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes; skips the test where it cannot be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("there is no mount command here")
    command = [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_a_full_disk_is_explained_and_keeps_the_old_file(small_disk: Path, backend: str) -> None:
    path = small_disk / "ours.nwb"
    write_nwbfile(file_with(np.arange(3.0)), path)
    nwbfile = file_with(np.random.default_rng(0).normal(size=(2000, 500)))
    with pytest.raises(
        DiskError, match=rf"^{path} was not written: the disk is full\..* are free in {small_disk}\."
    ) as caught:
        write_nwbfile(nwbfile, path, overwrite=True, backend=backend)  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENOSPC
    assert list(small_disk.iterdir()) == [path]
    assert series_in(path) == [0, 1, 2]
    write_nwbfile(file_with(np.arange(4.0)), path, overwrite=True)
    assert series_in(path) == [0, 1, 2, 3]
