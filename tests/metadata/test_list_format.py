"""Metadata has the same meaning in both of NeuroConv's formats, with every version of NeuroConv."""

from __future__ import annotations

import copy
import importlib
import json
import math
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neuroconv.datainterfaces.ophys.caiman.caimandatainterface import CaimanSegmentationInterface as NeuroConvInterface
from neuroconv.utils import dict_deep_update
from pynwb import NWBFile
from pynwb.testing.mock.file import mock_NWBFile

from caiman_interface import CaimanSegmentationInterface
from caiman_interface._compat.neuroconv import uses_dict_metadata
from caiman_interface.metadata import renamed_containers, to_dictionaries, to_lists
from caiman_interface.metadata.blocks import uses_lists
from caiman_interface.metadata.placeholders import CHANNEL_PLACEHOLDER, DEVICE_PLACEHOLDER, PLANE_PLACEHOLDER
from nwb_contents import assert_same_contents

# The metadata in the caller's file: two tables of ROIs on one plane.
FILE_METADATA: dict[str, Any] = {
    "Ophys": {
        "ImagingPlanes": {"caiman": {"name": "ImagingPlane", "imaging_rate": 15.0}},
        "PlaneSegmentations": {
            "caiman": {"name": "PlaneSegmentation", "description": "ROIs.", "imaging_plane_metadata_key": "caiman"},
            "caiman_background": {"name": "BackgroundPlaneSegmentation", "description": "Background."},
        },
        "RoiResponses": {
            "caiman": {
                "raw": {"name": "RoiResponseSeries", "unit": "a.u."},
                "dff": {"name": "DfOverF", "unit": "n.a."},
            }
        },
        "SegmentationImages": {"caiman": {"correlation": {"name": "correlation_image"}}},
    }
}


def translate(metadata: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Translate metadata of the caller above; check that it was not changed."""
    before = copy.deepcopy(metadata)
    translated = to_dictionaries(metadata, FILE_METADATA, **options)
    np.testing.assert_equal(metadata, before)
    return translated


def ophys(**blocks: Any) -> dict[str, Any]:
    return {"Ophys": blocks}


# Which format it is


@pytest.mark.parametrize(
    "metadata",
    [
        ophys(Device=[]),
        ophys(ImagingPlane=[{"name": "ImagingPlane"}]),
        ophys(ImageSegmentation={"name": "ImageSegmentation"}),
        ophys(Fluorescence={}),
        ophys(DfOverF={}),
        ophys(SegmentationImages={"name": "SegmentationImages"}),
        ophys(SegmentationImages={"description": "Images.", "PlaneSegmentation": {"correlation": {}}}),
        ophys(Devices=[{"name": "Microscope"}], PlaneSegmentations={"caiman": {}}),
    ],
)
def test_recognises_lists(metadata):
    assert uses_lists(metadata)


@pytest.mark.parametrize(
    "metadata", [{}, {"Ophys": {}}, {"Ophys": None}, FILE_METADATA, {"Devices": {"m": {"name": "M"}}}]
)
def test_leaves_dictionaries_as_they_are(metadata):
    assert not uses_lists(metadata)
    assert translate(metadata) == metadata


# From lists


def test_entries_get_the_callers_keys_by_name_and_others_their_own_name():
    translated = translate(
        ophys(
            Device=[{"name": "Scope", "description": "A microscope."}],
            ImagingPlane=[
                {"name": "ImagingPlane", "device": "Scope", "location": "V1"},
                {"name": "Other", "device": "Scope"},
            ],
            ImageSegmentation={
                "name": "ImageSegmentation",
                "plane_segmentations": [
                    {"name": "PlaneSegmentation", "imaging_plane": "ImagingPlane"},
                    {"name": "Suite2p", "imaging_plane": "Other"},
                ],
            },
            Fluorescence={
                "name": "Fluorescence",
                "PlaneSegmentation": {"raw": {"name": "Raw"}},
                "Suite2p": {"raw": {"name": "Raw of Suite2p"}},
            },
            DfOverF={"name": "DfOverF", "PlaneSegmentation": {"dff": {"description": "Ratio."}}},
            SegmentationImages={
                "name": "SegmentationImages",
                "description": "Images.",
                "PlaneSegmentation": {"correlation": {"description": "Cn."}},
            },
        )
    )
    assert translated == {
        "Devices": {"Scope": {"name": "Scope", "description": "A microscope."}},
        "Ophys": {
            "ImagingPlanes": {
                "caiman": {"name": "ImagingPlane", "device_metadata_key": "Scope", "location": "V1"},
                "Other": {"name": "Other", "device_metadata_key": "Scope"},
            },
            "PlaneSegmentations": {
                "caiman": {"name": "PlaneSegmentation", "imaging_plane_metadata_key": "caiman"},
                "Suite2p": {"name": "Suite2p", "imaging_plane_metadata_key": "Other"},
            },
            "RoiResponses": {
                "caiman": {"raw": {"name": "Raw"}, "dff": {"description": "Ratio."}},
                "Suite2p": {"raw": {"name": "Raw of Suite2p"}},
            },
            "SegmentationImages": {"caiman": {"correlation": {"description": "Cn."}}},
        },
    }


def test_partial_metadata_adds_nothing_else():
    translated = translate(ophys(ImagingPlane=[{"name": "ImagingPlane", "indicator": "GCaMP6s"}]))
    assert translated["Ophys"]["ImagingPlanes"] == {"caiman": {"name": "ImagingPlane", "indicator": "GCaMP6s"}}
    assert not any(translated["Ophys"][block] for block in ("PlaneSegmentations", "RoiResponses", "SegmentationImages"))


def test_keeps_what_belongs_to_other_interfaces():
    series = {"movie": {"name": "TwoPhotonSeries"}}
    metadata = {"NWBFile": {"lab": "L"}, "Ophys": {"Device": [], "MicroscopySeries": series, "TwoPhotonSeries": [1]}}
    translated = translate(metadata)
    assert translated["NWBFile"] == {"lab": "L"}
    assert translated["Ophys"]["MicroscopySeries"] == series
    assert translated["Ophys"]["TwoPhotonSeries"] == [1]


def test_a_device_that_no_list_describes_has_its_name():
    translated = translate(ophys(ImagingPlane=[{"name": "ImagingPlane", "device": "Scope"}]))
    assert translated["Devices"] == {"Scope": {"name": "Scope"}}


@pytest.mark.parametrize("planes", [[], [{"name": "ImagingPlane", "device": "PlaceholderMicroscope"}]])
def test_a_plane_without_a_device_lies_on_the_one_of_neuroconvs_name(planes):
    devices = [{"name": "Microscope", "description": "Two-photon."}, {"name": "Laser"}]
    translated = translate(ophys(Device=devices, ImagingPlane=planes))
    assert translated["Devices"]["Microscope"] == {"name": "Microscope", "description": "Two-photon."}
    assert translated["Ophys"]["ImagingPlanes"]["caiman"]["device_metadata_key"] == "Microscope"


def test_a_plane_with_a_device_stays_on_it():
    planes = {"caiman": {"device_metadata_key": "scope"}}
    metadata = {
        "Devices": {"scope": {"name": "Scope"}},
        "Ophys": {"Device": [{"name": "Microscope"}], "ImagingPlanes": planes},
    }
    assert translate(metadata)["Ophys"]["ImagingPlanes"] == planes
    listed = ophys(Device=[{"name": "Microscope"}], ImagingPlane=[{"name": "ImagingPlane", "device": "Scope"}])
    assert translate(listed)["Ophys"]["ImagingPlanes"]["caiman"]["device_metadata_key"] == "Scope"


def test_a_plane_stays_off_the_device_that_another_interface_names_for_its_own():
    planes = [
        {"name": "ImagingPlane", "device": "PlaceholderMicroscope"},
        {"name": "Other", "device": "Microscope"},
    ]
    metadata = ophys(Device=[{"name": "Microscope"}, DEVICE_PLACEHOLDER], ImagingPlane=planes)
    assert translate(metadata)["Ophys"]["ImagingPlanes"]["caiman"]["device_metadata_key"] == "PlaceholderMicroscope"
    metadata["Ophys"]["Device"][0]["description"] = "The user's."
    assert translate(metadata)["Ophys"]["ImagingPlanes"]["caiman"]["device_metadata_key"] == "Microscope"


def test_devices_are_where_the_schema_of_specifications_requires_them():
    translated = translate(
        ophys(
            Devices=[{"name": "Scope", "description": "A microscope."}],
            ImagingPlane=[{"name": "ImagingPlane", "device": "Scope"}],
        )
    )
    assert translated["Devices"] == {"Scope": {"name": "Scope", "description": "A microscope."}}
    assert "Devices" not in translated["Ophys"]


def test_a_placeholder_channel_beside_a_real_one_is_dropped():
    green = {"name": "Green", "emission_lambda": 510.0}
    for unknown in (math.nan, None):  # JSON makes null of NaN
        placeholder = {**CHANNEL_PLACEHOLDER, "emission_lambda": unknown}
        channels = [placeholder, green]
        translated = translate(ophys(ImagingPlane=[{"name": "ImagingPlane", "optical_channel": channels}]))
        assert translated["Ophys"]["ImagingPlanes"]["caiman"]["optical_channel"] == [green]
        alone = translate(ophys(ImagingPlane=[{"name": "ImagingPlane", "optical_channel": [placeholder]}]))
        np.testing.assert_equal(alone["Ophys"]["ImagingPlanes"]["caiman"]["optical_channel"], [placeholder])


def test_boilerplate_of_traces_and_images_that_the_file_lacks_is_dropped():
    boilerplate = {"neuropil": {"name": "Neuropil"}, "baseline": {"name": "Baseline"}, "raw": {"description": "Raw."}}
    translated = translate(
        ophys(
            Fluorescence={
                "name": "Fluorescence",
                "PlaneSegmentation": boilerplate,
                "BackgroundPlaneSegmentation": {"neuropil": {"name": "neuropil"}},
            },
            SegmentationImages={"name": "SegmentationImages", "PlaneSegmentation": {"mean": {"name": "mean"}}},
        )
    )
    assert translated["Ophys"]["RoiResponses"] == {"caiman": {"raw": {"description": "Raw."}}}
    assert translated["Ophys"]["SegmentationImages"] == {}


def test_a_trace_that_nobody_knows_is_kept_so_that_the_user_hears_of_it():
    translated = translate(ophys(Fluorescence={"PlaneSegmentation": {"rwa": {"name": "Raw"}}}))
    assert translated["Ophys"]["RoiResponses"] == {"caiman": {"rwa": {"name": "Raw"}}}


def test_a_trace_can_be_left_out():
    translated = translate(ophys(Fluorescence={"PlaneSegmentation": {"raw": None}}))
    assert translated["Ophys"]["RoiResponses"] == {"caiman": {"raw": None}}


@pytest.mark.parametrize(
    ("fluorescence", "dff"),
    [
        ({"raw": {"name": "RoiResponseSeries"}}, {"dff": {"name": "RoiResponseSeries", "unit": "n.a."}}),
        ({}, {"dff": {"name": "RoiResponseSeries", "unit": "n.a."}}),  # raw keeps the name in the metadata of the file
        ({"raw": {"name": "Trace"}}, {"dff": {"name": "Trace", "unit": "n.a."}}),
    ],
)
def test_dff_named_like_the_raw_trace_gets_its_own_name(fluorescence, dff):
    metadata = ophys(Fluorescence={"PlaneSegmentation": fluorescence}, DfOverF={"PlaneSegmentation": dff})
    responses = translate(metadata)["Ophys"]["RoiResponses"]["caiman"]
    assert responses == {**fluorescence, "dff": {"unit": "n.a."}}


def test_dff_keeps_another_name():
    metadata = ophys(DfOverF={"PlaneSegmentation": {"dff": {"name": "Ratio"}}})
    assert translate(metadata)["Ophys"]["RoiResponses"]["caiman"] == {"dff": {"name": "Ratio"}}


# Which table of ROIs is the caller's


def tables(*names: str, **blocks: Any) -> dict[str, Any]:
    listed = [{"name": name, "description": f"Table {name}."} for name in names]
    return ophys(ImageSegmentation={"name": "ImageSegmentation", "plane_segmentations": listed}, **blocks)


def descriptions(metadata: dict[str, Any], **options: Any) -> dict[str, str]:
    translated = translate(metadata, **options)["Ophys"]["PlaneSegmentations"]
    return {key: entry["description"] for key, entry in translated.items()}


def test_the_main_table_is_the_first_where_none_has_its_name():
    assert descriptions(tables("Cells", "Others")) == {"caiman": "Table Cells.", "Others": "Table Others."}


def test_the_main_table_is_the_one_of_its_name():
    expected = {"Others": "Table Others.", "caiman": "Table PlaneSegmentation."}
    assert descriptions(tables("Others", "PlaneSegmentation")) == expected


def test_the_main_table_is_the_one_that_a_dictionary_has():
    metadata = tables("Others")
    metadata["Ophys"]["PlaneSegmentations"] = {"caiman": {"name": "PlaneSegmentation", "description": "ROIs."}}
    assert descriptions(metadata) == {"caiman": "ROIs.", "Others": "Table Others."}


def test_the_main_table_is_the_one_of_the_name_that_the_user_gave():
    metadata = tables("PlaneSegmentation", "Cells", Fluorescence={"Cells": {"raw": {"name": "Raw"}}})
    translated = translate(metadata, segmentation_name="Cells")["Ophys"]
    assert translated["PlaneSegmentations"]["caiman"]["description"] == "Table Cells."
    assert translated["RoiResponses"] == {"caiman": {"raw": {"name": "Raw"}}}


def test_a_name_that_the_user_gave_need_not_be_listed():
    metadata = tables("PlaneSegmentation")
    assert descriptions(metadata, segmentation_name="Cells") == {"caiman": "Table PlaneSegmentation."}


# Both formats at once


BOTH = {
    "Devices": {"scope": {"name": "Scope", "description": "In a dictionary."}},
    "Ophys": {
        "Device": [{"name": "Scope", "description": "In a list.", "serial_number": "1"}],
        "ImagingPlane": [{"name": "ImagingPlane", "location": "in a list", "indicator": "GCaMP6s", "device": "Scope"}],
        "ImagingPlanes": {"caiman": {"location": "in a dictionary", "imaging_rate": 15.0}},
        "Fluorescence": {"PlaneSegmentation": {"raw": {"name": "InAList", "unit": "V"}}},
        "RoiResponses": {"caiman": {"raw": {"name": "InADictionary", "comments": "Hm."}}},
        "SegmentationImages": {
            "name": "SegmentationImages",
            "PlaneSegmentation": {"correlation": {"name": "in_a_list"}},
            "caiman": {"correlation": {"name": "in_a_dictionary", "description": "Cn."}},
        },
    },
}


def test_of_two_edits_the_dictionarys_wins_field_by_field():
    translated = translate(BOTH)
    assert translated["Devices"] == {
        "scope": {"name": "Scope", "description": "In a dictionary.", "serial_number": "1"}
    }
    assert translated["Ophys"] == {
        "ImagingPlanes": {
            "caiman": {
                "name": "ImagingPlane",
                "location": "in a dictionary",
                "indicator": "GCaMP6s",
                "imaging_rate": 15.0,
                "device_metadata_key": "scope",
            }
        },
        "PlaneSegmentations": {},
        "RoiResponses": {"caiman": {"raw": {"name": "InADictionary", "unit": "V", "comments": "Hm."}}},
        "SegmentationImages": {"caiman": {"correlation": {"name": "in_a_dictionary", "description": "Cn."}}},
    }


def plane_of(listed: dict[str, Any], keyed: dict[str, Any], **devices: Any) -> dict[str, Any]:
    """Return the caller's plane, with one value in a list and the other in a dictionary."""
    metadata = {"Ophys": {"ImagingPlane": [{"name": "ImagingPlane", **listed}], "ImagingPlanes": {"caiman": keyed}}}
    plane: dict[str, Any] = translate({**metadata, **devices})["Ophys"]["ImagingPlanes"]["caiman"]
    return plane


GREEN = {"name": "Green", "description": "GCaMP.", "emission_lambda": 510.0}


@pytest.mark.parametrize("null", [False, True])  # JSON makes null of NaN
@pytest.mark.parametrize("in_lists", [False, True])
@pytest.mark.parametrize(
    ("field", "placeholder", "value"),
    [
        ("indicator", "unknown", "GCaMP6s"),
        ("location", "unknown", "VISp"),
        ("excitation_lambda", math.nan, 920.0),
        ("optical_channel", [CHANNEL_PLACEHOLDER], [GREEN]),
        ("imaging_rate", 15.0, 30.0),  # the value of the caller itself
    ],
)
def test_an_edit_wins_over_placeholders_and_the_callers_own(field, placeholder, value, in_lists, null):
    if null:
        placeholder = json.loads(json.dumps(placeholder).replace("NaN", "null"))
    sides = ({field: value}, {field: placeholder})
    assert plane_of(*sides if in_lists else sides[::-1])[field] == value


def test_a_name_given_in_a_dictionary_wins_over_the_callers_own_in_a_list():
    assert plane_of({}, {"name": "Plane 1"})["name"] == "Plane 1"


@pytest.mark.parametrize("spacing", [(1e-6, 1e-6), [1e-6, 1e-6], np.array([1e-6, 1e-6])])
@pytest.mark.parametrize("in_lists", [False, True])
def test_lengths_are_compared_by_their_values(spacing, in_lists):
    own = copy.deepcopy(FILE_METADATA)
    own["Ophys"]["ImagingPlanes"]["caiman"]["grid_spacing"] = (1e-6, 1e-6)
    sides = ([2e-6, 2e-6], spacing) if in_lists else (spacing, [2e-6, 2e-6])
    metadata = ophys(
        ImagingPlane=[{"name": "ImagingPlane", "grid_spacing": sides[0]}],
        ImagingPlanes={"caiman": {"grid_spacing": sides[1]}},
    )
    translated = to_dictionaries(metadata, own)
    assert translated["Ophys"]["ImagingPlanes"]["caiman"]["grid_spacing"] == [2e-6, 2e-6]


def test_a_device_wins_over_the_placeholder():
    devices = {"Devices": {"scope": {"name": "Scope"}, "unknown": DEVICE_PLACEHOLDER}}
    listed, keyed = {"device": "PlaceholderMicroscope"}, {"device_metadata_key": "scope"}
    assert plane_of(listed, keyed, **devices)["device_metadata_key"] == "scope"
    listed, keyed = {"device": "Scope"}, {"device_metadata_key": "unknown"}
    assert plane_of(listed, keyed, **devices)["device_metadata_key"] == "scope"


@pytest.mark.parametrize(
    ("listed", "keyed", "expected"),
    [
        ({"name": "RoiResponseSeries", "unit": "a.u."}, None, None),
        (None, {"name": "RoiResponseSeries", "unit": "a.u."}, None),
        (None, {"name": "Raw"}, {"name": "Raw"}),
        ({"name": "Raw"}, {"name": "RoiResponseSeries", "unit": "a.u."}, {"name": "Raw", "unit": "a.u."}),
    ],
)
def test_a_trace_left_out_in_one_format_is_an_edit(listed, keyed, expected):
    metadata = ophys(Fluorescence={"PlaneSegmentation": {"raw": listed}}, RoiResponses={"caiman": {"raw": keyed}})
    assert translate(metadata)["Ophys"]["RoiResponses"] == {"caiman": {"raw": expected}}


def test_null_has_no_effect():
    metadata = ophys(
        ImagingPlane=[{"name": "ImagingPlane", "location": None}], ImagingPlanes={"caiman": {"location": "V1"}}
    )
    assert translate(metadata)["Ophys"]["ImagingPlanes"]["caiman"]["location"] == "V1"


# What is wrong


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (ophys(Device={"name": "Scope"}), r"\['Device'\] is .*; expected a list of entries, each with a 'name'"),
        (ophys(Device=[{"description": "A microscope."}]), r"\['Device'\]\[0\] has no 'name'"),
        (ophys(ImagingPlane=[{"name": "ImagingPlane"}, {"location": "V1"}]), r"\['ImagingPlane'\]\[1\] has no 'name'"),
        (ophys(ImagingPlane=["ImagingPlane"]), r"\['ImagingPlane'\]\[0\] has no 'name'"),
        (
            ophys(ImageSegmentation={"plane_segmentations": [{"description": "ROIs."}]}),
            r"\['ImageSegmentation'\]\['plane_segmentations'\]\[0\] has no 'name'",
        ),
        (
            ophys(
                ImagingPlane=[{"name": "V1 plane"}],
                ImageSegmentation={
                    "plane_segmentations": [{"name": "PlaneSegmentation", "imaging_plane": "ImagingPlane"}]
                },
            ),
            r"\['plane_segmentations'\]\[0\]\['imaging_plane'\] is 'ImagingPlane', but .* entries are: V1 plane",
        ),
        (
            ophys(
                Device=[{"name": "Scope", "description": "Renamed."}],
                ImagingPlane=[{"name": "ImagingPlane", "device": "PlaceholderMicroscope"}],
            ),
            r"\['ImagingPlane'\]\[0\]\['device'\] is 'PlaceholderMicroscope', but .* entries are: Scope",
        ),
    ],
)
def test_says_what_is_wrong_and_where(metadata, message):
    with pytest.raises(ValueError, match=message):
        translate(metadata)


def test_finds_containers_with_names_of_their_own():
    metadata = ophys(
        ImageSegmentation={"name": "Segmentation"},
        Fluorescence={"name": "Fluorescence"},
        DfOverF=None,
        SegmentationImages={"name": "Images", "description": "Mine."},
    )
    assert renamed_containers(metadata) == {"ImageSegmentation": "Segmentation", "SegmentationImages": "Images"}
    assert renamed_containers({}) == {}


# To lists, and back


def test_lists_have_all_fields_that_neuroconv_requires_of_a_plane():
    listed = to_lists(FILE_METADATA)["Ophys"]
    assert listed["Device"] == [DEVICE_PLACEHOLDER]
    (plane,) = listed["ImagingPlane"]
    np.testing.assert_equal(
        plane,
        {
            "name": "ImagingPlane",
            "imaging_rate": 15.0,
            "device": "PlaceholderMicroscope",
            "optical_channel": [CHANNEL_PLACEHOLDER],
            **PLANE_PLACEHOLDER,
        },
    )
    assert [table["name"] for table in listed["ImageSegmentation"]["plane_segmentations"]] == [
        "PlaneSegmentation",
        "BackgroundPlaneSegmentation",
    ]
    assert list(listed["Fluorescence"]["PlaneSegmentation"]) == ["raw"]
    assert list(listed["DfOverF"]["PlaneSegmentation"]) == ["dff"]


names = st.text("abcXYZ_ 019", min_size=1, max_size=8)
texts = st.dictionaries(st.sampled_from(["description", "location", "indicator", "unit"]), st.text(max_size=5))


def entries(links: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, dict[str, Any]]]:
    """Entries by key, each with a different name."""
    named = st.lists(st.tuples(names, names, texts, links), max_size=4, unique_by=(lambda t: t[0], lambda t: t[1]))
    return named.map(lambda found: {key: {**fields, **link, "name": name} for key, name, fields, link in found})


@st.composite
def dictionaries(draw: st.DrawFn) -> dict[str, Any]:
    """Dictionary-based metadata whose links lead somewhere."""

    def links(field: str, targets: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
        return st.one_of(st.just({}), *(st.just({field: key}) for key in targets))

    devices = draw(entries(st.just({})))
    planes = draw(entries(links("device_metadata_key", devices)))
    tables_of_rois = draw(entries(links("imaging_plane_metadata_key", planes)))
    traces = st.dictionaries(st.sampled_from(["raw", "denoised", "dff"]), st.one_of(st.none(), texts), min_size=1)
    images = st.dictionaries(st.sampled_from(["correlation", "noise"]), st.one_of(st.none(), texts), min_size=1)
    of_tables = {key: draw(st.tuples(traces, images)) for key in tables_of_rois}
    return {
        "Devices": devices,
        "Ophys": {
            "ImagingPlanes": planes,
            "PlaneSegmentations": tables_of_rois,
            "RoiResponses": {key: found for key, (found, _) in of_tables.items()},
            "SegmentationImages": {key: found for key, (_, found) in of_tables.items()},
        },
    }


@given(dictionaries())
def test_nothing_is_lost_on_the_way_to_lists_and_back(metadata):
    listed = to_lists(metadata)
    assert uses_lists(listed)
    back = to_dictionaries(listed, metadata)
    for plane in metadata["Ophys"]["ImagingPlanes"].values():  # what lists add for what is not known
        plane.setdefault("device_metadata_key", "PlaceholderMicroscope")
        for field, value in {**PLANE_PLACEHOLDER, "optical_channel": [CHANNEL_PLACEHOLDER]}.items():
            plane.setdefault(field, value)
        if plane["device_metadata_key"] == "PlaceholderMicroscope":
            metadata["Devices"]["PlaceholderMicroscope"] = DEVICE_PLACEHOLDER
    np.testing.assert_equal(back, metadata)


# On real files, with NeuroConv's own examples


@pytest.fixture
def interface(caiman_files: dict[str, Path]) -> Iterator[CaimanSegmentationInterface]:
    interface = CaimanSegmentationInterface(file_path=caiman_files["sim2p_full"])
    yield interface
    interface.segmentation_extractor.results.close()


def neuroconv_lists(caiman_files: dict[str, Path]) -> dict[str, Any]:
    """NeuroConv's own example of list-based metadata: what its own CaImAn interface gives."""
    original = NeuroConvInterface(file_path=str(caiman_files["sim2p_full"]))
    options = {"use_new_metadata_format": False} if uses_dict_metadata() else {}
    metadata: dict[str, Any] = original.get_metadata(**options).to_dict()
    assert isinstance(metadata["Ophys"]["ImagingPlane"], list)
    return metadata


def add(interface: CaimanSegmentationInterface, metadata: dict[str, Any] | None, **options: Any) -> NWBFile:
    nwbfile = mock_NWBFile(session_start_time=datetime(2024, 5, 2, tzinfo=timezone.utc))
    interface.add_to_nwbfile(nwbfile, metadata=metadata, **options)
    return nwbfile


def test_neuroconvs_own_lists_are_used(interface, caiman_files):
    nwbfile = add(interface, neuroconv_lists(caiman_files))
    plane = nwbfile.imaging_planes["ImagingPlane"]
    assert plane.device.name == "Microscope"
    assert plane.description == "The plane or volume being imaged by the microscope."
    assert plane.imaging_rate == 15.49
    module = nwbfile.processing["ophys"]
    assert module["ImageSegmentation"]["PlaneSegmentation"].description == "Segmented ROIs"
    series = module["Fluorescence"].roi_response_series
    assert set(series) == {
        *("RoiResponseSeries", "DfOverF", "Denoised", "Deconvolved", "Background", "ResidualCorrection")
    }
    assert series["RoiResponseSeries"].description == "Array of raw fluorescence traces."
    assert series["DfOverF"].description == "Array of df/F traces."
    dff = interface.segmentation_extractor.get_traces_dict()["dff"]
    np.testing.assert_array_equal(series["DfOverF"].data.data[:], dff[:])
    images = module["SegmentationImages"].images
    assert images["correlation"].description == "The correlation image."
    assert set(images) == {"correlation", "mean_image", "noise_image"}


def test_neuroconvs_own_dictionaries_are_used(interface):
    tools = importlib.import_module("neuroconv.tools.roiextractors.roiextractors")
    if not hasattr(tools, "get_full_ophys_metadata"):
        pytest.skip("NeuroConv has no dictionary-based example before 0.10")
    metadata = tools.get_full_ophys_metadata()
    ophys_metadata = metadata["Ophys"]
    for block in ("PlaneSegmentations", "RoiResponses", "SegmentationImages"):
        ophys_metadata[block] = {"caiman_segmentation": ophys_metadata[block].pop("my_segmentation")}
    with pytest.warns(UserWarning, match="describes neuropil"):
        nwbfile = add(interface, metadata)
    plane = nwbfile.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"].imaging_plane
    assert (plane.location, plane.indicator, plane.device.name) == ("V1", "GCaMP6s", "Microscope")


@pytest.mark.parametrize("name", ["sim2p_full", "sim2p_selected", "sim3d", "sim1p_cnmfe", "sim2p_minimal"])
@pytest.mark.parametrize("key", [None, "plane0"])
def test_both_formats_give_the_same_file(name, key, caiman_files):
    interface = CaimanSegmentationInterface(file_path=caiman_files[name], metadata_key=key)
    dictionaries_, lists = (interface.get_metadata(use_new_metadata_format=new) for new in (True, False))
    assert not uses_lists(dictionaries_)
    assert uses_lists(lists)
    unstated = add(interface, None)
    assert_same_contents(add(interface, dictionaries_), unstated)
    assert_same_contents(add(interface, lists), unstated)
    interface.segmentation_extractor.results.close()


def test_the_format_follows_the_version_of_neuroconv(interface):
    assert uses_lists(interface.get_metadata()) is not uses_dict_metadata()


def test_edits_in_one_format_and_in_the_other_give_the_same_file(interface):
    """The user's metadata and those of NeuroConv are in different formats, as in YAML."""
    in_dictionaries = {
        "Devices": {"scope": {"name": "Scope", "description": "Two-photon microscope."}},
        "Ophys": {
            "ImagingPlanes": {
                "caiman_segmentation": {
                    "location": "VISp",
                    "excitation_lambda": 920.0,
                    "device_metadata_key": "scope",
                    "optical_channel": [{"name": "Green", "description": "GCaMP.", "emission_lambda": 510.0}],
                }
            },
            "PlaneSegmentations": {"caiman_segmentation": {"description": "Cells."}},
            "RoiResponses": {"caiman_segmentation": {"raw": {"name": "Raw"}, "dff": {"comments": "Hm."}}},
            "SegmentationImages": {"caiman_segmentation": {"mean": {"description": "Mean."}}},
        },
    }
    in_lists = {
        "Ophys": {
            "Device": [{"name": "Scope", "description": "Two-photon microscope."}],
            "ImagingPlane": [
                {
                    "name": "ImagingPlane",
                    "location": "VISp",
                    "excitation_lambda": 920.0,
                    "device": "Scope",
                    "optical_channel": [{"name": "Green", "description": "GCaMP.", "emission_lambda": 510.0}],
                }
            ],
            "ImageSegmentation": {"plane_segmentations": [{"name": "PlaneSegmentation", "description": "Cells."}]},
            "Fluorescence": {"PlaneSegmentation": {"raw": {"name": "Raw"}}},
            "DfOverF": {"PlaneSegmentation": {"dff": {"comments": "Hm."}}},
            "SegmentationImages": {"PlaneSegmentation": {"mean": {"description": "Mean."}}},
        }
    }
    given_ = [interface.get_metadata().to_dict(), {}]
    files = [
        add(interface, dict_deep_update(base, copy.deepcopy(edits)))
        for base in given_
        for edits in (in_dictionaries, in_lists)
    ]
    plane = files[0].imaging_planes["ImagingPlane"]
    assert (plane.location, plane.device.name, len(plane.optical_channel)) == ("VISp", "Scope", 1)
    assert list(files[0].devices) == ["Scope"]
    assert "Raw" in files[0].processing["ophys"]["Fluorescence"].roi_response_series
    for other in files[1:]:
        assert_same_contents(files[0], other)


def through_json(metadata: Any) -> Any:
    return json.loads(json.dumps(metadata).replace("NaN", "null"))


EDITS: list[dict[str, Any]] = [
    {
        "ImagingPlane": [
            {
                "name": "ImagingPlane",
                "indicator": "GCaMP6s",
                "excitation_lambda": 920.0,
                "imaging_rate": 15.5,
                "optical_channel": [GREEN],
            }
        ]
    },
    {
        "ImagingPlanes": {
            "caiman_segmentation": {
                "indicator": "GCaMP6s",
                "excitation_lambda": 920.0,
                "imaging_rate": 15.5,
                "optical_channel": [GREEN],
            }
        }
    },
]


@pytest.mark.parametrize("in_json", [False, True])
@pytest.mark.parametrize("edits", EDITS)
@pytest.mark.parametrize("dictionaries", [False, True])
def test_edits_meet_either_format_of_the_interface(dictionaries, edits, in_json, interface):
    base = interface.get_metadata(use_new_metadata_format=dictionaries).to_dict()
    metadata = dict_deep_update(base, {"Ophys": copy.deepcopy(edits)})
    plane = add(interface, through_json(metadata) if in_json else metadata).imaging_planes["ImagingPlane"]
    assert (plane.indicator, plane.location, plane.excitation_lambda) == ("GCaMP6s", "unknown", 920.0)
    assert (plane.imaging_rate, list(plane.grid_spacing)) == (15.5, [1.2e-6, 1.5e-6])
    assert [(channel.name, channel.emission_lambda) for channel in plane.optical_channel] == [("Green", 510.0)]
    assert plane.device.name == "PlaceholderMicroscope"


def test_a_table_is_renamed_by_the_list_or_by_the_option(interface):
    listed = [{"name": "Cells", "description": "Mine."}, {"name": "Others", "description": "Of others."}]
    metadata = {"Ophys": {"ImageSegmentation": {"plane_segmentations": listed}}}
    first = add(interface, metadata)
    assert set(first.processing["ophys"]["ImageSegmentation"].plane_segmentations) == {
        "Cells",
        "BackgroundPlaneSegmentation",
    }
    assert first.processing["ophys"]["ImageSegmentation"]["Cells"].description == "Mine."
    second = add(interface, metadata, plane_segmentation_name="Others")
    assert second.processing["ophys"]["ImageSegmentation"]["Others"].description == "Of others."


def test_a_container_with_a_name_of_its_own_is_a_warning(interface):
    metadata = {"Ophys": {"Fluorescence": {"name": "Traces"}}}
    with pytest.warns(UserWarning, match=r"\['Fluorescence'\]\['name'\] is 'Traces', but .* called 'Fluorescence'"):
        nwbfile = add(interface, metadata)
    assert "RoiResponseSeries" in nwbfile.processing["ophys"]["Fluorescence"].roi_response_series
