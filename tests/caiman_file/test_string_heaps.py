"""Damaged heaps of texts, on which the HDF5 library hangs: every read of such a file runs in a process with a limit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface import CaimanFileError
from caiman_interface.caiman_file.string_heaps import check_string_heaps
from caiman_interface.caiman_file.walk import members_of

HEADER = 16


def fill_with_zeros(path: Path, heap: int) -> None:
    """Fill the end of a heap with zeros, from its second object on."""
    content = bytearray(path.read_bytes())
    second = heap + HEADER + 16 + (int.from_bytes(content[heap + 24 : heap + 32], "little") + 7) // 8 * 8
    content[second : second + 64] = bytes(64)
    path.write_bytes(content)


def inspected(path: Path) -> str:
    command = [sys.executable, "-m", "caiman_interface", "inspect", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    return done.stderr


def test_a_file_with_a_block_of_zeros_is_refused(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    fill_with_zeros(path, 2064)
    assert "the heap of texts at byte 2064 is damaged" in inspected(path)


def test_a_linked_file_with_a_block_of_zeros_is_refused(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    other = path.with_name("other.hdf5")
    with h5py.File(path, "r+") as file, h5py.File(other, "w") as linked:
        linked.attrs["first"] = "text"
        linked["more"], linked["S"] = "more text", file["estimates/S"][()]
        del file["estimates/S"]
        file["estimates/S"] = h5py.ExternalLink(other.name, "S")
    fill_with_zeros(other, other.read_bytes().find(b"GCOL"))
    assert f"{other.name}: the heap of texts" in inspected(path)


@pytest.mark.parametrize("chunks", [None, (1000,)])
def test_every_heap_is_found(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    """Also those behind large datasets."""
    path = tmp_path / "file.hdf5"
    with h5py.File(path, "w") as file:
        for number in range(3):
            texts = np.array([f"text {number} {row}" for row in range(9000)], dtype=h5py.string_dtype())
            file.create_dataset(f"texts{number}", data=texts, chunks=chunks)
            file[f"values{number}"] = np.random.default_rng(number).normal(size=100_000)
    check(path)
    with h5py.File(path) as file:
        heap = path.read_bytes().find(b"GCOL", file["values1"].id.get_offset())
    assert heap > 0
    fill_with_zeros(path, heap)
    with pytest.raises(CaimanFileError, match=f"the heap of texts at byte {heap} is damaged"):
        check(path)


def check(path: Path) -> None:
    with h5py.File(path) as file:
        check_string_heaps(path, list(members_of(file)))
