"""The schemas are those that NeuroConv requires, and errors have the place and the expected value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import numpy as np
import pytest
from jsonschema.validators import Draft7Validator
from neuroconv import NWBConverter
from neuroconv.datainterfaces.ophys.caiman.caimandatainterface import CaimanSegmentationInterface as HostsInterface
from neuroconv.utils import dict_deep_update
from pydantic import ValidationError
from pynwb.testing.mock.file import mock_NWBFile

from caiman_interface import CaimanSegmentationInterface
from caiman_interface.metadata import CaimanConversionOptions, CaimanSourceData, checked_metadata, ophys_metadata_schema

FILE = Path(__file__).parents[1] / "data" / "sim2p_full.hdf5"
KEY = "caiman_segmentation"
DICTIONARIES = {"use_new_metadata_format": True}
OUR_DEFAULTS = {  # where our default differs from NeuroConv's: what CaImAn saved is written, in compact form
    "include_background_segmentation": (True, False),
    "mask_type": (None, "image"),
    "include_roi_acceptance": (None, True),  # of the older NeuroConv
}


@pytest.fixture
def interface() -> Iterator[CaimanSegmentationInterface]:
    interface = CaimanSegmentationInterface(FILE)
    with interface.segmentation_extractor.results:
        yield interface


def metadata_of(interface: CaimanSegmentationInterface, **form: Any) -> dict[str, Any]:
    """Return the metadata of the interface, by default in the format of the installed NeuroConv."""
    metadata = interface.get_metadata(**form)
    metadata["NWBFile"]["session_start_time"] = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return metadata


class Converter(NWBConverter):
    data_interface_classes: ClassVar = {"Segmentation": CaimanSegmentationInterface}


# In addition to NeuroConv's own


def types(schema: dict[str, Any]) -> set[str]:
    return {alternative["type"] for alternative in schema.get("anyOf", [schema])}


def test_every_source_argument_of_neuroconvs_class_is_accepted() -> None:
    theirs, ours = HostsInterface.get_source_schema(), CaimanSegmentationInterface.get_source_schema()
    Draft7Validator.check_schema(ours)
    assert ours["properties"]["file_path"]["format"] == "file-path"
    for name, expected in theirs["properties"].items():
        assert types(ours["properties"][name]) == types(expected)
        assert ours["properties"][name].get("default") == expected.get("default")
        assert ours["properties"][name].get("format") == expected.get("format")
    assert ours["required"] == theirs["required"]
    assert ours["additionalProperties"] is theirs["additionalProperties"] is False


def test_every_option_of_neuroconvs_class_is_accepted(interface: CaimanSegmentationInterface) -> None:
    theirs = HostsInterface(file_path=str(FILE)).get_conversion_options_schema()
    ours = interface.get_conversion_options_schema()
    Draft7Validator.check_schema(ours)
    for name, expected in theirs["properties"].items():
        assert types(expected) <= types(ours["properties"][name])
        if "enum" in expected:
            assert expected["enum"] == ours["properties"][name]["anyOf"][0]["enum"]
        defaults = (ours["properties"][name]["default"], expected["default"])
        assert defaults[0] == defaults[1] or defaults == OUR_DEFAULTS[name]
        jsonschema.validate({name: expected["default"]}, ours)
        CaimanConversionOptions.model_validate({name: expected["default"]})
    assert ours["additionalProperties"] is theirs["additionalProperties"] is False


def test_fields_say_what_they_are(interface: CaimanSegmentationInterface) -> None:
    for schema in (interface.get_source_schema(), interface.get_conversion_options_schema()):
        for field in schema["properties"].values():
            assert field["title"]
            assert field["description"].endswith(".")


def test_metadata_schema_accepts_the_metadata_of_the_interface(interface: CaimanSegmentationInterface) -> None:
    schema = interface.get_metadata_schema()
    Draft7Validator.check_schema(schema)
    interface.validate_metadata(metadata_of(interface))
    parent = super(CaimanSegmentationInterface, interface).get_metadata_schema()
    assert set(parent["properties"]) <= set(schema["properties"])
    json.dumps(schema)


def test_dictionary_schema_merges_with_that_of_neuroconvs_interfaces() -> None:
    """A converter merges lists, such as those of types, in its own way."""
    properties, definitions = ophys_metadata_schema()
    ours = {"properties": properties, "definitions": definitions}
    text, entry = {"type": "string"}, {"type": "object", "additionalProperties": True}
    theirs = {
        "properties": {name: {"type": "object"} for name in properties},
        "definitions": {
            "ImagingPlaneEntry": {**entry, "properties": {"name": text, "indicator": text}},
            "RoiResponsesEntry": {"type": "object", "additionalProperties": {**entry, "properties": {"unit": text}}},
        },
    }
    for first, second in ((ours, theirs), (theirs, ours), (ours, ours)):
        merged = dict_deep_update(first, second)["definitions"]
        plane = merged["ImagingPlaneEntry"]["properties"]
        assert plane["name"]["type"] == plane["indicator"]["type"] == "string"
        assert "number" in plane["excitation_lambda"]["type"]
        assert "nanometres" in plane["excitation_lambda"]["description"]
        assert "number" in plane["optical_channel"]["items"]["properties"]["emission_lambda"]["type"]
        assert merged["RoiResponsesEntry"]["additionalProperties"]["properties"]["unit"]["type"] == "string"


def test_converter_accepts_source_options_and_metadata(interface: CaimanSegmentationInterface, tmp_path: Path) -> None:
    converter = Converter({"Segmentation": {"file_path": str(FILE), "verbose": True, "metadata_key": KEY}})
    for schema in (converter.get_source_schema(), converter.get_conversion_options_schema()):
        Draft7Validator.check_schema(schema)
    options = {"stub_test": True, "roi_ids_to_add": [5, "background0"], "mask_type": None, "iterator_options": {}}
    converter.validate_conversion_options({"Segmentation": options})
    converter.validate_metadata(metadata_of(interface))
    with pytest.raises(jsonschema.ValidationError, match="'stub_tests' was unexpected"):
        converter.validate_conversion_options({"Segmentation": {"stub_tests": True}})
    with pytest.raises(jsonschema.ValidationError, match="'file_pth' was unexpected"):
        jsonschema.validate(
            {"Segmentation": {"file_path": str(FILE), "file_pth": str(FILE)}}, converter.get_source_schema()
        )
    wrong = metadata_of(interface)
    block, key = ("ImagingPlanes", KEY) if "ImagingPlanes" in wrong["Ophys"] else ("ImagingPlane", 0)
    wrong["Ophys"][block][key]["excitation_lambda"] = -920
    with pytest.raises((jsonschema.ValidationError, ValidationError), match="excitation_lambda"):
        converter.run_conversion(nwbfile_path=tmp_path / "wrong.nwb", metadata=wrong)
    assert not list(tmp_path.iterdir())


# What is wrong is said


@pytest.mark.parametrize(
    ("source", "place", "expected"),
    [
        ({"file_path": FILE.parent}, "file_path", "does not point to a file"),
        ({"file_path": FILE.with_name("missing.hdf5")}, "file_path", "does not point to a file"),
        ({"file_path": None}, "file_path", "path"),
        ({"file_path": 3}, "file_path", "path"),
        ({"file_path": FILE, "verbose": "perhaps"}, "verbose", "boolean"),
        ({"file_path": FILE, "metadata_key": ""}, "metadata_key", "at least 1 character"),
        ({"file_path": FILE, "metadata_key": 3}, "metadata_key", "string"),
    ],
)
def test_wrong_source(source: dict[str, Any], place: str, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CaimanSegmentationInterface(**source)
    (error,) = caught.value.errors()
    assert error["loc"] == (place,)
    assert expected in error["msg"]
    assert str(source[place]) in str(caught.value)
    assert "CaImAn source data" in str(caught.value)


def test_a_missing_file_is_named_in_full(tmp_path: Path) -> None:
    missing = tmp_path / "a_long_name_of_a_folder" / "another_long_name_of_a_folder" / "missing.hdf5"
    with pytest.raises(ValidationError, match=re.escape(f"'{missing}' does not point to a file")):
        CaimanSegmentationInterface(file_path=missing)


def test_wrong_argument() -> None:
    with pytest.raises(TypeError, match="file_pth"):
        CaimanSegmentationInterface(file_pth=FILE)
    with pytest.raises(TypeError, match="positional"):
        CaimanSegmentationInterface(FILE, True)  # noqa: FBT003
    with pytest.raises(ValidationError, match="unknown key 'metadata_keys'; expected 'metadata_key'"):
        CaimanSourceData.model_validate({"file_path": FILE, "metadata_keys": "plane0"})


@pytest.mark.parametrize(
    ("options", "place", "expected"),
    [
        ({"stub_tests": True}, ("stub_tests",), "unknown key 'stub_tests'; expected 'stub_test'"),
        ({"colour": "red"}, ("colour",), "unknown key 'colour'; expected one of stub_test, stub_samples"),
        ({"mask_type": "nonsense"}, ("mask_type",), "'image', 'pixel' or 'voxel'"),
        ({"stub_samples": 0}, ("stub_samples",), "greater than 0"),
        ({"stub_samples": "many"}, ("stub_samples",), "integer"),
        ({"stub_frames": 5, "stub_samples": 6}, (), "stub_frames is the old name of stub_samples"),
        ({"roi_ids_to_add": []}, ("roi_ids_to_add",), "at least 1 item"),
        ({"roi_ids_to_add": 5}, ("roi_ids_to_add",), "list"),
        ({"plane_segmentation_name": ""}, ("plane_segmentation_name",), "at least 1 character"),
        ({"iterator_options": 3}, ("iterator_options",), "dictionary"),
    ],
)
def test_wrong_option(
    interface: CaimanSegmentationInterface, options: dict[str, Any], place: tuple[str, ...], expected: str
) -> None:
    nwbfile = mock_NWBFile()
    with pytest.raises(ValidationError) as caught:
        interface.add_to_nwbfile(nwbfile, **options)
    (error,) = caught.value.errors()
    assert error["loc"] == place
    assert expected in error["msg"]
    assert "CaImAn conversion options" in str(caught.value)
    assert not nwbfile.processing  # nothing was added


def in_plane(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda ophys: ophys["ImagingPlanes"][KEY].update(fields)


def in_channel(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return in_plane(optical_channel=[{"name": "Green"}, {"name": "Red", **fields}])


def in_block(block: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda ophys: ophys.update({block: value})


PLANE = ("Ophys", "ImagingPlanes", KEY)


@pytest.mark.parametrize(
    ("change", "place", "expected"),
    [
        (in_plane(excitation_lambda=-920), (*PLANE, "excitation_lambda"), "positive number of nanometres"),
        (in_plane(excitation_lambda="920 nm"), (*PLANE, "excitation_lambda"), "valid number"),
        (in_plane(excitation_lamda=920), (*PLANE, "excitation_lamda"), "expected 'excitation_lambda'"),
        (in_plane(wavelength=920), (*PLANE, "wavelength"), "expected one of name, description, excitation_lambda"),
        (in_plane(name="a/b"), (*PLANE, "name"), "without '/'"),
        (in_plane(name=""), (*PLANE, "name"), "at least one character"),
        (in_plane(imaging_rate=0), (*PLANE, "imaging_rate"), "greater than 0"),
        (in_plane(imaging_rate=math.inf), (*PLANE, "imaging_rate"), "finite"),
        (in_plane(grid_spacing=[1e-6]), (*PLANE, "grid_spacing"), "at least 2 items"),
        (in_plane(grid_spacing=[1e-6, -1e-6]), (*PLANE, "grid_spacing", 1), "greater than 0"),
        (in_plane(origin_coords=[1, 2, 3, 4]), (*PLANE, "origin_coords"), "at most 3 items"),
        (in_channel(emission_lambda=0), (*PLANE, "optical_channel", 1, "emission_lambda"), "positive number"),
        (in_channel(emision_lambda=510), (*PLANE, "optical_channel", 1, "emision_lambda"), "'emission_lambda'"),
        (in_block("ImagingPlanes", {KEY: 3}), PLANE, "dictionary"),
        (in_block("ImagingPlanes", [{"name": "x"}]), PLANE[:2], "dictionary"),
        (in_block("ImagingPlaness", {}), ("Ophys", "ImagingPlaness"), "expected 'ImagingPlanes'"),
        (in_block("RoiResponse", {}), ("Ophys", "RoiResponse"), "expected 'RoiResponses'"),
        (
            in_block("PlaneSegmentations", {KEY: {"descripton": "x"}}),
            ("Ophys", "PlaneSegmentations", KEY, "descripton"),
            "'description'",
        ),
        (
            in_block("RoiResponses", {KEY: {"raw": {"units": "a.u."}}}),
            ("Ophys", "RoiResponses", KEY, "raw", "units"),
            "'unit'",
        ),
        (
            in_block("SegmentationImages", {KEY: {"mean": {"nam": "x"}}}),
            ("Ophys", "SegmentationImages", KEY, "mean", "nam"),
            "'name'",
        ),
        (
            in_block("SegmentationImages", {KEY: {"mean": "mean_image"}}),
            ("Ophys", "SegmentationImages", KEY, "mean"),
            "dictionary",
        ),
    ],
)
def test_wrong_metadata(
    interface: CaimanSegmentationInterface,
    change: Callable[[dict[str, Any]], None],
    place: tuple[str | int, ...],
    expected: str,
) -> None:
    metadata = metadata_of(interface, **DICTIONARIES)
    change(metadata["Ophys"])
    nwbfile = mock_NWBFile()
    for use in (interface.validate_metadata, lambda metadata: interface.add_to_nwbfile(nwbfile, metadata)):
        with pytest.raises(ValidationError) as caught:
            use(metadata)
        (error,) = caught.value.errors()
        assert error["loc"] == place
        assert expected in error["msg"]
        assert ".".join(map(str, place)) in str(caught.value)
        assert "http" not in str(caught.value)  # no links for programmers
    assert not nwbfile.processing


def test_all_errors_are_said_at_once(interface: CaimanSegmentationInterface) -> None:
    metadata = metadata_of(interface, **DICTIONARIES)
    metadata["Ophys"]["ImagingPlanes"][KEY].update(excitation_lambda=-1, indicater="GCaMP6f")
    metadata["Ophys"]["RoiResponses"][KEY]["raw"]["unit"] = 3
    with pytest.raises(ValidationError, match="3 validation errors for metadata") as caught:
        interface.validate_metadata(metadata)
    assert {error["loc"][-1] for error in caught.value.errors()} == {"excitation_lambda", "indicater", "unit"}


@pytest.mark.parametrize("ophys", [3, [1], "text"])
def test_ophys_that_is_no_mapping(ophys: Any) -> None:
    with pytest.raises(ValidationError, match=r"Ophys\n.*dictionary"):
        checked_metadata({"Ophys": ophys}, [KEY])


# What is right is taken


def test_entries_of_others_are_let_alone() -> None:
    plane = {"location": 3, "colour": "red"}
    ophys = {"ImagingPlanes": {"theirs": plane}, "MicroscopySeries": {"x": 3}, "RoiResponses": {"theirs": 3}}
    assert checked_metadata({"Ophys": ophys, "Ecephys": 3}, [KEY]) == {"Ophys": ophys, "Ecephys": 3}
    linked = {**ophys, "PlaneSegmentations": {KEY: {"imaging_plane_metadata_key": "theirs"}}}
    with pytest.raises(ValidationError, match=r"Ophys.ImagingPlanes.theirs.colour"):
        checked_metadata({"Ophys": linked}, [KEY])


@pytest.mark.parametrize("metadata", [{}, {"Ophys": {}}, {"Ophys": None}])
def test_metadata_may_be_silent(metadata: dict[str, Any]) -> None:
    assert checked_metadata(metadata, [KEY]) == {"Ophys": {}}


@pytest.mark.parametrize(
    "fields",
    [
        {"excitation_lambda": math.nan, "optical_channel": [{"emission_lambda": math.nan}]},
        {"excitation_lambda": 920, "imaging_rate": 15.49, "optical_channel": [{"emission_lambda": 510}]},
        {"excitation_lambda": np.float32(920), "imaging_rate": np.float64(15.49)},
        {"grid_spacing": np.array([1e-6, 2e-6]), "origin_coords": (0, 0, -1e-4)},
    ],
)
def test_values_that_python_users_have(interface: CaimanSegmentationInterface, fields: dict[str, Any]) -> None:
    metadata = metadata_of(interface, **DICTIONARIES)
    metadata["Ophys"]["ImagingPlanes"][KEY].update(deepcopy(fields))
    if metadata_of(interface)["Ophys"].keys() == metadata["Ophys"].keys():
        interface.validate_metadata(metadata)  # NeuroConv's schema has dictionaries
    nwbfile = mock_NWBFile()
    interface.add_to_nwbfile(nwbfile, metadata)
    plane = nwbfile.imaging_planes["ImagingPlane"]
    for name in fields.keys() - {"optical_channel"}:
        np.testing.assert_array_equal(getattr(plane, name), fields[name])


@pytest.mark.parametrize("ids", [np.array([5, 7]), (5, 7), [np.int64(5), np.int32(7)]])
def test_roi_ids_that_python_users_have(ids: Any) -> None:
    options = CaimanConversionOptions.model_validate({"roi_ids_to_add": ids})
    assert options.roi_ids_to_add == [5, 7]


def test_old_name_of_stub_samples() -> None:
    assert CaimanConversionOptions(stub_frames=7).num_stub_samples == 7
    assert CaimanConversionOptions(stub_frames=None, stub_samples=8).num_stub_samples == 8
    assert CaimanConversionOptions(stub_frames=7, stub_samples=100).num_stub_samples == 7
    assert CaimanConversionOptions().num_stub_samples == 100
