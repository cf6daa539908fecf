"""NWB GUIDE's way through NeuroConv, step by step: what its back end asks for and hands over, and what its forms show.

Its back end is a server over NeuroConv's public functions: what goes to the front end and comes back is JSON, and a
conversion runs in a worker process. It pins NeuroConv 0.9.3; the tests use the installed version.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
from jsonschema import Draft7Validator
from neuroconv import NWBConverter, datainterfaces
from neuroconv.tools.nwb_helpers import get_default_backend_configuration, make_nwbfile_from_metadata
from neuroconv.tools.testing.mock_interfaces import MockSegmentationInterface
from neuroconv.utils.json_schema import NWBMetaDataEncoder
from pynwb import NWBFile, read_nwb

from caiman_interface import CaimanSegmentationInterface
from caiman_interface._compat.neuroconv import uses_dict_metadata
from caiman_interface.plugins import registry
from nwb_contents import contents

FILE = Path(__file__).parent / "data" / "sim2p_full.hdf5"
FRAMES, RATE = 600, 15.49
NAME = "CaImAn Segmentation"
RAW = "processing/ophys/Fluorescence/RoiResponseSeries/data"
SPEAKS_LISTS = not uses_dict_metadata()

pytestmark = [
    pytest.mark.filterwarnings("ignore:An attribute 'name' already exists:UserWarning"),
    pytest.mark.filterwarnings("ignore:Both `backend` and `backend_configuration` were specified:UserWarning"),
]


def register() -> None:
    """Register the plugin, as an installed one does by itself."""
    registry.place(datainterfaces, "CaimanSegmentationInterface", CaimanSegmentationInterface)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Have the plugin registered, and leave NeuroConv as it was."""
    before = datainterfaces.CaimanSegmentationInterface
    listed, categories = list(datainterfaces.interface_list), deepcopy(datainterfaces.interfaces_by_category)
    register()
    yield
    datainterfaces.CaimanSegmentationInterface = before
    datainterfaces.interface_list[:] = listed
    for category, members in categories.items():
        datainterfaces.interfaces_by_category[category].update(members)


# What the back end does


def converter_of(info: dict[str, Any]) -> NWBConverter:
    """Make a class of the chosen formats, and an instance of it."""
    alignment = info.get("alignment", {})

    class GuideConverter(NWBConverter):
        data_interface_classes: ClassVar = {
            name: getattr(datainterfaces, class_name) for name, class_name in info["interfaces"].items()
        }

        def temporally_align_data_interfaces(self, metadata=None, conversion_options=None) -> None:  # noqa: ARG002
            for name, (method, value) in alignment.items():
                interface = self.data_interface_objects[name]
                if method == "start":
                    interface.set_aligned_starting_time(aligned_starting_time=value)
                else:
                    lines = Path(value).read_text().splitlines()
                    interface.set_aligned_timestamps(aligned_timestamps=np.array([float(line) for line in lines]))

    return GuideConverter(source_data=deepcopy(info["source_data"]))


def to_front_end(value: Any) -> Any:
    """Send as JSON, which has no NaN."""
    return json.loads(json.dumps(nan_to_null(value), cls=NWBMetaDataEncoder, allow_nan=False))


def nan_to_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: nan_to_null(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_null(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def null_to_nan(value: Any, schema: dict[str, Any]) -> Any:
    """Undo what JSON did to numbers, where the schema says that there is one."""
    if isinstance(value, list):
        return [null_to_nan(item, schema.get("items", schema)) for item in value]
    if not isinstance(value, dict):
        return math.nan if value is None and schema.get("type") == "number" else value
    properties = schema.get("properties", {})
    return {key: null_to_nan(item, properties.get(key, {})) for key, item in value.items()}


def first_build(info: dict[str, Any], metadata: dict[str, Any]) -> NWBFile:
    converter = converter_of(info)
    converter.temporally_align_data_interfaces()
    nwbfile = make_nwbfile_from_metadata(metadata=metadata)
    converter.add_to_nwbfile(nwbfile, metadata=metadata)
    return nwbfile


def convert(info: dict[str, Any]) -> dict[str, Any]:
    """Convert, in a worker; the configuration of a full conversion comes from a first build in memory."""
    register()
    converter = converter_of(info)
    metadata = info["metadata"]
    if info["restore_nan"]:
        metadata = null_to_nan(metadata, converter.get_metadata_schema())
    options = {"nwbfile_path": info["nwbfile_path"], "metadata": metadata, "overwrite": info["overwrite"]}
    if info["stub_test"]:
        converter.run_conversion(**options, backend="hdf5", conversion_options={NAME: {"stub_test": True}})
        return {}
    configuration = get_default_backend_configuration(first_build(info, metadata), backend="hdf5")
    for location, settings in info["configuration"].items():
        for setting, value in settings.items():
            setattr(configuration.dataset_configurations[location], setting, value)
    converter.run_conversion(**options, backend="hdf5", backend_configuration=configuration)
    return {location: str(dataset.full_shape) for location, dataset in configuration.dataset_configurations.items()}


# What the user does


def filled_in(metadata: dict[str, Any]) -> dict[str, Any]:
    """Fill in the forms; the wavelengths stay unknown."""
    metadata = deepcopy(metadata)
    metadata["NWBFile"]["session_start_time"] = "2024-05-02T10:30:00+02:00"
    metadata["Subject"] = {"subject_id": "mouse01", "sex": "F", "species": "Mus musculus", "age": "P90D"}
    ophys = metadata["Ophys"]
    if SPEAKS_LISTS:
        (plane,), traces = ophys["ImagingPlane"], ophys["Fluorescence"]["PlaneSegmentation"]
        ophys["Device"][0]["description"] = "Two-photon microscope."
    else:
        plane, traces = (ophys[block]["caiman_segmentation"] for block in ("ImagingPlanes", "RoiResponses"))
        metadata["Devices"] = {"scope": {"name": "PlaceholderMicroscope", "description": "Two-photon microscope."}}
        plane.update(device_metadata_key="scope", excitation_lambda=None)
    plane.update(location="VISp2/3", indicator="GCaMP6s")
    traces["raw"]["description"] = "Raw traces."
    return metadata


@pytest.fixture
def info(tmp_path: Path) -> dict[str, Any]:
    """Everything that the front end sends for a conversion."""
    chosen = {"interfaces": {NAME: "CaimanSegmentationInterface"}, "source_data": {NAME: {"file_path": str(FILE)}}}
    return {
        **chosen,
        "metadata": filled_in(to_front_end(converter_of(chosen).get_metadata())),
        "configuration": {},
        "nwbfile_path": str(tmp_path / "sub-mouse01.nwb"),
        "restore_nan": True,
        "stub_test": False,
        "overwrite": False,
    }


def read(info: dict[str, Any]) -> Any:
    return read_nwb(info["nwbfile_path"])


# The steps


def test_the_page_tells_how_to_see_whether_it_worked() -> None:
    page = (Path(__file__).parents[1] / "docs" / "nwb-guide.md").read_text(encoding="utf-8")
    (code,) = re.findall(r'^python -c "(.*)"$', page, re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "caiman_interface.interface"
    assert "prints `caiman_interface.interface`" in page


def test_the_picker_shows_the_plugin_once() -> None:
    shown = {
        getattr(interface, "display_name", None) or interface.__name__: interface
        for interface in datainterfaces.interface_list
    }
    assert shown["CaImAn Segmentation"] is CaimanSegmentationInterface
    names = [interface.__name__ for interface in datainterfaces.interface_list]
    assert names.count("CaimanSegmentationInterface") == 1
    assert datainterfaces.CaimanSegmentationInterface is CaimanSegmentationInterface
    assert datainterfaces.interfaces_by_category["segmentation"]["Caiman"] is CaimanSegmentationInterface
    described = to_front_end(
        {
            "keywords": CaimanSegmentationInterface.keywords,
            "suffixes": CaimanSegmentationInterface.associated_suffixes,
            "description": CaimanSegmentationInterface.info,
        }
    )
    assert described["keywords"] == ["segmentation", "roi", "cells"]
    assert described["suffixes"] == [".hdf5", ".h5"]
    assert "quality metrics" in described["description"]


def test_a_preview_and_a_full_conversion_in_a_worker_process(info) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        executor.submit(convert, {**info, "stub_test": True}).result()
        preview = read(info)
        series = preview.processing["ophys"]["Fluorescence"]["RoiResponseSeries"]
        assert (series.data.shape, series.rate) == ((100, 13), RATE)
        preview.read_io.close()
        configuration = {RAW: {"compression_options": {"level": 9}}}
        full = {**info, "overwrite": True, "configuration": configuration}
        shapes = executor.submit(convert, full).result()
        shapes_again = executor.submit(convert, full).result()  # other object ids, the same places
    assert shapes == shapes_again
    assert shapes[RAW] == "(600, 13)"
    with h5py.File(info["nwbfile_path"]) as file:
        assert file[RAW].compression_opts == 9
        assert file[RAW.replace("RoiResponseSeries", "Denoised")].compression_opts == 4
    nwbfile = read(info)
    plane = nwbfile.imaging_planes["ImagingPlane"]
    assert (plane.location, plane.indicator, plane.device.description) == (
        "VISp2/3",
        "GCaMP6s",
        "Two-photon microscope.",
    )
    assert (plane.imaging_rate, list(plane.grid_spacing)) == (RATE, [1.2e-6, 1.5e-6])
    assert math.isnan(plane.excitation_lambda)
    assert math.isnan(plane.optical_channel[0].emission_lambda)
    assert nwbfile.processing["ophys"]["Fluorescence"]["RoiResponseSeries"].description == "Raw traces."
    assert nwbfile.subject.subject_id == "mouse01"

    # The same as when the interface writes the file by itself.
    here = {**info, "nwbfile_path": info["nwbfile_path"].replace("sub-", "direct-")}
    interface = CaimanSegmentationInterface(file_path=FILE)
    interface.run_conversion(nwbfile_path=here["nwbfile_path"], metadata=info["metadata"])
    interface.segmentation_extractor.results.close()
    direct = read(here)
    np.testing.assert_equal(contents(nwbfile), contents(direct))
    nwbfile.read_io.close()
    direct.read_io.close()


def test_nulls_may_stay(info) -> None:
    convert({**info, "restore_nan": False, "stub_test": True})
    nwbfile = read(info)
    assert math.isnan(nwbfile.imaging_planes["ImagingPlane"].excitation_lambda)
    nwbfile.read_io.close()


def plane_in(metadata: dict[str, Any]) -> dict[str, Any]:
    """The entry of the imaging plane; dictionaries have one when the front end adds it."""
    if SPEAKS_LISTS:
        plane: dict[str, Any] = metadata["Ophys"]["ImagingPlane"][0]
        return plane
    return metadata["Ophys"]["ImagingPlanes"].setdefault("caiman_segmentation", {})


@pytest.mark.parametrize("restore_nan", [True, False])
def test_the_text_that_tables_send_for_lists_of_numbers_is_accepted(info, restore_nan) -> None:
    """A cell of a table splits what was typed at its commas, and leaves it text."""
    plane = plane_in(info["metadata"])
    plane.update(grid_spacing=["1.1e-6", " 1.3e-6"], origin_coords=["0", " -1.5", "2e-4"])
    convert({**info, "restore_nan": restore_nan, "stub_test": True})
    nwbfile = read(info)
    written = nwbfile.imaging_planes["ImagingPlane"]
    assert list(written.grid_spacing) == [1.1e-6, 1.3e-6]
    assert list(written.origin_coords) == [0.0, -1.5, 2e-4]
    nwbfile.read_io.close()


def test_emptied_numbers_are_unknown(info) -> None:
    """An emptied field is null in JSON, which the back end makes NaN where the schema has a number; a warning."""
    plane = plane_in(info["metadata"])
    plane.update(excitation_lambda=None, imaging_rate=None)
    plane["optical_channel"] = [{"name": "Green", "description": "Emission.", "emission_lambda": None}]
    with pytest.warns(UserWarning, match="emission_lambda of the optical channel 'Green' .* is empty.*nanometres"):
        convert({**info, "stub_test": True})
    nwbfile = read(info)
    written = nwbfile.imaging_planes["ImagingPlane"]
    assert written.imaging_rate == RATE
    assert math.isnan(written.excitation_lambda)
    assert math.isnan(written.optical_channel[0].emission_lambda)
    nwbfile.read_io.close()


def test_text_that_is_no_number_is_refused_with_its_place(info) -> None:
    metadata = deepcopy(info["metadata"])
    plane_in(metadata)["grid_spacing"] = ["1.1 µm", "2"]
    with pytest.raises(Exception, match=r"1\.1 µm") as caught:
        convert({**info, "metadata": metadata, "stub_test": True})
    assert "grid_spacing" in str(caught.value)


def test_times_are_shown_and_aligned_to_a_start(info) -> None:
    info["alignment"] = {NAME: ("start", 12.5)}
    converter = converter_of(info)
    interface = converter.data_interface_objects[NAME]
    np.testing.assert_allclose(interface.get_timestamps().tolist(), np.arange(FRAMES) / RATE)
    converter.temporally_align_data_interfaces()
    np.testing.assert_allclose(interface.get_timestamps(), 12.5 + np.arange(FRAMES) / RATE)
    np.testing.assert_allclose(interface.get_original_timestamps(), np.arange(FRAMES) / RATE)
    convert(info)
    nwbfile = read(info)
    series = nwbfile.processing["ophys"]["Fluorescence"]["Denoised"]
    assert (series.starting_time, series.rate, series.timestamps) == (12.5, RATE, None)
    nwbfile.read_io.close()


def test_times_from_a_file_reach_every_series(info, tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(1).uniform(0.06, 0.07, FRAMES))
    (tmp_path / "times.txt").write_text("\n".join(map(repr, times.tolist())))
    info["alignment"] = {NAME: ("timestamps", str(tmp_path / "times.txt"))}
    convert(info)
    nwbfile = read(info)
    for series in nwbfile.processing["ophys"]["Fluorescence"].roi_response_series.values():
        np.testing.assert_array_equal(series.timestamps[:], times)
        assert series.rate is None
    nwbfile.read_io.close()


@pytest.mark.parametrize(("method", "fits"), [("start", True), ("timestamps", False)])
def test_settings_from_before_the_alignment(method, fits, info, tmp_path: Path) -> None:
    """NeuroConv refuses settings for other datasets than there are; docs/nwb-guide.md says so."""
    times = np.cumsum(np.random.default_rng(1).uniform(0.06, 0.07, FRAMES))
    (tmp_path / "times.txt").write_text("\n".join(map(repr, times.tolist())))
    configuration = get_default_backend_configuration(first_build(info, info["metadata"]), backend="hdf5")
    aligned = {**info, "alignment": {NAME: (method, 2.5 if method == "start" else str(tmp_path / "times.txt"))}}
    expected = nullcontext() if fits else pytest.raises(ValueError, match="number of default configurations")
    with expected:
        converter_of(aligned).run_conversion(
            nwbfile_path=info["nwbfile_path"], metadata=info["metadata"], backend_configuration=configuration
        )


def test_two_files_in_one_conversion(info) -> None:
    info["interfaces"] = {"Plane 0": "CaimanSegmentationInterface", "Plane 1": "CaimanSegmentationInterface"}
    info["source_data"] = {
        f"Plane {number}": {"file_path": str(FILE), "metadata_key": f"plane{number}"} for number in range(2)
    }
    converter = converter_of(info)
    metadata = to_front_end(converter.get_metadata())
    metadata["NWBFile"]["session_start_time"] = "2024-05-02T10:30:00+02:00"
    convert({**info, "metadata": metadata})
    nwbfile = read(info)
    tables = nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations
    assert {f"PlaneSegmentation_plane{number}" for number in range(2)} <= set(tables)
    assert set(nwbfile.imaging_planes) == {"ImagingPlane_plane0", "ImagingPlane_plane1"}
    nwbfile.read_io.close()


# The forms


def schemas(*, nested: bool = False, twice: bool = False) -> dict[str, dict[str, Any]]:
    """The schemas of source data, options and metadata, of a converter or of one within another.

    The other interfaces are those of NeuroConv.
    """
    names = ["First", "Second"] if twice else ["First"]

    class Inner(NWBConverter):
        data_interface_classes: ClassVar = {
            "Before": MockSegmentationInterface,
            **dict.fromkeys(names, CaimanSegmentationInterface),
            "After": MockSegmentationInterface,
        }

    class Outer(NWBConverter):
        data_interface_classes: ClassVar = {"Inner": Inner}

    sources = {name: {"file_path": str(FILE), "metadata_key": name} for name in names}
    sources |= {"Before": {}, "After": {}}
    converter = Outer({"Inner": {"source_data": sources}}) if nested else Inner(sources)
    return {
        "source": converter.get_source_schema(),
        "options": converter.get_conversion_options_schema(),
        "metadata": converter.get_metadata_schema(),
    }


def interface_schemas() -> dict[str, dict[str, Any]]:
    interface = CaimanSegmentationInterface(file_path=FILE)
    found = {
        "source": interface.get_source_schema(),
        "options": interface.get_conversion_options_schema(),
        "metadata": interface.get_metadata_schema()["properties"]["Ophys"],
    }
    interface.segmentation_extractor.results.close()
    found["metadata"].get("definitions", {}).pop("MicroscopySeriesEntry", None)  # NeuroConv's own, of movies
    return found


def parts(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every mapping within a schema, with its place."""
    if isinstance(schema, dict):
        yield place, schema
        for key, value in schema.items():
            yield from parts(value, f"{place}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from parts(value, f"{place}/{index}")


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield everything that a form shows: each property, with its place."""
    for place, part in parts(schema):
        # Examples and defaults are data.
        if not {"examples", "default"} & set(place.split("/")) and isinstance(part.get("properties"), dict):
            for name, field in part["properties"].items():
                yield f"{place}/{name}", field


@pytest.mark.parametrize("shape", [{}, {"twice": True}, {"nested": True}, {"nested": True, "twice": True}])
def test_references_lead_somewhere_in_the_document(shape) -> None:
    for schema in schemas(**shape).values():
        Draft7Validator.check_schema(schema)
        for place, part in parts(schema):
            if "$ref" not in part:
                continue
            target: Any = schema
            assert part["$ref"].startswith("#/"), place
            for step in part["$ref"].removeprefix("#/").split("/"):
                assert step in target, f"{place} refers to {part['$ref']}"
                target = target[step]
            assert isinstance(target, dict)


@pytest.mark.parametrize("kind", ["source", "options", "metadata"])
def test_every_field_says_what_it_wants(kind) -> None:
    shown = dict(fields(interface_schemas()[kind]))
    assert shown
    for place, field in shown.items():
        assert field.get("title"), place
        assert not field["title"].endswith("Entry"), place
        assert field.get("description", "").endswith("."), place


@pytest.mark.parametrize("kind", ["source", "options", "metadata"])
def test_every_field_to_type_in_has_an_example(kind) -> None:
    """Free text, numbers and lists of them; the choices of the other fields are described."""
    for place, field in fields(interface_schemas()[kind]):
        choices = field.get("anyOf", [field])
        typed_in = any(has_free_values(choice) for choice in choices)
        assert not typed_in or field.get("examples") or field.get("default") is not None, place


def has_free_values(schema: dict[str, Any]) -> bool:
    kinds = schema.get("type", "number")
    if "array" in kinds and "properties" not in schema:
        items = schema["items"]
        return any(has_free_values(choice) for choice in items.get("anyOf", [items]))
    return bool({"string", "number", "integer"} & set(kinds)) and "enum" not in schema


@pytest.mark.parametrize("kind", ["source", "options", "metadata"])
def test_every_field_can_be_filled_in_by_a_user(kind) -> None:
    for place, field in fields(interface_schemas()[kind]):
        for alternative in field.get("anyOf", [field]):
            kinds = alternative["type"] if isinstance(alternative["type"], list) else [alternative["type"]]
            assert set(kinds) <= {"string", "number", "integer", "boolean", "array", "object", "null"}, place
            if "array" in kinds:
                assert "items" in alternative or "properties" in alternative, place
            if "object" in kinds:
                described = {"properties", "patternProperties", "additionalProperties"} & set(alternative)
                assert described, place
                assert alternative.get("additionalProperties") is not True or "properties" in alternative, place


@pytest.mark.parametrize("kind", ["source", "options", "metadata"])
def test_examples_defaults_and_required_marks_are_right(kind) -> None:
    schema = interface_schemas()[kind]
    document = {"properties": {"Ophys": schema}}  # to which the references of metadata refer
    for place, part in parts(schema):
        if isinstance(part.get("properties"), dict) and isinstance(part.get("required"), list):
            assert set(part["required"]) <= set(part["properties"]), place
    for place, field in fields(schema):
        validator = Draft7Validator(document).evolve(schema=field)
        for value in [*field.get("examples", []), *([field["default"]] if "default" in field else [])]:
            assert not list(validator.iter_errors(to_front_end(value))), place


def test_units_and_choices_are_described() -> None:
    found = interface_schemas()
    shown = {place.rsplit("/", 1)[-1]: field for kind in found.values() for place, field in fields(kind)}
    for name, unit in {
        "excitation_lambda": "nm",
        "emission_lambda": "nm",
        "imaging_rate": "Hz",
        "buffer_gb": "GB",
    }.items():
        assert f"({unit})" in shown[name]["title"]
    for name in ("grid_spacing", "origin_coords", "offset", "resolution"):
        assert "unit" in shown[name]["description"]
    assert ["image", "pixel", "voxel"] in [choice.get("enum") for choice in shown["mask_type"]["anyOf"]]
    assert found["source"]["required"] == ["file_path"]
    assert shown["stub_samples"]["default"] == 100


@pytest.mark.skipif(not SPEAKS_LISTS, reason="NWB GUIDE shows list-based metadata")
def test_the_forms_show_every_field_and_require_only_filled_ones() -> None:
    """NWB GUIDE requires all properties of ``Ophys`` and some at the top, and cannot show alternative types."""
    converter = converter_of(
        {"interfaces": {NAME: "CaimanSegmentationInterface"}, "source_data": {NAME: {"file_path": str(FILE)}}}
    )
    schema, metadata = converter.get_metadata_schema(), converter.get_metadata()
    assert set(schema["properties"]["Ophys"]["properties"]) == set(metadata["Ophys"])
    assert all("properties" in block for block in schema["properties"].values())
    assert not [place for place, part in parts(schema["properties"]["Ophys"]) if "anyOf" in part]
    assert not [place for place, part in parts(converter.get_source_schema()) if "anyOf" in part]
    plane = schema["properties"]["Ophys"]["properties"]["ImagingPlane"]["properties"]
    assert plane["excitation_lambda"]["type"] == "number"
    assert plane["optical_channel"]["items"]["properties"]["emission_lambda"]["type"] == "number"


def test_wrong_input_is_refused_before_anything_is_written(info) -> None:
    plane = info["metadata"]["Ophys"]["ImagingPlane" if SPEAKS_LISTS else "ImagingPlanes"]
    (plane[0] if SPEAKS_LISTS else plane["caiman_segmentation"])["excitation_lambda"] = -920.0
    with pytest.raises(ValueError, match="excitation_lambda"):
        convert(info)
    assert not Path(info["nwbfile_path"]).exists()
