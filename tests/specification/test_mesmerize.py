"""Batches of mesmerize-core: one pickled by pandas 2.2 with paths as objects, others by the installed pandas."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from caiman_interface import convert_specification
from caiman_interface.cli.program import program
from caiman_interface.specification.mesmerize import choose_items, read_batch

DATA = Path(__file__).parents[1] / "data"
UUIDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(6)]


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """The batch of an older mesmerize-core, with real CaImAn files in its folder."""
    path = Path(shutil.copyfile(DATA / "mesmerize" / "batch_pandas2.pickle", tmp_path / "batch.pickle"))
    for uuid, name in ((UUIDS[1], "sim2p_full"), (UUIDS[2], "sim2p_minimal"), (UUIDS[3], "sim1p_cnmfe")):
        (tmp_path / uuid).mkdir()
        shutil.copyfile(DATA / f"{name}.hdf5", tmp_path / uuid / f"{uuid}.hdf5")
    np.save(tmp_path / UUIDS[1] / f"{UUIDS[1]}_mean_projection.npy", np.ones((60, 80)))
    return path


def test_successful_analyses_are_read(batch: Path) -> None:
    items = read_batch(batch)
    assert [(item.name, item.algorithm, item.uuid) for item in items] == [
        ("mouse1", "cnmf", UUIDS[1]),
        ("mouse1", "cnmf", UUIDS[2]),
        ("mouse2", "cnmfe", UUIDS[3]),
    ]
    assert items[0].file == batch.parent / UUIDS[1] / f"{UUIDS[1]}.hdf5"
    assert items[0].images == {"mean": batch.parent / UUIDS[1] / f"{UUIDS[1]}_mean_projection.npy"}
    assert items[0].parameters["main"]["fr"] == 15.49


def test_analyses_of_one_movie_need_a_choice(batch: Path) -> None:
    items = read_batch(batch)
    with pytest.raises(ValueError, match=rf"choose one of each with --item UUID. mouse1: {UUIDS[1]}, {UUIDS[2]}"):
        choose_items(items)
    assert [item.uuid for item in choose_items(items, [UUIDS[2], "mouse2"])] == [UUIDS[2], UUIDS[3]]
    assert [item.uuid for item in choose_items(items, ["mouse2"])] == [UUIDS[3]]
    with pytest.raises(ValueError, match=r"name or uuid mouse9\. Names: mouse1, mouse2"):
        choose_items(items, ["mouse9"])


def test_paths_as_text_and_the_installed_pandas(batch: Path) -> None:
    table = pd.DataFrame(
        [
            {"algo": "cnmf", "item_name": "m", "params": {}, "uuid": UUIDS[1], "outputs": {"success": True}},
            {
                "algo": "cnmfe",
                "item_name": "n",
                "params": None,
                "uuid": UUIDS[3],
                "outputs": {"success": True, "cnmf-hdf5-path": f"{UUIDS[3]}\\{UUIDS[3]}.hdf5"},
            },
        ]
    )
    table.to_pickle(batch)
    assert [item.file.parent.name for item in read_batch(batch)] == [UUIDS[1], UUIDS[3]]


def test_the_missing_file_of_a_chosen_item_is_named(batch: Path) -> None:
    (batch.parent / UUIDS[3] / f"{UUIDS[3]}.hdf5").unlink()
    items = read_batch(batch)
    with pytest.raises(ValueError, match=rf"item 'mouse2' \({UUIDS[3]}\) is missing"):
        choose_items(items, [UUIDS[1], "mouse2"])
    assert [item.uuid for item in choose_items(items, [UUIDS[1]])] == [UUIDS[1]]


class _Attack:
    """What a hostile pickle contains: a call of any function."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize(
    "function", [os.system, eval, exec, getattr, pd.read_pickle, pd.eval, np.load, __import__, Path.unlink]
)
def test_code_in_a_pickle_is_not_executed(function: Any, tmp_path: Path) -> None:
    path = tmp_path / "batch.pickle"
    path.write_bytes(pickle.dumps(_Attack(function, "touch executed")))
    with pytest.raises(ValueError, match="nothing else is loaded, because unpickling can execute code"):
        read_batch(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (pickle.dumps({"a": 1}), "it contains dict, expected DataFrame"),
        (b"not a pickle", "cannot be read as a batch"),
        (pickle.dumps(pd.DataFrame({"algo": []})), "the columns item_name, outputs, uuid are missing"),
    ],
)
def test_what_is_not_a_batch_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "batch.pickle"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        read_batch(path)


def test_projections_that_caiman_did_not_save_are_written(batch: Path, fill_in: Callable[[Path], None]) -> None:
    for uuid, shape in ((UUIDS[2], (60, 80)), (UUIDS[3], (64, 76))):
        for name in ("mean_projection", "cn"):
            np.save(batch.parent / uuid / f"{uuid}_{name}.npy", np.random.default_rng(0).random(shape))
    path = batch.parent / "study.yml"
    arguments = ["init", str(batch), "--item", UUIDS[2], "--item", "mouse2", "-o", str(path)]
    assert CliRunner().invoke(program, arguments).exit_code == 0
    fill_in(path)
    sessions = yaml.safe_load(path.read_text())["experiments"]["recordings"]["sessions"]
    # CaImAn saved a background for the first, from which a mean image is computed, and a correlation for the second.
    assert [session["source_data"]["Segmentation"]["summary_images"] for session in sessions] == [
        {"correlation": f"{UUIDS[2]}/{UUIDS[2]}_cn.npy"},
        {"mean": f"{UUIDS[3]}/{UUIDS[3]}_mean_projection.npy"},
    ]
    folder = batch.parent / "nwb"
    report = convert_specification(path, folder, verify=True)
    assert [(record.state, record.verified) for record in report] == [("converted", True)] * 2
    assert report.records[1].sources[1:] == (str(batch.parent / UUIDS[3] / f"{UUIDS[3]}_mean_projection.npy"),)
    for name, image, source in (("mouse1", "correlation_image", UUIDS[2]), ("mouse2", "mean_image", UUIDS[3])):
        (saved,) = (batch.parent / source).glob("*_cn.npy" if name == "mouse1" else "*_mean_projection.npy")
        with h5py.File(folder / f"{name}.nwb") as file:
            stored = file[f"processing/ophys/SegmentationImages/{image}"][()]
        np.testing.assert_array_equal(stored, np.load(saved).T)
    np.save(batch.parent / UUIDS[3] / f"{UUIDS[3]}_mean_projection.npy", np.ones((64, 76)))
    state_of = {record.session: record.state for record in convert_specification(path, folder, resume=True)}
    assert state_of == {"mouse1": "skipped", "mouse2": "failed"}
