"""The content of the NWB file, read with pynwb and compared with what CaImAn's own loader reads."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile
from pynwb.testing.mock.file import mock_NWBFile
from scipy import sparse

from caiman_interface import CaimanSegmentationInterface, verify
from caiman_interface.nwb.parameters import read_parameters
from conversions import KINDS

Nwb = Callable[..., Path]
Reader = Callable[[Path], Any]

METRICS = {"SNR_comp": "snr", "r_values": "r_values", "cnn_preds": "cnn_preds", "ecc": "eccentricity"}
FITS = {
    "bl": "baseline",
    "c1": "initial_calcium",
    "neurons_sn": "noise_std",
    "g": "ar_coefficients",
    "lam": "regularization",
}
TRACES = {"C": "Denoised", "S": "Deconvolved", "F_dff": "DfOverF"}
IMAGES = {"Cn": "correlation_image", "sn": "noise_image", "b0": "baseline_image"}


class Case:
    """A converted file, and what CaImAn reads from its own."""

    def __init__(self, caiman_file: Path, nwbfile: NWBFile) -> None:
        with np.load(caiman_file.with_name(f"{caiman_file.stem}_ref.npz")) as reference:
            self.reference = dict(reference)
        self.name = caiman_file.stem
        self.caiman_file = caiman_file
        self.ophys = nwbfile.processing["ophys"]
        self.shape = tuple(self.reference["dims"])
        self.count = int(self.reference["A_shape"][1])

    def table(self, start: str = "") -> Any:
        return self.ophys["ImageSegmentation"][f"{start}PlaneSegmentation"]

    def series(self, name: str) -> np.ndarray:
        series = self.ophys["Fluorescence"][name]
        assert series.rate == float(self.reference["fr"])
        assert series.starting_time == 0.0
        return series.data[:]

    def footprints(self) -> np.ndarray:
        parts = (self.reference[f"A_{part}"] for part in ("data", "indices", "indptr"))
        return sparse.csc_array(tuple(parts), shape=tuple(self.reference["A_shape"])).toarray()


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, converted: Nwb, read: Reader) -> Iterator[Case]:
    caiman_file, backend = request.param
    with read(converted(caiman_file.stem, backend)) as nwbfile:
        yield Case(caiman_file, nwbfile)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Yield the real files that an edit left consistent as HDF5, and one of each kind as Zarr.

    What belongs in the NWB file of the others (``sim_…``) is more than their values say: `verify` knows it.
    """
    if "case" not in metafunc.fixturenames:
        return
    files = sorted((Path(__file__).parent.parent / "data").glob("sim[123]*.hdf5"))
    as_zarr = {"sim2p_selected", "sim1p_cnmfe_nbminus1", "sim3d", "sim2p_onacid"}
    cases = [(path, "hdf5") for path in files] + [(path, "zarr") for path in files if path.stem in as_zarr]
    parameters = [
        pytest.param((path, backend), id=f"{path.stem}-{backend}", marks=() if path.stem in KINDS else pytest.mark.long)
        for path, backend in cases
    ]
    metafunc.parametrize("case", parameters, indirect=True)


def assert_same(values: Any, expected: Any) -> None:
    """Compare shape, type and every value."""
    np.testing.assert_array_equal(np.asarray(values), expected, strict=True)


def as_numbers(values: np.ndarray) -> np.ndarray:
    """CaImAn's text as numbers."""
    return values.astype(np.float64) if values.dtype.kind == "S" else values


def masks_as_columns(table: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Flatten the masks of a table as CaImAn does: one column per ROI, in Fortran order."""
    columns = np.zeros((math.prod(shape), len(table)), dtype=np.float32)
    for number in range(len(table)):
        image = np.zeros(shape, dtype=np.float32)
        if "image_mask" in table.colnames:
            image = np.swapaxes(table["image_mask"][number], 0, 1)
        for pixel in table["pixel_mask"][number] if "pixel_mask" in table.colnames else ():
            image[pixel["y"], pixel["x"]] += pixel["weight"]
        for voxel in table["voxel_mask"][number] if "voxel_mask" in table.colnames else ():
            image[voxel["y"], voxel["x"], voxel["z"]] += voxel["weight"]
        columns[:, number] = image.reshape(-1, order="F")
    return columns


# Rows of the table of components


def test_rows_are_caimans_components(case: Case) -> None:
    table = case.table()
    np.testing.assert_array_equal(table.id[:], np.arange(case.count))
    assert [str(name) for name in table["roi_name"][:]] == [str(number) for number in range(case.count)]
    assert ("voxel_mask" if len(case.shape) == 3 else "pixel_mask") in table.colnames


def test_masks_are_caimans_footprints(case: Case) -> None:
    """The weight of the pixel in column x and row y (and plane z), rounded to float32."""
    assert_same(masks_as_columns(case.table(), case.shape), case.footprints().astype(np.float32))
    if case.count:
        mask = case.table()["voxel_mask" if len(case.shape) == 3 else "pixel_mask"].target.data
        assert np.count_nonzero(mask[:]["weight"]) == len(mask) == np.count_nonzero(case.footprints())


def test_centroids_are_those_of_caiman(case: Case) -> None:
    # caiman.base.rois.com has the axes row, column[, plane]; the file x (column), y (row)[, z (plane)].
    order = [1, 0, 2][: len(case.shape)]
    if case.count:
        centroids = case.table()["ROICentroids"][:]
        np.testing.assert_allclose(centroids, case.reference["com"][:, order], rtol=1e-6)


def test_is_accepted_is_there_where_caiman_judged(case: Case) -> None:
    accepted = case.reference.get("idx_components")
    if accepted is not None:
        assert_same(case.table()["is_accepted"][:], np.isin(np.arange(case.count), accepted))
    elif "selected" in case.name:  # select_components: all that remain were accepted
        assert case.table()["is_accepted"][:].all()
    else:
        assert "is_accepted" not in case.table().colnames


@pytest.mark.parametrize(("stored", "name"), [*METRICS.items(), *FITS.items()])
def test_columns_are_there_where_caiman_computed_them(case: Case, stored: str, name: str) -> None:
    table, values = case.table(), case.reference.get(stored)
    if not case.count:
        return
    # Stale values cover other components; without autoregression there are none, or the text None.
    is_used = values is not None and values.shape[:1] == (case.count,) and set(values.ravel()) not in (set(), {b"None"})
    if not is_used:
        assert name not in table.colnames
    else:
        assert_same(table[name][:], as_numbers(values))
        assert f"CaImAn's {stored}" in table[name].description


def test_only_online_analysis_says_when_a_component_was_added(case: Case) -> None:
    with h5py.File(case.caiman_file) as file:
        added = file["time_neuron_added"][:, 1] if "time_neuron_added" in file else None
    if added is None:
        assert "frame_added" not in case.table().colnames
    else:
        assert_same(case.table()["frame_added"][:], added)


# Traces, background, discarded components, images


def test_traces(case: Case) -> None:
    reference = case.reference
    if case.count == 0:
        assert not any(name in case.ophys["Fluorescence"].roi_response_series for name in TRACES.values())
        return
    assert_same(case.series("RoiResponseSeries"), (reference["C"] + reference["YrA"]).T)
    for stored, name in TRACES.items():
        if stored in reference:
            assert_same(case.series(name), reference[stored].T)
        else:
            assert name not in case.ophys["Fluorescence"].roi_response_series
    for name, series in case.ophys["Fluorescence"].roi_response_series.items():
        if name in {"RoiResponseSeries", *TRACES.values()}:
            assert series.rois.table is case.table()
            np.testing.assert_array_equal(series.rois.data[:], np.arange(case.count))


def test_background(case: Case) -> None:
    reference = case.reference
    footprints = reference.get("b_dense", reference.get("b"))
    if footprints is None or footprints.shape[1] == 0:
        assert "BackgroundPlaneSegmentation" not in case.ophys["ImageSegmentation"].plane_segmentations
        assert "Background" not in case.ophys["Fluorescence"].roi_response_series
        return
    table = case.table("Background")
    assert [str(name) for name in table["roi_name"][:]] == [f"background{k}" for k in range(footprints.shape[1])]
    # What covers more than a third of the frame takes less room as an image.
    dense = bool(np.count_nonzero(footprints) > footprints.size / 3)
    assert ("image_mask" in table.colnames) is dense
    if footprints.shape[1] < 100:
        assert_same(masks_as_columns(table, case.shape), footprints.astype(np.float32))
    else:  # nb = -1: one component per pixel
        rows = case.shape[0]
        for number in (0, 1, 1919):
            (pixel,) = table["pixel_mask"][number]
            assert (pixel["x"], pixel["y"]) == divmod(number, rows)
            assert pixel["weight"] == footprints[number, number]
    assert_same(case.series("Background"), reference["f"].T)
    assert case.ophys["Fluorescence"]["Background"].rois.table is table


def test_discarded_components(case: Case) -> None:
    footprints = case.reference.get("discarded_A_dense")
    if footprints is None or footprints.shape[1] == 0:
        assert "DiscardedPlaneSegmentation" not in case.ophys["ImageSegmentation"].plane_segmentations
        return
    table = case.table("Discarded")
    assert [str(name) for name in table["roi_name"][:]] == [f"discarded{k}" for k in range(footprints.shape[1])]
    assert_same(masks_as_columns(table, case.shape), footprints)
    assert_same(case.series("DiscardedDenoised"), case.reference["discarded_C"].T)
    assert_same(case.series("DiscardedDfOverF"), case.reference["discarded_F_dff"].T)
    with h5py.File(case.caiman_file) as file:
        discarded = file["estimates/discarded_components"]
        assert_same(table["snr"][:], discarded["SNR_comp"][:])
        assert_same(table["baseline"][:], discarded["bl"][:].astype(float))
        raw = discarded["C"][:] + discarded["YrA"][:]
    assert_same(case.series("DiscardedRoiResponseSeries"), raw.T)
    assert "is_accepted" not in table.colnames


def test_images_are_x_y(case: Case) -> None:
    reference = case.reference
    background = reference.get("b_dense", reference.get("b"))
    flat = {name: reference[stored] for stored, name in IMAGES.items() if stored in reference}
    if background is not None and background.shape[1]:
        flat["mean_image"] = background.sum(axis=1)
    expected = {}
    for name, values in flat.items():
        image = values if values.ndim > 1 else values.reshape(case.shape, order="F")
        if image.ndim == 2:
            expected[name] = image.T
        else:
            expected.update({f"plane{z}_{name}": image[:, :, z].T for z in range(image.shape[2])})
    stored = case.ophys["SegmentationImages"].images
    assert set(stored) == set(expected)
    for name, image in expected.items():
        if name.startswith("mean") and background.shape[1] > 100:  # a sum of sparse columns adds in another order
            np.testing.assert_allclose(stored[name].data[:], image, rtol=1e-6)
        else:
            assert_same(stored[name].data[:], image)


def test_the_imaging_plane_has_the_rate_and_pixel_size_of_caiman(case: Case) -> None:
    plane = case.table().imaging_plane
    assert plane.imaging_rate == float(case.reference["fr"])
    np.testing.assert_allclose(plane.grid_spacing, case.reference["dxy"] * 1e-6, rtol=1e-15)
    assert plane.grid_spacing_unit == "meters"
    assert plane.description.startswith("One-photon" if case.name.startswith("sim1p") else "Two-photon")
    for table in case.ophys["ImageSegmentation"].plane_segmentations.values():
        assert table.imaging_plane is plane


# Parameters


def stored_parameters(path: Path) -> dict[str, Any]:
    """Read the group ``params`` with h5py alone, by path."""
    found: dict[str, Any] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, bytes | str):
            text = value.decode() if isinstance(value, bytes) else value
            return None if text == "NoneType" else text
        if isinstance(value, np.ndarray):
            return [plain(item) for item in value.tolist()] if value.dtype.kind in "OS" else value.tolist()
        return value.item() if isinstance(value, np.generic) else value

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = plain(node[()])
        found.update({f"{name}/{attribute}": plain(value) for attribute, value in node.attrs.items()})

    with h5py.File(path) as file:
        file["params"].visititems(visit)
    return found


def test_parameters_come_back_with_their_types(case: Case) -> None:
    parameters = read_parameters(case.ophys["CaimanParameters"])
    analysis = parameters.pop("analysis")
    assert analysis["frame_shape"] == list(case.shape)
    assert analysis["skip_refinement"] is False if "skip_refinement" in analysis else case.name == "sim2p_onacid"
    if "mmap_file" in analysis:
        assert re.fullmatch(r"sim\w+_order_C_frames_\d+\.mmap", analysis["mmap_file"])
    expected = stored_parameters(case.caiman_file)
    read_back = {f"{group}/{name}": value for group, values in parameters.items() for name, value in values.items()}
    assert set(read_back) == set(expected)
    for name, value in expected.items():
        without_folders = json.dumps(value)
        if "/" in without_folders:
            texts = value if isinstance(value, list) else [value]
            shortened = [PurePosixPath(text).name for text in texts]
            without_folders = json.dumps(shortened if isinstance(value, list) else shortened[0])
        assert json.dumps(read_back[name]) == without_folders, name  # JSON tells 1, 1.0 and true apart


def test_the_version_of_caiman_is_written(case: Case) -> None:
    parameters = read_parameters(case.ophys["CaimanParameters"])
    if case.name == "sim2p_ser_v1.4.5":  # before CaImAn saved its version
        assert "caiman_version" not in parameters["data"]
        assert case.table().description.startswith("ROIs found by CaImAn, constrained")
    else:
        version = case.name.rpartition("_v")[2] if "_ser_" in case.name else "1.12.1"
        assert parameters["data"]["caiman_version"] == version
        assert f"CaImAn {version}, " in case.table().description


def test_the_software_is_named_with_versions(converted: Nwb, read: Reader) -> None:
    with read(converted("sim2p_ser_v1.9.10")) as nwbfile:
        software = {str(name): str(number) for name, number in nwbfile.was_generated_by}
    packages = {"caiman-interface": "caiman-interface", "NeuroConv": "neuroconv"}
    assert software == {
        "CaImAn": "1.9.10",
        **{name: version(package) for name, package in packages.items()},
    }


def test_software_that_is_named_already_stays(caiman_files: dict[str, Path]) -> None:
    nwbfile = mock_NWBFile(was_generated_by=[["MATLAB", "R2024a"]])
    for key in ("plane0", "plane1"):
        interface = CaimanSegmentationInterface(caiman_files["sim_sliced_rows"], metadata_key=key)
        interface.add_to_nwbfile(nwbfile)
        interface.segmentation_extractor.results.close()
    names = [name for name, _ in nwbfile.was_generated_by]
    assert names == ["MATLAB", "caiman-interface", "NeuroConv", "CaImAn"]


def test_a_file_is_read_without_a_warning(converted: Nwb) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with NWBHDF5IO(converted("sim2p_full"), "r") as io:
            assert "parameter" in io.read().processing["ophys"]["CaimanParameters"].colnames


@pytest.fixture
def planted(copy_of: Callable[[str], Path]) -> Callable[..., Path]:
    """A function that gives a copy of a real file with other parameters."""

    def plant(name: str, **parameters: Any) -> Path:
        path = copy_of(name)
        with h5py.File(path, "r+") as file:
            for key, value in parameters.items():
                group, parameter = key.split("__", 1)
                target = file[f"params/{group}"]
                if isinstance(value, str):
                    target.attrs[parameter] = value
                else:
                    if parameter in target:
                        del target[parameter]
                    target[parameter] = value
        return path

    return plant


def test_odd_parameters_keep_their_types(
    planted: Callable[..., Path], convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    caiman = planted(
        "sim2p_minimal",
        online__max_comp_update_shape=np.inf,
        online__thresh_fitness_raw=np.nan,
        init__kernel=np.array([[1.5, -np.inf], [np.nan, 0.0]], dtype=np.float32),
        init__flags=np.array([True, False]),
        init__whole=np.int16(-3),
        init__empty=np.zeros((0, 2)),
        spatial__texts=np.array([b"a", b"b"]),
        patch__note="µm – “quoted” \\ and a\nnew line",
    )
    with h5py.File(caiman, "r+") as file:
        del file["params/init/options_local_NMF"]
        file["params/init/options_local_NMF/inner/depth"] = 2.5
        file["params/init/options_local_NMF/none"] = "NoneType"
    with read(convert(caiman, tmp_path / "odd.nwb")) as nwbfile:
        parameters = read_parameters(nwbfile.processing["ophys"]["CaimanParameters"])
    assert parameters["online"]["max_comp_update_shape"] == math.inf
    assert math.isnan(parameters["online"]["thresh_fitness_raw"])
    kernel = parameters["init"]["kernel"]
    assert kernel[0] == [1.5, -math.inf]
    assert math.isnan(kernel[1][0])
    assert kernel[1][1] == 0.0
    assert parameters["init"]["flags"] == [True, False]
    assert type(parameters["init"]["flags"][0]) is bool
    assert parameters["init"]["whole"] == -3
    assert parameters["init"]["empty"] == []
    assert parameters["spatial"]["texts"] == ["a", "b"]
    assert parameters["patch"]["rf"] is None
    assert parameters["init"]["options_local_NMF"] == {"inner": {"depth": 2.5}, "none": None}


# No local folder


def texts_in(path: Path) -> Iterator[str]:
    """Every text in an HDF5 file: names, attributes, datasets."""

    def of(value: Any) -> Iterator[str]:
        for item in np.asarray(value, dtype=object).ravel():
            if isinstance(item, bytes | str):
                yield item.decode() if isinstance(item, bytes) else item

    found: list[str] = []

    def visit(name: str, node: Any) -> None:
        found.append(name)
        for value in node.attrs.values():
            found.extend(of(value))
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "OS" and not node.dtype.metadata.get("ref"):
            found.extend(of(node[()]))

    with h5py.File(path) as file:
        file.visititems(visit)
    yield from found


def test_no_local_folder_is_published(converted_file: Path, converted: Nwb) -> None:
    # Among the texts are the specifications of NWB, which contain other paths.
    leaks = [text for text in texts_in(converted(converted_file.stem)) if re.search(r"/data/lab|/dat/|/scratch/", text)]
    assert leaks == []


def test_no_user_name_is_published(planted: Callable[..., Path], convert: Nwb, read: Reader, tmp_path: Path) -> None:
    caiman = planted(
        "sim2p_minimal",
        data__fnames=np.array(
            [
                b"/home/jane.doe/2019/mouse1.tif",
                rb"C:\Users\jane.doe\movies\mouse2.tif",
                rb"\\server\jane.doe\mouse3.tif",
                b"file:///home/jane.doe/mouse4.tif",
                b"~jane.doe/mouse5.tif",
                b"relative/jane.doe/mouse6.tif",
                b"/home/jane.doe",
                b"/Users/jane.doe/",
                b"/mnt/disk/jane_doe",
                b"mouse7.tif",
            ]
        ),
        motion__note="/home/jane.doe/notes.txt",
        online__movie_name_online="C:/Users/jane.doe/online.avi",
    )
    with h5py.File(caiman, "r+") as file:
        file.attrs["mmap_file"] = "/home/jane.doe/scratch/mouse_d1_60_d2_80.mmap"
    nwb = convert(caiman, tmp_path / "private.nwb")
    assert [text for text in texts_in(nwb) if re.search(r"jane|\bdoe\b", text, re.IGNORECASE)] == []
    with read(nwb) as nwbfile:
        parameters = read_parameters(nwbfile.processing["ophys"]["CaimanParameters"])
    assert parameters["data"]["fnames"] == [
        *(f"mouse{number}.tif" for number in range(1, 7)),
        *["(local folder)"] * 3,
        "mouse7.tif",
    ]
    assert parameters["analysis"]["mmap_file"] == "mouse_d1_60_d2_80.mmap"
    assert parameters["motion"]["note"] == "notes.txt"
    assert parameters["online"]["movie_name_online"] == "online.avi"


@pytest.mark.parametrize(
    ("stored", "published"),
    [
        (b"/data/lab/sessions/movie/sim2p.t", "sim2p.t"),  # the beginning of ".tif"
        (b"/data/experiments/2019/jane.doe/", "(cut off by CaImAn)"),
        (b"/data/experiments/2019/07/jane.d", "(cut off by CaImAn)"),
        (b"/data/experiments/2019/07/jane_d", "(cut off by CaImAn)"),
    ],
)
def test_a_name_that_was_cut_off_is_no_name_of_a_folder(
    planted: Callable[..., Path], convert: Nwb, read: Reader, tmp_path: Path, stored: bytes, published: str
) -> None:
    """Before 1.8 CaImAn cut names to 32 bytes, perhaps in the middle of a folder's."""
    assert len(stored) == 32
    caiman = planted("sim2p_ser_v1.4.5", data__fnames=np.array([stored]))
    with read(convert(caiman, tmp_path / "cut.nwb")) as nwbfile:
        parameters = read_parameters(nwbfile.processing["ophys"]["CaimanParameters"])
    assert parameters["data"]["fnames"] == [published]


# Options


@pytest.fixture
def full(caiman_files: dict[str, Path]) -> Path:
    return caiman_files["sim2p_full"]


def reference_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path.with_name(f"{path.stem}_ref.npz")) as reference:
        return dict(reference)


def assert_rows(ophys: Any, reference: dict[str, np.ndarray], chosen: list[int]) -> None:
    """Rows, masks, traces and metrics all are those of the chosen components, in their order."""
    table = ophys["ImageSegmentation"]["PlaneSegmentation"]
    np.testing.assert_array_equal(table.id[:], chosen)
    assert_same(table["snr"][:], reference["SNR_comp"][chosen])
    assert_same(table["baseline"][:], reference["bl"][chosen].astype(float))
    accepted = np.isin(chosen, reference["idx_components"])
    assert_same(table["is_accepted"][:], accepted)
    np.testing.assert_allclose(table["ROICentroids"][:], reference["com"][chosen][:, [1, 0]], rtol=1e-6)
    parts = (reference[f"A_{part}"] for part in ("data", "indices", "indptr"))
    footprints = sparse.csc_array(tuple(parts), shape=tuple(reference["A_shape"])).toarray()[:, chosen]
    assert_same(masks_as_columns(table, tuple(reference["dims"])), footprints.astype(np.float32))
    for stored, name in TRACES.items():
        assert_same(ophys["Fluorescence"][name].data[:], reference[stored][chosen].T)


def test_accepted_only(full: Path, convert: Nwb, read: Reader, tmp_path: Path) -> None:
    with read(convert(full, tmp_path / "accepted.nwb", accepted_only=True)) as nwbfile:
        ophys = nwbfile.processing["ophys"]
        assert_rows(ophys, reference_of(full), [0, 1, 2, 3, 4, 5, 12])
        assert "Background" in ophys["Fluorescence"].roi_response_series


def test_accepted_only_leaves_discarded_components_out(
    caiman_files: dict[str, Path], convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    nwb = convert(caiman_files["sim2p_selected"], tmp_path / "accepted.nwb", accepted_only=True)
    with read(nwb) as nwbfile:
        tables = nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations
        assert set(tables) == {"PlaneSegmentation", "BackgroundPlaneSegmentation"}
        assert len(tables["PlaneSegmentation"]) == 7


def test_accepted_only_of_a_file_whose_components_were_all_rejected(
    caiman_files: dict[str, Path], convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    nwb = convert(caiman_files["sim2p_all_rejected"], tmp_path / "none.nwb", accepted_only=True)
    with read(nwb) as nwbfile:
        ophys = nwbfile.processing["ophys"]
        assert len(ophys["ImageSegmentation"]["PlaneSegmentation"]) == 0
        assert set(ophys["Fluorescence"].roi_response_series) == {"Background"}


def test_chosen_rois_in_their_order(full: Path, convert: Nwb, read: Reader, tmp_path: Path) -> None:
    with read(convert(full, tmp_path / "chosen.nwb", roi_ids_to_add=[12, 6, 0])) as nwbfile:
        assert_rows(nwbfile.processing["ophys"], reference_of(full), [12, 6, 0])


def test_chosen_background_components(
    caiman_files: dict[str, Path], convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    caiman = caiman_files["sim2p_nb2"]
    with read(convert(caiman, tmp_path / "b1.nwb", roi_ids_to_add=[3, "background1"])) as nwbfile:
        ophys = nwbfile.processing["ophys"]
        assert list(ophys["ImageSegmentation"]["BackgroundPlaneSegmentation"]["roi_name"][:]) == ["background1"]
        assert_same(ophys["Fluorescence"]["Background"].data[:], reference_of(caiman)["f"][[1]].T)
        # The mean image is of the whole background, also if only some of its components are chosen.
        mean = reference_of(caiman)["b"].sum(axis=1).reshape(60, 80, order="F").T
        assert_same(ophys["SegmentationImages"]["mean_image"].data[:], mean)


def test_a_stub_has_the_first_frames_of_every_trace(
    caiman_files: dict[str, Path], convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    caiman = caiman_files["sim2p_selected"]
    reference = reference_of(caiman)
    with read(convert(caiman, tmp_path / "stub.nwb", stub_test=True, stub_samples=7)) as nwbfile:
        series = nwbfile.processing["ophys"]["Fluorescence"].roi_response_series
        assert {one.data.shape[0] for one in series.values()} == {7}
        assert_same(series["DfOverF"].data[:], reference["F_dff"][:, :7].T)
        assert_same(series["DiscardedDenoised"].data[:], reference["discarded_C"][:, :7].T)
        assert_same(series["Background"].data[:], reference["f"][:, :7].T)
        assert len(nwbfile.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]) == 7


def test_what_the_options_switch_off_is_absent(full: Path, convert: Nwb, read: Reader, tmp_path: Path) -> None:
    nwb = convert(
        full,
        tmp_path / "less.nwb",
        include_background_segmentation=False,
        include_roi_centroids=False,
        include_roi_acceptance=False,
        plane_segmentation_name="Cells",
    )
    with read(nwb) as nwbfile:
        ophys = nwbfile.processing["ophys"]
        assert set(ophys["ImageSegmentation"].plane_segmentations) == {"Cells"}
        assert not {"ROICentroids", "is_accepted"} & set(ophys["ImageSegmentation"]["Cells"].colnames)
        assert "Background" not in ophys["Fluorescence"].roi_response_series


def test_a_trace_or_image_whose_entry_is_none_is_left_out(
    full: Path, convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    def leave_out(metadata: Any) -> None:
        metadata["Ophys"]["RoiResponses"]["caiman_segmentation"]["deconvolved"] = None
        metadata["Ophys"]["SegmentationImages"]["caiman_segmentation"]["correlation"] = None

    with read(convert(full, tmp_path / "less.nwb", metadata=leave_out)) as nwbfile:
        ophys = nwbfile.processing["ophys"]
        assert set(ophys["Fluorescence"].roi_response_series) == {
            *("RoiResponseSeries", "DfOverF", "Denoised", "ResidualCorrection", "Background")
        }
        assert set(ophys["SegmentationImages"].images) == {"mean_image", "noise_image"}


@pytest.mark.parametrize(
    ("name", "mask_type", "column", "warned"),
    [
        ("sim2p_full", "pixel", "pixel_mask", False),
        ("sim2p_full", "voxel", "pixel_mask", True),
        ("sim2p_full", "image", "image_mask", False),
        ("sim3d", "voxel", "voxel_mask", False),
        ("sim3d", "pixel", "voxel_mask", True),
        ("sim3d", "image", "image_mask", False),
    ],
)
def test_the_form_of_the_masks(
    caiman_files: dict[str, Path],
    convert: Nwb,
    read: Reader,
    tmp_path: Path,
    name: str,
    mask_type: str,
    column: str,
    warned: bool,
) -> None:
    """A sparse form that the frame does not have is replaced, with a warning, as in NeuroConv."""
    reference = reference_of(caiman_files[name])
    shape = tuple(reference["dims"])
    path = tmp_path / "masks.nwb"
    if warned:
        with pytest.warns(
            UserWarning, match=f"mask_type is '{mask_type}', but the frame .* has {len(shape)} dimensions"
        ):
            convert(caiman_files[name], path, mask_type=mask_type)
    else:
        convert(caiman_files[name], path, mask_type=mask_type)
    parts = (reference[f"A_{part}"] for part in ("data", "indices", "indptr"))
    footprints = sparse.csc_array(tuple(parts), shape=tuple(reference["A_shape"])).toarray().astype(np.float32)
    with read(path) as nwbfile:
        segmentation = nwbfile.processing["ophys"]["ImageSegmentation"]
        # The form that is asked for is that of the background too.
        for table, expected in (
            (segmentation["PlaneSegmentation"], footprints),
            (segmentation["BackgroundPlaneSegmentation"], reference["b"].astype(np.float32)),
        ):
            assert {"image_mask", "pixel_mask", "voxel_mask"} & set(table.colnames) == {column}
            assert_same(masks_as_columns(table, shape), expected)
        if column == "image_mask":
            x_first = (shape[1], shape[0], *shape[2:])
            assert segmentation["PlaneSegmentation"]["image_mask"].data.shape == (footprints.shape[1], *x_first)


# What no real file here holds


def test_everything_that_caiman_can_save(everything: Path, convert: Nwb, read: Reader, tmp_path: Path) -> None:
    with h5py.File(everything) as file:
        estimates = file["estimates"]
        stored = {name: estimates[name][:] for name in ("ecc", "b0", "shifts", "F_dff_dec", "S_dff")}
        added = file["time_neuron_added"][:, 1]
        parts = (estimates[f"W/{name}"][:] for name in ("data", "indices", "indptr"))
        ring = sparse.csc_array(tuple(parts), shape=(40, 40))
    with read(convert(everything, tmp_path / "everything.nwb", include_ring_model=True)) as nwbfile:
        ophys = nwbfile.processing["ophys"]
        table = ophys["ImageSegmentation"]["PlaneSegmentation"]
        assert_same(table["eccentricity"][:], stored["ecc"])
        assert_same(table["frame_added"][:], added)
        assert_same(ophys["Fluorescence"]["DfOverFDenoised"].data[:], stored["F_dff_dec"].T)
        assert_same(ophys["Fluorescence"]["DfOverFDeconvolved"].data[:], stored["S_dff"].T)
        baseline = stored["b0"].reshape(60, 80, order="F").T
        assert_same(ophys["SegmentationImages"]["baseline_image"].data[:], baseline)
        assert_same(ophys["MotionCorrectionShifts"].data[:], stored["shifts"])
        assert ophys["MotionCorrectionShifts"].rate == 15.49
        model = ophys["CaimanRingModel"]
        rebuilt = np.zeros((40, 40))
        rebuilt[model["pixel"][:], model["ring_pixel"][:]] = model["weight"][:]
        assert_same(rebuilt, ring.toarray())
        assert "40 by 40 pixels" in model.description


def test_online_analysis_of_a_shrunk_movie(
    shrunk_online_file: Path, convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    nwb = convert(shrunk_online_file, tmp_path / "shrunk.nwb")
    with h5py.File(shrunk_online_file) as file, read(nwb) as nwbfile:
        images = nwbfile.processing["ophys"]["SegmentationImages"]
        assert_same(images["noise_image"].data[:], file["estimates/sn"][:].reshape(36, 44, order="F").T)
        assert images["noise_image"].description.endswith("as OnACID shrank it (ds_factor): its pixels are larger.")
        assert images["baseline_image"].data.shape == images["mean_image"].data.shape == (88, 72)
        assert "shrank" not in images["baseline_image"].description
    assert verify(shrunk_online_file, nwb).ok


def test_components_set_aside_before_the_frame_was_enlarged(
    shrunk_online_file: Path, convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    with h5py.File(shrunk_online_file, "r+") as file:
        aside = file["estimates/discarded_components"]
        del aside["A"], aside["C"]
        aside["A"] = np.ones((36 * 44, 2))
        aside["C"] = np.ones((2, 200))
    nwb = convert(shrunk_online_file, tmp_path / "shrunk.nwb")
    with read(nwb) as nwbfile:
        tables = nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations
        assert set(tables) == {"PlaneSegmentation", "BackgroundPlaneSegmentation"}
    report = verify(shrunk_online_file, nwb)
    assert report.ok
    left_out = {path: finding.detail for finding in report.not_stored for path in finding.caiman}
    for name, reason in {"A": "covers 1584 pixels", "C": "as OnACID shrank it"}.items():
        assert reason in left_out[f"estimates/discarded_components/{name}"]


def test_hand_picked_components_are_stale_after_a_selection(
    copy_of: Callable[[str], Path], convert: Nwb, read: Reader, tmp_path: Path
) -> None:
    """select_components fits neither the lists nor the deconvolved dF/F to the components that remain."""
    caiman = copy_of("sim2p_selected")
    with h5py.File(caiman, "r+") as file:
        file["estimates/accepted_list"] = np.array([0, 5])
        file["estimates/F_dff_dec"] = np.zeros((13, 600))
    with read(convert(caiman, tmp_path / "selected.nwb")) as nwbfile:
        ophys = nwbfile.processing["ophys"]
        assert "manually_accepted" not in ophys["ImageSegmentation"]["PlaneSegmentation"].colnames
        assert "DfOverFDenoised" not in ophys["Fluorescence"].roi_response_series


def test_a_plane_that_another_interface_added_gets_what_it_lacks(full: Path) -> None:
    """The raw movie's interface describes the plane; CaImAn's file knows the rate and the distance of pixels."""
    from datetime import datetime, timezone

    from pynwb.ophys import OpticalChannel

    nwbfile = NWBFile(
        session_description="A session.", identifier="id", session_start_time=datetime(2024, 5, 2, tzinfo=timezone.utc)
    )
    channel = OpticalChannel(name="Green", description="Emission.", emission_lambda=510.0)
    plane = nwbfile.create_imaging_plane(
        name="Cortex",
        optical_channel=channel,
        device=nwbfile.create_device(name="Microscope", description="A microscope."),
        description="The movie's plane.",
        excitation_lambda=920.0,
        indicator="GCaMP6s",
        location="VISp",
        imaging_rate=15.0,
    )
    interface = CaimanSegmentationInterface(full)
    metadata = interface.get_metadata(use_new_metadata_format=True)
    metadata["Ophys"]["ImagingPlanes"] = {"movie": {"name": "Cortex"}}
    metadata["Ophys"]["PlaneSegmentations"]["caiman_segmentation"]["imaging_plane_metadata_key"] = "movie"
    interface.add_to_nwbfile(nwbfile, metadata)
    interface.segmentation_extractor.results.close()
    assert list(nwbfile.imaging_planes) == ["Cortex"]
    assert plane.imaging_rate == 15.0
    assert list(plane.grid_spacing) == [1.2e-6, 1.5e-6]
    tables = nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations.values()
    assert all(table.imaging_plane is plane for table in tables)
