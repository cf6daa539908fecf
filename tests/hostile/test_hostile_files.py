"""Damaged files: each is converted with the right values, or refused with a CaimanFileError.

``benchmarks/fuzz.py`` does the same for as many files as wanted. A plan that is printed here can be run again with
``python benchmarks/fuzz.py --plan 'PLAN'``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("resource", reason="limits of memory are set with the module resource")
sys.path.insert(0, str(Path(__file__).parent))

from damage import DAMAGE, SPARSE_DAMAGE
from plans import SPARSE_FIELDS, Damage, Plan, byte_plans, structural_plans
from pool import Converter, Outcome


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter() as running:
        yield running


def outcomes(converter: Converter, plans: st.SearchStrategy[Plan], count: int) -> list[Outcome]:
    """Return the outcomes of as many plans, which are the same in every run."""
    found: list[Outcome] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(plans)
    def run(plan: Plan) -> None:
        found.append(converter.run(plan))

    run()
    return found


def assert_allowed(found: list[Outcome]) -> None:
    refused = [outcome for outcome in found if not outcome.is_allowed]
    assert not refused, f"{len(refused)} of {len(found)}:\n" + "\n".join(map(str, refused[:20]))
    assert {outcome.outcome for outcome in found} == {"converted", "refused"}


@pytest.mark.long
@pytest.mark.parametrize(("plans", "count"), [(structural_plans, 120), (byte_plans, 60)], ids=["structure", "bytes"])
def test_damaged_files_convert_right_or_are_refused(
    plans: Callable[[], st.SearchStrategy[Plan]], count: int, converter: Converter
):
    assert_allowed(outcomes(converter, plans(), count))


@pytest.mark.long
@pytest.mark.parametrize("base", ["synthetic", "sim2p_full", "sim1p_cnmfe"])
def test_every_kind_of_damage_to_every_kind_of_field(base: str, converter: Converter):
    fields = ("estimates/C", "estimates/Cn", "estimates/idx_components", "estimates/bl", "params/data/fr")
    plans = [Plan(base, 3, (Damage(fields[number % 5], kind),)) for number, kind in enumerate(sorted(DAMAGE))]
    plans += [Plan(base, 3, (Damage(SPARSE_FIELDS[0], kind),)) for kind in sorted(SPARSE_DAMAGE)]
    assert_allowed([converter.run(plan) for plan in plans])


def test_a_wrong_value_would_be_found(tmp_path: Path):
    """The comparison itself sees transposed footprints, swapped rows and a changed trace."""
    import h5py
    from independent import TABLE, compare
    from plans import build
    from worker import convert

    source, nwb = build(Plan("sim2p_full", 0), tmp_path), tmp_path / "session.nwb"
    convert(source, nwb)
    assert compare(source, nwb) == []
    with h5py.File(nwb, "r+") as file:
        table = file[TABLE]
        rows = table["pixel_mask"][()]
        rows["x"], rows["y"] = rows["y"].copy(), rows["x"].copy()
        table["pixel_mask"][...] = rows
        table["is_accepted"][...] = ~table["is_accepted"][()].astype(bool)
        table["snr"][...] = table["snr"][()][::-1]
        for name in ("Denoised", "RoiResponseSeries"):
            file[f"processing/ophys/Fluorescence/{name}/data"][5, 0] += 1
        file["processing/ophys/SegmentationImages/correlation_image"][3, 4] += 0.5
    assert [problem.split(" ")[0] for problem in compare(source, nwb)] == [
        "the",
        "Denoised",
        "RoiResponseSeries",
        "column",
        "is_accepted",
        "correlation_image",
    ]


def test_a_weight_beyond_float32_is_compared_through_its_correction(tmp_path: Path):
    import h5py
    from independent import TABLE, compare
    from plans import build
    from worker import convert

    plan = Plan("sim1p_cnmfe", 183251961, (Damage("estimates/A/data", "one -1e+300"),))
    source, nwb = build(plan, tmp_path), tmp_path / "session.nwb"
    convert(source, nwb)
    assert compare(source, nwb) == []
    with h5py.File(nwb, "r+") as file:
        corrections = file[TABLE]["pixel_mask_correction"]
        changed = corrections[()]
        assert changed.min() == -1e300
        changed[changed.argmin()] = -2e300
        corrections[...] = changed
    assert [problem.split(" ")[1] for problem in compare(source, nwb)] == ["footprints"]


@pytest.mark.parametrize(
    ("base", "seed"),
    [("sim2p_minimal", 1125095017), ("sim2p_minimal", 1456580803), ("sim2p_selected_nodiscard", 857491845)],
)
def test_members_that_a_damaged_group_lists_but_does_not_find(base: str, seed: int, tmp_path: Path) -> None:
    """They were written as None, and `verify` raised a RuntimeError."""
    from plans import build
    from worker import convert

    from caiman_interface import CaimanResults, verify

    source, nwb = build(Plan(base, seed, (), mutates_bytes=True), tmp_path), tmp_path / "session.nwb"
    convert(source, nwb)
    report = verify(source, nwb)
    assert report.ok, str(report)
    with CaimanResults(source) as results:
        assert any("cannot be looked up" in omission.reason for omission in results.omissions)


def test_verify_of_a_group_whose_members_cannot_be_listed(tmp_path: Path) -> None:
    """It raised a RuntimeError."""
    from plans import build
    from worker import convert

    from caiman_interface import verify

    source, nwb = build(Plan("sim1p_cnmfe", 1591805755, (), mutates_bytes=True), tmp_path), tmp_path / "session.nwb"
    convert(source, nwb)
    report = verify(source, nwb)
    assert report.ok, str(report)
