"""Files outside of the directory of a CaImAn file are read only if the user allows it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface import CaimanFileError, CaimanResults

SOURCE = Path(__file__).parents[1] / "data" / "sim2p_full.hdf5"
ALLOWED = "CAIMAN_INTERFACE_FOLLOW_LINKS"


def with_link(folder: Path, target: Path, place: str) -> Path:
    """Move a dataset of a real file to another file, and link to it there."""
    path = Path(shutil.copyfile(SOURCE, folder / "results.hdf5"))
    target.parent.mkdir(exist_ok=True)
    with h5py.File(path, "r+") as file, h5py.File(target, "w") as other:
        file.copy(place, other, "moved")
        del file[place]
        file[place] = h5py.ExternalLink(str(target), "moved")
    return path


@pytest.mark.parametrize("place", ["estimates/C", "estimates/A/data", "params/data/fr", "estimates"])
def test_link_to_another_directory_is_refused_unless_allowed(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "session").mkdir()
    path = with_link(tmp_path / "session", tmp_path / "elsewhere" / "other.hdf5", place)
    with pytest.raises(CaimanFileError, match=f"{place}.*another directory.*other.hdf5.*{ALLOWED}"):
        CaimanResults.open(path)
    monkeypatch.setenv(ALLOWED, "1")
    with CaimanResults.open(path) as results:
        assert results.components.count == 13


def test_link_within_the_directory_is_followed(tmp_path: Path):
    path = with_link(tmp_path, tmp_path / "parts" / "other.hdf5", "estimates/C")
    with CaimanResults.open(path) as results, h5py.File(SOURCE) as source:
        assert (source["estimates/C"][()] == results.components.traces["denoised"][:].T).all()


def link(target: str) -> Callable[[h5py.Group], None]:
    """Return a function that stores F_dff as an external link."""

    def store(group: h5py.Group) -> None:
        group["F_dff"] = h5py.ExternalLink(target, "secret")

    return store


def virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((13, 600), "f8")
    layout[:] = h5py.VirtualSource("secret.hdf5", "secret", shape=(13, 600))
    group.create_virtual_dataset("F_dff", layout)


def raw(group: h5py.Group) -> None:
    group.create_dataset("F_dff", (13, 600), "f8", external=[("secret.hdf5", 0, h5py.h5f.UNLIMITED)])


@pytest.mark.parametrize(
    "store", [link("secret.hdf5"), link("chain.hdf5"), virtual, raw], ids=["link", "chain", "virtual", "raw"]
)
def test_ways_to_another_directory(
    store: Callable[[h5py.Group], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """HDF5 looks in the working directory too, and a linked file of the same directory can link elsewhere."""
    here, elsewhere = tmp_path / "session", tmp_path / "elsewhere"
    for folder in (here, elsewhere):
        folder.mkdir()
    with h5py.File(elsewhere / "secret.hdf5", "w") as file:
        file["secret"] = np.full((13, 600), 7.0)
    with h5py.File(here / "chain.hdf5", "w") as file:
        file["secret"] = h5py.ExternalLink(str(elsewhere / "secret.hdf5"), "secret")
    path = Path(shutil.copyfile(SOURCE, here / "results.hdf5"))
    with h5py.File(path, "r+") as file:
        del file["estimates/F_dff"]
        store(file["estimates"])
    monkeypatch.chdir(elsewhere)
    with pytest.raises(CaimanFileError, match=r"estimates/F_dff.*another directory.*secret.hdf5"):
        CaimanResults.open(path)


def test_external_storage_in_another_directory_is_refused(tmp_path: Path):
    (tmp_path / "session").mkdir()
    path = Path(shutil.copyfile(SOURCE, tmp_path / "session" / "results.hdf5"))
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"private!" * 13)
    with h5py.File(path, "r+") as file:
        del file["estimates/SNR_comp"]
        file["estimates"].create_dataset("SNR_comp", shape=(13,), dtype="f8", external=[(str(secret), 0, 104)])
    with pytest.raises(CaimanFileError, match=r"estimates/SNR_comp.*secret.txt"):
        CaimanResults.open(path)
