"""The table of `docs/round-trip.md` says what happens to every field."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from caiman_values import are_equal, is_none, read_values

from caiman_interface import restore

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
PAGE = (ROOT / "docs" / "round-trip.md").read_text(encoding="utf-8")
TABLE = dict(re.findall(r"^\| `([\w/]+)` \| .* \| (exact|not) \|", PAGE, re.MULTILINE))
# What the conversion left out as stale; R and W have their own lines in the table.
STALE = {"sim2p_onacid": {"c1", "g", "lam", "neurons_sn"}, "sim1p_cnmfe": {"W"}}


@pytest.mark.parametrize("name", ["sim2p_full", "sim1p_cnmfe", "sim3d", "sim2p_onacid"])
def test_the_table_says_what_is_restored(converted: Callable[..., Path], tmp_path: Path, name: str) -> None:
    restore(converted(name), tmp_path / "restored.hdf5")
    original, values = read_values(DATA / f"{name}.hdf5"), read_values(tmp_path / "restored.hdf5")
    stale = STALE.get(name, set())
    for path, expected in original.items():
        if path not in TABLE or is_none(expected) or path.rpartition("/")[2] in stale:
            continue
        is_exact = path in values and are_equal(values[path], expected)
        assert is_exact == (TABLE[path] == "exact"), path


def test_the_table_covers_all_results() -> None:
    fields = {path for path in read_values(DATA / "sim2p_full.hdf5") if path.startswith("estimates/")}
    without_values = {"A_thr", "Cf", "ind_new", "mn", "psx", "shifts", "sv", "vr", "discarded_components"}
    assert fields - set(TABLE) == {f"estimates/{name}" for name in without_values}
