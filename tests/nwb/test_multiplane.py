"""Several CaImAn files of one recording, one a plane, in one NWB file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from neuroconv import ConverterPipe
from pynwb import NWBFile

from caiman_interface import CaimanSegmentationInterface, FastNWBConverter, verify
from caiman_interface.metadata.vocabulary import name_ending

FULL = ("RoiResponseSeries", "DfOverF", "Denoised", "Deconvolved", "ResidualCorrection", "Background")
START = datetime(2024, 5, 2, 10, 30, tzinfo=timezone.utc)
Reader = Callable[[Path], Any]


def interface_of(path: Path, key: str | None) -> CaimanSegmentationInterface:
    return CaimanSegmentationInterface(path, metadata_key=key)


def convert_together(files: dict[str | None, Path], nwb: Path, origins: dict[str, list[float]] | None = None) -> Path:
    """Convert several files as one session, each under its key, with no metadata but the start and the origins."""
    interfaces = {str(key): interface_of(path, key) for key, path in files.items()}
    converter = ConverterPipe(data_interfaces=interfaces)
    metadata = converter.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    ophys = metadata["Ophys"]  # planes by key, or in NeuroConv 0.9 in a list
    planes = ophys.get("ImagingPlanes") or {plane["name"].rpartition("_")[2]: plane for plane in ophys["ImagingPlane"]}
    for key, origin in (origins or {}).items():
        planes[key]["origin_coords"] = origin
    converter.run_conversion(nwbfile_path=nwb, metadata=metadata)
    for interface in interfaces.values():
        interface.segmentation_extractor.results.close()
    return nwb


def names_in(nwbfile: NWBFile) -> dict[str, set[str]]:
    ophys = nwbfile.processing["ophys"]
    return {name: {child.name for child in ophys[name].children} for name in ophys.data_interfaces}


def test_names_that_the_metadata_does_not_state_are_derived_from_the_key(
    caiman_files: dict[str, Path], read: Reader, tmp_path: Path
) -> None:
    files = {"plane0": caiman_files["sim2p_full"], "plane1": caiman_files["sim2p_minimal"]}
    nwb = convert_together(files, tmp_path / "planes.nwb")
    with read(nwb) as nwbfile:
        names = names_in(nwbfile)
        assert names["ImageSegmentation"] == {
            *("PlaneSegmentation_plane0", "BackgroundPlaneSegmentation_plane0"),
            *("PlaneSegmentation_plane1", "BackgroundPlaneSegmentation_plane1"),
        }
        assert names["Fluorescence"] == {
            *(f"{name}_plane0" for name in FULL),
            *(f"{name}_plane1" for name in FULL if name != "DfOverF"),
        }
        assert names["SegmentationImages"] == {
            *("correlation_image_plane0", "mean_image_plane0", "noise_image_plane0"),
            *("mean_image_plane1", "noise_image_plane1"),
        }
        assert {"CaimanParameters_plane0", "CaimanParameters_plane1"} <= set(names)
        assert set(nwbfile.imaging_planes) == {"ImagingPlane_plane0", "ImagingPlane_plane1"}
        for key in files:
            segmentation = nwbfile.processing["ophys"]["ImageSegmentation"]
            for start in ("", "Background"):
                table = segmentation[f"{start}PlaneSegmentation_{key}"]
                assert table.imaging_plane is nwbfile.imaging_planes[f"ImagingPlane_{key}"]
            series = nwbfile.processing["ophys"]["Fluorescence"][f"Denoised_{key}"]
            assert series.rois.table is segmentation[f"PlaneSegmentation_{key}"]
    for key, path in files.items():
        assert verify(path, nwb, metadata_key=key).ok


def test_each_plane_has_the_origin_in_its_metadata(caiman_files: dict[str, Path], read: Reader, tmp_path: Path) -> None:
    files = {f"plane{number}": caiman_files[name] for number, name in enumerate(("sim2p_full", "sim2p_minimal"))}
    origins = {"plane0": [0.0, 0.0, 1.0e-4], "plane1": [0.0, 0.0, 1.3e-4]}
    with read(convert_together(files, tmp_path / "depths.nwb", origins)) as nwbfile:
        for key, origin in origins.items():
            plane = nwbfile.imaging_planes[f"ImagingPlane_{key}"]
            np.testing.assert_array_equal(plane.origin_coords[:], origin)
            np.testing.assert_array_equal(plane.grid_spacing[:], [1.2e-6, 1.5e-6])


def test_the_default_key_keeps_the_plain_names(caiman_files: dict[str, Path], read: Reader, tmp_path: Path) -> None:
    files = {None: caiman_files["sim2p_minimal"], "deep": caiman_files["sim2p_selected"]}
    nwb = convert_together(files, tmp_path / "mixed.nwb")
    with read(nwb) as nwbfile:
        names = names_in(nwbfile)
        assert {"PlaneSegmentation", "PlaneSegmentation_deep", "DiscardedPlaneSegmentation_deep"} <= names[
            "ImageSegmentation"
        ]
        assert {"Denoised", "Denoised_deep", "DiscardedDenoised_deep"} <= names["Fluorescence"]
        assert set(nwbfile.imaging_planes) == {"ImagingPlane", "ImagingPlane_deep"}
    assert verify(caiman_files["sim2p_minimal"], nwb, metadata_key="caiman_segmentation").ok
    assert verify(caiman_files["sim2p_selected"], nwb, metadata_key="deep").ok


@pytest.mark.parametrize("key", ["area/V1: layer 2", "Ebene µ", "2", "plane-0.5"])
def test_any_key_gives_names_that_a_file_can_hold(
    caiman_files: dict[str, Path], read: Reader, tmp_path: Path, key: str
) -> None:
    nwb = convert_together({key: caiman_files["sim2p_minimal"]}, tmp_path / "odd.nwb")
    with read(nwb) as nwbfile:
        ending = key.replace("/", "_").replace(":", "_")
        assert f"PlaneSegmentation_{ending}" in nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations
    assert verify(caiman_files["sim2p_minimal"], nwb, metadata_key=key).ok


def test_planes_of_a_converter_class(caiman_files: dict[str, Path], read: Reader, tmp_path: Path) -> None:
    """As a specification names its interfaces; square pixels keep both of their lengths."""

    class TwoPlanes(FastNWBConverter):
        data_interface_classes: ClassVar = {"Upper": CaimanSegmentationInterface, "Lower": CaimanSegmentationInterface}

    source = {
        "Upper": {"file_path": str(caiman_files["sim1p_cnmfe"]), "metadata_key": "upper"},
        "Lower": {"file_path": str(caiman_files["sim3d"]), "metadata_key": "lower"},
    }
    converter = TwoPlanes(source)
    metadata = converter.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    nwb = tmp_path / "class.nwb"
    options = {"Lower": {"mask_type": "image"}, "Upper": {"include_ring_model": True}}
    converter.run_conversion(nwbfile_path=nwb, metadata=metadata, conversion_options=options)
    for interface in converter.data_interface_objects.values():
        interface.segmentation_extractor.results.close()
    with read(nwb) as nwbfile:
        assert {"CaimanRingModel_upper", "CaimanParameters_lower"} <= set(nwbfile.processing["ophys"].data_interfaces)
        assert list(nwbfile.imaging_planes["ImagingPlane_upper"].grid_spacing) == [1e-6, 1e-6]
    assert verify(caiman_files["sim1p_cnmfe"], nwb, metadata_key="upper").ok
    assert verify(caiman_files["sim3d"], nwb, metadata_key="lower").ok


# Nothing collides, nothing is merged or half written


@pytest.mark.parametrize(("first", "second"), [(None, None), ("plane0", "plane0"), ("a/b", "a:b")])
def test_the_same_names_twice_are_refused_before_anything_is_added(
    caiman_files: dict[str, Path], first: str | None, second: str | None
) -> None:
    nwbfile = NWBFile(session_description="A session.", identifier="id", session_start_time=START)
    one, other = interface_of(caiman_files["sim2p_minimal"], first), interface_of(caiman_files["sim2p_full"], second)
    one.add_to_nwbfile(nwbfile)
    before = names_in(nwbfile)
    ending = name_ending(second) if second else ""
    message = (
        f"'ImageSegmentation/PlaneSegmentation{ending}', 'Fluorescence/RoiResponseSeries{ending}', .* and 5 more are "
        "already in the NWB file.*metadata_key"
    )
    with pytest.raises(ValueError, match=message):
        other.add_to_nwbfile(nwbfile)
    assert names_in(nwbfile) == before
    for interface in (one, other):
        interface.segmentation_extractor.results.close()


def test_all_names_follow_a_table_that_has_another_name(caiman_files: dict[str, Path]) -> None:
    """Where only the name of the table distinguishes two analyses, nothing of the two is mixed."""
    nwbfile = NWBFile(session_description="A session.", identifier="id", session_start_time=START)
    interface = interface_of(caiman_files["sim2p_minimal"], None)
    interface.add_to_nwbfile(nwbfile)
    before = names_in(nwbfile)
    interface.add_to_nwbfile(nwbfile, plane_segmentation_name="Other")
    interface.segmentation_extractor.results.close()
    added = names_in(nwbfile)["Fluorescence"] - before["Fluorescence"]
    assert added == {f"{name}_Other" for name in before["Fluorescence"]}


def test_the_same_name_for_two_objects_of_one_analysis_is_refused(caiman_files: dict[str, Path]) -> None:
    nwbfile = NWBFile(session_description="A session.", identifier="id", session_start_time=START)
    interface = interface_of(caiman_files["sim2p_minimal"], None)
    metadata = interface.get_metadata(use_new_metadata_format=True)
    metadata["Ophys"]["RoiResponses"]["caiman_segmentation"]["denoised"]["name"] = "Deconvolved"
    with pytest.raises(ValueError, match="the same name to several objects: 'Fluorescence/Deconvolved'"):
        interface.add_to_nwbfile(nwbfile, metadata)
    interface.segmentation_extractor.results.close()
    assert "ophys" not in nwbfile.processing


def test_a_conversion_that_is_refused_leaves_no_file(caiman_files: dict[str, Path], tmp_path: Path) -> None:
    files = {"a/b": caiman_files["sim2p_minimal"], "a:b": caiman_files["sim2p_full"]}
    with pytest.raises(ValueError, match="already in the NWB file"):
        convert_together(files, tmp_path / "refused.nwb")
    assert list(tmp_path.iterdir()) == []


def test_appending_what_the_file_has_leaves_it_as_it_was(
    caiman_files: dict[str, Path], copy_nwb: Callable[..., Path]
) -> None:
    nwb = copy_nwb("sim2p_minimal")
    before = nwb.read_bytes()
    interface = interface_of(caiman_files["sim2p_full"], None)
    with (
        pytest.raises(ValueError, match="already in the NWB file"),
    ):
        interface.run_conversion(nwbfile_path=nwb, append_on_disk_nwbfile=True, overwrite=False)
    interface.segmentation_extractor.results.close()
    assert nwb.read_bytes() == before
