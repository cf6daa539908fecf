"""Several CaImAn files in one NWB file that `plane_segmentation_name` alone distinguishes, as in NeuroConv."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, ClassVar

import numpy as np
import pytest
from neuroconv import NWBConverter
from pynwb import NWBFile
from pynwb.testing.mock.file import mock_NWBFile

from caiman_interface import CaimanSegmentationInterface, verify, write_nwbfile

FILES = ["sim1p_cnmfe", "sim1p_cnmfe_patches", "sim1p_ser_v1.6.4"]
PLANES = [f"plane{number}" for number in range(3)]
TABLES = [f"PlaneSegmentation_{plane}" for plane in PLANES]
START = datetime(2024, 5, 2, 10, 30, tzinfo=timezone.utc)

pytestmark = pytest.mark.filterwarnings("ignore:An attribute .name. already exists:UserWarning")


class ThreePlanes(NWBConverter):
    data_interface_classes: ClassVar = dict.fromkeys(PLANES, CaimanSegmentationInterface)


@pytest.fixture
def converter(caiman_files):
    converter = ThreePlanes(
        {plane: {"file_path": str(caiman_files[name])} for plane, name in zip(PLANES, FILES, strict=True)}
    )
    yield converter
    for interface in converter.data_interface_objects.values():
        interface.segmentation_extractor.results.close()


OPTIONS: dict[str, dict[str, Any]] = {
    plane: {"plane_segmentation_name": table} for plane, table in zip(PLANES, TABLES, strict=True)
}


def added(converter: NWBConverter, metadata: Any, options: dict[str, dict[str, Any]] = OPTIONS) -> NWBFile:
    nwbfile = mock_NWBFile(session_start_time=START)
    converter.add_to_nwbfile(nwbfile, metadata=metadata, conversion_options=options)
    return nwbfile


def names_in(nwbfile: NWBFile) -> dict[str, set[str]]:
    return {
        name: {child.name for child in interface.children}
        for name, interface in nwbfile.processing["ophys"].data_interfaces.items()
    }


def test_names_follow_that_of_the_table(converter):
    nwbfile = added(converter, converter.get_metadata())
    names = names_in(nwbfile)
    assert {*TABLES} <= names["ImageSegmentation"]
    assert {f"RoiResponseSeries_{plane}" for plane in PLANES} <= names["Fluorescence"]
    assert {f"baseline_image_{plane}" for plane in PLANES} <= names["SegmentationImages"]
    assert {f"CaimanParameters_{plane}" for plane in PLANES} <= names.keys()
    assert list(nwbfile.imaging_planes) == ["ImagingPlane"]
    for plane, table in zip(PLANES, TABLES, strict=True):
        series = nwbfile.processing["ophys"]["Fluorescence"][f"RoiResponseSeries_{plane}"]
        assert series.rois.table.name == table
        traces = converter.data_interface_objects[plane].segmentation_extractor.get_traces()
        np.testing.assert_array_equal(np.asarray(series.data.data), traces)


def test_each_can_be_verified(converter, caiman_files, tmp_path):
    write_nwbfile(added(converter, converter.get_metadata()), tmp_path / "planes.nwb")
    for key, name in zip(PLANES, FILES, strict=True):
        report = verify(caiman_files[name], tmp_path / "planes.nwb", metadata_key=key)
        assert report.ok, str(report)


@pytest.mark.filterwarnings("ignore:mask_type is 'voxel'")
def test_list_based_metadata_describes_each_by_its_table(converter):
    """As NeuroConv's own class takes it: tables, traces and images by the name of the table, masks of any type."""
    metadata = {
        "NWBFile": {"session_start_time": START},
        "Ophys": {
            "Device": [{"name": "Miniscope"}],
            "ImagingPlane": [
                {"name": f"Depth_{plane}", "location": f"Location of {plane}", "device": "Miniscope"}
                for plane in PLANES
            ],
            "ImageSegmentation": {
                "name": "ImageSegmentation",
                "plane_segmentations": [
                    {"name": table, "description": f"ROIs of {plane}", "imaging_plane": f"Depth_{plane}"}
                    for plane, table in zip(PLANES, TABLES, strict=True)
                ],
            },
            "Fluorescence": {
                "name": "Fluorescence",
                **{
                    table: {"raw": {"name": f"Raw_{plane}", "unit": "counts"}}
                    for plane, table in zip(PLANES, TABLES, strict=True)
                },
            },
            "SegmentationImages": {
                "name": "SegmentationImages",
                **{
                    table: {"baseline": {"name": f"Baseline_{plane}"}}
                    for plane, table in zip(PLANES, TABLES, strict=True)
                },
            },
        },
    }
    masks = dict(zip(PLANES, ("image", "pixel", "voxel"), strict=True))
    options = {plane: {**OPTIONS[plane], "mask_type": masks[plane]} for plane in PLANES}
    nwbfile = added(converter, metadata, options)
    for plane, table, column in zip(PLANES, TABLES, ("image_mask", "pixel_mask", "pixel_mask"), strict=True):
        segmentation = nwbfile.processing["ophys"]["ImageSegmentation"][table]
        assert {"image_mask", "pixel_mask", "voxel_mask"} & set(segmentation.colnames) == {column}
        assert segmentation.description == f"ROIs of {plane}"
        assert segmentation.imaging_plane.name == f"Depth_{plane}"
        assert segmentation.imaging_plane.location == f"Location of {plane}"
        series = nwbfile.processing["ophys"]["Fluorescence"][f"Raw_{plane}"]
        assert (series.unit, series.rois.table.name) == ("counts", table)
    names = names_in(nwbfile)
    assert {f"Denoised_{plane}" for plane in PLANES} <= names["Fluorescence"]
    assert {f"Baseline_{plane}" for plane in PLANES} <= names["SegmentationImages"]
    assert {f"noise_image_{plane}" for plane in PLANES} <= names["SegmentationImages"]
    assert {f"CaimanParameters_{plane}" for plane in PLANES} <= names.keys()


def test_a_table_of_any_other_name_changes_no_names_unless_they_are_taken(converter):
    nwbfile = mock_NWBFile()
    for plane, name in (("plane0", "Cells"), ("plane1", "Deep")):
        converter.data_interface_objects[plane].add_to_nwbfile(nwbfile, plane_segmentation_name=name)
    names = names_in(nwbfile)
    assert {"Cells", "Deep"} <= names["ImageSegmentation"]
    assert {"RoiResponseSeries", "RoiResponseSeries_Deep"} <= names["Fluorescence"]
    assert {"CaimanParameters", "CaimanParameters_Deep"} <= names.keys()


def test_the_same_table_twice_is_an_error_that_names_the_file(converter):
    interface = converter.data_interface_objects["plane0"]
    nwbfile = mock_NWBFile()
    interface.add_to_nwbfile(nwbfile, plane_segmentation_name="Cells")
    with pytest.raises(ValueError, match=r"sim1p_cnmfe\.hdf5 \(metadata_key 'caiman_segmentation'\): .*'ImageSeg"):
        interface.add_to_nwbfile(nwbfile, plane_segmentation_name="Cells")
