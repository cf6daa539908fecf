"""A file that is not what CaImAn writes is refused with one clear error, never with another and never half read."""

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

from caiman_interface.caiman_file import CaimanFileError, CaimanResults

FOOTPRINTS = sparse.csc_matrix(np.eye(6, 2))
TRACES = {name: np.ones((2, 5)) for name in ("C", "S", "YrA", "R", "F_dff")}
SOUND = {"A": FOOTPRINTS, **TRACES, "b": np.ones((6, 1)), "f": np.ones((1, 5))}


def refused(path: Path) -> CaimanFileError:
    """Return the error with which a file is refused, which says what a person needs."""
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
    assert refused(tmp_path).problem == "this is a folder"


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
        assert refused(path).problem == "the file may not be read"
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
    assert error.problem == "this is an NWB file already, not what CaImAn saved"
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
    refusals = 0
    for length in range(100, len(content), len(content) // 40):
        path.write_bytes(content[:length].ljust(len(content), b"\0"))
        refusals += not sound(path, look_at_everything)
    assert refusals > 35


def sound(path: Path, look_at_everything: Callable[[CaimanResults], None]) -> bool:
    """Tell whether all of a file can be read; what cannot is refused with the one error."""
    try:
        with CaimanResults.open(path) as results:
            look_at_everything(results)
    except CaimanFileError:
        return False
    return True


def test_a_damaged_part_is_named(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file["estimates/S"].id).addr
    with path.open("r+b") as raw:
        raw.seek(header)
        raw.write(b"\xff" * 16)
    with pytest.raises(CaimanFileError, match="this part of the file cannot be read") as caught:
        CaimanResults.open(path)
    assert caught.value.place == "estimates/S"
    assert "damaged" in str(caught.value.remedy)


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


# Files that contradict themselves


@pytest.mark.parametrize(
    ("change", "place", "found", "expected"),
    [
        # Footprints and frame
        ({"A": sparse.csc_matrix(np.eye(5, 2))}, "dims", "(2, 3)", "5 pixels"),
        ({"A": np.ones((7, 2))}, "dims", "(2, 3)", "7 pixels"),
        ({"b": np.ones((5, 1))}, "estimates/b", "5 pixels", "6 pixels"),
        ({"b": sparse.csc_matrix(np.eye(7, 1))}, "estimates/b", "7 pixels", "6 pixels"),
        # Footprints that are no matrix
        ({"A": np.ones(6)}, "estimates/A", "shape (6,)", "a dataset of two dimensions"),
        ({"A": np.ones((6, 2, 1))}, "estimates/A", "shape (6, 2, 1)", "a dataset of two dimensions"),
        ({"A": np.array([[b"1"] * 2] * 6)}, "estimates/A", "type |S1", "of numbers"),
        ({"A": {"data": np.ones(2)}}, "estimates/A", "a group of data", "data, indices, indptr and shape"),
        ({"b": {"x": 1}}, "estimates/b", "a group of x", "data, indices, indptr and shape"),
        # Traces and footprints
        *(
            ({name: np.ones((3, 5))}, f"estimates/{name}", "3 traces and 2 footprints", "one")
            for name in TRACES
            if name not in {"R", "F_dff"}
        ),
        ({"YrA": None, "R": np.ones((3, 5))}, "estimates/R", "3 traces and 2 footprints", "one"),
        ({"C": np.ones(5)}, "estimates/C", "shape (5,)", "2 dimension(s)"),
        ({"C": np.ones((2, 5, 1))}, "estimates/C", "shape (2, 5, 1)", "2 dimension(s)"),
        ({"S": np.array([[b"a"] * 5] * 2)}, "estimates/S", "type |S1", "numeric"),
        ({"F_dff": {"x": 1}}, "estimates/F_dff", "a group of x", "numeric"),
        # Traces and traces
        ({"YrA": np.ones((2, 4))}, "estimates", "denoised: 5, deconvolved: 5, residual: 4", "the same"),
        ({"S": np.ones((2, 6))}, "estimates", "deconvolved: 6", "the same"),
        ({"YrA": None, "R": np.ones((2, 4))}, "estimates", "residual: 4", "the same"),
        # The background
        ({"f": np.ones((2, 5))}, "estimates/f", "2 in f and 1 in b", "the same"),
        ({"f": np.ones((0, 5))}, "estimates/f", "0 in f and 1 in b", "the same"),
        ({"b": np.ones((6, 0))}, "estimates/f", "1 in f and 0 in b", "the same"),
        ({"f": np.ones((1, 4))}, "estimates/f", "4 frames in f and 5", "the same"),
        ({"f": np.ones(5)}, "estimates/f", "shape (5,)", "2 dimension(s)"),
        # Images
        ({"Cn": np.ones((3, 2))}, "estimates/Cn", "shape (3, 2)", "(2, 3), or 6 pixels"),
        ({"Cn": np.ones((2, 3, 3))}, "estimates/Cn", "shape (2, 3, 3)", "(2, 3), or 6 pixels"),
        ({"sn": np.ones(5)}, "estimates/sn", "shape (5,)", "(2, 3), or 6 pixels"),
        ({"b0": np.array([b"x"] * 6)}, "estimates/b0", "type |S1", "(2, 3), or 6 pixels"),
        ({"Cn": {"x": 1}}, "estimates/Cn", "a group of x", "(2, 3), or 6 pixels"),
    ],
    ids=str,
)
def test_shapes_that_contradict_each_other(
    write_caiman_file: Callable[..., Path], change: dict[str, Any], place: str, found: str, expected: str
) -> None:
    error = refused(write_caiman_file({**SOUND, **change}, dims=(2, 3)))
    assert str(error.place).endswith(place)
    assert found in str(error.found)
    assert expected in str(error.expected)


def test_discarded_components_that_do_not_fit(write_caiman_file: Callable[..., Path]) -> None:
    aside = {"A": sparse.csc_matrix(np.eye(5, 2))}
    with CaimanResults.open(write_caiman_file({**SOUND, "discarded_components": aside}, dims=(2, 3))) as results:
        with pytest.raises(CaimanFileError, match="5 pixels") as caught:
            _ = results.discarded
        assert caught.value.place == "estimates/discarded_components/A"


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
    path = write_caiman_file({"A": {**PARTS, **change}, "W": {**PARTS, **change}}, dims=(2, 3))
    with CaimanResults.open(path) as results:
        with pytest.raises(CaimanFileError, match="parts of a sparse matrix contradict each other") as caught:
            results.components.footprints.pixels()
        assert caught.value.place == "estimates/A"
        with pytest.raises(CaimanFileError, match="parts of a sparse matrix contradict each other") as caught:
            _ = results.ring_model
        assert caught.value.place == "estimates/W"


# Anything at all in the place of anything

# One of each kind: what is read in the same way stands here once.
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
    """Yield what could stand in the place of a member, of its own shape and of others."""
    yield from ("NoneType", "text", 3, np.nan, h5py.Empty("f8"), np.zeros(0), np.array([b"a", b"b"]))
    yield from (-np.arange(7), np.ones((7, 3)), np.ones((2, 2, 2)), np.ones(3, dtype=[("x", "f4"), ("y", "i4")]))
    yield from ({}, {"x": 1}, {"data": 1, "indices": 2, "indptr": 3, "shape": 4}, None)
    if isinstance(stored, np.ndarray) and stored.size:
        yield from (stored[:-1], stored[..., np.newaxis], np.concatenate([stored, stored[:1]]))
        if stored.dtype.kind in "fi":
            yield from (stored.astype("f2"), stored.astype(">f4"), stored * np.nan)


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
