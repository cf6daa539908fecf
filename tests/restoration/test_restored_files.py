"""CaImAn file → NWB → restored CaImAn file: every dataset is equal, or the report names it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from caiman_values import are_equal, differing, read_values
from hdmf_zarr import NWBZarrIO
from pynwb import NWBHDF5IO

from caiman_interface import CaimanResults, NwbResults, RestoreReport, restore, verify

DATA = Path(__file__).parents[1] / "data"
FILES = sorted(path.stem for path in DATA.glob("*.hdf5"))
SOME = ("sim2p_full", "sim1p_cnmfe", "sim3d", "sim2p_onacid", "sim2p_selected", "sim2p_ser_v1.6.4")
CASES = [
    pytest.param(name, backend, marks=() if name in SOME and backend == "hdf5" else pytest.mark.long)
    for name in FILES
    for backend in ("hdf5", "zarr")
]
# What belongs to the new file itself, or names what was lost on the way.
RECORDS = {"analysis/stored_as", "analysis/left_out"}
# Names of files lose their directories in NWB files.
SHORTENED = {"mmap_file", "params/data/fnames", "params/online/movie_name_online", "params/online/path_to_model"}
# Written without values, because their presence says what OnACID did.
MARKS = {"ind_new_all", "t_online"}

Nwb = Callable[..., Path]


@pytest.fixture(scope="module")
def restored(converted: Nwb, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], RestoreReport]:
    """A function that restores a converted file; each is restored once."""
    folder = tmp_path_factory.mktemp("restored")
    made: dict[tuple[str, str], RestoreReport] = {}

    def report_of(name: str, backend: str = "hdf5") -> RestoreReport:
        if (name, backend) not in made:
            made[name, backend] = restore(converted(name, backend), folder / f"{name}_{backend}.hdf5")
        return made[name, backend]

    return report_of


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_every_dataset_is_equal_or_reported(restored, name: str, backend: str) -> None:
    report = restored(name, backend)
    reported = {difference.field for difference in report.differences}
    assert differing(report.hdf5_path, DATA / f"{name}.hdf5") <= reported
    assert not reported & set(report.exact)
    assert report.notes == ()


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_what_is_reported_as_written_is_written(restored, name: str, backend: str) -> None:
    report = restored(name, backend)
    values = read_values(report.hdf5_path)
    assert all(difference.field in values for difference in report.approximate)
    assert {difference.field for difference in report.approximate} <= {*SHORTENED, *MARKS, "estimates/shifts"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in SOME else pytest.mark.long) for n in FILES])
def test_restored_values_are_those_of_caimans_own_loader(restored, name: str) -> None:
    report = restored(name)
    lost = {difference.field for difference in report.not_restored}
    values = read_values(report.hdf5_path)
    with np.load(DATA / f"{name}_ref.npz") as reference:
        for field in (
            "C",
            "S",
            "YrA",
            "R",
            "F_dff",
            "f",
            "b",
            "sn",
            "Cn",
            "b0",
            "g",
            "SNR_comp",
            "r_values",
            "cnn_preds",
        ):
            path = f"estimates/{field}"
            if field in reference and path not in lost and isinstance(values[path], np.ndarray):
                assert are_equal(values[path], reference[field]), field
        for part in ("data", "indices", "indptr"):
            if isinstance(values["estimates/A"], dict):
                np.testing.assert_array_equal(values["estimates/A"][part], reference[f"A_{part}"], strict=True)


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_a_second_conversion_gives_the_same_nwb_content(
    restored, converted: Nwb, convert: Nwb, tmp_path: Path, name: str, backend: str
) -> None:
    report = restored(name, backend)
    again = convert(report.hdf5_path, tmp_path / report.nwb_path.name, backend=backend)
    assert verify(report.hdf5_path, again).ok
    assert verify(DATA / f"{name}.hdf5", converted(name, backend)).ok
    assert _nwb_values(again, backend) == _nwb_values(report.nwb_path, backend)


def test_shifts_and_pixels_of_a_shrunk_movie_keep_their_unit(restored, convert: Nwb, tmp_path: Path) -> None:
    """Without ``img_norm``, which is not restored, the end of the online analysis tells which frame they are of."""
    report = restored("sim_onacid_ds2_motion", "hdf5")
    again = convert(report.hdf5_path, tmp_path / "again.nwb")
    with NwbResults(report.nwb_path) as first, NwbResults(again) as second:
        np.testing.assert_array_equal(second.objects.shifts.data[:], first.objects.shifts.data[:])
        np.testing.assert_array_equal(
            second.objects.shifts.data[:], 2 * read_values(DATA / "sim_onacid_ds2_motion.hdf5")["estimates/shifts"]
        )
    assert verify(report.hdf5_path, again).ok
    unfinished = tmp_path / "unfinished.hdf5"
    shutil.copy(report.hdf5_path, unfinished)
    with h5py.File(unfinished, "r+") as file:
        del file["t_online"]
        size = file["params/data/dxy"][()]
    with CaimanResults(unfinished) as results:  # footprints of the shrunk frames
        assert results.pixel_size == tuple(2 * np.asarray(size, dtype=float))
        np.testing.assert_array_equal(results.shifts, read_values(unfinished)["estimates/shifts"])
    assert verify(unfinished, convert(unfinished, tmp_path / "unfinished.nwb")).ok


@pytest.mark.parametrize(
    ("name", "frames"), [("sim_onacid_fitnext", 100), ("sim_onacid_ds2_motion", 300)], ids=["unfinished", "finished"]
)
def test_shifts_of_a_shrunk_movie_are_restored_as_they_were(
    copy_of: Callable[[str], Path], convert: Nwb, tmp_path: Path, name: str, frames: int
) -> None:
    """Those of an unfinished analysis were not enlarged, nor are shifts across planes."""
    path, shifts = copy_of(name), np.random.default_rng(0).normal(size=(frames, 3))
    with h5py.File(path, "r+") as file:
        file["params/online/ds_factor"][...] = 2
        del file["estimates/shifts"]
        file["estimates/shifts"] = shifts
    nwb = convert(path, tmp_path / "session.nwb")
    assert verify(path, nwb).ok
    restore(nwb, tmp_path / "restored.hdf5")
    np.testing.assert_array_equal(read_values(tmp_path / "restored.hdf5")["estimates/shifts"], shifts)


def test_memory_map_and_file_names_get_a_new_place(converted: Nwb, tmp_path: Path) -> None:
    nwb_file = converted("sim2p_full")
    restore(nwb_file, tmp_path / "tif.hdf5", movie=tmp_path / "movie.tif")
    restore(nwb_file, tmp_path / "mmap.hdf5", movie=tmp_path / "movie.mmap")
    tif, mmap = read_values(tmp_path / "tif.hdf5"), read_values(tmp_path / "mmap.hdf5")
    assert tif["params/data/fnames"].tolist() == [str(tmp_path / "movie.tif").encode()]
    assert tif["mmap_file"] == "sim2p_d1_60_d2_80_d3_1_order_C_frames_600.mmap"
    assert mmap["mmap_file"] == str(tmp_path / "movie.mmap")
    assert mmap["params/data/fnames"].tolist() == [b"sim2p.tif"]


def test_a_ring_model_is_restored_where_the_nwb_file_has_it(convert: Nwb, tmp_path: Path) -> None:
    nwb_file = convert(DATA / "sim1p_cnmfe.hdf5", tmp_path / "ring.nwb", include_ring_model=True)
    report = restore(nwb_file, tmp_path / "ring.hdf5")
    original, values = read_values(DATA / "sim1p_cnmfe.hdf5"), read_values(tmp_path / "ring.hdf5")
    assert "estimates/W" in report.exact
    assert are_equal(values["estimates/W"], original["estimates/W"])


def test_some_components_and_frames_are_restored_and_noted(convert: Nwb, tmp_path: Path) -> None:
    nwb_file = convert(
        DATA / "sim2p_full.hdf5", tmp_path / "some.nwb", roi_ids_to_add=[7, 2, 12], stub_test=True, stub_samples=50
    )
    report = restore(nwb_file, tmp_path / "some.hdf5")
    assert report.notes == (
        "The NWB file contains 3 of CaImAn's 13 components; they are numbered from 0.",
        "The NWB file contains 50 of 600 frames.",
    )
    original, values = read_values(DATA / "sim2p_full.hdf5"), read_values(tmp_path / "some.hdf5")
    for field in ("C", "YrA", "S", "F_dff"):
        np.testing.assert_array_equal(values[f"estimates/{field}"], original[f"estimates/{field}"][[7, 2, 12], :50])
    assert values["estimates/bl"].tolist() == original["estimates/bl"][[7, 2, 12]].tolist()
    assert values["estimates/idx_components"].tolist() == [1, 2]
    assert values["estimates/idx_components_bad"].tolist() == [0]
    assert values["estimates/nr"] == 3
    with CaimanResults.open(tmp_path / "some.hdf5") as results:
        assert results.components.count == 3
        assert results.num_frames == 50


def test_ring_model_that_is_not_stored_is_named(restored) -> None:
    report = restored("sim1p_cnmfe")
    (ring,) = [item for item in report.not_restored if item.field == "estimates/W"]
    assert "a tenth of the file" in ring.reason
    assert "include_ring_model" in ring.reason


def test_residual_that_deconvolve_changed_is_restored_and_the_older_one_is_named(restored) -> None:
    report = restored("sim_deconvolved_dff")
    original, values = read_values(DATA / "sim_deconvolved_dff.hdf5"), read_values(report.hdf5_path)
    assert not are_equal(original["estimates/R"], original["estimates/YrA"])
    assert are_equal(values["estimates/YrA"], original["estimates/YrA"])
    (older,) = [item for item in report.not_restored if item.field == "estimates/R"]
    assert older.reason.startswith("differs from YrA")


def test_online_analysis_of_a_shrunk_movie_is_restored(restored) -> None:
    report = restored("sim_onacid_ds2_motion")
    original, values = read_values(DATA / "sim_onacid_ds2_motion.hdf5"), read_values(report.hdf5_path)
    assert original["params/online/ds_factor"] == 2
    for field in ("A", "b", "C", "YrA", "sn", "shifts", "dims"):
        assert are_equal(values[f"estimates/{field}"], original[f"estimates/{field}"]), field
    assert {"estimates/g", "estimates/c1", "estimates/CC"} <= {item.field for item in report.not_restored}


def _nwb_values(path: Path, backend: str) -> dict[str, object]:
    """Return every dataset below ``processing`` and every parameter, without the records of this conversion."""
    found: dict[str, object] = {}

    def visit(name: str, node: h5py.Group | h5py.Dataset | zarr.Group | zarr.Array) -> None:
        if hasattr(node, "dtype") and "CaimanParameters" not in name and node.dtype.kind != "O":
            found[name] = (node.dtype, node.shape, np.asarray(node[()]).tobytes())

    with h5py.File(path) if backend == "hdf5" else nullcontext(zarr.open(str(path), mode="r")) as file:
        file["processing"].visititems(visit)
    assert found
    with (NWBHDF5IO if backend == "hdf5" else NWBZarrIO)(str(path), mode="r") as io:
        rows = io.read().processing["ophys"]["CaimanParameters"].to_dataframe()
    names = rows["group"] + "/" + rows["parameter"]
    found.update({name: value for name, value in zip(names, rows["value"], strict=True) if name not in RECORDS})
    return found
