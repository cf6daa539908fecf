"""Opening and closing, what other analyses and releases leave in a file, and parameters."""

from __future__ import annotations

import gc
import os
import pickle
import re
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import sparse

from caiman_interface.caiman_file import CaimanFileError, CaimanParameters, CaimanResults

FOOTPRINTS = sparse.csc_matrix(np.eye(6, 2))


def test_everything_fits_together(caiman_file: Path, look_at_everything: Callable[[CaimanResults], None]) -> None:
    with CaimanResults.open(caiman_file) as results:
        look_at_everything(results)


@pytest.mark.parametrize(
    ("name", "method", "is_one_photon"),
    [
        ("sim2p_full", "CNMF", False),
        ("sim2p_ser_v1.4.5", "CNMF", False),
        ("sim2p_onacid", "OnACID", False),
        ("sim1p_cnmfe", "CNMF-E", True),
        ("sim1p_cnmfe_nbminus1", "CNMF-E", True),
        ("sim1p_ser_v1.6.4", "CNMF-E", True),
        ("sim3d", "CNMF", False),
    ],
)
def test_method(caiman_files: dict[str, Path], name: str, method: str, *, is_one_photon: bool) -> None:
    with CaimanResults.open(caiman_files[name]) as results:
        assert results.method == method
        assert results.is_one_photon is is_one_photon


@pytest.mark.parametrize(("is1p", "expected"), [(True, True), (False, False), (None, False)])
def test_online_one_photon_analysis(copy_of: Callable[[str], Path], is1p: bool | None, *, expected: bool) -> None:
    path = copy_of("sim2p_onacid")
    with h5py.File(path, "r+") as file:
        del file["is1p"]
        file["is1p"] = "NoneType" if is1p is None else is1p
    with CaimanResults.open(path) as results:
        assert results.method == "OnACID"
        assert results.is_one_photon is expected


def test_online_analysis_records_when_components_were_added(caiman_files: dict[str, Path]) -> None:
    with CaimanResults.open(caiman_files["sim2p_onacid"]) as results:
        assert results.frame_added is not None
        assert results.frame_added.tolist() == [200, 200, 200, 200, 200, 206, 245, 262, 285, 293, 305]
        assert list(results.components.fits) == ["baseline"]  # the others cover the first five components only
    with CaimanResults.open(caiman_files["sim2p_full"]) as results:
        assert results.frame_added is None


@pytest.mark.parametrize(
    "stored",
    [
        np.array([[1, 5], [0, 7]]),  # not in the order of the components
        np.array([[0, 5]]),  # of other components
        np.array([[0.5, 5.0], [1.0, 7.0]]),
        np.array([b"a", b"b"]),
        np.zeros((0,)),
    ],
)
def test_records_of_other_components_are_left_out(write_caiman_file: Callable[..., Path], stored: Any) -> None:
    path = write_caiman_file({"A": FOOTPRINTS}, dims=(2, 3))
    with h5py.File(path, "r+") as file:
        file["time_neuron_added"] = stored
    with CaimanResults.open(path) as results:
        assert results.frame_added is None


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([[1, 2], [3, 4]]), [[1.0, 2.0], [3.0, 4.0]]),
        (np.ones((3, 3), dtype=np.float32), [[1.0, 1.0, 1.0]] * 3),
        (np.zeros(0), None),
        (np.zeros((0, 2)), None),
        (np.ones((3, 4, 2)), None),  # piecewise: a shift for each patch
        (np.array([b"(1, 2)"]), None),
        (None, None),
    ],
)
def test_shifts(write_caiman_file: Callable[..., Path], stored: Any, expected: Any) -> None:
    with CaimanResults.open(write_caiman_file({"A": FOOTPRINTS, "shifts": stored}, dims=(2, 3))) as results:
        if expected is None:
            assert results.shifts is None
        else:
            assert results.shifts is not None
            assert results.shifts.dtype == np.float64
            assert results.shifts.tolist() == expected


def test_a_file_of_footprints_only(write_caiman_file: Callable[..., Path]) -> None:
    with CaimanResults.open(write_caiman_file({"A": FOOTPRINTS}, dims=(2, 3), params={})) as results:
        assert results.num_frames is None
        assert results.components.num_frames is None
        assert results.components.traces == {}
        assert results.images == {}
        assert results.components.metrics == results.components.fits == {}
        assert results.sampling_frequency is None
        assert results.caiman_version is None
        assert results.memory_map is None
        assert results.parameters.stored == {}


def test_the_older_residual_serves_where_the_newer_is_absent(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        expected = (file["estimates/C"][()] + file["estimates/R"][()]).T
        del file["estimates/YrA"]
        file["estimates/YrA"] = "NoneType"
    with CaimanResults.open(path) as results:
        np.testing.assert_array_equal(results.components.traces["raw"][:], expected)
    with h5py.File(path, "r+") as file:
        del file["estimates/R"]
    with CaimanResults.open(path) as results:
        assert list(results.components.traces) == ["dff", "denoised", "deconvolved"]


def test_an_image_may_lie_flat_or_not(write_caiman_file: Callable[..., Path]) -> None:
    image = np.arange(6.0).reshape(2, 3)
    stored = {"A": FOOTPRINTS, "sn": image.ravel(order="F"), "b0": image, "Cn": image.astype(np.float32)}
    with CaimanResults.open(write_caiman_file(stored, dims=(2, 3))) as results:
        assert list(results.images) == ["peak_to_noise", "noise", "baseline"]
        for name in ("noise", "baseline"):
            np.testing.assert_array_equal(results.images[name], image, strict=True)
        np.testing.assert_array_equal(results.images["peak_to_noise"], image.astype(np.float32), strict=True)


def test_online_analysis_of_a_shrunk_movie(shrunk_online_file: Path, caiman_files: dict[str, Path]) -> None:
    with CaimanResults.open(caiman_files["sim2p_onacid"]) as small:
        noise = small.images["noise"]
    with CaimanResults.open(shrunk_online_file) as results:
        assert results.frame_shape == (72, 88)
        assert results.images["noise"].shape == (36, 44)
        np.testing.assert_array_equal(results.images["noise"], noise, strict=True)
        baseline = np.arange(36 * 44, dtype=np.float32).reshape(36, 44, order="F").repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(results.images["baseline"], baseline, strict=True)
        assert results.images["mean"].shape == (72, 88)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({"dims": [2, 3]}, (2, 3)),
        ({"dims": [2, 3], "estimates/dims": None, "params/data/dims": None}, (2, 3)),
        ({"estimates/dims": [3, 2]}, (3, 2)),
        ({"params/data/dims": [1, 2, 3]}, (1, 2, 3)),
        ({"dims": [2, 3], "params/data/dims": [20, 30]}, (2, 3)),  # the movie before it was cropped
        ({"dims": [2.0, 3.0]}, (2, 3)),
        ({"dims": [2, 3], "estimates/dims": 0.0}, (2, 3)),
        ({"dims": [2, 3], "estimates/dims": [3, 2]}, (2, 3)),  # AVI movies of CaImAn 1.4 to 1.5.2
        ({"dims": [2, 3], "estimates/dims": [b"3", b"2"]}, (2, 3)),
        ({"estimates/dims": [2, 3], "params/data/dims": [3, 2]}, (2, 3)),
        ({"estimates/dims": [2, 3], "params/data/dims": [3, 2], "estimates/Cn": np.zeros((3, 2))}, (3, 2)),
        ({"estimates/Cn": np.zeros((3, 2))}, (3, 2)),
        ({"dims": [5, 3], "mmap_file": b"/tmp/x_d1_3_d2_2_d3_1_order_C_frames_5.mmap"}, (3, 2)),
        ({"mmap_file": b"/tmp/x_d1_3_d2_1_d3_2_order_C_frames_5.mmap"}, (3, 1, 2)),
    ],
)
def test_frame_shape_from_any_field(
    write_caiman_file: Callable[..., Path], places: dict[str, Any], expected: tuple[int, ...]
) -> None:
    with CaimanResults.open(stated_frame_shapes(write_caiman_file, places)) as results:
        assert results.frame_shape == expected
        assert all(type(length) is int for length in results.frame_shape)


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ({}, "none of these"),
        ({"dims": [2, 4]}, r"dims = \(2, 4\)"),
        ({"dims": [2, 4], "estimates/Cn": np.zeros((3, 3))}, r"dims = \(2, 4\)"),
        *(
            ({"dims": dims}, "none of these")
            for dims in ([6], [2, 3, 1, 1], [-2, -3], [np.nan, 3], [np.inf, 3], [1.5, 4], [b"2", b"3"])
        ),
    ],
)
def test_frame_shape_that_is_not_clear(
    write_caiman_file: Callable[..., Path], places: dict[str, Any], found: str
) -> None:
    with pytest.raises(CaimanFileError, match=found) as caught:
        CaimanResults.open(stated_frame_shapes(write_caiman_file, places))
    assert "dims" in str(caught.value.place)


def stated_frame_shapes(write_caiman_file: Callable[..., Path], places: dict[str, Any]) -> Path:
    path = write_caiman_file({"A": FOOTPRINTS}, dims=(2, 3))
    with h5py.File(path, "r+") as file:
        del file["dims"], file["estimates/dims"]
        for place, shape in places.items():
            file[place] = "NoneType" if shape is None else np.array(shape)
    return path


# Parameters


def test_text_is_an_attribute_or_a_dataset(caiman_files: dict[str, Path]) -> None:
    expected = "/data/lab/scratch/mmaps/sim2p_d1_60_d2_80_d3_1_order_C_frames_600.mmap"
    for name in ("sim2p_full", "sim2p_ser_v1.4.5", "sim2p_ser_v1.8.9", "sim2p_ser_v1.9.10"):
        with CaimanResults.open(caiman_files[name]) as results:
            assert results.memory_map == expected
            assert results.parameters.init.method_init == "greedy_roi"
            assert results.parameters.stored["data"]["var_name_hdf5"] == "mov"
    with CaimanResults.open(caiman_files["sim2p_inmemory_k1"]) as results:
        assert results.memory_map is None


def test_parameters_are_typed_where_their_meaning_is_known(caiman_files: dict[str, Path]) -> None:
    with CaimanResults.open(caiman_files["sim2p_full"]) as results:
        parameters = results.parameters
    assert (parameters.data.fr, parameters.data.dxy) == (15.49, (1.2, 1.5))
    assert parameters.init.center_psf is False
    assert parameters.stored["quality"]["use_cnn"] is True
    assert parameters.stored["temporal"]["p"] == 1
    assert parameters.groups["temporal"].model_dump()["p"] == 1
    assert parameters.stored["init"]["kernel"] is None


def test_every_parameter_of_the_file_is_kept(caiman_file: Path) -> None:
    with CaimanResults.open(caiman_file) as results:
        stored = results.parameters.stored
    with h5py.File(caiman_file) as file:
        assert set(stored) == set(file["params"])
        for group, values in stored.items():
            node = file["params"][group]
            assert set(values) == {*node, *node.attrs}
            for name, value in values.items():
                raw = node.attrs[name] if name in node.attrs else node[name][()]
                raw = raw.decode() if isinstance(raw, bytes) else raw
                if isinstance(raw, str) and raw == "NoneType":
                    assert value is None
                elif isinstance(raw, np.ndarray) and raw.dtype.kind == "S":
                    assert value == [text.decode() for text in raw]
                else:
                    np.testing.assert_array_equal(value, raw)


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("fr", np.int64(30), "fr", 30.0),
        ("fr", np.array([15.5]), "fr", 15.5),
        ("fr", b"15.5", "fr", 15.5),
        ("fr", "15.5", "fr", 15.5),
        ("dxy", np.array([1, 2]), "dxy", (1.0, 2.0)),
        ("dxy", np.array([b"1.5", b"2"]), "dxy", (1.5, 2.0)),
        ("dxy", 1.5, "dxy", (1.5, 1.5)),
        ("dxy", np.array([1.5]), "dxy", (1.5, 1.5)),
        ("dxy", np.array([1.5, 1.5, 3]), "dxy", (1.5, 1.5, 3.0)),
        ("fnames", "movie.tif", "fnames", ("movie.tif",)),
        ("fnames", b"movie.tif", "fnames", ("movie.tif",)),
        ("fnames", np.array([b"a.tif\0\0\0", b"long.tif"]), "fnames", ("a.tif", "long.tif")),
        ("fnames", None, "fnames", ()),
        ("caiman_version", "1.12.1", "caiman_version", "1.12.1"),
        ("caiman_version", b"1.8.9", "caiman_version", "1.8.9"),
        ("caiman_version", h5py.Empty("f8"), "caiman_version", None),
    ],
)
def test_forms_of_parameters(
    write_caiman_file: Callable[..., Path], name: str, value: Any, field: str, expected: Any
) -> None:
    path = write_caiman_file({"A": FOOTPRINTS}, dims=(2, 3), params={"data": {name: value}})
    with CaimanResults.open(path) as results:
        assert getattr(results.parameters.data, field) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("fr", value) for value in (0, -10, np.nan, np.inf, "fast", np.array([10, 20]), 1 + 2j)),
        *(("dxy", np.array(value)) for value in ([0.0, 1.0], [-1.0, 1.0], [np.nan, 1.0], [np.inf, 1.0])),
        ("dxy", 0.0),
        ("fnames", 7),
    ],
)
def test_a_parameter_that_is_not_possible_is_left_out(
    write_caiman_file: Callable[..., Path], name: str, value: Any
) -> None:
    path = write_caiman_file(
        {"A": FOOTPRINTS}, dims=(2, 3), params={"data": {"decay_time": 0.4, name: value}, "init": {"nb": 2}}
    )
    with CaimanResults(path) as results:
        parameters, omissions = results.parameters, {omission.field for omission in results.omissions}
    assert not getattr(parameters.data, name)
    assert f"params/data/{name}" in omissions
    assert name in parameters.stored["data"]  # as it is stored, for the table of parameters
    assert parameters.stored["data"]["decay_time"] == 0.4
    assert parameters.stored["init"]["nb"] == 2


def test_a_parameter_that_nobody_reads_can_have_any_value(write_caiman_file: Callable[..., Path]) -> None:
    quality = {"min_SNR": "high", "rval_thr": np.array([1 + 2j, 3]), "use_cnn": 1 - 1j}
    path = write_caiman_file({"A": FOOTPRINTS}, dims=(2, 3), params={"quality": quality})
    with CaimanResults(path) as results:
        assert not [omission for omission in results.omissions if omission.field.startswith("params")]
        stored = results.parameters.stored["quality"]
    assert stored == {"min_SNR": "high", "rval_thr": ["(1+2j)", "(3+0j)"], "use_cnn": "(1-1j)"}


def test_parameters_may_be_missing() -> None:
    parameters = CaimanParameters.read(None)
    assert parameters.stored == {}
    assert (parameters.data.fr, parameters.init.ssub, parameters.quality.use_ecc) == (None, None, None)


# Numbers saved as text


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([b"-290.4356841223353", b"1e-3"], [-290.4356841223353, 0.001]),
        ([b"[0.5]", b" 2 "], [0.5, 2.0]),
        ([b"None", b"4.5"], [np.nan, 4.5]),
        ([b"NoneType", b"nan"], None),  # no value for any component
        ([1, 2], [1, 2]),
        ([[1.5], [2.5]], [1.5, 2.5]),
    ],
)
def test_numbers_saved_as_text(write_caiman_file: Callable[..., Path], stored: Any, expected: Any) -> None:
    with CaimanResults.open(write_caiman_file({"A": FOOTPRINTS, "bl": np.array(stored)}, dims=(2, 3))) as results:
        if expected is None:
            assert "baseline" not in results.components.fits
        else:
            np.testing.assert_array_equal(results.components.fits["baseline"], expected)


def test_numbers_in_text_of_variable_length(write_caiman_file: Callable[..., Path]) -> None:
    path = write_caiman_file({"A": FOOTPRINTS, "lam": np.array(["0.5", "None"], dtype=object)}, dims=(2, 3))
    with CaimanResults.open(path) as results:
        np.testing.assert_array_equal(results.components.fits["regularization"], [0.5, np.nan])


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("bl", np.array([b"high", b"low"]), "high"),
        ("SNR_comp", np.ones((2, 3)), r"shape \(2, 3\)"),
        ("neurons_sn", {"x": 1}, "a group of x"),
        ("g", np.array([b"0.9 0.1", b"1"]), "0.9 0.1"),
    ],
)
def test_columns_without_one_number_each_are_left_out(
    write_caiman_file: Callable[..., Path], name: str, values: Any, found: str
) -> None:
    stored = {"A": FOOTPRINTS, "idx_components": np.array([0]), "r_values": np.ones(2), "lam": np.ones(2), name: values}
    with CaimanResults(write_caiman_file(stored, dims=(2, 3))) as results:
        assert list(results.components.metrics) == ["r_values"]
        assert list(results.components.fits) == ["regularization"]
        (omission,) = [one for one in results.omissions if one.field == f"estimates/{name}"]
    assert re.search(found, omission.reason)


def test_stale_columns_are_left_out(write_caiman_file: Callable[..., Path]) -> None:
    stored = {"A": FOOTPRINTS, "SNR_comp": np.ones(5), "r_values": np.ones(2), "ecc": np.ones(1), "bl": np.ones(3)}
    with CaimanResults.open(write_caiman_file(stored, dims=(2, 3))) as results:
        assert list(results.components.metrics) == ["r_values"]
        assert results.components.fits == {}


def test_a_file_after_manual_merge(copy_of: Callable[[str], Path]) -> None:
    """CaImAn's ``manual_merge`` leaves metrics and F_dff as they were, and of ``sn`` as many pixels as components."""
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        estimates = file["estimates"]
        ends = estimates["A/indptr"][()]
        last = {name: estimates[name][()][:-1] for name in ("C", "S", "YrA", "R", "g", "bl", "c1")}
        last |= {name: estimates[f"A/{name}"][()][: ends[-2]] for name in ("data", "indices")}
        last |= {"indptr": ends[:-1], "shape": np.array([4800, 12]), "sn": estimates["sn"][()][:12]}
        last |= {"idx_components": np.arange(6)}
        for name, values in last.items():
            place = f"A/{name}" if name in estimates["A"] else name
            del estimates[place]
            estimates[place] = values
    with CaimanResults.open(path) as results:
        assert results.components.count == 12
        assert results.components.metrics == {}
        assert list(results.components.fits) == ["baseline", "initial_calcium", "ar_coefficients"]
        assert list(results.images) == ["correlation", "mean"]
        assert list(results.components.traces) == ["raw", "denoised", "deconvolved"]
        assert results.components.traces["raw"][:].shape == (600, 12)


# Opening and closing


def test_reading_after_close_says_that_the_file_was_closed(caiman_files: dict[str, Path]) -> None:
    results = CaimanResults.open(caiman_files["sim2p_selected"])
    trace, footprints = results.components.traces["raw"], results.components.footprints
    discarded = results.discarded
    acceptance = results.components.acceptance
    results.close()
    results.close()  # closing again does nothing
    assert discarded is not None
    looks: list[Callable[[], Any]] = [
        lambda: trace[:],
        lambda: trace[0, 0],
        lambda: trace.select(rois=[1])[:],
        footprints.pixels,
        lambda: footprints.select(np.array([0])).images(),
        lambda: results.components.metrics,
        lambda: results.components.fits,
        lambda: discarded.traces,
        lambda: discarded.footprints.matrix,
        lambda: results.images,
        lambda: results.ring_model,
        lambda: results.shifts,
        lambda: results.memory_map,
        lambda: results.frame_added,
    ]
    for look in looks:
        with pytest.raises(ValueError, match=r"sim2p_selected\.hdf5 was closed; open it again to read from it"):
            look()
    # What was read stays.
    assert (results.method, results.frame_shape, results.components.count) == ("CNMF", (60, 80), 7)
    assert results.num_frames == 600
    assert repr(results).startswith("CaimanResults('")
    assert results.components.acceptance is acceptance


def test_reading_after_close_without_positioned_reads(
    caiman_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "preadv", raising=False)  # as on Windows
    with CaimanResults.open(caiman_files["sim2p_full"]) as results:
        trace = results.components.traces["raw"]
        values = trace[:5]
    with CaimanResults.open(caiman_files["sim2p_full"]) as results, h5py.File(caiman_files["sim2p_full"]) as file:
        expected = file["estimates/C"][:, :5] + file["estimates/YrA"][:, :5]
        np.testing.assert_array_equal(values, expected.T)
    with pytest.raises(ValueError, match="was closed"):
        trace[:5]


def test_a_file_is_closed_when_it_is_dropped(caiman_file: Path) -> None:
    before = open_descriptors()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = CaimanResults.open(caiman_file)
        assert results.images
        del results  # at once: nothing in it refers to itself
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == 0
    assert open_descriptors() == before


def test_a_trace_outlives_the_results_that_gave_it(caiman_files: dict[str, Path]) -> None:
    trace = CaimanResults.open(caiman_files["sim2p_full"]).components.traces["raw"]
    gc.collect()
    assert np.isfinite(trace[:]).all()


def test_a_file_that_is_refused_is_closed(write_caiman_file: Callable[..., Path]) -> None:
    path = write_caiman_file({"A": FOOTPRINTS}, dims=(2, 4))
    before = open_descriptors()
    with pytest.raises(CaimanFileError, match="the shape of the frame is not clear"):
        CaimanResults.open(path)
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == 0
    assert open_descriptors() == before


def open_descriptors() -> int:
    """Count the open files of this process, where the system tells."""
    place = Path("/proc/self/fd")
    return len(list(place.iterdir())) if place.exists() else 0


def test_one_file_serves_many_threads(caiman_files: dict[str, Path]) -> None:
    with CaimanResults.open(caiman_files["sim2p_full"]) as results, h5py.File(caiman_files["sim2p_full"]) as file:
        expected = {name: file["estimates"][name][()].T for name in ("C", "S", "F_dff")}

        def look(number: int) -> bool:
            name, stored = [("denoised", "C"), ("deconvolved", "S"), ("dff", "F_dff")][number % 3]
            roi = number % 13
            values = results.components.traces[name][:, [roi]]
            centre = results.components.footprints.centroids()[roi]
            return np.array_equal(values[:, 0], expected[stored][:, roi]) and bool(np.all(np.isfinite(centre)))

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(look, range(100)))


def test_an_error_survives_the_way_from_a_worker_process() -> None:
    error = CaimanFileError(
        "a/b.hdf5", "it is wrong", place="estimates/A", found="this", expected="that", remedy="Do so"
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is CaimanFileError
    assert str(copy) == str(error)
    assert str(error) == "a/b.hdf5, at 'estimates/A': it is wrong. Found: this. Expected: that. Do so."
    assert vars(copy) == vars(error)
    assert error.file_path == Path("a/b.hdf5")
    assert str(CaimanFileError(Path("b.hdf5"), "it is wrong")) == "b.hdf5: it is wrong."
