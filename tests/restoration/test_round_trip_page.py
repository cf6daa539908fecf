"""The table of `docs/round-trip.md` says where every field is in the NWB file, and what happens to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import pytest
from caiman_values import are_equal, is_none, read_values

from caiman_interface import NwbResults, restore

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
PAGE = (ROOT / "docs" / "round-trip.md").read_text(encoding="utf-8")


class Row(NamedTuple):
    """A row of the table: names of objects in the NWB file, and whether the field is restored exactly."""

    places: list[str]
    is_exact: bool


TABLE = {
    field: Row(re.findall(r"`(\w+)`", place), outcome == "exact")
    for field, place, outcome in re.findall(r"^\| `([\w/]+)` \| (.*?) \| (exact|not) \|", PAGE, re.MULTILINE)
}
MORE_KINDS = ("sim_restored_ecc_handpicked", "sim_deconvolved_dff", "sim_onacid_ds2_motion")
KINDS = [
    *("sim2p_full", "sim1p_cnmfe", "sim3d", "sim2p_onacid"),
    *(pytest.param(name, marks=pytest.mark.long) for name in MORE_KINDS),
]
# Rows with a condition: a large ring model, and R after CaImAn's `deconvolve`.
NOT_STORED = {
    "sim1p_cnmfe": {"estimates/W"},
    "sim_deconvolved_dff": {"estimates/R"},
    "sim_restored_ecc_handpicked": {"estimates/R"},
}


@pytest.mark.parametrize("name", KINDS)
def test_the_table_says_what_is_restored_and_where_it_is(
    converted: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    nwb_file = converted(name)
    restore(nwb_file, tmp_path / "restored.hdf5")
    original, values = read_values(DATA / f"{name}.hdf5"), read_values(tmp_path / "restored.hdf5")
    objects = names_in(nwb_file)
    with NwbResults.open(nwb_file) as results:
        left_out = {omission.field for omission in results.omissions} | NOT_STORED.get(name, set())
    for path, expected in original.items():
        if path not in TABLE or is_none(expected) or path in left_out:
            continue
        row, is_empty = TABLE[path], 0 in getattr(expected, "shape", ())
        is_exact = path in values and are_equal(values[path], expected)
        if is_empty:  # `stored_as` says so
            assert is_exact or not row.is_exact, path
        else:
            assert is_exact == row.is_exact, path
            assert set(row.places) - {"stored_as"} <= objects, path


def names_in(nwb_file: Path) -> set[str]:
    """Return the names of all objects outside the cached schemas, and of the images of planes without the plane."""
    names: set[str] = set()
    with h5py.File(nwb_file) as file:
        for group in file.keys() - {"specifications"}:
            if isinstance(file[group], h5py.Group):
                file[group].visit(names.add)
    return {re.sub(r"^plane\d+_", "", name.rpartition("/")[2]) for name in names}


def test_the_table_has_every_field_of_every_kind_of_analysis() -> None:
    fields = set()
    for file in DATA.glob("*.hdf5"):
        fields |= {path for path, value in read_values(file).items() if not is_none(value)}
    own = {path for path in fields if not path.startswith(("params/", "estimates/discarded_components"))}
    assert own - set(TABLE) == set()
    assert {path for path, row in TABLE.items() if row.is_exact} <= fields
