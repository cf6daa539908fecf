"""Which components were accepted: every combination of CaImAn's two lists, with what it leaves beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from caiman_interface.caiman_file import CaimanResults, Omission

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
    ("values", "expected"),
    [
        (np.array([0.0, 2.0]), [0, 2]),
        (np.array([0, 2], dtype=np.uint8), [0, 2]),
        (np.array([True, False, True, False]), [0, 2]),
    ],
)
@pytest.mark.parametrize("name", ["idx_components", "idx_components_bad"])
def test_positions_of_any_type(
    write_caiman_file: Callable[..., Path], name: str, values: Any, expected: list[int]
) -> None:
    path = write_caiman_file({"A": FOOTPRINTS, name: values}, dims=(2, 3))
    with CaimanResults(path) as results:
        acceptance = results.components.acceptance
        assert not any(name in omission.field for omission in results.omissions if "missing" not in omission.reason)
    found = acceptance.accepted if name == "idx_components" else acceptance.rejected
    assert found.tolist() == expected
    assert len(acceptance.accepted) + len(acceptance.rejected) == COUNT


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("idx_components", np.array([0.5]), "contains numbers that are not whole"),
        ("idx_components", np.array([np.nan]), "contains numbers that are not whole"),
        ("idx_components", np.array([[0, 1]]), "is a dataset of shape (1, 2) and type int64, not a list of components"),
        ("idx_components", 3, "is a dataset of shape () and type int64, not a list of components"),
        ("idx_components_bad", np.array([b"1"]), "is a dataset of shape (1,) and type |S1, not a list of components"),
        ("idx_components_bad", {"0": 1}, "is a group of 0, not a list of components"),
    ],
)
def test_a_list_that_is_not_positions_is_left_out(
    write_caiman_file: Callable[..., Path], name: str, values: Any, reason: str
) -> None:
    """The other list decides, since CaImAn makes the two complementary."""
    content = estimates([0, 2], [1, 3], **METRICS)
    with CaimanResults(write_caiman_file({**content, name: values}, dims=(2, 3))) as results:
        assert Omission(f"estimates/{name}", reason) in results.omissions
        assert results.components.acceptance.accepted.tolist() == [0, 2]
        assert results.components.acceptance.rejected.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("accepted", "rejected", "others", "reason"),
    [
        ([0, 4], [1, 2], METRICS, "numbers components from 0 to 4, the file has 4 (0 to 3)"),
        ([-1, 2], [1, 3], METRICS, "numbers components from -1 to 2, the file has 4 (0 to 3)"),
        ([0, 2], [1, 2, 3], METRICS, "contradicts the other list: component 2 is in both"),
        (
            [0, 2],
            None,
            {"SNR_comp": np.ones(6)},
            "is from before the components were edited: the metrics do not cover the 4 in the file",
        ),
    ],
)
def test_lists_of_other_components_are_left_out(
    write_caiman_file: Callable[..., Path], accepted: Any, rejected: Any, others: dict[str, Any], reason: str
) -> None:
    with CaimanResults(write_caiman_file(estimates(accepted, rejected, **others), dims=(2, 3))) as results:
        assert results.components.acceptance.verdict == "not evaluated"
        assert not results.components.acceptance.is_evaluated
        assert results.components.acceptance.mask(COUNT).all()
        omitted = {omission.field: omission.reason for omission in results.omissions}
    assert omitted["estimates/idx_components"] == reason
    if rejected is not None:
        assert omitted["estimates/idx_components_bad"] == reason


def test_a_mask_of_other_components_is_left_out(write_caiman_file: Callable[..., Path]) -> None:
    content = {"A": FOOTPRINTS, "idx_components": np.ones(5, dtype=bool)}
    with CaimanResults(write_caiman_file(content, dims=(2, 3))) as results:
        assert results.components.acceptance.verdict == "not evaluated"
        assert Omission("estimates/idx_components", "covers 5 components, the file has 4") in results.omissions


def test_manual_merge_keeps_the_lists_up_to_date(write_caiman_file: Callable[..., Path]) -> None:
    content = estimates([0, 2], [1, 3], SNR_comp=np.ones(6), r_values=np.ones(6))
    with CaimanResults(write_caiman_file(content, dims=(2, 3))) as results:
        assert results.components.acceptance.accepted.tolist() == [0, 2]
        assert results.components.metrics == {}
