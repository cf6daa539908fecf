"""Defects that damaged files have shown, all in one file that is converted once."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface import CaimanResults, NwbResults, verify

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from load import convert

SOURCE = Path(__file__).parents[1] / "data" / "sim2p_full.hdf5"
# In the file, the Qs become bytes that are not UTF-8.
PLACEHOLDER, BYTES = b"naQQme", b"na\xff\xfeme"
SHOWN = "na\ufffd\ufffdme"
NOT_TEXT = "has a name that is not plain text"


def damage(file: h5py.File) -> None:
    """Put what is not CaImAn's into every part of a file."""
    name = PLACEHOLDER.decode()
    data = file["params/data"]
    for group in (file, file["estimates"], data, data.create_group("nested")):
        group[name] = 3
        group.attrs[name] = "x"
    file["params"].create_group(name)["x"] = 1
    data.attrs["caiman_version"] = f"1.9 {name}"
    data.attrs["."] = data.attrs["/estimates"] = data.attrs["red\x1b[31m"] = "x"
    file["params/init/itself"] = h5py.ExternalLink(Path(file.filename).name, "/")
    data["named_type"] = np.dtype("f8")
    data.create_dataset("huge", shape=(10**12,), dtype="f8", chunks=(10**6,))
    data["long_double"] = np.longdouble(12.5)
    many_paths(data, 5)
    many_paths(file["estimates"], 12)
    deep = data.create_group("deep")
    for _ in range(1200):
        deep = deep.create_group("x")
    del file["estimates/idx_components"]
    file["estimates/idx_components"] = np.full(5, np.nan)


def many_paths(group: h5py.Group, levels: int) -> None:
    """Make a group that leads to 30 ** (levels - 1) places: each group in it has thirty links to the next."""
    above = group
    for number in range(levels):
        below = h5py.Group(h5py.h5g.create(group.file.id, None))
        for key in range(30 if number else 1):
            above[f"many{key}"] = below
        above = below


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CaimanResults, Path]]:
    folder = tmp_path_factory.mktemp("damaged")
    path = Path(shutil.copyfile(SOURCE, folder / "session.hdf5"))
    with h5py.File(path, "r+") as file:
        damage(file)
    path.write_bytes(path.read_bytes().replace(PLACEHOLDER, BYTES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        convert(path, folder / "session.nwb")
    with CaimanResults.open(path) as results:
        yield results, folder / "session.nwb"


def test_what_cannot_be_used_is_left_out_and_named(damaged: tuple[CaimanResults, Path]) -> None:
    found = {omission.field: omission.reason for omission in damaged[0].omissions}
    expected = {
        **{f"{place}{SHOWN}": NOT_TEXT for place in ("", "estimates/", "params/", "params/data/")},
        "params/data/nested": "contains a name that is not plain text",
        "params/data/.": NOT_TEXT,
        "params/data//estimates": NOT_TEXT,
        "params/data/red\\x1b[31m": NOT_TEXT,
        "params/init/itself": "contains a name that is not plain text",
        "params/data/named_type": "is a named data type, not a value",
        "params/data/huge": "declares 1000000000000 values, of which the file stores nearly none",
        "params/data/many0": "contains more than 2000 values",
        "params/data/deep": "is nested more than 8 groups deep, or contains itself",
        "estimates/idx_components": "contains numbers that are not whole",
    }
    assert found == expected


def test_all_else_is_converted(damaged: tuple[CaimanResults, Path]) -> None:
    with NwbResults.open(damaged[1]) as written, h5py.File(SOURCE) as source:
        parameters = written.parameters["data"]
        assert parameters["long_double"] == 12.5
        assert parameters["caiman_version"] == f"1.9 {SHOWN}"
        assert parameters["fr"] == source["params/data/fr"][()]
        rejected = source["estimates/idx_components_bad"][()]
        assert np.flatnonzero(~written.components.acceptance.mask(13)).tolist() == rejected.tolist()


def test_verification_finds_no_difference(damaged: tuple[CaimanResults, Path]) -> None:
    results, nwb_path = damaged
    report = verify(results.file_path, nwb_path)
    assert report.ok, str(report)
