"""The JSON schema of specifications."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from neuroconv.utils import load_dict_from_file

from caiman_interface.specification.planning import plan_sessions
from caiman_interface.specification.scaffold import write_scaffold
from caiman_interface.specification.schema import specification_schema

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def schema():
    return specification_schema()


@pytest.fixture
def errors(schema, write_specification):
    def errors(text: str) -> set[tuple[str, str]]:
        data = load_dict_from_file(write_specification(text))
        found = Draft7Validator(schema).iter_errors(data)
        return {(".".join(map(str, error.absolute_path)), error.validator) for error in found}

    return errors


def test_it_is_a_valid_schema_of_draft_7(schema):
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)


def test_every_reference_leads_to_a_place_in_the_document(schema):
    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    found = set(references(schema))
    assert "#/definitions/metadata" in found
    for reference in found:
        target = schema
        for key in reference.removeprefix("#/").split("/"):
            target = target[key]


@pytest.mark.parametrize("path", sorted((ROOT / "conversion_specs").glob("*.yml")), ids=lambda path: path.stem)
def test_the_example_specifications_are_valid(schema, path):
    assert list(Draft7Validator(schema).iter_errors(load_dict_from_file(path))) == []


def test_a_scaffold_filled_in_is_valid_and_its_blanks_are_not(schema, fill_in, tmp_path):
    path = tmp_path / "session.yml"
    file = ROOT / "tests" / "data" / "sim2p_full.hdf5"
    path.write_text(write_scaffold(plan_sessions([file]), folder=tmp_path, file_name=path.name), encoding="utf-8")
    blank = {error.instance for error in Draft7Validator(schema).iter_errors(load_dict_from_file(path))}
    assert blank == {None}
    fill_in(path)
    assert list(Draft7Validator(schema).iter_errors(load_dict_from_file(path))) == []


def test_mistakes_are_marked(errors):
    found = errors(
        """
        metadata:
          NWBFile: {lab: 5}
          Ophys:
            Devices: []
            ImagingPlane:
              - name: ImagingPlane
                excitation_lambda: -1
        data_interfaces:
          Segmentation: CaimanSegmentationInterfase
        experiments:
          day1:
            sessions:
              - source_data:
                  Segmentation: {file_path: 5}
                conversion_options:
                  Segmentation: {accepted_only: perhaps}
        """
    )
    session = "experiments.day1.sessions.0"
    assert found == {
        ("metadata.NWBFile.lab", "type"),
        ("metadata.Ophys.ImagingPlane.0.excitation_lambda", "exclusiveMinimum"),
        ("data_interfaces.Segmentation", "enum"),
        (f"{session}.source_data.Segmentation.file_path", "type"),
        (f"{session}.conversion_options.Segmentation.accepted_only", "type"),
    }


def test_arguments_of_other_interfaces_are_not_refused(errors):
    found = errors(
        """
        data_interfaces:
          Planes: Suite2pSegmentationInterface
        experiments:
          day1:
            sessions:
              - source_data:
                  Planes: {folder_path: suite2p, plane_name: plane0}
                conversion_options:
                  Planes: {include_roi_centroids: false, of_its_own: 3}
        """
    )
    assert found == set()


def test_editors_offer_names_meanings_and_examples(schema):
    interfaces = schema["properties"]["data_interfaces"]["additionalProperties"]["enum"]
    assert {"CaimanSegmentationInterface", "Suite2pSegmentationInterface"} <= set(interfaces)
    metadata = schema["definitions"]["metadata"]["properties"]
    assert metadata["NWBFile"]["properties"]["session_start_time"]["examples"] == ["2024-05-03T14:30:00+02:00"]
    plane = metadata["Ophys"]["properties"]["ImagingPlane"]["items"]["properties"]
    assert plane["excitation_lambda"]["description"] == "Excitation wavelength in nanometres."
    assert "device_metadata_key" not in plane
    assert plane["device"]["type"] == "string"
    session = schema["properties"]["experiments"]["additionalProperties"]["properties"]["sessions"]["items"]
    options = session["properties"]["conversion_options"]["additionalProperties"]["properties"]
    assert {"stub_test", "accepted_only", "mask_type"} <= options.keys()
