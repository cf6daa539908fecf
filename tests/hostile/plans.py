"""CaImAn files with damage, described by plans that can be written down and built again."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
from damage import DAMAGE, SPARSE_DAMAGE, member_of, node_at
from hypothesis import strategies as st
from mutation import mutate_bytes

from synthetic import write_synthetic

DATA = Path(__file__).resolve().parents[1] / "data"
SYNTHETIC = "synthetic"
SYNTHETIC_SHARE, SPARSE_SHARE = 0.5, 0.3
BASES = ("sim2p_inmemory_k1", "sim3d", "sim2p_selected_nodiscard", "sim2p_minimal", "sim2p_full", "sim1p_cnmfe")

SPARSE_FIELDS = ("estimates/A", "estimates/W", "estimates/b")
FIELDS = (
    *("estimates/A", "estimates/C", "estimates/S", "estimates/YrA", "estimates/R", "estimates/F_dff"),
    *("estimates/b", "estimates/f", "estimates/b0", "estimates/W", "estimates/Cn", "estimates/sn"),
    *("estimates/idx_components", "estimates/idx_components_bad", "estimates/accepted_list", "estimates/rejected_list"),
    *("estimates/SNR_comp", "estimates/r_values", "estimates/cnn_preds", "estimates/ecc"),
    *("estimates/bl", "estimates/c1", "estimates/g", "estimates/lam", "estimates/neurons_sn"),
    *("estimates/dims", "dims", "params/data/dims", "estimates/shifts", "estimates/nr", "estimates/center"),
    *("params/data/fr", "params/data/dxy", "params/data/decay_time", "params/data/fnames", "params/quality/min_SNR"),
    *(
        "params/online/ds_factor",
        "params/init/K",
        "estimates/discarded_components",
        "estimates",
        "params",
        "params/data",
    ),
    *("estimates/A/data", "estimates/A/indices", "estimates/A/indptr", "estimates/A/shape", "estimates/unknown"),
)


@dataclass(frozen=True)
class Damage:
    """One change of one field."""

    field: str
    kind: str


@dataclass(frozen=True)
class Plan:
    """A file to build: a base, and the damage done to it or the seed of a mutation of its bytes."""

    base: str
    seed: int
    damage: tuple[Damage, ...] = ()
    mutates_bytes: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        values = json.loads(text)
        return cls(**{**values, "damage": tuple(Damage(**damage) for damage in values["damage"])})


def structural_plan(seed: int) -> Plan:
    """Damage of up to four fields of a synthetic or a real file."""
    choose = random.Random(seed)
    base = SYNTHETIC if choose.random() < SYNTHETIC_SHARE else choose.choice(BASES)
    count = choose.choice((0, 1, 1, 1, 1, 2, 2, 3, 4))
    return Plan(base, choose.randrange(2**31), tuple(random_damage(choose) for _ in range(count)))


def random_damage(choose: random.Random) -> Damage:
    if choose.random() < SPARSE_SHARE:
        return Damage(choose.choice(SPARSE_FIELDS), choose.choice(sorted(SPARSE_DAMAGE)))
    return Damage(choose.choice(FIELDS), choose.choice(sorted(DAMAGE)))


def byte_plan(seed: int) -> Plan:
    """Changed bytes of a real file."""
    choose = random.Random(seed)
    return Plan(choose.choice(BASES), choose.randrange(2**31), mutates_bytes=True)


def structural_plans() -> st.SearchStrategy[Plan]:
    return st.integers(0, 2**32).map(structural_plan)


def byte_plans() -> st.SearchStrategy[Plan]:
    return st.integers(0, 2**32).map(byte_plan)


def build(plan: Plan, folder: Path) -> Path:
    """Write the file of a plan to ``folder/source``; what lies outside of that folder goes to ``folder/outside``."""
    for name in ("source", "outside"):
        (folder / name).mkdir(parents=True)
    path = folder / "source" / "session.hdf5"
    rng = np.random.default_rng(plan.seed)
    if plan.base == SYNTHETIC:
        write_synthetic(path, rng)
    else:
        shutil.copyfile(DATA / f"{plan.base}.hdf5", path)
    if plan.mutates_bytes:
        mutate_bytes(path, rng)
        return path
    with h5py.File(path, "r+") as file:
        for damage in plan.damage:
            group, name = node_at(file, damage.field)
            if group is None:
                continue
            if damage.kind in SPARSE_DAMAGE:
                if isinstance(node := member_of(group, name), h5py.Group) and "indptr" in node:
                    SPARSE_DAMAGE[damage.kind](node, rng)
            else:
                DAMAGE[damage.kind](group, name, rng)
    return path
