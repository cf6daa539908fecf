"""Files outside of the directory of a CaImAn file are read only if the user allows it."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
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
