"""What every test can use: the real CaImAn files, and copies of them to change."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import pytest

DATA = Path(__file__).parent / "data"
CAIMAN_FILES = {path.stem: path for path in sorted(DATA.glob("*.hdf5"))}


@pytest.fixture(scope="session")
def caiman_files() -> dict[str, Path]:
    """The real files by name, such as ``sim2p_full``."""
    return CAIMAN_FILES


@pytest.fixture(params=CAIMAN_FILES.values(), ids=CAIMAN_FILES)
def caiman_file(request: pytest.FixtureRequest) -> Path:
    """Each real file in turn."""
    path: Path = request.param
    return path


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[str], Path]:
    """A function that copies a real file, given its name, so that a test can change the copy."""

    def copy(name: str) -> Path:
        return Path(shutil.copyfile(CAIMAN_FILES[name], tmp_path / f"{name}.hdf5"))

    return copy


@pytest.fixture(autouse=True)
def hdf5_files_are_closed() -> Iterator[None]:
    """Fail a test that leaves an HDF5 file open."""
    before = open_hdf5_files()
    yield
    left = open_hdf5_files() - before
    if left:
        gc.collect()
        left = open_hdf5_files() - before
    assert not left, f"The test left these HDF5 files open: {sorted(left)}"


def open_hdf5_files() -> set[str]:
    """Return the paths of the HDF5 files that are open in this process."""
    files = h5py.h5f.get_obj_ids(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)
    return {file.name.decode() for file in files}
