"""Fields of dictionary-based metadata are found where a user wrote them, in either format."""

from __future__ import annotations

import pytest

from caiman_interface.metadata import (
    ChangedList,
    KnownEntries,
    changed_number_lists,
    follow,
    is_null_allowed,
    specification_remedy,
    spellings,
)

KEY = "plane0"
OWN = {
    "Ophys": {
        "ImagingPlanes": {KEY: {"name": "ImagingPlane_plane0"}},
        "PlaneSegmentations": {KEY: {"name": "PlaneSegmentation_plane0", "imaging_plane_metadata_key": KEY}},
        "RoiResponses": {KEY: {"raw": {}, "dff": {}}},
        "SegmentationImages": {KEY: {"correlation": {}}},
    }
}
WRITTEN_IN_LISTS = {
    "Ophys": {
        "Device": [{"name": "Scope"}],
        "ImagingPlane": [{"name": "Other"}, {"name": "ImagingPlane_plane0", "device": "Scope", "indicator": 1}],
        "ImageSegmentation": {"plane_segmentations": [{"name": "PlaneSegmentation_plane0", "description": 2}]},
        "Fluorescence": {"PlaneSegmentation_plane0": {"raw": {"unit": 3}}},
        "DfOverF": {"PlaneSegmentation_plane0": {"dff": {"unit": 4}}},
        "SegmentationImages": {"PlaneSegmentation_plane0": {"correlation": {"name": 5}}},
    }
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("Devices", "Scope", "name"), ("Ophys", "Device", 0, "name")),
        (("Ophys", "ImagingPlanes", KEY, "indicator"), ("Ophys", "ImagingPlane", 1, "indicator")),
        (("Ophys", "ImagingPlanes", KEY, "device_metadata_key"), ("Ophys", "ImagingPlane", 1, "device")),
        (
            ("Ophys", "PlaneSegmentations", KEY, "description"),
            ("Ophys", "ImageSegmentation", "plane_segmentations", 0, "description"),
        ),
        (
            ("Ophys", "RoiResponses", KEY, "raw", "unit"),
            ("Ophys", "Fluorescence", "PlaneSegmentation_plane0", "raw", "unit"),
        ),
        (
            ("Ophys", "RoiResponses", KEY, "dff", "unit"),
            ("Ophys", "DfOverF", "PlaneSegmentation_plane0", "dff", "unit"),
        ),
        (
            ("Ophys", "SegmentationImages", KEY, "correlation", "name"),
            ("Ophys", "SegmentationImages", "PlaneSegmentation_plane0", "correlation", "name"),
        ),
    ],
)
def test_a_field_is_found_in_lists(path, expected):
    reached = [follow(WRITTEN_IN_LISTS, steps) for steps in spellings(path, {}, OWN)]
    assert max(reached, key=len) == expected


def test_a_field_is_found_in_dictionaries():
    path = ("Ophys", "RoiResponses", KEY, "raw", "unit")
    written = {"Ophys": {"RoiResponses": {KEY: {"raw": {"unit": 3}}}}}
    assert next(follow(written, steps) for steps in spellings(path, written, OWN)) == path


def test_an_entry_of_a_merged_list_is_found_at_its_own_index():
    merged = {"Ophys": {"ImagingPlane": [{"name": "A"}, {"name": "B"}]}}
    written = {"Ophys": {"ImagingPlane": [{"name": "B", "location": 1}]}}
    first, *_ = spellings(("Ophys", "ImagingPlane", 1, "location"), merged, OWN)
    assert follow(written, first) == ("Ophys", "ImagingPlane", 0, "location")


def test_null_leaves_out_a_trace_or_an_image_in_either_format():
    assert is_null_allowed(("Ophys", "RoiResponses", KEY, "raw"))
    assert is_null_allowed(("Ophys", "Fluorescence", "PlaneSegmentation", "raw"))
    assert not is_null_allowed(("Ophys", "RoiResponses", KEY))
    assert not is_null_allowed(("Ophys", "ImagingPlanes", KEY, "location"))


def test_numbers_that_merging_appends_to_are_reported():
    written = {"Ophys": {"ImagingPlane": [{"name": "P", "grid_spacing": [1.0, 1.0]}]}}
    merged = {"Ophys": {"ImagingPlane": [{"name": "Q"}, {"name": "P", "grid_spacing": [1.0]}]}}
    path = ("Ophys", "ImagingPlane", 0, "grid_spacing")
    assert list(changed_number_lists([written], merged)) == [ChangedList(0, path, [1.0, 1.0], [1.0])]
    assert list(changed_number_lists([written], written)) == []


def test_a_dictionary_in_a_specification_is_refused_with_the_list_to_write():
    assert "`ImagingPlane:`" in (specification_remedy(("Ophys", "ImagingPlanes"), {}) or "")
    assert "`Devices: []`" in (specification_remedy(("Ophys", "Devices"), None) or "")
    assert specification_remedy(("Ophys", "ImagingPlanes"), []) is None


def unused(written, *, own=(OWN,)):
    return [(entry.path, entry.kind) for entry in KnownEntries.of_session(written, list(own)).unused(written)]


def test_entries_that_are_used_are_not_reported():
    assert unused(WRITTEN_IN_LISTS)[0] == (("Ophys", "ImagingPlane", 0), "imaging plane")
    assert len(unused(WRITTEN_IN_LISTS)) == 1


def test_entries_of_unknown_names_are_reported_with_their_place():
    written = {
        "Devices": {"scope": {"name": "Scope"}},
        "Ophys": {
            "RoiResponses": {KEY: {"rw": {}, "deconvolved": None}, "plane1": {}},
            "SegmentationImages": {KEY: {"mean": {}}},
        },
    }
    assert unused(written) == [
        (("Devices", "scope"), "device"),
        (("Ophys", "RoiResponses", KEY, "rw"), "trace"),
        (("Ophys", "RoiResponses", "plane1"), "metadata key"),
        (("Ophys", "SegmentationImages", KEY, "mean"), "image"),
    ]


def test_the_key_of_a_file_without_images_is_used():
    without_images = {"Ophys": {name: block for name, block in OWN["Ophys"].items() if name != "SegmentationImages"}}
    assert unused({"Ophys": {"SegmentationImages": {KEY: {"correlation": None}}}}, own=(without_images,)) == []


def test_what_another_session_uses_is_not_reported():
    written = {"Ophys": {"RoiResponses": {KEY: {"denoised": {}}}}}
    assert unused(written) == [(("Ophys", "RoiResponses", KEY, "denoised"), "trace")]
    second = {"Ophys": {**OWN["Ophys"], "RoiResponses": {KEY: {"denoised": {}}}}}
    sessions = [KnownEntries.of_session(written, [own]) for own in (OWN, second)]
    assert list((sessions[0] | sessions[1]).unused(written)) == []
