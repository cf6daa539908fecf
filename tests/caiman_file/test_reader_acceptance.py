"""Which components were accepted: every combination of CaImAn's two lists, with what it leaves beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from caiman_interface.caiman_file import CaimanFileError, CaimanResults

COUNT = 4
EVERYTHING = [0, 1, 2, 3]
FOOTPRINTS = sparse.csc_matrix(np.eye(6, COUNT))
METRICS = {"SNR_comp": np.arange(4.0), "r_values": np.ones(4)}
SET_ASIDE = {"discarded_components": {"A": sparse.csc_matrix(np.eye(6, 2)), "idx_components": None}}
NOTHING_SET_ASIDE = {"discarded_components": {"A": sparse.csc_matrix(np.eye(6, 0)), "idx_components": None}}
RESTORED = {"discarded_components": {"A": None, "C": None}}
ABSENT = "the key is missing"


def estimates(accepted: Any, rejected: Any, **others: Any) -> dict[str, Any]:
    lists = {"idx_components": accepted, "idx_components_bad": rejected}
    stored = {
        name: values if values is None else np.array(values, dtype=np.int64 if values else np.float64)
        for name, values in lists.items()
        if values is not ABSENT
    }
    return {"A": FOOTPRINTS, **stored, **others}


@pytest.mark.parametrize(
    ("accepted", "rejected", "others", "verdict", "expected_accepted", "expected_rejected"),
    [
        # Both lists: exactly what they say.
        ([0, 2], [1, 3], METRICS, "evaluated", [0, 2], [1, 3]),
        ([2, 0], [3, 1], METRICS, "evaluated", [0, 2], [1, 3]),
        (EVERYTHING, [], METRICS, "evaluated", EVERYTHING, []),
        ([], EVERYTHING, METRICS, "evaluated", [], EVERYTHING),
        ([0], [3], METRICS, "evaluated", [0], [3]),  # on 1 and 2 CaImAn did not decide
        ([0, 0, 2], [1, 3, 3], {}, "evaluated", [0, 2], [1, 3]),
        ([0, 2], [1, 3], SET_ASIDE, "evaluated", [0, 2], [1, 3]),  # evaluated again after a selection
        # Evaluation by the CNN alone sets the first list and leaves the second.
        ([0, 2], None, {}, "evaluated", [0, 2], [1, 3]),
        ([], None, {}, "evaluated", [], EVERYTHING),
        (EVERYTHING, ABSENT, {}, "evaluated", EVERYTHING, []),
        (None, [1], {}, "evaluated", [0, 2, 3], [1]),
        (ABSENT, [], {}, "evaluated", EVERYTHING, []),
        # No list.
        (None, None, {}, "not evaluated", EVERYTHING, []),
        (ABSENT, ABSENT, {}, "not evaluated", EVERYTHING, []),
        ([], [], {}, "not evaluated", EVERYTHING, []),
        (None, None, METRICS, "selected", EVERYTHING, []),
        (None, None, SET_ASIDE, "selected", EVERYTHING, []),
        (None, None, NOTHING_SET_ASIDE, "not evaluated", EVERYTHING, []),  # as OnACID starts
        (None, None, {**NOTHING_SET_ASIDE, **METRICS}, "selected", EVERYTHING, []),  # all had been accepted
        (None, None, {**RESTORED, **METRICS}, "not evaluated", EVERYTHING, []),  # the verdicts were not restored
    ],
)
def test_truth_table(
    write_caiman_file: Callable[..., Path],
    accepted: Any,
    rejected: Any,
    others: dict[str, Any],
    verdict: str,
    expected_accepted: list[int],
    expected_rejected: list[int],
) -> None:
    with CaimanResults.open(write_caiman_file(estimates(accepted, rejected, **others), dims=(2, 3))) as results:
        acceptance = results.components.acceptance
        assert acceptance.verdict == verdict
        assert acceptance.accepted.tolist() == expected_accepted
        assert acceptance.rejected.tolist() == expected_rejected
        assert acceptance.mask(COUNT).tolist() == [number in expected_accepted for number in EVERYTHING]


@pytest.mark.parametrize("accepted", [[], None, ABSENT])
@pytest.mark.parametrize("rejected", [[], None, ABSENT])
def test_without_components_there_is_nothing_to_judge(
    write_caiman_file: Callable[..., Path], accepted: Any, rejected: Any
) -> None:
    content = estimates(accepted, rejected, A=sparse.csc_matrix((6, 0)))
    with CaimanResults.open(write_caiman_file(content, dims=(2, 3))) as results:
        acceptance = results.components.acceptance
        assert (acceptance.accepted.size, acceptance.rejected.size, acceptance.mask(0).size) == (0, 0, 0)
        assert acceptance.verdict in {"evaluated", "not evaluated"}


def test_components_set_aside_are_rejected(caiman_files: dict[str, Path]) -> None:
    with CaimanResults.open(caiman_files["sim2p_selected"]) as results:
        assert results.components.acceptance.mask(7).all()
        assert results.discarded is not None
        acceptance = results.discarded.acceptance
        assert acceptance.verdict == "selected"
        assert acceptance.accepted.size == 0
        assert acceptance.rejected.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("idx_components", np.array([0, 4]), "numbers from 0 to 4"),
        ("idx_components", np.array([-1, 2]), "numbers from -1 to 2"),
        ("idx_components", np.array([2**63 + 5], dtype=np.uint64), "numbers from 9223372036854775813"),
        ("idx_components", np.array([0.5]), "type float64"),
        ("idx_components", np.array([True, False, True, True]), "type bool"),
        ("idx_components", np.array([[0, 1]]), r"shape \(1, 2\)"),
        ("idx_components", 3, r"shape \(\) and type int64"),
        ("idx_components_bad", np.array([b"1"]), "type |S1"),
        ("idx_components_bad", {"0": 1}, "a group of 0"),
    ],
)
def test_lists_that_are_no_positions_are_refused(
    write_caiman_file: Callable[..., Path], name: str, values: Any, found: str
) -> None:
    path = write_caiman_file({"A": FOOTPRINTS, name: values}, dims=(2, 3))
    with pytest.raises(CaimanFileError, match=found) as caught:
        CaimanResults.open(path)
    assert caught.value.place == f"estimates/{name}"
    assert caught.value.expected == "whole numbers from 0 to 3"
    assert caught.value.remedy == "Evaluate the components again in CaImAn"


def test_a_component_in_both_lists_is_refused(write_caiman_file: Callable[..., Path]) -> None:
    path = write_caiman_file(estimates([0, 2], [1, 2, 3]), dims=(2, 3))
    with pytest.raises(CaimanFileError, match="component 2 also in idx_components_bad"):
        CaimanResults.open(path)
