"""`CaimanSegmentationExtractor` keeps the contract of roiextractors, and its values are those of CaImAn."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neuroconv.tools.roiextractors import add_segmentation_to_nwbfile
from numpy.typing import NDArray
from pynwb.testing.mock.file import mock_NWBFile
from roiextractors import CaimanSegmentationExtractor as HostsExtractor
from roiextractors.segmentationextractor import SegmentationExtractor
from scipy import sparse

from caiman_interface import CaimanSegmentationExtractor

CAIMAN_FILES = {path.stem: path for path in sorted((Path(__file__).parent / "data").glob("*.hdf5"))}
TRACES = ("raw", "dff", "neuropil", "deconvolved", "denoised", "baseline", "background")
PROPERTIES = ("is_accepted", "snr", "r_values", "cnn_preds")


def each(names: Iterable[str], getter: Callable[[Any, str], Any]) -> Callable[[Any], Any]:
    return lambda extractor: {name: getter(extractor, name) for name in names}


def read_properties(extractor: Any) -> Any:
    ids = extractor.get_roi_ids()
    infos = {name: extractor.get_property_info(name) for name in extractor.get_property_keys()}
    return {name: (info.data, info.description, extractor.get_property(name, ids)) for name, info in infos.items()}


# Every public method that only reads, and how it is called here.
GETTERS: dict[str, Callable[[Any], Any]] = {
    "get_frame_shape": lambda e: tuple(e.get_frame_shape()),
    "get_num_samples": lambda e: e.get_num_samples(),
    "get_sampling_frequency": lambda e: e.get_sampling_frequency(),
    "get_num_planes": lambda e: e.get_num_planes(),
    "get_num_channels": lambda e: e.get_num_channels(),
    "get_native_timestamps": lambda e: e.get_native_timestamps(),
    "has_time_vector": lambda e: e.has_time_vector(),
    "get_timestamps": lambda e: (e.get_timestamps(), e.get_timestamps(3, 9), e.get_timestamps(end_sample=4)),
    "time_to_sample_indices": lambda e: (e.time_to_sample_indices(np.array([0.0, 0.5, 1.0])),
                                         e.time_to_sample_indices(0.5)),
    "get_roi_ids": lambda e: e.get_roi_ids(),
    "get_num_rois": lambda e: e.get_num_rois(),
    "get_background_ids": lambda e: e.get_background_ids(),
    "get_num_background_components": lambda e: e.get_num_background_components(),
    "get_accepted_list": lambda e: e.get_accepted_list(),
    "get_rejected_list": lambda e: e.get_rejected_list(),
    "get_property_keys": lambda e: e.get_property_keys(),
    "get_property": each(PROPERTIES, lambda e, name: name in e.get_property_keys()
                         and e.get_property(name, e.get_roi_ids()[::-1])),
    "get_property_info": read_properties,
    "get_roi_image_masks": lambda e: (e.get_roi_image_masks(), e.get_roi_image_masks(e.get_roi_ids()[:2])),
    "get_roi_pixel_masks": lambda e: (e.get_roi_pixel_masks(), e.get_roi_pixel_masks(e.get_roi_ids()[:2])),
    "get_roi_locations": lambda e: e.get_roi_locations(),
    "get_background_image_masks": lambda e: e.get_background_image_masks(),
    "get_background_pixel_masks": lambda e: e.get_background_pixel_masks(),
    "get_images_dict": lambda e: e.get_images_dict(),
    "get_image": lambda e: {name: e.get_image(name) for name in e.get_images_dict()},
    "get_traces_dict": lambda e: {name: None if trace is None else np.asarray(trace)
                                  for name, trace in e.get_traces_dict().items()},
    "get_traces": each(TRACES, lambda e, name: (e.get_traces(name=name),
                                                e.get_traces(start_frame=5, end_frame=-7, name=name))),
}  # fmt: skip

# Only some releases of roiextractors have these.
GONE = {"get_num_channels", "get_accepted_list", "get_rejected_list"}

# Where roiextractors' own class is wrong on a real file, so that ours gives other values.
UNSORTED_FOOTPRINTS = {  # it puts each weight on the pixel of another one
    "get_roi_image_masks",
    "get_roi_pixel_masks",
    "get_roi_locations",
}
EMPTY_BACKGROUND = {  # it makes a mean image of zeros, and a trace without a component
    "get_images_dict",
    "get_image",
    "get_traces_dict",
    "get_traces",
}
ALL_REJECTED = {  # it takes an empty list of accepted components for no list
    "get_accepted_list",
    "get_rejected_list",
    "get_property",
    "get_property_info",
}
NO_COMPONENT = {  # it fails on the masks, and does not find the background
    "get_roi_image_masks",
    "get_roi_pixel_masks",
    "get_background_ids",
    "get_background_image_masks",
    "get_background_pixel_masks",
    # the column of no scores of the CNN
    "get_property_keys",
    "get_property",
    "get_property_info",
}
EXCEPTIONS = {
    "sim1p_cnmfe": UNSORTED_FOOTPRINTS | EMPTY_BACKGROUND,
    "sim1p_ser_v1.6.4": UNSORTED_FOOTPRINTS | EMPTY_BACKGROUND,
    "sim1p_cnmfe_patches": UNSORTED_FOOTPRINTS,
    "sim2p_manual_masks": UNSORTED_FOOTPRINTS,
    "sim2p_minimal": UNSORTED_FOOTPRINTS,
    "sim2p_p0": UNSORTED_FOOTPRINTS,
    "sim2p_p2": UNSORTED_FOOTPRINTS,
    "sim2p_patches_lowrankTrue": UNSORTED_FOOTPRINTS,
    "sim2p_all_rejected": ALL_REJECTED,
    "sim2p_selected_none": NO_COMPONENT,
    "sim_cnmfe_default_ssub": UNSORTED_FOOTPRINTS | EMPTY_BACKGROUND,
    "sim_cnmfe_none": (UNSORTED_FOOTPRINTS - {"get_roi_locations"}) | EMPTY_BACKGROUND,
    "sim_cnn_only_selected": UNSORTED_FOOTPRINTS,
    "sim_fitfile_mc_rigid_eval": UNSORTED_FOOTPRINTS,
    "sim_manual_merge": {"get_traces", "get_traces_dict"},  # it offers F_dff of before the merge
    "sim_sliced_rows": UNSORTED_FOOTPRINTS,
    "sim_yra_none_R_there": {"get_traces", "get_traces_dict"},  # it offers no raw trace
}
HOST_CANNOT_OPEN = {
    "sim1p_cnmfe_nbminus1",
    "sim2p_denseA_twofnames",
    "sim2p_inmemory_k1",
    "sim2p_onacid",
    "sim3d",
    "sim_merge_components",
    "sim_onacid_fitnext",
    "sim_onacid_motion_pwrigid",
    "sim_onacid_nan",
    "sim_vol_nb2_cn",
}


def open_file(name: str) -> CaimanSegmentationExtractor:
    return CaimanSegmentationExtractor(CAIMAN_FILES[name])


def ask(getter: Callable[[Any], Any], extractor: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of deprecated getters of roiextractors
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return getter(extractor)
        except NotImplementedError as error:
            return error


def same(first: Any, second: Any) -> bool:
    """Compare values, shapes and dtypes, at any depth."""
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        alike = isinstance(first, np.ndarray) and isinstance(second, np.ndarray)
        return alike and first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, list | tuple) and type(first) is type(second):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    return bool(first == second)


# The contract


def public_methods(base: type) -> dict[str, Any]:
    return {name: method for name, method in inspect.getmembers(base, inspect.isfunction) if not name.startswith("_")}


def test_getters_above_are_all_that_the_host_has() -> None:
    getters = {name for name in public_methods(SegmentationExtractor) if name.startswith(("get_", "has_", "time_"))}
    assert getters - GONE == GETTERS.keys() - GONE


@pytest.mark.parametrize("name", public_methods(SegmentationExtractor))
def test_methods_are_called_as_the_hosts(name: str) -> None:
    theirs = inspect.signature(public_methods(SegmentationExtractor)[name]).parameters
    ours = inspect.signature(public_methods(CaimanSegmentationExtractor)[name]).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for parameter, expected in theirs.items():
        assert ours[parameter].kind == expected.kind
        assert ours[parameter].default == expected.default
    assert all(ours[added].default is not inspect.Parameter.empty for added in list(ours)[len(theirs) :])


def test_is_a_segmentation_extractor() -> None:
    extractor = open_file("sim2p_full")
    assert isinstance(extractor, SegmentationExtractor)
    assert extractor.extractor_name == HostsExtractor.extractor_name
    assert str(extractor.file_path) == str(CAIMAN_FILES["sim2p_full"])
    assert CaimanSegmentationExtractor(file_path=str(CAIMAN_FILES["sim2p_full"])).get_num_rois() == 13


@pytest.mark.parametrize("name", sorted(CAIMAN_FILES.keys() - HOST_CANNOT_OPEN))
def test_getters_give_what_the_hosts_class_gives_unless_that_is_wrong(name: str) -> None:
    theirs, ours = HostsExtractor(str(CAIMAN_FILES[name])), open_file(name)
    getters = {getter: call for getter, call in GETTERS.items() if hasattr(theirs, getter)}
    different = {getter for getter, call in getters.items() if not same(ask(call, theirs), ask(call, ours))}
    assert different == EXCEPTIONS.get(name, set()) & getters.keys()


@pytest.mark.parametrize("name", sorted(HOST_CANNOT_OPEN))
def test_files_that_the_hosts_class_cannot_open(name: str) -> None:
    with pytest.raises((AttributeError, IndexError, KeyError, ValueError)):
        HostsExtractor(str(CAIMAN_FILES[name]))
    extractor = open_file(name)
    for getter, call in GETTERS.items():
        if hasattr(extractor, getter):
            assert not isinstance(ask(call, extractor), Exception)


# Values


@pytest.fixture(params=CAIMAN_FILES, ids=CAIMAN_FILES)
def case(request: pytest.FixtureRequest) -> Iterator[tuple[CaimanSegmentationExtractor, dict[str, Any]]]:
    """Each real file, with what CaImAn's own loader reads from it."""
    path = CAIMAN_FILES[request.param]
    with np.load(path.with_name(f"{path.stem}_ref.npz")) as reference:
        extractor = CaimanSegmentationExtractor(path)
        with extractor.results:
            yield extractor, dict(reference)


def dense_footprints(reference: dict[str, Any]) -> NDArray[Any]:
    parts = (reference[f"A_{part}"] for part in ("data", "indices", "indptr"))
    return sparse.csc_array(tuple(parts), shape=tuple(reference["A_shape"])).toarray()


def test_masks_are_caimans_footprints(case: tuple[CaimanSegmentationExtractor, dict[str, Any]]) -> None:
    extractor, reference = case
    shape = extractor.get_frame_shape()
    expected = dense_footprints(reference).reshape((*shape, -1), order="F")
    np.testing.assert_array_equal(extractor.get_roi_image_masks(), expected.astype(np.float32))
    masks = extractor.get_roi_pixel_masks()
    assert len(masks) == expected.shape[-1]
    for number, mask in enumerate(masks):
        row, column, *plane, weight = mask.T
        image = np.zeros(shape)
        image[tuple(axis.astype(int) for axis in (row, column, *plane))] = weight
        np.testing.assert_array_equal(image, expected[..., number])
        assert np.count_nonzero(image) == len(mask)  # no zeros, and no pixel twice


def test_background_is_caimans(case: tuple[CaimanSegmentationExtractor, dict[str, Any]]) -> None:
    extractor, reference = case
    ids = extractor.get_background_ids()
    if not ids:
        assert reference.get("b", np.zeros((0, 0))).size == 0
        assert extractor.get_traces(name="background") is None
        assert "mean" not in extractor.get_images_dict()
        assert extractor.get_background_image_masks().shape == (*extractor.get_frame_shape(), 0)
        assert extractor.get_background_pixel_masks() == []
        return
    np.testing.assert_array_equal(extractor.get_traces(name="background"), reference["f"].T)
    spatial = reference["b_dense"] if "b_dense" in reference else reference["b"]
    images = spatial.reshape((*extractor.get_frame_shape(), -1), order="F")
    assert ids == [f"background{number}" for number in range(images.shape[-1])]
    np.testing.assert_array_equal(extractor.get_image("mean"), images.sum(axis=-1))
    np.testing.assert_array_equal(extractor.get_background_image_masks(ids[:2]), images[..., :2].astype(np.float32))
    for mask, image in zip(extractor.get_background_pixel_masks(ids[:2]), np.moveaxis(images, -1, 0), strict=False):
        assert len(mask) == np.count_nonzero(image)
        np.testing.assert_array_equal(image[tuple(mask[:, :-1].T.astype(int))], mask[:, -1])


def test_traces_and_acceptance_are_caimans(case: tuple[CaimanSegmentationExtractor, dict[str, Any]]) -> None:
    extractor, reference = case
    left_out = {omission.field.removeprefix("estimates/") for omission in extractor.results.omissions}
    stored = {"denoised": "C", "deconvolved": "S", "dff": "F_dff"}
    for name, key in stored.items():
        if reference.get(key, np.zeros(())).ndim == 2 and key not in left_out:
            np.testing.assert_array_equal(extractor.get_traces(name=name), reference[key].T)
        else:
            assert extractor.get_traces(name=name) is None
    residual = reference.get("YrA", reference.get("R"))
    if residual is None:
        assert extractor.get_traces() is None
    else:
        np.testing.assert_array_equal(extractor.get_traces(), (reference["C"] + residual).T)
    evaluated = "idx_components" in reference and "idx_components" not in left_out
    accepted = reference["idx_components"].tolist() if evaluated else extractor.get_roi_ids()
    assert extractor.get_accepted_list() == accepted
    assert extractor.get_rejected_list() == [roi_id for roi_id in extractor.get_roi_ids() if roi_id not in accepted]
    assert extractor.select_accepted().get_roi_ids() == accepted
    assert extractor.select_accepted().get_background_ids() == extractor.get_background_ids()


def test_volume() -> None:
    extractor = open_file("sim3d")
    assert extractor.get_frame_shape() == (20, 24, 8)
    assert extractor.get_num_planes() == 8
    assert extractor.get_roi_image_masks([2, 4]).shape == (20, 24, 8, 2)
    assert extractor._roi_masks.mask_tpe == "nwb-voxel_mask"
    assert [mask.shape[1] for mask in extractor.get_roi_pixel_masks()] == [4] * 7
    image = extractor.get_roi_image_masks([4])[..., 0]
    np.testing.assert_array_equal(extractor._roi_masks.get_roi_image_mask(4), image)
    np.testing.assert_array_equal(extractor.get_roi_locations([4])[:, 0], np.argwhere(image == image.max())[0])


def test_explicit_zeros_in_footprints_do_no_harm(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_minimal")
    with h5py.File(path, "r+") as file:
        file["estimates/A/data"][::3] = 0
        zeros = len(file["estimates/A/data"][::3])
    changed, original = CaimanSegmentationExtractor(path), open_file("sim2p_minimal")
    count = sum(map(len, changed.get_roi_pixel_masks()))
    assert count == sum(map(len, original.get_roi_pixel_masks())) - zeros
    images = changed.get_roi_image_masks()
    assert np.count_nonzero(images) == count
    np.testing.assert_array_equal(images[images > 0], original.get_roi_image_masks()[images > 0])


def test_empty_footprint_has_an_empty_mask(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        start, end = file["estimates/A/indptr"][5:7]
        file["estimates/A/data"][start:end] = 0
    extractor = CaimanSegmentationExtractor(path)
    masks = extractor.get_roi_pixel_masks()
    assert [len(mask) == 0 for mask in masks] == [number == 5 for number in range(13)]
    assert masks[5].shape == (0, 3)
    assert extractor.get_roi_locations([5]).tolist() == [[29], [39]]


def test_nothing_is_made_before_it_is_asked_for() -> None:
    extractor = open_file("sim2p_full")
    footprints = extractor.results.components.footprints
    view = extractor.select_rois([5, 7]).slice_samples(10, 20)
    assert view.get_traces_dict()["raw"].shape == (10, 2)
    assert "matrix" not in vars(footprints)
    assert len(extractor._roi_masks.data) == 14
    assert "matrix" in vars(footprints)


# Views


def test_selected_rois_have_their_own_properties() -> None:
    extractor = open_file("sim2p_full")
    snr = extractor.get_property("snr", [5, 7])
    view = extractor.select_rois([5, 7])
    assert view.get_roi_ids() == [5, 7]
    assert view.get_property_info("snr").data.tolist() == snr.tolist()
    assert view.get_property("is_accepted", [5, 7]).tolist() == [True, False]
    theirs = HostsExtractor(str(CAIMAN_FILES["sim2p_full"])).select_rois([5, 7])
    assert theirs.get_property("is_accepted", [5, 7]).tolist() == [True, True]  # those of ROIs 0 and 1


def test_acceptance_that_was_set_by_hand_holds_everywhere() -> None:
    extractor = open_file("sim2p_full")
    ids = extractor.get_roi_ids()
    extractor.set_property("is_accepted", [roi_id < 4 for roi_id in ids], ids)
    for view in (extractor, extractor.select_rois(ids[::-1]).select_rois(ids)):
        assert view.get_accepted_list() == view.select_accepted().get_roi_ids() == [0, 1, 2, 3]
        assert view.get_rejected_list() == ids[4:]


def test_views_give_what_the_hosts_views_give() -> None:
    theirs, ours = HostsExtractor(str(CAIMAN_FILES["sim2p_full"])), open_file("sim2p_full")
    times = np.cumsum(np.linspace(0.01, 0.1, 600))
    for extractor in (theirs, ours):
        extractor.set_times(times)
    wrong_there = {"get_property", "get_property_info", "get_accepted_list", "get_rejected_list"}
    not_there = {"get_traces_dict", "get_traces"}  # the background's trace is lost
    views = [
        (set(), lambda e: e.slice_samples(30, 90)),
        (set(), lambda e: e.slice_samples(30, 90).slice_samples(end_sample=11)),
        (wrong_there, lambda e: e.select_rois([5, 7])),  # it cannot in another order
        (wrong_there, lambda e: e.select_rois([5, 7]).slice_samples(30, 90)),
        (wrong_there | not_there, lambda e: e.select_rois(["background0", 7])),
    ]
    for exceptions, view in views:
        for getter in GETTERS.keys() - GONE - exceptions:
            assert same(ask(GETTERS[getter], view(theirs)), ask(GETTERS[getter], view(ours))), getter


class Model:
    """What views of ``sim2p_nb2`` shall give, computed from whole arrays."""

    def __init__(self, extractor: CaimanSegmentationExtractor) -> None:
        self.ids: list[Any] = extractor.get_roi_ids()
        self.background: list[Any] = extractor.get_background_ids()
        self.frames = np.arange(extractor.get_num_samples())
        self.times = self.frames / extractor.get_sampling_frequency()
        self.properties = {
            key: dict(zip(self.ids, extractor.get_property(key, self.ids), strict=True))
            for key in extractor.get_property_keys()
        }

    def copy(self) -> Model:
        copied = object.__new__(Model)
        copied.ids, copied.background = self.ids, self.background
        copied.frames, copied.times = self.frames, self.times
        copied.properties = dict(self.properties)
        return copied

    def check(self, extractor: CaimanSegmentationExtractor, whole: dict[str, NDArray[Any]]) -> None:
        assert extractor.get_roi_ids() == self.ids
        assert extractor.get_background_ids() == self.background
        assert extractor.get_num_samples() == len(self.frames)
        assert extractor.get_property_keys() == list(self.properties)
        for key, values in self.properties.items():
            wanted = self.ids[::-1]
            assert extractor.get_property(key, wanted).tolist() == [values[roi_id] for roi_id in wanted]
        np.testing.assert_allclose(extractor.get_timestamps(), self.times, rtol=1e-14)
        np.testing.assert_array_equal(extractor.get_traces(), whole["raw"][np.ix_(self.frames, self.ids)])
        np.testing.assert_array_equal(extractor.get_roi_image_masks(), whole["masks"][..., self.ids])
        for mask, roi_id in zip(extractor.get_roi_pixel_masks(), self.ids, strict=True):
            image = whole["masks"][..., roi_id]
            np.testing.assert_array_equal(np.argwhere(image.T)[:, ::-1], mask[:, :2])
        if not self.background:
            assert extractor.get_traces(name="background") is None
            return
        numbers = [int(name.removeprefix("background")) for name in self.background]
        trace = extractor.get_traces(name="background")
        np.testing.assert_array_equal(trace, whole["background"][np.ix_(self.frames, numbers)])
        np.testing.assert_array_equal(extractor.get_background_image_masks(), whole["background masks"][..., numbers])


@pytest.fixture(scope="module")
def whole() -> dict[str, NDArray[Any]]:
    with open_file("sim2p_nb2").results as results:
        traces = results.components.traces
        shape = results.frame_shape
        return {
            "raw": np.asarray(traces["raw"]),
            "background": np.asarray(results.background_trace),
            "masks": results.components.footprints.matrix.toarray().reshape((*shape, -1), order="F").astype("float32"),
            "background masks": results.background_footprints.images().astype("float32"),
        }


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_chained_views(data: st.DataObject, whole: dict[str, NDArray[Any]]) -> None:
    """Any chain of views gives what the arrays give, and leaves what it was made from as it was."""
    extractor = open_file("sim2p_nb2")
    model = Model(extractor)
    chain = [(extractor, model)]
    for _ in range(data.draw(st.integers(1, 5), label="length")):
        extractor, model = chain[-1]
        model = model.copy()
        step = data.draw(st.sampled_from(["select", "slice", "accept", "property", "times"]), label="step")
        if step == "select":
            every = [*model.ids, *model.background]
            if not every:
                break
            chosen = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True), label="ids")
            extractor = extractor.select_rois(chosen)
            model.ids = [roi_id for roi_id in chosen if roi_id in model.ids]
            model.background = [roi_id for roi_id in chosen if roi_id in model.background]
        elif step == "slice":
            count = len(model.frames)
            start = data.draw(st.integers(0, count - 1), label="start")
            stop = data.draw(st.integers(start + 1, count), label="stop")
            extractor = extractor.slice_samples(start, stop)
            model.frames, model.times = model.frames[start:stop], model.times[start:stop]
        elif step == "accept":
            extractor = extractor.select_accepted()
            model.ids = [roi_id for roi_id in model.ids if model.properties["is_accepted"][roi_id]]
        elif step == "property":
            extractor = extractor.slice_samples()
            key = data.draw(st.sampled_from(["snr", "is_accepted", "depth"]), label="key")
            values = {roi_id: bool(roi_id % 3) for roi_id in model.ids}
            extractor.set_property(key, list(values.values())[::-1], list(values)[::-1])
            model.properties[key] = values
        else:
            extractor = extractor.slice_samples()
            model.times = np.cumsum(np.linspace(1, 2, len(model.frames)))
            extractor.set_times(model.times)
        chain.append((extractor, model))
    for extractor, model in chain:
        model.check(extractor, whole)


def test_frames_keep_their_times_in_a_slice() -> None:
    extractor = open_file("sim2p_full")
    rate = extractor.get_sampling_frequency()
    view = extractor.slice_samples(100, 200).slice_samples(10)
    np.testing.assert_array_equal(view.get_timestamps(), np.arange(110, 200) / rate)
    assert view.time_to_sample_indices(115 / rate) == 5
    view.set_times(np.arange(90) + 0.5)
    np.testing.assert_array_equal(view.slice_samples(3, 6).get_timestamps(), [3.5, 4.5, 5.5])
    assert view.slice_samples(3, 6).has_time_vector()
    assert view.time_to_sample_indices([0.5, 7.9]).tolist() == [0, 7]
    assert not extractor.has_time_vector()


def test_times_of_a_file_without_a_rate(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_minimal")
    with h5py.File(path, "r+") as file:
        del file["params/data/fr"]
        file["params/data/fr"] = "NoneType"
    extractor = CaimanSegmentationExtractor(path)
    assert extractor.get_sampling_frequency() is None
    for ask_for_times in (extractor.get_timestamps, lambda: extractor.time_to_sample_indices(1.0)):
        with pytest.raises(ValueError, match=r"sim2p_minimal.hdf5 does not specify an imaging rate.*set_times"):
            ask_for_times()
    extractor.set_times(np.arange(600) / 10)
    assert extractor.get_timestamps(2, 4).tolist() == [0.2, 0.3]


def test_file_without_any_trace(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_minimal")
    with h5py.File(path, "r+") as file:
        for name in ("C", "S", "YrA", "R", "b", "f"):
            del file["estimates"][name]
    extractor = CaimanSegmentationExtractor(path)
    assert extractor.get_num_samples() == 0
    assert extractor.get_num_rois() == 13
    assert extractor.get_timestamps().size == 0
    assert set(extractor.get_traces_dict()) == set(TRACES)
    assert all(extractor.get_traces(name=name) is None for name in TRACES)
    assert len(extractor.get_roi_pixel_masks()) == 13


def test_one_background_component_a_pixel() -> None:
    extractor = open_file("sim1p_cnmfe_nbminus1")
    rows, columns = extractor.get_frame_shape()
    assert extractor.get_num_background_components() == rows * columns
    view = extractor.select_rois(["background70", "background3", 1])
    masks = view.get_background_pixel_masks()
    assert [mask[:, :2].tolist() for mask in masks] == [[[70 % rows, 70 // rows]], [[3, 0]]]
    whole = extractor.get_traces(name="background", roi_ids=["background3"])
    np.testing.assert_array_equal(view.get_traces(name="background")[:, 1:], whole)


# What is wrong


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "cannot be empty"),
        (
            [5, 99],
            r"ROI ids \[99\] not found in extractor of .*sim2p_full.hdf5. It contains the ROIs \[0, .*12\] and",
        ),
        (["background1"], r"\['background1'\] not found .* background components \['background0'\]"),
        (["5"], r"ROI ids \['5'\] not found"),
        ([5, 7, 5], r"ROI ids \[5\] are listed twice"),
        (["background0", "background0"], "listed twice"),
    ],
)
def test_rois_that_cannot_be_selected(ids: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_file("sim2p_full").select_rois(ids)


def test_ids_that_are_not_in_a_view() -> None:
    view = open_file("sim2p_full").select_rois([5, 7])
    with pytest.raises(ValueError, match=r"\[0\] not found .* It contains the ROIs \[5, 7\] and .* components \[\]"):
        view.get_property("snr", [0])
    with pytest.raises(ValueError, match=r"\['background0'\] not found"):
        view.get_background_pixel_masks(["background0"])
    with pytest.raises(ValueError, match=r"\[6\] not found"):
        view.get_traces([6])
    with pytest.raises(KeyError, match=r"depth.*Available.*snr"):
        view.get_property("depth", [5])
    with pytest.raises(ValueError, match="correlation"):
        view.get_image("maximum")


def test_many_ids_do_not_flood_a_message() -> None:
    extractor = open_file("sim1p_cnmfe_nbminus1")
    with pytest.raises(ValueError, match="not found") as caught:
        extractor.select_rois(list(range(100, 3000)))
    assert "1920 in all" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (7, 3), (0, 601), (600, None)])
def test_frames_that_cannot_be_cut(start: int, end: int | None) -> None:
    with pytest.raises(ValueError, match=f"Frames {start} to {end or 600} cannot be cut from 600 frames"):
        open_file("sim2p_full").slice_samples(start, end)


@pytest.mark.parametrize(
    ("values", "ids", "message"),
    [
        ([1, 2], [5], "Length of values"),
        ([1], [5, 7], "Length of values"),
        ([1, 2], [5, 5], "must match"),
        ([1, 2], [5, 8], r"must match the extractor's ROI ids\. ROI ids \[8\] not found"),
    ],
)
def test_properties_that_cannot_be_set(values: list[int], ids: list[int], message: str) -> None:
    view = open_file("sim2p_full").select_rois([5, 7])
    with pytest.raises(ValueError, match=message):
        view.set_property("depth", values, ids)
    assert "depth" not in view.get_property_keys()


def test_property_of_text_keeps_its_description() -> None:
    view = open_file("sim2p_full").select_rois([5, 7])
    view.set_property("layer", ["2/3", "4"], [7, 5], description="Cortical layer.")
    assert view.get_property("layer", [5, 7]).tolist() == ["4", "2/3"]
    assert view.get_property_info("layer").description == "Cortical layer."
    assert view.user_properties == {"layer"}


# What roiextractors does with it


@pytest.mark.parametrize("name", ["sim2p_full", "sim2p_minimal", "sim2p_onacid", "sim1p_cnmfe", "sim3d"])
def test_hosts_own_writer_can_write_it(name: str) -> None:
    extractor = open_file(name).select_rois([5, 3]).slice_samples(10, 40)
    nwbfile = mock_NWBFile()
    # It adds the images last, and its images have no planes.
    refused = pytest.raises(ValueError, match="GrayscaleImage") if name == "sim3d" else nullcontext()
    metadata = None if "metadata_key" in inspect.signature(add_segmentation_to_nwbfile).parameters else {}
    with warnings.catch_warnings(), refused:
        warnings.simplefilter("ignore")  # its own, of what it deprecates
        add_segmentation_to_nwbfile(extractor, nwbfile, metadata, mask_type="pixel")
    ophys = nwbfile.processing["ophys"]
    table = ophys["ImageSegmentation"]["PlaneSegmentation"]
    assert table["roi_name"][:] == ["5", "3"]
    column = "voxel_mask" if name == "sim3d" else "pixel_mask"
    for place, mask in enumerate(extractor.get_roi_pixel_masks()):
        np.testing.assert_array_equal(np.array([tuple(pixel) for pixel in table[column][place]]), mask)
    series = ophys["Fluorescence"]["RoiResponseSeries"]
    written = np.concatenate([chunk.data for chunk in series.data])
    np.testing.assert_array_equal(written, extractor.get_traces())
    assert math.isclose(series.rate, extractor.get_sampling_frequency())


# What roiextractors tests of every extractor


def quality_of(extractor: CaimanSegmentationExtractor) -> NDArray[Any]:
    return extractor.get_property("quality", extractor.get_roi_ids())


@pytest.fixture
def with_quality() -> Iterator[CaimanSegmentationExtractor]:
    extractor = open_file("sim2p_full")
    extractor.set_property("quality", np.arange(13.0), extractor.get_roi_ids(), description="Quality of each ROI")
    with extractor.results:
        yield extractor


@pytest.mark.parametrize(
    "narrow", [lambda e: e.slice_samples(5, 25), lambda e: e.select_rois([4, 2, 9])], ids=["frames", "rois"]
)
def test_properties_of_a_view_and_of_its_parent_are_independent(
    with_quality: CaimanSegmentationExtractor, narrow: Callable[[Any], CaimanSegmentationExtractor]
) -> None:
    view = narrow(with_quality)
    ids = view.get_roi_ids()
    assert view.get_property_info("quality").description == "Quality of each ROI"
    np.testing.assert_array_equal(quality_of(view), ids)
    view.set_property("quality", np.full(len(ids), -1.0), ids)
    view.set_property("of_the_view", np.ones(len(ids)), ids)
    np.testing.assert_array_equal(quality_of(with_quality), np.arange(13.0))
    assert "of_the_view" not in with_quality.get_property_keys()
    with_quality.set_property("quality", np.full(13, -2.0), with_quality.get_roi_ids())
    np.testing.assert_array_equal(quality_of(view), np.full(len(ids), -1.0))


def test_a_property_that_is_absent_names_those_that_are_there(with_quality: CaimanSegmentationExtractor) -> None:
    with (
        with_quality.results,
        pytest.raises(KeyError, match=r"Property 'missing' not found\. Available properties: \['is_accepted'"),
    ):
        with_quality.get_property("missing", [0])


def test_times_of_views_and_parents_are_independent() -> None:
    parent = open_file("sim2p_full")
    times = np.arange(600) / 20 + 3
    parent.set_times(times)
    first, second = parent.slice_samples(5, 10), parent.slice_samples(10, 15)
    first.set_times(np.full(5, 999.0))
    np.testing.assert_array_equal(second.get_timestamps(), times[10:15])
    np.testing.assert_array_equal(parent.get_timestamps(), times)
    parent.set_times(times + 1)
    np.testing.assert_array_equal(second.get_timestamps(), times[10:15])
    assert first.has_time_vector()
    assert not open_file("sim2p_full").slice_samples(0, 5).has_time_vector()


def test_frames_and_times_are_inverse() -> None:
    extractor = open_file("sim2p_full")
    frames = np.array([0, 7, 599])
    np.testing.assert_array_equal(extractor.time_to_sample_indices(frames / 15.49), frames)
    extractor.set_times(np.arange(600) / 20 + 3)
    np.testing.assert_array_equal(extractor.time_to_sample_indices([3.0, 3.05, 3.11]), [0, 1, 2])


def test_rois_and_frames_are_selected_in_any_order() -> None:
    extractor = open_file("sim2p_full")
    rois_first = extractor.select_rois([5, 1, 12]).slice_samples(10, 30)
    frames_first = extractor.slice_samples(10, 30).select_rois([5, 1, 12])
    for name in ("raw", "dff", "denoised", "deconvolved"):
        assert rois_first.get_traces(name=name).shape == (20, 3)
        np.testing.assert_array_equal(rois_first.get_traces(name=name), frames_first.get_traces(name=name))
    np.testing.assert_array_equal(rois_first.get_roi_image_masks(), frames_first.get_roi_image_masks())
    twice = extractor.select_rois([5, 1, 12, 3]).select_rois([12, 5])
    assert twice.get_roi_ids() == [12, 5]
    assert twice.get_sampling_frequency() == 15.49
    assert tuple(twice.get_frame_shape()) == (60, 80)


def test_the_testing_tools_of_roiextractors_accept_it() -> None:
    """Its other tools need the method ``get_image_size``, which roiextractors removed."""
    from roiextractors import testing

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tools call deprecated getters
        first, second = open_file("sim2p_full"), open_file("sim2p_full")
        testing.check_segmentations_images(first, second)


# How it presents itself


def test_repr_says_what_it_holds() -> None:
    extractor = open_file("sim2p_full").select_rois([3, 1]).slice_samples(0, 100)
    assert repr(extractor) == (
        f"CaimanSegmentationExtractor('{CAIMAN_FILES['sim2p_full']}', rois=2, background_components=0, frames=100, "
        "frame_shape=(60, 80))"
    )
    assert "<th style='text-align:left'>ROIs</th><td style='text-align:left'>2</td>" in extractor._repr_html_()
    assert not [name for name in dir(extractor) if name.startswith("_") and not name.startswith("__")]


@pytest.mark.parametrize("name", ["foo", "dfof", "Raw"])
def test_a_trace_of_an_unknown_name_is_refused(name: str) -> None:
    extractor = open_file("sim2p_full")
    expected = f"There is no trace '{name}'.*raw, dff, denoised, deconvolved, background"
    with extractor.results, pytest.raises(ValueError, match=expected):
        extractor.get_traces(name=name)


def test_a_known_trace_that_the_file_lacks_is_none() -> None:
    assert open_file("sim2p_minimal").get_traces(name="dff") is None
    assert open_file("sim2p_full").get_traces(name="neuropil") is None
