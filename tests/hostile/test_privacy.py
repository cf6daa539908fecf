"""Nothing of the local computer gets into an NWB file: no folder, host or user name that the user did not write."""

from __future__ import annotations

import getpass
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from conversions import FILES
from load import convert

DATA = Path(__file__).parents[1] / "data"
PLANTED = "planted_person"
FOLDERS = (f"/home/{PLANTED}/data", f"C:\\Users\\{PLANTED}\\data", f"//server/{PLANTED}/data", f"~{PLANTED}/data")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def plant(path: Path) -> int:
    """Put a folder in front of every text of a file; return how many were changed."""
    changed = 0

    def with_folder(text: object) -> str:
        nonlocal changed
        changed += 1
        plain = text.decode() if isinstance(text, bytes) else str(text)
        folder = FOLDERS[changed % len(FOLDERS)]
        return folder + ("\\" if ":" in folder else "/") + plain

    def visit(_: str, node: h5py.Group | h5py.Dataset) -> None:
        for name, value in node.attrs.items():
            if isinstance(value, str | bytes) and name != "caiman_version":
                node.attrs[name] = with_folder(value)
        for name, child in list(node.items()) if isinstance(node, h5py.Group) else []:
            if (
                name == "caiman_version"
                or not isinstance(child, h5py.Dataset)
                or child.shape is None
                or child.dtype.kind not in "OS"
            ):
                continue
            values = child[()]
            texts = [item.decode() if isinstance(item, bytes) else str(item) for item in np.ravel(values)]
            if any(is_number_or_none(text) for text in texts) or not texts:
                continue
            del node[name]
            planted = [with_folder(text) for text in texts]
            node[name] = planted[0] if np.ndim(values) == 0 else np.array([text.encode() for text in planted])

    with h5py.File(path, "r+") as file:
        visit("", file)
        file.visititems(visit)
    return changed


def is_number_or_none(text: str) -> bool:
    """Whether CaImAn stores a number or None as this text."""
    try:
        float(text.strip("[]"))
    except ValueError:
        return text in {"NoneType", "None", ""}
    return True


def texts_in(path: Path) -> Iterator[str]:
    """Yield every text of an HDF5 file."""
    found: list[str] = []

    def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
        found.append(name)
        found.extend(str(value) for value in node.attrs.values())
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "OS" and h5py.check_string_dtype(node.dtype):
            values = np.ravel(node[()])
            found.extend(item.decode() if isinstance(item, bytes) else str(item) for item in values)

    with h5py.File(path, "r") as file:
        found.extend(str(value) for value in file.attrs.values())
        file.visititems(visit)
    yield from found


@pytest.mark.parametrize("source", FILES)
def test_no_folder_host_or_user_of_the_computer_is_published(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / PLANTED
    folder.mkdir()
    path = Path(shutil.copyfile(source, folder / "results.hdf5"))
    planted = plant(path)
    nwb_path = folder / "results.nwb"
    convert(path, nwb_path)
    assert planted or source.stem.startswith("sim2p_inmemory")
    names = {PLANTED, str(tmp_path), str(Path.home()) if str(Path.home()) != "/" else PLANTED, socket.gethostname()}
    user = getpass.getuser()
    found = [text for text in texts_in(nwb_path) if any(name in text for name in names) or text == user]
    assert found == []
