"""Which file is read: links to other files, files in use, files that change, systems without positioned reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface.caiman_file import CaimanFileError, CaimanResults
from caiman_interface.caiman_file import opening as opening_module

TRACES = {"denoised": "C", "deconvolved": "S", "dff": "F_dff"}


def linked_file(caiman_file: Path, folder: Path) -> Path:
    """Return a file whose groups are external links, with other numbers at the offsets of the linked file."""
    linked = Path(shutil.copyfile(caiman_file, folder / "estimates_of_session.hdf5"))
    path = folder / "session.hdf5"
    with h5py.File(path, "w") as file:
        for name in ("estimates", "params", "dims"):
            file[name] = h5py.ExternalLink(linked.name, f"/{name}")
        file["padding"] = np.random.default_rng(0).normal(size=linked.stat().st_size // 4)
    return path


def test_values_behind_external_links(caiman_files: dict[str, Path], tmp_path: Path) -> None:
    path = linked_file(caiman_files["sim2p_full"], tmp_path)
    with CaimanResults(path) as linked, CaimanResults(caiman_files["sim2p_full"]) as whole:
        assert linked.omissions == ()
        for name, trace in whole.components.traces.items():
            np.testing.assert_array_equal(linked.components.traces[name][:], trace[:], strict=True)
        np.testing.assert_array_equal(linked.background_trace[:], whole.background_trace[:], strict=True)
        assert linked.sampling_frequency == whole.sampling_frequency


def test_a_link_to_a_missing_file_is_named(caiman_files: dict[str, Path], tmp_path: Path) -> None:
    path = linked_file(caiman_files["sim2p_full"], tmp_path)
    (tmp_path / "estimates_of_session.hdf5").unlink()
    with pytest.raises(
        CaimanFileError, match=r"a link to '/estimates' of the file 'estimates_of_session\.hdf5', which cannot be"
    ):
        CaimanResults(path)


def test_without_positioned_reads_h5py_reads(caiman_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "preadv", raising=False)  # as on Windows
    with CaimanResults(caiman_file) as results, h5py.File(caiman_file) as file:
        for name, stored in TRACES.items():
            if name in results.components.traces:
                expected = file["estimates"][stored][()].T
                np.testing.assert_array_equal(results.components.traces[name][:], expected, strict=True)


def test_results_can_be_made_directly(caiman_files: dict[str, Path]) -> None:
    path = caiman_files["sim2p_full"]
    with CaimanResults(str(path)) as results, CaimanResults.open(path) as opened:
        assert repr(results) == repr(opened)
        assert repr(results) == (
            f"CaimanResults('{path}', method=CNMF, frame_shape=(60, 80), num_frames=600, components=13)"
        )
        assert "<td style='text-align:left'>60 × 80</td>" in results._repr_html_()
        assert not [name for name in dir(results) if name.startswith("_") and not name.startswith("__")]
        assert "13 components" in results.components._repr_html_()


def test_a_wrong_name_lists_the_choices(caiman_files: dict[str, Path]) -> None:
    with CaimanResults(caiman_files["sim2p_full"]) as results:
        with pytest.raises(KeyError) as caught:
            _ = results.components.traces["dfof"]
        assert str(caught.value) == "There is no 'dfof' among the traces: raw, dff, denoised, deconvolved."
        with pytest.raises(KeyError, match="correlation, mean, noise"):
            _ = results.images["Cn"]
        assert results.components.traces.get("dfof") is None


# Files that change


def test_a_file_that_is_not_changed(caiman_files: dict[str, Path]) -> None:
    with CaimanResults(caiman_files["sim2p_full"]) as results:
        assert results.components.traces["raw"][:].shape == (600, 13)
        results.check_unchanged()


@pytest.mark.parametrize("change", ["written", "replaced", "longer", "removed"])
def test_a_file_that_changes_while_it_is_read(copy_of: Callable[[str], Path], change: str) -> None:
    path = copy_of("sim2p_full")
    with CaimanResults(path) as results:
        if change == "written":
            with path.open("r+b") as file:
                file.seek(500_000)
                file.write(b"x")
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
        elif change == "replaced":
            stat = path.stat()
            other = shutil.copyfile(path, path.with_name("other.hdf5"))
            os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            other.replace(path)
        elif change == "longer":
            with path.open("ab") as file:
                file.write(b"x")
        else:
            path.unlink()
        with pytest.raises(CaimanFileError, match="the file was changed or replaced while it was read"):
            results.check_unchanged()


# Files that cannot be opened


def test_an_npz_file_of_old_releases_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results_analysis.npz"
    np.savez(path, A=np.ones(3), C=np.ones(3))
    with pytest.raises(CaimanFileError, match=r"in which CaImAn before 1\.4 saved its results"):
        CaimanResults(path)
    renamed = path.rename(tmp_path / "results.hdf5")
    with pytest.raises(CaimanFileError, match=r"in which CaImAn before 1\.4 saved its results"):
        CaimanResults(renamed)


def test_a_file_that_a_swmr_writer_has_open_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "swmr.hdf5"
    code = (
        "import h5py, sys\n"
        f"file = h5py.File({str(path)!r}, 'w', libver='latest', locking=False)\n"
        "file.create_dataset('x', (5,), maxshape=(None,))\n"
        "file.swmr_mode = True\n"
        "file.flush()\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(CaimanFileError, match="the file is in use"):
            CaimanResults(path)
        writer.stdin.close()


@pytest.mark.parametrize("number", ["errno = 38", "errno = 37", "errno = 95"])
def test_a_file_system_without_locks(
    caiman_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    """No such file system is available here: only the refusal to lock is imitated, the file is opened by h5py."""
    opened = h5py.File

    def without_locks(path: Path, mode: str, *, locking: bool | None = None) -> h5py.File:
        if locking is not False:
            message = f"Unable to synchronously open file (unable to lock file, {number}, error message = 'x')"
            raise OSError(message)
        return opened(path, mode, locking=locking)

    monkeypatch.setattr(opening_module.h5py, "File", without_locks)
    with CaimanResults(caiman_files["sim2p_full"]) as results:
        assert results.components.count == 13


@pytest.mark.parametrize(
    ("reported", "problem", "remedy"),
    [
        ("unable to lock file, errno = 11, error message = 'x'", "the file is in use", "Close it"),
        ("unable to lock file, errno = 38, error message = 'x'", "cannot be locked", "HDF5_USE_FILE_LOCKING"),
        ("file is already open for write/SWMR write (may use <h5clear file>", "the file is in use", "Close it"),
    ],
)
def test_what_hdf5_reports_is_explained(
    caiman_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, reported: str, problem: str, remedy: str
) -> None:
    def refuse(*_arguments: object, **_options: object) -> h5py.File:
        raise OSError(reported)

    monkeypatch.setattr(opening_module.h5py, "File", refuse)
    with pytest.raises(CaimanFileError, match=problem) as caught:
        CaimanResults(caiman_files["sim2p_full"])
    assert remedy in str(caught.value.remedy)
