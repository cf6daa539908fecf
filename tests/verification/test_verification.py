"""`verify` proves that an NWB file holds a CaImAn file, and finds every bit that it does not."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from pynwb import NWBHDF5IO, NWBFile

from caiman_interface import CaimanFileError, CaimanSegmentationInterface, verify
from caiman_interface.verification.comparison import difference
from caiman_interface.verification.inventory import UNKNOWN
from caiman_interface.verification.verify import VerificationReport

OPHYS = "processing/ophys"
START = datetime(2024, 5, 2, tzinfo=timezone.utc)
Nwb = Callable[..., Path]


def places(report: VerificationReport, outcome: str) -> set[str]:
    return {finding.nwb for finding in getattr(report, outcome)}


def details(report: VerificationReport, outcome: str) -> dict[str, str]:
    return {finding.nwb: finding.detail for finding in getattr(report, outcome)}


# Every real file


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_nothing_of_a_real_file_is_lost(converted_file: Path, backend: str, converted: Nwb) -> None:
    report = verify(converted_file, converted(converted_file.stem, backend))
    assert report.ok, str(report)
    assert report.extra == []
    told = {
        path for outcome in ("equal", "not_stored") for finding in getattr(report, outcome) for path in finding.caiman
    }
    assert members_with_values(converted_file) - told == set()
    assert all(finding.detail not in {"", UNKNOWN} for finding in report.not_stored)


def members_with_values(path: Path) -> set[str]:
    """All that is neither None nor empty; of a sparse matrix its group."""
    found = set()

    def visit(name: str, node: Any) -> None:
        found.update(f"{name}/{attribute}" for attribute in node.attrs)
        if isinstance(node, h5py.Dataset):
            in_matrix = "indptr" in node.parent
            has_values = node.parent["data"].size if in_matrix else node.size
            is_none = node.shape == () and node[()] == b"NoneType"
            if has_values and not is_none:
                found.add(node.parent.name.strip("/") if in_matrix else name)

    with h5py.File(path) as file:
        found.update(file.attrs)
        file.visititems(visit)
    return found


def test_everything_that_caiman_can_save_is_verified(everything: Path, everything_nwb: Path) -> None:
    report = verify(everything, everything_nwb)
    assert report.ok, str(report)
    told = {path for finding in report.equal for path in finding.caiman}
    assert {f"estimates/{name}" for name in ("W", "shifts", "F_dff_dec", "S_dff", "ecc", "b0")} <= told
    assert "time_neuron_added" in told
    assert {path for finding in report.not_stored for path in finding.caiman} >= {"t_online", "estimates/center"}


@pytest.fixture(scope="module")
def everything_nwb(everything: Path, convert: Nwb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(everything, tmp_path_factory.mktemp("nwb") / "everything.nwb", include_ring_model=True)


# Planted differences


def flip_one_bit(dataset: h5py.Dataset | zarr.Array, field: str = "weight") -> None:
    """Change the lowest bit of one value in the middle, or one bit of one letter."""
    values = dataset[...]
    part = values[field] if values.dtype.names else values
    place = np.unravel_index(part.size // 2, part.shape)
    if part.dtype.kind == "f":
        bits = part[place].view(f"u{part.dtype.itemsize}")
        part[place] = (bits ^ bits.dtype.type(1)).view(part.dtype)
    elif part.dtype.kind == "O":
        text = part[place].decode() if isinstance(part[place], bytes) else part[place]
        part[place] = text[:-1] + chr(ord(text[-1]) ^ 1)
    else:
        part[place] = part[place] ^ part.dtype.type(1)
    dataset[...] = values


def values_in(file: h5py.File) -> list[str]:
    """Every dataset of values in the ophys module, but those that say which row is which."""
    found: list[str] = []
    file[OPHYS].visititems(lambda name, node: found.append(name) if isinstance(node, h5py.Dataset) else None)
    others = ("_index", "/id", "/rois", "/starting_time", "CaimanParameters/group", "CaimanParameters/parameter")
    return [name for name in found if not name.endswith(others)]


def test_one_bit_is_found_in_every_trace_mask_column_image_and_parameter(
    everything: Path, everything_nwb: Path, tmp_path: Path
) -> None:
    nwb = Path(shutil.copyfile(everything_nwb, tmp_path / "flipped.nwb"))
    with h5py.File(nwb, "r+") as file:
        names = values_in(file)
        parameter = len(file[f"{OPHYS}/CaimanParameters/value"]) // 2
        changed = "/".join(
            file[f"{OPHYS}/CaimanParameters/{part}"].asstr()[parameter] for part in ("group", "parameter")
        )
        for name in names:
            flip_one_bit(file[f"{OPHYS}/{name}"])
    expected = {
        name.removesuffix("/data").replace("CaimanParameters/value", f"CaimanParameters/{changed}") for name in names
    }
    assert len(expected) == 51
    report = verify(everything, nwb)
    assert not report.ok
    assert report.missing == report.extra == []
    assert places(report, "different") == expected
    for place, detail in details(report, "different").items():
        assert detail.startswith(("1 of ", "weight of 1 of ")) or place == f"CaimanParameters/{changed}"


@pytest.mark.parametrize(
    ("dataset", "place"),
    [
        ("ImageSegmentation/PlaneSegmentation/id", "ImageSegmentation/PlaneSegmentation/id"),
        ("ImageSegmentation/PlaneSegmentation/pixel_mask_index", "ImageSegmentation/PlaneSegmentation/pixel_mask"),
        ("Fluorescence/Denoised/rois", "Fluorescence/Denoised"),
        ("CaimanParameters/group", None),
        ("CaimanParameters/parameter", None),
    ],
)
def test_one_bit_is_found_in_what_says_which_row_is_which(
    caiman_files: dict[str, Path], copy_nwb: Nwb, dataset: str, place: str | None
) -> None:
    nwb = copy_nwb("sim2p_full")
    with h5py.File(nwb, "r+") as file:
        flip_one_bit(file[f"{OPHYS}/{dataset}"])
    report = verify(caiman_files["sim2p_full"], nwb)
    if place is None:  # a parameter under another name: one is missing, and one CaImAn does not have
        assert len(report.missing) == len(report.different) == 1
        assert report.different[0].detail == "the CaImAn file has no such values"
    else:
        assert place in places(report, "different")


@pytest.mark.parametrize("field", ["x", "y", "weight"])
def test_one_bit_is_found_in_each_field_of_a_mask(caiman_files: dict[str, Path], copy_nwb: Nwb, field: str) -> None:
    nwb = copy_nwb("sim2p_full")
    with h5py.File(nwb, "r+") as file:
        flip_one_bit(file[f"{OPHYS}/ImageSegmentation/PlaneSegmentation/pixel_mask"], field)
    (found,) = verify(caiman_files["sim2p_full"], nwb).different
    assert found.detail.startswith(f"{field} of 1 of 2995 values, the first at pixel 1497: ")


def test_the_imaging_plane_and_the_rate_are_compared(caiman_files: dict[str, Path], copy_nwb: Nwb) -> None:
    nwb = copy_nwb("sim2p_full")
    with h5py.File(nwb, "r+") as file:
        plane = file["general/optophysiology/ImagingPlane"]
        plane["imaging_rate"][()] = np.nextafter(15.49, 20)
        plane["grid_spacing"][1] = 1.2e-6
        file[f"{OPHYS}/Fluorescence/Denoised/starting_time"].attrs["rate"] = 15.5
    report = verify(caiman_files["sim2p_full"], nwb)
    assert details(report, "different") == {
        "Fluorescence/Denoised/rate": "15.49 from CaImAn, 15.5 in the NWB file",
        "ImagingPlane/imaging_rate": "15.49 from CaImAn, 15.490000000000002 in the NWB file",
        "ImagingPlane/grid_spacing": "(1.2e-06, 1.5e-06) from CaImAn, [1.2e-06, 1.2e-06] in the NWB file",
    }
    assert report.missing == []


def test_one_bit_is_found_in_zarr(caiman_files: dict[str, Path], copy_nwb: Nwb) -> None:
    nwb = copy_nwb("sim2p_full", "zarr")
    ophys = zarr.open(str(nwb), "r+")[OPHYS]
    flip_one_bit(ophys["Fluorescence/RoiResponseSeries/data"])
    flip_one_bit(ophys["ImageSegmentation/BackgroundPlaneSegmentation/image_mask"])
    flip_one_bit(ophys["ImageSegmentation/PlaneSegmentation/pixel_mask"])
    flip_one_bit(ophys["SegmentationImages/correlation_image"])
    assert places(verify(caiman_files["sim2p_full"], nwb), "different") == {
        "Fluorescence/RoiResponseSeries",
        "ImageSegmentation/BackgroundPlaneSegmentation/image_mask",
        "ImageSegmentation/PlaneSegmentation/pixel_mask",
        "SegmentationImages/correlation_image",
    }


def test_a_difference_says_where_it_is_and_shows_both_values(caiman_files: dict[str, Path], copy_nwb: Nwb) -> None:
    nwb = copy_nwb("sim2p_full")
    with h5py.File(nwb, "r+") as file:
        trace = file[f"{OPHYS}/Fluorescence/Denoised/data"]
        trace[7, 3], trace[9, 4] = 1.25, np.nan
    with h5py.File(caiman_files["sim2p_full"]) as file:
        original = file["estimates/C"][3, 7]
    report = verify(caiman_files["sim2p_full"], nwb)
    (found,) = report.different
    assert found.caiman == ("estimates/C",)
    assert found.detail == (
        f"2 of 7800 values, the first at frame 7, ROI 3: {float(original)!r} in CaImAn, 1.25 in the NWB file"
    )
    assert "Different in the NWB file:\n  estimates/C = Fluorescence/Denoised: 2 of 7800 values" in str(report)
    assert "The NWB file does not equal the CaImAn file: 31 equal, 1 different, 0 missing." in str(report)


# Missing, and more than CaImAn has


def test_what_was_deleted_is_missing(caiman_files: dict[str, Path], copy_nwb: Nwb) -> None:
    nwb = copy_nwb("sim2p_full")
    with h5py.File(nwb, "r+") as file:
        ophys = file[OPHYS]
        del ophys["Fluorescence/DfOverF"]
        del ophys["Fluorescence/Background"]
        del ophys["ImageSegmentation/BackgroundPlaneSegmentation"]
        del ophys["SegmentationImages/noise_image"]
        del ophys["CaimanParameters"]
        table = ophys["ImageSegmentation/PlaneSegmentation"]
        del table["snr"]
        table.attrs["colnames"] = [name for name in table.attrs["colnames"] if name != "snr"]
        plane = file["general/optophysiology/ImagingPlane"]
        del plane["imaging_rate"]
        del plane["grid_spacing"]
    report = verify(caiman_files["sim2p_full"], nwb)
    assert report.different == report.extra == []
    assert places(report, "missing") == {
        "Fluorescence/DfOverF",
        "Fluorescence/Background",
        "ImageSegmentation/BackgroundPlaneSegmentation",
        "ImageSegmentation/PlaneSegmentation/snr",
        "SegmentationImages/noise_image",
        "CaimanParameters",
        "ImagingPlane/imaging_rate",
        "ImagingPlane/grid_spacing",
    }


def test_all_is_missing_from_a_file_without_the_analysis(caiman_files: dict[str, Path], tmp_path: Path) -> None:
    nwb = tmp_path / "empty.nwb"
    nwbfile = NWBFile(session_description="A session.", identifier="id", session_start_time=START)
    with NWBHDF5IO(nwb, "w") as io:
        io.write(nwbfile)
    report = verify(caiman_files["sim2p_selected"], nwb)
    assert report.equal == report.different == []
    assert places(report, "missing") >= {
        "ImageSegmentation/PlaneSegmentation",
        "ImageSegmentation/PlaneSegmentation/snr",
        "ImageSegmentation/DiscardedPlaneSegmentation",
        "Fluorescence/DiscardedDeconvolved",
        "Fluorescence/Background",
        "SegmentationImages/correlation_image",
        "CaimanParameters",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"accepted_only": True},
            {"ImageSegmentation/PlaneSegmentation": "components 6, 7, 8, 9, 10, 11, with all that belongs to them"},
        ),
        (
            {"roi_ids_to_add": [12, 3]},
            {
                "ImageSegmentation/PlaneSegmentation": "components 0, 1, 2, 4, 5, 6, 7, 8, … (11 in all), with "
                "all that belongs to them"
            },
        ),
        (
            {"include_background_segmentation": False},
            {
                "ImageSegmentation/BackgroundPlaneSegmentation": "the whole table",
                "Fluorescence/Background": "",
            },
        ),
        ({"include_roi_centroids": False}, {"ImageSegmentation/PlaneSegmentation/ROICentroids": ""}),
        ({"include_roi_acceptance": False}, {"ImageSegmentation/PlaneSegmentation/is_accepted": ""}),
        (
            {"stub_test": True},
            {
                f"Fluorescence/{name}": "frames 100 to 599"
                for name in ("RoiResponseSeries", "DfOverF", "Denoised", "Deconvolved", "Background")
            },
        ),
        ({"mask_type": "image"}, {}),
        ({"plane_segmentation_name": "Cells"}, {}),
    ],
    ids=lambda value: next(iter(value)) if value and isinstance(value, dict) else None,
)
def test_what_the_options_leave_out_is_missing_and_the_rest_equal(
    caiman_files: dict[str, Path], convert: Nwb, tmp_path: Path, options: dict[str, Any], expected: dict[str, str]
) -> None:
    nwb = convert(caiman_files["sim2p_full"], tmp_path / "partial.nwb", **options)
    report = verify(caiman_files["sim2p_full"], nwb)
    assert details(report, "missing") == expected
    assert report.different == report.extra == []
    assert report.ok is (not expected)


def test_discarded_components_that_were_left_out_are_missing(
    caiman_files: dict[str, Path], convert: Nwb, tmp_path: Path
) -> None:
    nwb = convert(caiman_files["sim2p_selected"], tmp_path / "partial.nwb", include_discarded_components=False)
    report = verify(caiman_files["sim2p_selected"], nwb)
    assert report.different == []
    assert all("Discarded" in place for place in places(report, "missing"))
    assert details(report, "missing")["ImageSegmentation/DiscardedPlaneSegmentation"] == "the whole table"


def test_the_ring_model_is_not_stored_unless_it_is_asked_for(caiman_files: dict[str, Path], converted: Nwb) -> None:
    report = verify(caiman_files["sim1p_cnmfe"], converted("sim1p_cnmfe"))
    (ring,) = [finding for finding in report.not_stored if finding.caiman == ("estimates/W",)]
    assert "include_ring_model" in ring.detail


def test_names_of_the_users_own_are_found_by_their_descriptions(
    caiman_files: dict[str, Path], convert: Nwb, tmp_path: Path
) -> None:
    def rename(metadata: Any) -> None:
        ophys = metadata["Ophys"]
        ophys["PlaneSegmentations"]["caiman_segmentation"]["name"] = "Cells"
        ophys["RoiResponses"]["caiman_segmentation"]["denoised"]["name"] = "Calcium"
        ophys["SegmentationImages"]["caiman_segmentation"]["noise"]["name"] = "Noise"
        ophys["ImagingPlanes"]["caiman_segmentation"]["name"] = "Cortex"

    report = verify(
        caiman_files["sim2p_full"], convert(caiman_files["sim2p_full"], tmp_path / "named.nwb", metadata=rename)
    )
    assert report.ok, str(report)
    assert {"Fluorescence/Calcium", "SegmentationImages/Noise", "Cortex/imaging_rate"} <= places(report, "equal")


def test_columns_of_the_users_own_are_extra_and_caimans_own_names_are_not(
    caiman_files: dict[str, Path], tmp_path: Path
) -> None:
    """sim2p_minimal was not evaluated: an snr in its NWB file is not CaImAn's."""
    interface = CaimanSegmentationInterface(caiman_files["sim2p_minimal"])
    extractor = interface.segmentation_extractor
    ids = extractor.get_roi_ids()
    extractor.set_property("depth", np.arange(len(ids), dtype=float), ids, description="Depth in metres.")
    extractor.set_property("snr", np.ones(len(ids)), ids, description="Signal to noise.")
    metadata = interface.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    nwb = tmp_path / "more.nwb"
    interface.run_conversion(nwbfile_path=nwb, metadata=metadata)
    extractor.results.close()
    report = verify(caiman_files["sim2p_minimal"], nwb)
    assert places(report, "extra") == {"ImageSegmentation/PlaneSegmentation/depth"}
    assert details(report, "different") == {
        "ImageSegmentation/PlaneSegmentation/snr": "the CaImAn file has no such values"
    }


def test_times_of_the_experimenters_are_extra(caiman_files: dict[str, Path], tmp_path: Path) -> None:
    interface = CaimanSegmentationInterface(caiman_files["sim2p_minimal"])
    times = np.cumsum(np.random.default_rng(1).uniform(0.05, 0.08, 600))
    interface.set_aligned_timestamps(times)
    metadata = interface.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    nwb = tmp_path / "aligned.nwb"
    interface.run_conversion(nwbfile_path=nwb, metadata=metadata)
    interface.segmentation_extractor.results.close()
    report = verify(caiman_files["sim2p_minimal"], nwb)
    assert report.ok, str(report)
    names = ("RoiResponseSeries", "Denoised", "Deconvolved", "Background")
    assert places(report, "extra") == {f"Fluorescence/{name}/timestamps" for name in names}


def test_a_file_without_rate_and_distance_of_pixels(copy_of: Callable[[str], Path], tmp_path: Path) -> None:
    """What CaImAn was not told is not missing; a rate that the times give is the experimenter's."""
    caiman, nwb = copy_of("sim2p_minimal"), tmp_path / "untold.nwb"
    with h5py.File(caiman, "r+") as file:
        del file["params/data/fr"]
        del file["params/data/dxy"]
    interface = CaimanSegmentationInterface(caiman)
    interface.set_aligned_timestamps(np.arange(600) / 20)
    metadata = interface.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    interface.run_conversion(nwbfile_path=nwb, metadata=metadata)
    interface.segmentation_extractor.results.close()
    report = verify(caiman, nwb)
    assert report.ok, str(report)
    names = ("RoiResponseSeries", "Denoised", "Deconvolved", "Background")
    assert places(report, "extra") == {f"Fluorescence/{name}/rate" for name in names}


@pytest.mark.parametrize(("name", "value"), [("dxy", np.ones(14)), ("dxy", np.zeros(2)), ("fr", "fast")])
def test_an_impossible_parameter_is_written_as_it_is_and_not_used(
    copy_of: Callable[[str], Path], tmp_path: Path, name: str, value: Any
) -> None:
    caiman, nwb = copy_of("sim_sliced_rows"), tmp_path / "impossible.nwb"
    with h5py.File(caiman, "r+") as file:
        del file[f"params/data/{name}"]
        file[f"params/data/{name}"] = value
    interface = CaimanSegmentationInterface(caiman, sampling_frequency=20.0)
    metadata = interface.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    interface.run_conversion(nwbfile_path=nwb, metadata=metadata)
    results = interface.segmentation_extractor.results
    assert f"params/data/{name}" in {omission.field for omission in results.omissions}
    assert getattr(results.parameters.data, name) is None
    results.close()
    report = verify(caiman, nwb)
    assert report.ok, str(report)


# Several analyses in one file


@pytest.mark.filterwarnings("ignore:An attribute 'name' already exists")  # NeuroConv reads the file to append to
def test_several_analyses_in_one_file_are_distinguished_by_their_keys(
    caiman_files: dict[str, Path], convert: Nwb, tmp_path: Path
) -> None:
    nwb = convert(caiman_files["sim2p_full"], tmp_path / "two.nwb")
    second = CaimanSegmentationInterface(caiman_files["sim2p_minimal"], metadata_key="plane1")
    second.run_conversion(nwbfile_path=nwb, append_on_disk_nwbfile=True, overwrite=False)
    second.segmentation_extractor.results.close()
    assert verify(caiman_files["sim2p_full"], nwb, metadata_key="caiman_segmentation").ok
    assert verify(caiman_files["sim2p_minimal"], nwb, metadata_key="plane1").ok
    assert not verify(caiman_files["sim2p_minimal"], nwb, metadata_key="caiman_segmentation").ok
    with pytest.raises(ValueError, match=r"contains 2 CaImAn analyses.*metadata_key.*caiman_segmentation, plane1"):
        verify(caiman_files["sim2p_full"], nwb)
    with pytest.raises(
        ValueError, match=r"no CaImAn analysis with the metadata_key 'plane2'.*caiman_segmentation, plane1"
    ):
        verify(caiman_files["sim2p_full"], nwb, metadata_key="plane2")


def test_the_only_analysis_is_found_without_its_key(
    caiman_files: dict[str, Path], convert: Nwb, tmp_path: Path
) -> None:
    nwb = convert(caiman_files["sim2p_minimal"], tmp_path / "one.nwb", metadata_key="plane0")
    assert verify(caiman_files["sim2p_minimal"], nwb).ok
    assert verify(caiman_files["sim2p_minimal"], nwb, metadata_key="plane0").ok


# The report, and wrong files


def test_a_report_travels_as_json_and_pickle(caiman_files: dict[str, Path], converted: Nwb) -> None:
    report = verify(caiman_files["sim2p_full"], converted("sim2p_full"))
    assert pickle.loads(pickle.dumps(report)) == report
    as_json = json.loads(report.model_dump_json())
    assert as_json["ok"] is True
    assert as_json["nwb_file"] == str(converted("sim2p_full"))
    assert VerificationReport.model_validate(as_json) == report


def test_wrong_files_are_refused(caiman_files: dict[str, Path], converted: Nwb, tmp_path: Path) -> None:
    caiman, nwb = caiman_files["sim2p_full"], converted("sim2p_full")
    folder, text = tmp_path / "folder", tmp_path / "notes.txt"
    folder.mkdir()
    text.write_text("no data")
    for wrong in (caiman, folder, text):
        with pytest.raises(ValueError, match="is not an NWB file: it has no nwb_version"):
            verify(caiman, wrong)
    with pytest.raises(FileNotFoundError, match=r"absent\.nwb"):
        verify(caiman, tmp_path / "absent.nwb")
    with pytest.raises(CaimanFileError, match="this is already an NWB file"):
        verify(nwb, nwb)


# The comparison of arrays


def test_zeros_of_either_sign_differ_and_nan_equals_nan() -> None:
    values = np.array([0.0, 1.0, np.nan])
    assert difference(values, values.copy(), ("row",)) is None
    assert difference(values, np.array([0.0, 1.0, -np.nan]), ("row",)) is None
    assert difference(values, np.array([-0.0, 1.0, np.nan]), ("row",)) == (
        "1 of 3 values, the first at row 0: 0.0 in CaImAn, -0.0 in the NWB file"
    )


def test_types_and_shapes_differ_but_not_the_order_of_bytes() -> None:
    values = np.arange(3.0)
    assert difference(values, values.astype(">f8"), ("row",)) is None
    assert difference(values, values.astype("f4"), ("row",)) == "type float64 in CaImAn, float32 in the NWB file"
    assert difference(values, values[:2], ("row",)) == "shape (3,) in CaImAn, (2,) in the NWB file"


def test_a_large_trace_is_compared_in_blocks_of_whole_chunks() -> None:
    class Recorder:
        """Four gigabytes of ones that take no room."""

        shape, chunks, dtype = (1_000_000, 500), (5455, 91), np.dtype("f8")
        largest = 0

        def __getitem__(self, block: tuple[slice, ...]) -> np.ndarray:
            assert all(axis.start % step == 0 for axis, step in zip(block, self.chunks, strict=True))
            lengths = tuple(axis.stop - axis.start for axis in block)
            self.largest = max(self.largest, 8 * int(np.prod(lengths)))
            return np.broadcast_to(np.float32(1), lengths)

    stored = Recorder()
    stored.shape = (60_000, 500)
    ones = np.broadcast_to(np.float64(1), stored.shape)
    assert difference(ones, stored, ("frame", "ROI")) is None
    assert 2**20 < stored.largest <= 16 * 2**20


def test_a_group_in_the_place_of_a_parameter_is_compared(
    copy_of: Callable[[str], Path], convert: Callable[..., Path], tmp_path: Path
) -> None:
    """It cannot be used as a parameter, and is written as it is."""
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        del file["params/data/dxy"]
        for name, value in {"data": [1.0], "indices": [3], "indptr": [0, 1], "shape": [5, 1]}.items():
            file[f"params/data/dxy/{name}"] = value
    nwb = convert(path, tmp_path / "group.nwb")
    report = verify(path, nwb)
    assert report.ok, str(report)
    with h5py.File(path, "r+") as file:
        file["params/data/dxy/data"][0] = 2.0
    assert {item.nwb for item in verify(path, nwb).different} == {"CaimanParameters/data/dxy/data"}
