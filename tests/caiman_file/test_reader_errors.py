"""A file that is not what CaImAn writes is refused with one clear error; a field that cannot be used is left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import sparse

from caiman_interface.caiman_file import CaimanFileError, CaimanResults, Omission

FOOTPRINTS = sparse.csc_matrix(np.eye(6, 2))
TRACES = {name: np.ones((2, 5)) for name in ("C", "S", "YrA", "R", "F_dff")}
SOUND = {"A": FOOTPRINTS, **TRACES, "b": np.ones((6, 1)), "f": np.ones((1, 5))}


def refused(path: Path) -> CaimanFileError:
    """Return the error with which a file is refused, which says what the user needs."""
    with pytest.raises(CaimanFileError) as caught:
        CaimanResults.open(path)
    error = caught.value
    assert error.file_path == path
    assert all([error.problem, error.expected, error.remedy])
    for part in (path, error.place, error.problem, error.found, error.expected, error.remedy):
        assert part is None or str(part) in str(error)
    return error


# Files that are something else


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file '.*nowhere\.hdf5'"):
        CaimanResults.open(tmp_path / "nowhere.hdf5")


def test_a_folder(tmp_path: Path) -> None:
    assert refused(tmp_path).problem == "this is a directory"


@pytest.mark.parametrize(
    "content", [b"", b"x", b"just some text" * 100, b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" + bytes(99)]
)
def test_a_file_of_another_format(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.hdf5"
    path.write_bytes(content)
    error = refused(path)
    assert error.problem in {"this is not an HDF5 file that can be read", "the file is cut off"}
    assert error.found


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="The superuser may read every file.")
def test_a_file_that_may_not_be_read(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    path.chmod(0)
    try:
        assert refused(path).problem == "the file cannot be read: permission denied"
    finally:
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)


@pytest.mark.skipif("HDF5_USE_FILE_LOCKING" in os.environ, reason="How HDF5 locks files is set from outside.")
def test_a_file_that_is_being_written(copy_of: Callable[[str], Path]) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = copy_of("sim2p_full")
    with path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)  # as HDF5 locks a file that it writes
        error = refused(path)
    assert error.problem == "the file is in use"
    assert error.remedy == "Close it in the program that writes to it"


@pytest.mark.parametrize(
    ("content", "problem", "found"),
    [
        ({}, "there are no results of CaImAn", "nothing"),
        (
            {"acquisition": {"x": 1}, "processing": {"y": 2}},
            "there are no results of CaImAn",
            "acquisition, processing",
        ),
        ({"estimates": np.ones(3)}, "there are no results of CaImAn", "estimates"),
        ({"estimates": {}}, "there are no results of CaImAn", "estimates"),
        ({"estimates": {"C": np.ones((2, 5))}}, "there are no footprints", "nothing"),
        ({"estimates": {"A": None}}, "there are no footprints", "nothing"),
    ],
)
def test_hdf5_files_without_results(
    tmp_path: Path, save: Callable[..., None], content: dict[str, Any], problem: str, found: str
) -> None:
    path = tmp_path / "other.hdf5"
    with h5py.File(path, "w") as file:
        save(file, content)
    error = refused(path)
    assert (error.problem, error.found) == (problem, found)


def test_an_nwb_file(tmp_path: Path, save: Callable[..., None]) -> None:
    path = tmp_path / "mouse.nwb"
    with h5py.File(path, "w") as file:
        save(file, {"acquisition": {"x": 1}, "processing": {"y": 2}})
        file.attrs["nwb_version"] = "2.9.0"
    error = refused(path)
    assert error.problem == "this is already an NWB file, not what CaImAn saved"
    assert error.found == "NWB 2.9.0"


# Files that are damaged


def test_a_file_that_is_cut_off(caiman_file: Path, tmp_path: Path) -> None:
    content = caiman_file.read_bytes()
    lengths = {1, 40, 96, 800, 2048, *np.linspace(4000, len(content) - 1, 9, dtype=int).tolist()}
    path = tmp_path / "cut.hdf5"
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        error = refused(path)
        if length > 96:
            assert error.problem == "the file is cut off"
            assert error.remedy == "The copy is incomplete: copy the file again"


@pytest.mark.parametrize("name", ["sim2p_inmemory_k1", "sim2p_selected"])
def test_a_copy_whose_end_is_still_empty(
    caiman_files: dict[str, Path], tmp_path: Path, look_at_everything: Callable[[CaimanResults], None], name: str
) -> None:
    content = caiman_files[name].read_bytes()
    path = tmp_path / "filling.hdf5"
    unnoticed = 0
    for length in range(100, len(content), len(content) // 40):
        path.write_bytes(content[:length].ljust(len(content), b"\0"))
        unnoticed += sound(path, look_at_everything)
    assert unnoticed < 6


def sound(path: Path, look_at_everything: Callable[[CaimanResults], None]) -> bool:
    """Return whether all of a file can be read; what cannot is refused with the one error, or left out."""
    try:
        with CaimanResults.open(path) as results:
            look_at_everything(results)
            return not results.omissions
    except CaimanFileError:
        return False


def test_a_damaged_part_is_named(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file["estimates/S"].id).addr
    with path.open("r+b") as raw:
        raw.seek(header)
        raw.write(b"\xff" * 16)
    with CaimanResults(path) as results:
        (omission,) = results.omissions
        assert omission.field == "estimates/S"
        assert omission.reason.startswith("this part of the file cannot be read")
        assert list(results.components.traces) == ["raw", "dff", "denoised"]


def test_a_damaged_chunk_is_named(write_caiman_file: Callable[..., Path]) -> None:
    path = write_caiman_file({"A": FOOTPRINTS}, dims=(2, 3))
    with h5py.File(path, "r+") as file:
        dataset = file.create_dataset("estimates/C", data=np.ones((2, 500)), chunks=(2, 500), compression="gzip")
        place = dataset.id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(place.byte_offset)
        raw.write(b"\xff" * place.size)
    with (
        CaimanResults.open(path) as results,
        pytest.raises(CaimanFileError, match="this part of the file cannot be read") as caught,
    ):
        results.components.traces["denoised"][:]
    assert caught.value.place == "estimates/C"


# Fields that contradict the others


@pytest.mark.parametrize(
    ("change", "place", "found"),
    [
        ({"A": sparse.csc_matrix(np.eye(5, 2))}, "dims", "(2, 3)"),
        ({"A": np.ones((7, 2))}, "dims", "(2, 3)"),
        ({"A": np.ones((6, 2, 1))}, "estimates/A", "shape (6, 2, 1)"),
        ({"A": np.array([[b"1"] * 2] * 6)}, "estimates/A", "type |S1"),
        ({"A": {"data": np.ones(2)}}, "estimates/A", "a group of data"),
        ({"A": np.ones((6, 2), dtype=complex)}, "estimates/A", "complex128"),
    ],
    ids=str,
)
def test_footprints_that_cannot_be_used(
    write_caiman_file: Callable[..., Path], change: dict[str, Any], place: str, found: str
) -> None:
    error = refused(write_caiman_file({**SOUND, **change}, dims=(2, 3)))
    assert str(error.place).endswith(place)
    assert found in str(error.found)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"b": np.ones((5, 1))}, "covers 5 pixels, the frame (2, 3) has 6"),
        ({"b": sparse.csc_matrix(np.eye(7, 1))}, "covers 7 pixels, the frame (2, 3) has 6"),
        ({"b": {"x": 1}}, "is a group of x, not a sparse matrix (data, indices, indptr and shape)"),
        *(({name: np.ones((3, 5))}, "covers 3 components, the file has 2") for name in TRACES),
        *(({name: np.ones((2, 4))}, "covers 4 frames, the other traces have 5") for name in TRACES),
        ({"C": np.ones(5)}, "is a dataset of shape (5,) and type float64, not a trace per component"),
        ({"C": np.ones((2, 5, 1))}, "is a dataset of shape (2, 5, 1) and type float64, not a trace per component"),
        ({"S": np.array([[b"a"] * 5] * 2)}, "is a dataset of shape (2, 5) and type |S1, not a trace per component"),
        ({"S": np.ones((2, 5), dtype=bool)}, "is a dataset of shape (2, 5) and type bool, not a trace per component"),
        ({"F_dff": {"x": 1}}, "is a group of x, not a trace per component"),
        ({"f": np.ones((2, 5))}, "covers 2 background components, b has 1"),
        ({"f": np.ones((1, 4))}, "covers 4 frames, the other traces have 5"),
        ({"f": np.ones((1, 5), dtype=bool)}, "is a dataset of shape (1, 5) and type bool, not a trace per background"),
        ({"Cn": np.ones((3, 2))}, "has shape (3, 2), the frame (2, 3) has 6 pixels"),
        ({"Cn": np.ones((2, 3, 3))}, "has shape (2, 3, 3), the frame (2, 3) has 6 pixels"),
        ({"sn": np.ones(5)}, "has shape (5,), the frame (2, 3) has 6 pixels"),
        ({"b0": np.array([b"x"] * 6)}, "is a dataset of shape (6,) and type |S1, not an image"),
        ({"Cn": {"x": 1}}, "is a group of x, not an image"),
    ],
    ids=str,
)
def test_a_field_that_contradicts_the_others_is_left_out(
    write_caiman_file: Callable[..., Path], change: dict[str, Any], reason: str
) -> None:
    sound = {**SOUND, "Cn": np.zeros((2, 3)), "sn": np.ones(6), "b0": np.ones(6)}
    with CaimanResults(write_caiman_file({**sound, **change}, dims=(2, 3))) as results:
        assert results.num_frames == 5
        (field,) = change
        reasons = {omission.field: omission.reason for omission in results.omissions}
        assert reasons[f"estimates/{field}"].startswith(reason)
        dependent = {"b": {"f"}, "C": {"YrA"}}.get(field, set())
        missing = {"is missing: CaImAn stopped before it saved the field"}
        left_out = {name for name, one in reasons.items() if one not in missing}
        assert left_out == {f"estimates/{name}" for name in {field, *dependent}}


def test_a_background_trace_can_have_one_dimension(write_caiman_file: Callable[..., Path]) -> None:
    values = np.arange(5.0)
    with CaimanResults(write_caiman_file({**SOUND, "f": values, "b": np.ones(6)}, dims=(2, 3))) as results:
        assert results.background_trace is not None
        assert results.background_footprints is not None
        np.testing.assert_array_equal(results.background_trace[:], values[:, np.newaxis])
        np.testing.assert_array_equal(results.background_trace[1:4:2], values[1:4:2, np.newaxis])
        np.testing.assert_array_equal(results.images["mean"], np.ones((2, 3)))


def test_discarded_components_that_do_not_fit_are_left_out(write_caiman_file: Callable[..., Path]) -> None:
    aside = {"A": sparse.csc_matrix(np.eye(5, 2))}
    with CaimanResults(write_caiman_file({**SOUND, "discarded_components": aside}, dims=(2, 3))) as results:
        assert results.discarded is None
        expected = Omission("estimates/discarded_components/A", "covers 5 pixels, the frame (2, 3) has 6")
        assert expected in results.omissions


PARTS = {
    "data": np.array([1.0, 2.0, 3.0]),
    "indices": np.array([0, 5, 2]),
    "indptr": np.array([0, 2, 3]),
    "shape": np.array([6, 2]),
}


@pytest.mark.parametrize(
    "change",
    [
        {"data": np.ones(2)},
        {"indices": np.array([0, 5])},
        {"indptr": np.array([0, 3])},
        {"indptr": np.array([0, 1, 2, 3])},
        {"indptr": np.zeros(0, dtype=int)},
        {"shape": np.array([6, -2])},
        {"shape": np.array([-6, 2])},
        {"shape": np.array([6, 2, 1])},
        {"shape": np.array([6.0, 2.0])},
        {"shape": np.array([b"6", b"2"])},
        {"shape": 6},
        {"shape": {"x": 1}},
        {"data": np.array([b"1", b"2", b"3"])},
        {"data": np.ones((3, 1))},
        {"data": None},
        {"indices": np.array([0.0, 5.0, 2.0])},
        {"indptr": np.array([0.0, 2.0, 3.0])},
        {"indices": {"x": 1}},
    ],
    ids=str,
)
def test_a_sparse_matrix_whose_parts_contradict_each_other(
    write_caiman_file: Callable[..., Path], change: dict[str, Any]
) -> None:
    error = refused(write_caiman_file({"A": {**PARTS, **change}}, dims=(2, 3)))
    assert error.place == "estimates/A"


@pytest.mark.parametrize(
    "change",
    [
        {"indices": np.array([0, 6, 2])},
        {"indices": np.array([0, -1, 2])},
        {"indptr": np.array([1, 2, 3])},
        {"indptr": np.array([0, 2, 2])},
        {"indptr": np.array([0, 2, 4])},
        {"indptr": np.array([0, 4, 3])},
        {"indptr": np.array([0, -1, 3])},
        {"indptr": np.array([0, 2**63 + 1, 3], dtype=np.uint64)},
    ],
    ids=str,
)
def test_a_sparse_matrix_whose_values_contradict_each_other(
    write_caiman_file: Callable[..., Path], change: dict[str, Any]
) -> None:
    error = refused(write_caiman_file({"A": {**PARTS, **change}}, dims=(2, 3)))
    assert error.place == "estimates/A"
    assert "outside of the sparse matrix" in str(error.found)
    with CaimanResults(write_caiman_file({"A": PARTS, "W": {**PARTS, **change}}, dims=(2, 3))) as results:
        assert results.ring_model is None
        assert not results.has_ring_model
        assert "estimates/W" in {omission.field for omission in results.omissions}


# Anything at all in the place of anything

# One of each kind: of fields that are read in the same way, one is listed.
PLACES = [
    *("dims", "is1p", "mmap_file", "time_neuron_added", "params", "params/data", "params/init"),
    *("params/data/fr", "params/data/dxy", "params/data/dims", "params/data/fnames", "params/init/center_psf"),
    *("params/init/method_init", "params/merging/merge_thr", "estimates", "estimates/dims"),
    *("estimates/A", "estimates/A/data", "estimates/A/indices", "estimates/A/indptr", "estimates/A/shape"),
    *("estimates/C", "estimates/YrA", "estimates/F_dff", "estimates/b", "estimates/f", "estimates/W"),
    *("estimates/Cn", "estimates/sn", "estimates/bl", "estimates/g", "estimates/shifts"),
    *("estimates/SNR_comp", "estimates/cnn_preds", "estimates/idx_components", "estimates/idx_components_bad"),
    *("estimates/discarded_components", "estimates/discarded_components/A", "estimates/discarded_components/C"),
]


@pytest.fixture(scope="module")
def base(caiman_files: dict[str, Path], save: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real file cut to a few frames and parameters, with every kind of member."""
    path = tmp_path_factory.mktemp("base") / "base.hdf5"
    with h5py.File(caiman_files["sim2p_selected"]) as whole, h5py.File(path, "w") as file:
        copy_members(whole, file, frames=600)
        for group in file["params"]:
            for name in file["params"][group]:
                if f"params/{group}/{name}" not in PLACES:
                    del file["params"][group][name]
        del file["estimates/W"], file["estimates/b0"]
        file["estimates/b0"] = file["estimates/sn"][()]
        save(file["estimates"], {"W": sparse.csr_matrix(np.tri(5))})
        save(file, {"is1p": False, "ind_new_all": np.zeros((2, 2, 2), dtype=int), "t_online": np.ones(5)})
        file["time_neuron_added"] = np.stack([np.arange(7), np.arange(7)], axis=1)
    return path


def copy_members(source: h5py.Group, target: h5py.Group, *, frames: int) -> None:
    """Copy a group, and of traces the first 20 of their frames."""
    target.attrs.update(source.attrs)
    for name, node in source.items():
        if isinstance(node, h5py.Group):
            copy_members(node, target.create_group(name), frames=frames)
        elif node.shape[1:] == (frames,):
            target[name] = node[:, :20]
        else:
            source.copy(node, target, name)


def replacements(stored: Any) -> Iterator[Any]:
    """Yield what could be stored in place of a member, of the same shape and of others."""
    yield from ("NoneType", "text", 3, np.nan, h5py.Empty("f8"), np.zeros(0), np.array([b"a", b"b"]))
    yield from (-np.arange(7), np.ones((7, 3)), np.ones((2, 2, 2)), np.ones(3, dtype=[("x", "f4"), ("y", "i4")]))
    yield from ({}, {"x": 1}, {"data": 1, "indices": 2, "indptr": 3, "shape": 4}, None)
    if isinstance(stored, np.ndarray) and stored.size:
        yield from (stored[:-1], stored[..., np.newaxis], np.concatenate([stored, stored[:1]]))
        if stored.dtype.kind in "fi":
            yield from (stored.astype("f2"), stored.astype(">f4"), stored * np.nan)


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
def test_anything_in_the_place_of_anything(
    base: Path,
    tmp_path: Path,
    save: Callable[..., None],
    look_at_everything: Callable[[CaimanResults], None],
    place: str,
) -> None:
    content = base.read_bytes()
    with h5py.File(base) as file:
        node = file.get(place)
        stored = node[()] if isinstance(node, h5py.Dataset) else None
    path = tmp_path / "changed.hdf5"
    for replacement in replacements(stored):
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            parent, _, name = place.rpartition("/")
            group = file[parent] if parent else file
            if name in group:
                del group[name]
            if isinstance(replacement, dict):
                save(group.create_group(name), replacement)
            elif replacement is not None:  # None: the member is missing
                group[name] = replacement
        try:
            with CaimanResults.open(path) as results:
                look_at_everything(results)
        except CaimanFileError:
            continue
        except Exception as error:
            message = f"{place} = {replacement!r} came out as {error!r}"
            raise AssertionError(message) from error
