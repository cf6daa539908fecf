"""What every test can use: the real CaImAn files, and copies of them to change."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from conversions import FILES, convert, converted, copy_nwb, everything, read  # noqa: F401 (fixtures)

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


@pytest.fixture(params=FILES)
def converted_file(request: pytest.FixtureRequest) -> Path:
    """Each real file in turn, for tests that convert; in the default run one file of each kind of analysis."""
    path: Path = request.param
    return path


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[str], Path]:
    """A function that copies a real file, given its name, so that a test can change the copy."""

    def copy(name: str) -> Path:
        return Path(shutil.copyfile(CAIMAN_FILES[name], tmp_path / f"{name}.hdf5"))

    return copy


@pytest.fixture
def shrunk_online_file(copy_of: Callable[[str], Path]) -> Path:
    """The online result as OnACID leaves it after it shrank the movie by half (``ds_factor = 2``).

    At its end OnACID enlarges the footprints, the background and b0, and sets the new frame shape; everything else,
    such as sn, stays as small as the movie that it worked on.
    """
    path = copy_of("sim2p_onacid")
    with h5py.File(path, "r+") as file:
        estimates = file["estimates"]
        small = tuple(estimates["dims"][()])
        parts = tuple(estimates["A"][name][()] for name in ("data", "indices", "indptr"))
        footprints = sparse.csc_array(parts, shape=estimates["A/shape"][()])
        large = sparse.csc_array(enlarged(footprints.toarray(), small))
        stored = {"A/data": large.data, "A/indices": large.indices, "A/indptr": large.indptr}
        stored |= {"A/shape": np.array(large.shape), "b": enlarged(estimates["b"][()], small)}
        stored["b0"] = enlarged(np.arange(small[0] * small[1], dtype=np.float32)[:, np.newaxis], small)
        stored["dims"] = 2 * estimates["dims"][()]
        for name, values in stored.items():
            del estimates[name]
            estimates[name] = values
        file["params/data/dims"][...] = stored["dims"]
        file["params/online/ds_factor"][...] = 2
    return path


@pytest.fixture
def selected_online(copy_of: Callable[[str], Path]) -> Path:
    """The online result after ``select_components`` kept as many components as OnACID's first batch had.

    It moves the arrays that cover all 11 components, and leaves g, c1, lam and neurons_sn, which cover the first 5.
    """
    path, kept = copy_of("sim2p_onacid"), np.array([10, 3, 8, 6, 9])
    removed = np.setdiff1d(np.arange(11), kept)
    with h5py.File(path, "r+") as file:
        estimates, aside = file["estimates"], file["estimates/discarded_components"]
        parts = tuple(estimates["A"][name][()] for name in ("data", "indices", "indptr"))
        footprints = sparse.csc_array(parts, shape=estimates["A/shape"][()])
        for group, columns in ((aside, removed), (estimates, kept)):
            matrix = footprints[:, columns]
            del group["A"]
            for name in ("data", "indices", "indptr"):
                group[f"A/{name}"] = getattr(matrix, name)
            group["A/shape"] = np.array(matrix.shape)
        for name in ("C", "S", "YrA", "bl"):
            values = estimates[name][()]
            for group, rows in ((aside, removed), (estimates, kept)):
                if name in group:
                    del group[name]
                group[name] = values[rows]
    return path


def enlarged(images: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Double the size of images that lie flat in the columns."""
    rows, columns = shape
    doubled = images.reshape(rows, columns, -1, order="F").repeat(2, axis=0).repeat(2, axis=1)
    return doubled.reshape(4 * rows * columns, -1, order="F")


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
