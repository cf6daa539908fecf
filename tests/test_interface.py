"""`CaimanSegmentationInterface` writes what its options and its metadata ask for, alone and among others."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
from neuroconv import ConverterPipe, NWBConverter
from neuroconv.datainterfaces.ophys.caiman.caimandatainterface import CaimanSegmentationInterface as HostsInterface
from neuroconv.tools.nwb_helpers import BACKEND_NWB_IO
from pynwb import NWBFile, read_nwb
from pynwb.testing.mock.file import mock_NWBFile

from caiman_interface import CaimanFileError, CaimanSegmentationInterface
from written_values import check_sparse_masks, check_trace, check_written

CAIMAN_FILES = {path.stem: path for path in sorted((Path(__file__).parent / "data").glob("*.hdf5"))}
KEY = "caiman_segmentation"
DICTIONARIES = {"use_new_metadata_format": True}
SPEAKS_DICTIONARIES = hasattr(HostsInterface, "get_metadata_template")

pytestmark = pytest.mark.filterwarnings("ignore:An attribute .name. already exists on DynamicTable")


@pytest.fixture
def opened() -> Iterator[Callable[..., CaimanSegmentationInterface]]:
    """A function that makes an interface, which is closed in the end."""
    interfaces = []

    def make(file: str | Path = "sim2p_full", **arguments: Any) -> CaimanSegmentationInterface:
        interfaces.append(CaimanSegmentationInterface(CAIMAN_FILES.get(file, file), **arguments))
        return interfaces[-1]

    yield make
    for interface in interfaces:
        interface.segmentation_extractor.results.close()


@pytest.fixture
def interface(opened: Callable[..., CaimanSegmentationInterface]) -> CaimanSegmentationInterface:
    return opened()


def started(metadata: Any) -> Any:
    metadata["NWBFile"]["session_start_time"] = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return metadata


def in_memory(interface: CaimanSegmentationInterface, metadata: Any = None, **options: Any) -> NWBFile:
    nwbfile = mock_NWBFile()
    interface.add_to_nwbfile(nwbfile, metadata, **options)
    return nwbfile


def table_of(nwbfile: NWBFile, name: str = "PlaneSegmentation") -> Any:
    return nwbfile.processing["ophys"]["ImageSegmentation"][name]


def series_of(nwbfile: NWBFile) -> dict[str, Any]:
    return dict(nwbfile.processing["ophys"]["Fluorescence"].roi_response_series)


def values(series: Any) -> Any:
    """Read what is to be written, without taking it from the iterator."""
    return np.asarray(series.data.data)


@contextmanager
def reading(path: Path) -> Iterator[NWBFile]:
    nwbfile = read_nwb(path)
    try:
        yield nwbfile
    finally:
        nwbfile.read_io.close()


# The constructor


@pytest.mark.parametrize("as_type", [str, Path])
def test_paths_and_arguments(as_type: type, opened: Callable[..., CaimanSegmentationInterface]) -> None:
    interface = opened(as_type(CAIMAN_FILES["sim2p_full"]), verbose=True, metadata_key="plane0")
    assert interface.verbose is True
    assert interface.metadata_key == "plane0"
    assert interface.source_data["file_path"] == as_type(CAIMAN_FILES["sim2p_full"])
    assert interface.roi_ids == list(range(13))
    assert opened(metadata_key=None).metadata_key == KEY


def test_stands_for_the_hosts_class() -> None:
    ours, theirs = CaimanSegmentationInterface, HostsInterface
    assert ours.__name__ == theirs.__name__
    assert issubclass(ours, theirs.__base__)
    assert ours.display_name == theirs.display_name
    assert set(theirs.associated_suffixes) <= set(ours.associated_suffixes)
    assert set(dir(theirs)) <= set(dir(ours))


@pytest.mark.parametrize("content", [b"", b"text, not HDF5", None])
def test_file_that_is_not_caimans(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.hdf5"
    if content is None:
        with h5py.File(path, "w") as file:
            file["data"] = [1, 2, 3]
    else:
        path.write_bytes(content)
    with pytest.raises(CaimanFileError, match=r"other.hdf5"):
        CaimanSegmentationInterface(path)


def test_dropped_interface_closes_its_file(copy_of: Callable[[str], Path]) -> None:
    path = copy_of("sim2p_nb2")
    interface = CaimanSegmentationInterface(path)
    interface.get_original_timestamps()
    traces = interface.segmentation_extractor.select_rois([1]).get_traces_dict()
    assert interface.get_metadata_schema()
    del interface, traces
    with h5py.File(path, "r+") as file:  # refused while it is open for reading
        file.attrs["changed"] = True
    nwbfile = in_memory(CaimanSegmentationInterface(path))
    del nwbfile
    gc.collect()  # an NWB file is a circle of references
    with h5py.File(path, "r+") as file:
        del file.attrs["changed"]


def test_file_stays_open_for_what_is_to_be_written() -> None:
    nwbfile = in_memory(CaimanSegmentationInterface(CAIMAN_FILES["sim2p_nb2"]))
    assert values(series_of(nwbfile)["Denoised"]).shape == (600, 14)


# Metadata


def test_metadata_states_what_the_file_knows(interface: CaimanSegmentationInterface) -> None:
    ophys = interface.get_metadata(**DICTIONARIES)["Ophys"]
    plane = ophys["ImagingPlanes"][KEY]
    assert plane["imaging_rate"] == 15.49
    assert list(plane["grid_spacing"]) == [1.2e-6, 1.5e-6]
    assert plane["grid_spacing_unit"] == "meters"
    assert "excitation_lambda" not in plane  # nothing is made up
    segmentations = ophys["PlaneSegmentations"]
    assert "CaImAn 1.12.1" in segmentations[KEY]["description"]
    assert "CNMF" in segmentations[KEY]["description"]
    assert segmentations[KEY]["imaging_plane_metadata_key"] == KEY
    assert set(ophys["RoiResponses"][KEY]) == {"raw", "dff", "denoised", "deconvolved", "background"}
    assert {"correlation", "mean"} <= set(ophys["SegmentationImages"][KEY])
    for entry in [*ophys["RoiResponses"][KEY].values(), *ophys["SegmentationImages"][KEY].values()]:
        assert entry["name"]
        assert entry["description"]


@pytest.mark.parametrize(
    ("name", "words"), [("sim1p_cnmfe", "CNMF-E"), ("sim2p_onacid", "OnACID"), ("sim2p_ser_v1.4.5", "found by CaImAn,")]
)
def test_description_names_version_and_method(
    name: str, words: str, opened: Callable[..., CaimanSegmentationInterface]
) -> None:
    ophys = opened(name).get_metadata(**DICTIONARIES)["Ophys"]
    assert words in ophys["PlaneSegmentations"][KEY]["description"]


def test_metadata_merges_into_that_of_the_parent(interface: CaimanSegmentationInterface) -> None:
    parent = super(CaimanSegmentationInterface, interface).get_metadata()
    ours = interface.get_metadata()
    assert ours["NWBFile"].keys() == parent["NWBFile"].keys()
    assert parent.keys() - {"Ophys"} <= ours.keys()
    assert type(ours) is type(parent)


@pytest.mark.parametrize("form", [{}, DICTIONARIES, {"use_new_metadata_format": False}])
def test_metadata_that_was_given_out_can_be_changed(interface: CaimanSegmentationInterface, form: Any) -> None:
    first = interface.get_metadata(**form)
    expected = deepcopy(first["Ophys"])
    blocks = [first["Ophys"]]
    while blocks:  # spoil every value, at any depth
        block = blocks.pop()
        for key, value in list(block.items() if isinstance(block, dict) else enumerate(block)):
            if isinstance(value, dict | list):
                blocks.append(value)
            else:
                block[key] = "spoilt"
    assert interface.get_metadata(**form)["Ophys"] == expected


@pytest.mark.parametrize("form", [DICTIONARIES, {"use_new_metadata_format": False}])
def test_metadata_is_not_changed(interface: CaimanSegmentationInterface, form: Any) -> None:
    metadata = interface.get_metadata(**form)
    before = deepcopy(metadata)
    in_memory(interface, metadata, plane_segmentation_name="Cells")
    assert metadata == before


@pytest.mark.skipif(not SPEAKS_DICTIONARIES, reason="templates came with NeuroConv 0.10")
def test_metadata_template(opened: Callable[..., CaimanSegmentationInterface], tmp_path: Path) -> None:
    interface = opened("sim2p_minimal")
    template = interface.get_metadata_template()
    plane = template["Ophys"]["ImagingPlanes"][KEY]
    assert plane["excitation_lambda"] is None  # for the experimenter to fill in
    assert plane["imaging_rate"] == 15.49
    assert set(template["Ophys"]["RoiResponses"][KEY]) == {"raw", "denoised", "deconvolved", "background"}
    assert template["Ophys"]["PlaneSegmentations"][KEY]["name"] == "PlaneSegmentation"
    (device_key,) = template["Devices"]
    (model_key,) = template["DeviceModels"]
    template["Devices"][device_key] = {"name": "Microscope"}
    del template["DeviceModels"][model_key]
    plane.update(excitation_lambda=920, indicator="GCaMP6s", location="V1", description="layer 2/3")
    plane["optical_channel"] = [{"name": "Green", "description": "emission", "emission_lambda": 510}]
    for name in [name for name, value in plane.items() if value is None]:
        del plane[name]
    template["Subject"] = None
    del template["Subject"]
    interface.run_conversion(tmp_path / "a.nwb", metadata=started(template))
    with reading(tmp_path / "a.nwb") as nwbfile:
        (written,) = nwbfile.imaging_planes.values()
        assert written.device.name == "Microscope"
        assert written.excitation_lambda == 920
        assert written.optical_channel[0].emission_lambda == 510


def test_fields_of_the_metadata_reach_the_file(interface: CaimanSegmentationInterface) -> None:
    metadata = interface.get_metadata(**DICTIONARIES)
    metadata["Devices"] = {"scope": {"name": "Scope", "description": "two-photon"}}
    ophys = metadata["Ophys"]
    ophys["ImagingPlanes"]["v1"] = {"name": "V1", "location": "V1", "device_metadata_key": "scope"}
    ophys["PlaneSegmentations"][KEY].update(name="Cells", description="all cells", imaging_plane_metadata_key="v1")
    ophys["RoiResponses"][KEY]["raw"].update(name="Fluo", unit="counts", comments="as is", conversion=2, offset=1.5)
    ophys["SegmentationImages"][KEY]["mean"].update(name="background", description="b")
    nwbfile = in_memory(interface, metadata)
    assert table_of(nwbfile, "Cells").description == "all cells"
    assert table_of(nwbfile, "Cells").imaging_plane is nwbfile.imaging_planes["V1"]
    assert table_of(nwbfile, "BackgroundPlaneSegmentation").imaging_plane is nwbfile.imaging_planes["V1"]
    assert nwbfile.imaging_planes["V1"].device is nwbfile.devices["Scope"]
    series = series_of(nwbfile)["Fluo"]
    assert (series.unit, series.comments, series.conversion, series.offset) == ("counts", "as is", 2.0, 1.5)
    assert nwbfile.processing["ophys"]["SegmentationImages"]["background"].description == "b"


def test_none_in_the_metadata(interface: CaimanSegmentationInterface, tmp_path: Path) -> None:
    """None for a field means the value of the file; a trace or image that is None is left out."""
    metadata = interface.get_metadata(**DICTIONARIES)
    ophys = metadata["Ophys"]
    ophys["RoiResponses"][KEY].update(dff=None, background=None)
    ophys["SegmentationImages"][KEY]["mean"] = None
    if SPEAKS_DICTIONARIES:
        interface.run_conversion(tmp_path / "a.nwb", metadata=started(deepcopy(metadata)))
    ophys["ImagingPlanes"][KEY].update(name=None, imaging_rate=None, indicator=None)
    ophys["PlaneSegmentations"][KEY]["description"] = None
    ophys["RoiResponses"][KEY]["raw"]["unit"] = None
    nwbfile = in_memory(interface, metadata)
    assert series_of(nwbfile).keys() == {"RoiResponseSeries", "Denoised", "Deconvolved", "ResidualCorrection"}
    assert "mean_image" not in nwbfile.processing["ophys"]["SegmentationImages"].images
    assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == 15.49
    assert table_of(nwbfile).description.startswith("ROIs found by CaImAn")
    assert series_of(nwbfile)["RoiResponseSeries"].unit == "a.u."


def test_key_that_the_metadata_does_not_have(interface: CaimanSegmentationInterface) -> None:
    metadata = interface.get_metadata(**DICTIONARIES)
    metadata["Ophys"]["PlaneSegmentations"][KEY]["imaging_plane_metadata_key"] = "v1"
    with pytest.raises(ValueError, match=r"\['ImagingPlanes'\] has no entry 'v1'.*caiman_segmentation"):
        in_memory(interface, metadata)
    metadata["Ophys"]["ImagingPlanes"]["v1"] = {"name": "V1", "device_metadata_key": "scope"}
    with pytest.raises((KeyError, ValueError), match="scope"):
        in_memory(interface, metadata)


def test_trace_that_the_file_does_not_have(opened: Callable[..., CaimanSegmentationInterface]) -> None:
    interface = opened("sim2p_minimal")
    metadata = interface.get_metadata(**DICTIONARIES)
    metadata["Ophys"]["RoiResponses"][KEY]["dff"] = {"name": "DfOverF"}
    with pytest.warns(UserWarning, match=r"describes dff, but .*sim2p_minimal.hdf5 has no such data; it has raw"):
        in_memory(interface, metadata)


# Options


def test_short_test(interface: CaimanSegmentationInterface) -> None:
    extractor = interface.segmentation_extractor
    cases = [({}, 100), ({"stub_samples": 7}, 7), ({"stub_samples": 9999}, 600), ({"stub_frames": 5}, 5)]
    for options, frames in cases:
        nwbfile = in_memory(interface, stub_test=True, **options)
        for name, series in series_of(nwbfile).items():
            assert values(series).shape[0] == frames, name
            assert (series.rate, series.starting_time) == (15.49, 0)
        np.testing.assert_array_equal(values(series_of(nwbfile)["RoiResponseSeries"]), extractor.get_traces()[:frames])
    assert values(series_of(in_memory(interface, stub_samples=7))["Denoised"]).shape[0] == 600


def test_chosen_rois(opened: Callable[..., CaimanSegmentationInterface]) -> None:
    interface = opened("sim2p_nb2")
    extractor = interface.segmentation_extractor
    nwbfile = in_memory(interface, roi_ids_to_add=[7, 2, 5])
    table = table_of(nwbfile)
    assert list(table.id[:]) == [7, 2, 5]
    assert list(table["roi_name"][:]) == ["7", "2", "5"]
    for key in ("snr", "r_values", "is_accepted"):
        assert table[key][:].tolist() == extractor.get_property(key, [7, 2, 5]).tolist()
    check_sparse_masks(table, extractor.get_roi_pixel_masks([7, 2, 5]))
    trace = extractor.get_traces([7, 2, 5], name="dff")
    np.testing.assert_array_equal(values(series_of(nwbfile)["DfOverF"]), trace)
    assert list(table_of(nwbfile, "BackgroundPlaneSegmentation")["roi_name"][:]) == ["background0", "background1"]

    nwbfile = in_memory(interface, roi_ids_to_add=["background1", 3])
    assert list(table_of(nwbfile).id[:]) == [3]
    assert list(table_of(nwbfile, "BackgroundPlaneSegmentation")["roi_name"][:]) == ["background1"]
    trace = extractor.get_traces(name="background")[:, 1:]
    np.testing.assert_array_equal(values(series_of(nwbfile)["Background"]), trace)


def test_rois_that_are_not_there(interface: CaimanSegmentationInterface) -> None:
    nwbfile = mock_NWBFile()
    with pytest.raises(ValueError, match=r"ROI ids \[99\] not found .*sim2p_full.hdf5. It contains the ROIs \[0, 1,"):
        interface.add_to_nwbfile(nwbfile, roi_ids_to_add=[5, 99])
    assert not nwbfile.processing


def test_accepted_only(interface: CaimanSegmentationInterface) -> None:
    accepted = [0, 1, 2, 3, 4, 5, 12]
    assert list(table_of(in_memory(interface, accepted_only=True)).id[:]) == accepted
    both = in_memory(interface, accepted_only=True, roi_ids_to_add=[12, 8, 3])
    assert list(table_of(both).id[:]) == [12, 3]
    ids = interface.roi_ids
    interface.segmentation_extractor.set_property("is_accepted", [roi_id == 8 for roi_id in ids], ids)
    assert list(table_of(in_memory(interface, accepted_only=True)).id[:]) == [8]


@pytest.mark.parametrize("name", ["sim2p_all_rejected", "sim2p_selected_none"])
def test_nothing_accepted(name: str, opened: Callable[..., CaimanSegmentationInterface], tmp_path: Path) -> None:
    interface = opened(name)
    metadata = started(interface.get_metadata())
    interface.run_conversion(tmp_path / "a.nwb", metadata=metadata, accepted_only=True)
    with reading(tmp_path / "a.nwb") as nwbfile:
        assert len(table_of(nwbfile)) == 0
        assert list(series_of(nwbfile)) == ["Background"]


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
@pytest.mark.parametrize("name", ["sim2p_minimal", "sim3d"])
def test_dense_masks(
    name: str, backend: str, opened: Callable[..., CaimanSegmentationInterface], tmp_path: Path
) -> None:
    interface = opened(name)
    metadata = started(interface.get_metadata())
    interface.run_conversion(tmp_path / "a.nwb", metadata=metadata, backend=backend, mask_type="image")
    with reading(tmp_path / "a.nwb") as nwbfile:
        written = table_of(nwbfile)["image_mask"][:]  # (ROI, x, y[, z])
        images = interface.segmentation_extractor.get_roi_image_masks()  # (y, x[, z], ROI)
        np.testing.assert_array_equal(written.astype(images.dtype), np.moveaxis(images, -1, 0).swapaxes(1, 2))
        assert "pixel_mask" not in table_of(nwbfile).colnames


@pytest.mark.parametrize(("name", "column"), [("sim2p_full", "pixel_mask"), ("sim3d", "voxel_mask")])
@pytest.mark.parametrize("mask_type", ["pixel", "voxel", None])
def test_sparse_masks(
    name: str, column: str, mask_type: str | None, opened: Callable[..., CaimanSegmentationInterface]
) -> None:
    interface = opened(name)
    other = mask_type not in {None, column.removesuffix("_mask")}
    with pytest.warns(UserWarning, match=f"mask_type is '{mask_type}'") if other else nullcontext():  # as in NeuroConv
        table = table_of(in_memory(interface, mask_type=mask_type))
    assert column in table.colnames
    check_sparse_masks(table, interface.segmentation_extractor.get_roi_pixel_masks())


def test_what_to_include(interface: CaimanSegmentationInterface) -> None:
    everything = in_memory(interface, include_roi_acceptance=None)
    assert {"is_accepted", "ROICentroids"} <= set(table_of(everything).colnames)
    assert "is_accepted" in table_of(in_memory(interface, include_roi_acceptance=True)).colnames
    less = in_memory(
        interface,
        include_background_segmentation=False,
        include_roi_centroids=False,
        include_roi_acceptance=False,
    )
    assert not {"is_accepted", "ROICentroids"} & set(table_of(less).colnames)
    assert list(less.processing["ophys"]["ImageSegmentation"].plane_segmentations) == ["PlaneSegmentation"]
    assert "Background" not in series_of(less)


@pytest.mark.parametrize("form", [{}, DICTIONARIES, {"use_new_metadata_format": False}, None])
def test_name_of_the_table(interface: CaimanSegmentationInterface, form: dict[str, Any] | None) -> None:
    metadata = None if form is None else interface.get_metadata(**form)
    nwbfile = in_memory(interface, metadata, plane_segmentation_name="Cells")
    tables = nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations
    assert set(tables) == {"Cells", "BackgroundPlaneSegmentation"}
    assert series_of(nwbfile)["RoiResponseSeries"].rois.table is tables["Cells"]


def test_iterator_options(interface: CaimanSegmentationInterface) -> None:
    options = {"buffer_shape": (300, 13), "chunk_shape": (100, 13)}
    nwbfile = in_memory(interface, iterator_options=options, include_background_segmentation=False)
    series = series_of(nwbfile)["Denoised"]
    assert series.data.chunk_shape == (100, 13)
    assert series.data.buffer_shape == (300, 13)
    assert len(list(series.data)) == 2


def test_properties_that_the_user_sets_become_columns(
    opened: Callable[..., CaimanSegmentationInterface], tmp_path: Path
) -> None:
    interface = opened("sim2p_minimal")
    extractor, ids = interface.segmentation_extractor, interface.roi_ids
    extractor.set_property("layer", ["2/3", *["4"] * 12], ids, description="Cortical layer.")
    extractor.set_property("snr", np.arange(13.0)[::-1], ids[::-1])
    extractor.set_property("is_accepted", [roi_id < 4 for roi_id in ids], ids)
    metadata = started(interface.get_metadata())
    interface.run_conversion(tmp_path / "a.nwb", metadata=metadata, roi_ids_to_add=[3, 0, 12])
    with reading(tmp_path / "a.nwb") as nwbfile:
        table = table_of(nwbfile)
        assert list(table["layer"][:]) == ["4", "2/3", "4"]
        assert table["layer"].description == "Cortical layer."
        assert list(table["snr"][:]) == [3, 0, 12]
        assert list(table["is_accepted"][:]) == [True, True, False]
        own = [name for name in table.colnames if name in {"layer", "snr", "is_accepted"}]
        assert own == ["is_accepted", "layer", "snr"]


def test_extractor_that_the_user_narrows(interface: CaimanSegmentationInterface) -> None:
    whole = interface.segmentation_extractor
    interface.segmentation_extractor = whole.select_rois([5, 7]).slice_samples(100, 200)
    nwbfile = in_memory(interface)
    assert list(table_of(nwbfile).id[:]) == [5, 7]
    series = series_of(nwbfile)["Deconvolved"]
    np.testing.assert_array_equal(values(series), whole.get_traces([5, 7], 100, 200, "deconvolved"))
    assert series.starting_time == 100 / 15.49
    assert "Background" not in series_of(nwbfile)


# Time


def test_starting_time(interface: CaimanSegmentationInterface) -> None:
    interface.set_aligned_starting_time(1.25)
    for series in series_of(in_memory(interface, stub_test=True)).values():
        assert (series.rate, series.starting_time, series.timestamps) == (15.49, 1.25, None)
    np.testing.assert_array_equal(interface.get_original_timestamps(), np.arange(600) / 15.49)


def test_regular_timestamps_become_a_rate(interface: CaimanSegmentationInterface) -> None:
    interface.set_aligned_timestamps(10 + np.arange(600) / 30)
    series = series_of(in_memory(interface))["Denoised"]
    assert series.timestamps is None
    assert series.starting_time == 10
    assert series.rate == pytest.approx(30, rel=1e-12)


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_irregular_timestamps_are_written_once(
    backend: str, interface: CaimanSegmentationInterface, tmp_path: Path
) -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.2, 600))
    interface.set_aligned_timestamps(times)
    metadata = started(interface.get_metadata())
    interface.run_conversion(tmp_path / "a.nwb", metadata=metadata, backend=backend, stub_test=True)
    with reading(tmp_path / "a.nwb") as nwbfile:
        for series in series_of(nwbfile).values():
            np.testing.assert_array_equal(series.timestamps[:], times[:100])
            assert series.rate is None
    if backend == "hdf5":
        with h5py.File(tmp_path / "a.nwb") as file:
            group = file["processing/ophys/Fluorescence"]
            assert len({hash(group[f"{name}/timestamps"].id) for name in group}) <= 2  # cells, and background


def without_rate(path: Path) -> Path:
    with h5py.File(path, "r+") as file:
        del file["params/data/fr"]
        file["params/data/fr"] = "NoneType"
    return path


def test_file_without_a_rate(
    copy_of: Callable[[str], Path], opened: Callable[..., CaimanSegmentationInterface]
) -> None:
    interface = opened(without_rate(copy_of("sim2p_minimal")))
    assert "imaging_rate" not in interface.get_metadata(**DICTIONARIES)["Ophys"]["ImagingPlanes"][KEY]
    nwbfile = mock_NWBFile()
    for ask in (lambda: interface.add_to_nwbfile(nwbfile), interface.get_original_timestamps):
        with pytest.raises(
            ValueError, match=r"at 'params/data/fr': there is no imaging rate.*sampling_fr.*timestamps_path"
        ):
            ask()
    with pytest.raises(ValueError, match=r"does not specify an imaging rate \(params/data/fr\)"):
        interface.get_timestamps()
    assert not nwbfile.processing
    interface.set_aligned_timestamps(np.arange(600) / 8)
    interface.add_to_nwbfile(nwbfile)
    assert series_of(nwbfile)["Denoised"].rate == 8
    assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == 8


def test_file_without_any_trace(
    copy_of: Callable[[str], Path], opened: Callable[..., CaimanSegmentationInterface], tmp_path: Path
) -> None:
    path = without_rate(copy_of("sim2p_minimal"))
    with h5py.File(path, "r+") as file:
        for name in ("C", "S", "YrA", "R", "b", "f"):
            del file["estimates"][name]
    interface = opened(path)
    interface.run_conversion(tmp_path / "a.nwb", metadata=started(interface.get_metadata()), stub_test=True)
    with reading(tmp_path / "a.nwb") as nwbfile:
        assert len(table_of(nwbfile)) == 13
        assert "Fluorescence" not in nwbfile.processing["ophys"].data_interfaces


# Among others


class Converter(NWBConverter):
    data_interface_classes: ClassVar = {
        "First": CaimanSegmentationInterface,
        "Second": CaimanSegmentationInterface,
    }


def converter_of(*sources: tuple[str, str | None]) -> NWBConverter:
    """Two interfaces in NeuroConv's own converter; NeuroConv writes the file."""
    names = Converter.data_interface_classes
    return Converter(
        {
            name: {"file_path": str(CAIMAN_FILES[file]), "metadata_key": key}
            for name, (file, key) in zip(names, sources, strict=True)
        }
    )


@contextmanager
def closing(converter: NWBConverter) -> Iterator[NWBConverter]:
    yield converter
    for interface in converter.data_interface_objects.values():
        interface.segmentation_extractor.results.close()


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_hosts_converter_writes_the_same_values(backend: str, tmp_path: Path) -> None:
    class OneFile(NWBConverter):
        data_interface_classes: ClassVar = {"Segmentation": CaimanSegmentationInterface}

    with closing(OneFile({"Segmentation": {"file_path": str(CAIMAN_FILES["sim2p_nb2"])}})) as converter:
        metadata = started(converter.get_metadata())
        converter.run_conversion(tmp_path / "a.nwb", metadata=metadata, backend=backend)
        with reading(tmp_path / "a.nwb") as nwbfile:
            extractor = converter.data_interface_objects["Segmentation"].segmentation_extractor
            check_written(nwbfile, extractor)


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_two_interfaces_under_different_keys(backend: str, tmp_path: Path) -> None:
    with closing(converter_of(("sim2p_full", "plane0"), ("sim2p_onacid", "plane1"))) as converter:
        metadata = started(converter.get_metadata())
        options = {"First": {"roi_ids_to_add": [5, 7]}, "Second": {"stub_test": True}}
        converter.run_conversion(tmp_path / "a.nwb", metadata=metadata, backend=backend, conversion_options=options)
        extractors = [entry.segmentation_extractor for entry in converter.data_interface_objects.values()]
        with reading(tmp_path / "a.nwb") as nwbfile:
            assert {"ImagingPlane_plane0", "ImagingPlane_plane1"} == set(nwbfile.imaging_planes)
            tables = nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations
            assert set(tables) == {
                f"{start}PlaneSegmentation_plane{number}" for start in ("", "Background") for number in (0, 1)
            }
            check_sparse_masks(tables["PlaneSegmentation_plane0"], extractors[0].get_roi_pixel_masks([5, 7]))
            check_sparse_masks(tables["PlaneSegmentation_plane1"], extractors[1].get_roi_pixel_masks())
            for number, (ids, frames) in enumerate([([5, 7], None), (None, 100)]):
                series = series_of(nwbfile)[f"Denoised_plane{number}"]
                expected = extractors[number].get_traces(ids, 0, frames, "denoised")
                np.testing.assert_array_equal(series.data[:], expected)
                assert series.rois.table is tables[f"PlaneSegmentation_plane{number}"]
                assert series.rate == extractors[number].get_sampling_frequency()


def test_two_interfaces_under_the_same_key(tmp_path: Path) -> None:
    with closing(converter_of(("sim2p_full", None), ("sim2p_full", None))) as converter:
        metadata = started(converter.get_metadata())
        with pytest.raises(ValueError, match=r"PlaneSegmentation.* already in the NWB file.*metadata_key"):
            converter.run_conversion(tmp_path / "a.nwb", metadata=metadata)
    assert not list(tmp_path.iterdir())


def test_in_a_pipe(interface: CaimanSegmentationInterface, tmp_path: Path) -> None:
    pipe = ConverterPipe({"Segmentation": interface})
    metadata = started(pipe.get_metadata())
    pipe.run_conversion(tmp_path / "a.nwb", metadata=metadata, conversion_options={"Segmentation": {"stub_test": True}})
    with reading(tmp_path / "a.nwb") as nwbfile:
        expected = interface.segmentation_extractor.get_traces(None, 0, 100, "dff")
        np.testing.assert_array_equal(series_of(nwbfile)["DfOverF"].data[:], expected)


@pytest.mark.parametrize("backend", ["hdf5", "zarr"] if SPEAKS_DICTIONARIES else ["hdf5"])  # what NeuroConv supports
def test_appending_to_a_file_on_disk(
    backend: str, opened: Callable[..., CaimanSegmentationInterface], tmp_path: Path
) -> None:
    path = tmp_path / "a.nwb"
    with BACKEND_NWB_IO[backend](str(path), mode="w") as io:
        io.write(mock_NWBFile(identifier="kept"))
    for interface in (opened("sim2p_nb2"), opened("sim2p_minimal", metadata_key="again")):
        metadata = started(interface.get_metadata())
        interface.run_conversion(path, metadata=metadata, append_on_disk_nwbfile=True)
    with reading(path) as nwbfile:
        assert nwbfile.identifier == "kept"
        first = opened("sim2p_nb2").segmentation_extractor
        check_sparse_masks(table_of(nwbfile), first.get_roi_pixel_masks())
        check_trace(nwbfile, first, "raw", table_of(nwbfile))
        check_trace(nwbfile, first, "background", table_of(nwbfile, "BackgroundPlaneSegmentation"))
        second = opened("sim2p_minimal").segmentation_extractor
        check_sparse_masks(table_of(nwbfile, "PlaneSegmentation_again"), second.get_roi_pixel_masks())
        written = series_of(nwbfile)["Deconvolved_again"].data[:]
        np.testing.assert_array_equal(written, second.get_traces(name="deconvolved"))


def test_existing_file_is_not_replaced_unasked(interface: CaimanSegmentationInterface, tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    path.write_text("precious")
    metadata = started(interface.get_metadata())
    with pytest.raises(ValueError, match="already exists"):
        interface.run_conversion(path, metadata=metadata)
    assert path.read_text() == "precious"
    interface.run_conversion(path, metadata=metadata, overwrite=True)
    with reading(path) as nwbfile:
        assert len(table_of(nwbfile)) == 13


def test_same_options_as_the_host_give_what_the_host_gives(
    interface: CaimanSegmentationInterface,
) -> None:
    """On a file that NeuroConv reads correctly: ROIs in order, masks, traces, metrics; its x and y are swapped."""
    options = {"stub_test": True, "stub_samples": 30, "roi_ids_to_add": [0, 1], "mask_type": "pixel"}
    theirs = mock_NWBFile()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        HostsInterface(file_path=str(CAIMAN_FILES["sim2p_full"])).add_to_nwbfile(theirs, **options)
    ours = in_memory(interface, **options)
    assert list(table_of(ours)["roi_name"][:]) == list(table_of(theirs)["roi_name"][:])
    assert list(table_of(ours)["is_accepted"][:]) == list(table_of(theirs)["is_accepted"][:])[:2]
    for number in (0, 1):
        expected = np.array([tuple(pixel) for pixel in table_of(theirs)["pixel_mask"][number]])
        found = table_of(ours)["pixel_mask"][number]
        np.testing.assert_array_equal(np.stack([found["y"], found["x"]], axis=1), expected[:, :2])
        np.testing.assert_array_equal(found["weight"], expected[:, 2].astype(np.float32))
    for name in ("RoiResponseSeries", "Denoised", "Deconvolved"):
        np.testing.assert_array_equal(values(series_of(ours)[name]), np.asarray(series_of(theirs)[name].data.data))
