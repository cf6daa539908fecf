"""What is wrong with a specification: every problem at once, each with its place and a remedy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from caiman_interface.specification.blanks import blanks_of, without_blanks
from caiman_interface.specification.checks import Request, check_specification
from caiman_interface.specification.document import Document
from caiman_interface.specification.findings import Finding, count_findings, is_convertible, write_findings
from caiman_interface.specification.outputs import OutputFolder
from caiman_interface.specification.text import get_value

DATA = Path(__file__).parents[1] / "data"
SPECIFICATIONS = Path(__file__).parents[2] / "conversion_specs"

TIME = "2024-05-03T14:30:00+02:00"
GOOD = """
metadata:
  NWBFile:
    session_start_time: 2024-05-03T14:30:00+02:00
data_interfaces:
  Segmentation: CaimanSegmentationInterface
experiments:
  day1:
    sessions:
      - nwbfile_name: one
        source_data:
          Segmentation:
            file_path: sim2p_full.hdf5
        conversion_options:
          Segmentation:
            mask_type: pixel
        metadata:
          NWBFile:
            session_id: one
          Subject:
            subject_id: mouse12
            species: Mus musculus
            sex: F
          Ophys:
            Devices: []
            ImagingPlane:
              - name: ImagingPlane
                indicator: GCaMP6s
                excitation_lambda: 920.0
                optical_channel:
                  - name: OpticalChannel
                    emission_lambda: 510.0
      - nwbfile_name: two
        source_data:
          Segmentation:
            file_path: sim2p_minimal.hdf5
"""
SESSION = "experiments.day1.sessions[0]"
PLANE = f"{SESSION}.metadata.Ophys.ImagingPlane[0]"


@pytest.fixture
def check(write_specification):
    def check(text: str, **options: object) -> list[Finding]:
        request = Request(data_folder=DATA, **options)
        return list(check_specification(write_specification(text), request).findings)

    return check


@pytest.fixture
def check_changed(check):
    """A function that changes one thing in a good specification, and returns the one finding."""

    def check_changed(old: str, new: str, **options: object) -> Finding:
        assert GOOD.count(old) >= 1
        (finding,) = check(GOOD.replace(old, new, 1), **options)
        return finding

    return check_changed


def test_a_good_specification_has_no_findings(check):
    assert check(GOOD) == []


@pytest.mark.parametrize("path", sorted(SPECIFICATIONS.glob("*.yml")), ids=lambda path: path.stem)
def test_the_example_specifications_have_no_findings_but_for_the_movie_that_is_not_there(path):
    findings = check_specification(path, Request(data_folder=DATA)).findings
    assert [finding for finding in findings if "source_data.Movie" not in finding.key] == []


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "key", "message", "expected", "remedy"),
    [
        (
            "Segmentation: CaimanSegmentationInterface",
            "Segmentation: CaimanSegmentationInterfase",
            5,
            3,
            "data_interfaces.Segmentation",
            "wrong value of 'Segmentation'",
            "names",
            "Did you mean 'CaimanSegmentationInterface'?",
        ),
        (
            "Segmentation: CaimanSegmentationInterface",
            "Segmentation: interface_list",
            5,
            3,
            "data_interfaces.Segmentation",
            "wrong value of 'Segmentation'",
            "names",
            "",
        ),
        (
            "sim2p_full.hdf5",
            "sim2p_ful.hdf5",
            12,
            13,
            f"{SESSION}.source_data.Segmentation.file_path",
            "the file does not exist",
            "relative to the folder of the specification, or to --data-folder-path",
            "Did you mean 'sim2p_full.hdf5'",
        ),
        (
            "sim2p_full.hdf5",
            "nowhere/at_all.hdf5",
            12,
            13,
            f"{SESSION}.source_data.Segmentation.file_path",
            "the file does not exist",
            "--data-folder-path",
            f"the folder {DATA / 'nowhere'} does not exist either",
        ),
        (
            "sim2p_full.hdf5",
            ".",
            12,
            13,
            f"{SESSION}.source_data.Segmentation.file_path",
            "not a file",
            "--data-folder-path",
            "Correct the path",
        ),
        (
            "sim2p_full.hdf5",
            "sim2p_full_ref.npz",
            12,
            13,
            f"{SESSION}.source_data.Segmentation.file_path",
            "this is an .npz file, in which CaImAn before 1.4 saved its results",
            "CaImAn saved",
            "",
        ),
        (
            "file_path: sim2p_full.hdf5",
            "file_path: sim2p_full.hdf5\n            metadata_kye: a",
            13,
            13,
            f"{SESSION}.source_data.Segmentation.metadata_kye",
            "unknown key 'metadata_kye'",
            "'metadata_key'",
            "Did you mean 'metadata_key'?",
        ),
        (
            "file_path: sim2p_full.hdf5",
            "file_path: 5",
            12,
            13,
            f"{SESSION}.source_data.Segmentation.file_path",
            "wrong value of 'file_path'",
            "text",
            'Put it in quotes: "5".',
        ),
        (
            "mask_type: pixel",
            "mask_typ: pixel",
            15,
            13,
            f"{SESSION}.conversion_options.Segmentation.mask_typ",
            "unknown key 'mask_typ'",
            "'mask_type'",
            "Did you mean 'mask_type'?",
        ),
        (
            "mask_type: pixel",
            "mask_type: pixels",
            15,
            13,
            f"{SESSION}.conversion_options.Segmentation.mask_type",
            "wrong value of 'mask_type'",
            'one of "image", "pixel", "voxel"',
            "Did you mean 'pixel'?",
        ),
        (
            "mask_type: pixel",
            "stub_test: maybe",
            15,
            13,
            f"{SESSION}.conversion_options.Segmentation.stub_test",
            "wrong value of 'stub_test'",
            "true or false",
            "",
        ),
        (
            "mask_type: pixel",
            "roi_ids_to_add: [1, 99]",
            15,
            13,
            f"{SESSION}.conversion_options.Segmentation.roi_ids_to_add",
            "ROI ids [99] not found",
            "ids of ROIs in the file",
            "",
        ),
        (
            "session_id: one",
            "session_id: 1",
            18,
            13,
            f"{SESSION}.metadata.NWBFile.session_id",
            "wrong value of 'session_id'",
            "text",
            'Put it in quotes: "1".',
        ),
        (
            "session_id: one",
            "sesion_id: one",
            18,
            13,
            f"{SESSION}.metadata.NWBFile.sesion_id",
            "unknown key 'sesion_id'",
            "'session_id'",
            "Did you mean 'session_id'?",
        ),
        (
            "session_start_time: 2024-05-03T14:30:00+02:00",
            "session_start_time: last Friday",
            3,
            5,
            "metadata.NWBFile.session_start_time",
            "'session_start_time' is not a date and time",
            "ISO 8601",
            "2024-05-03T14:30:00+02:00",
        ),
        (
            "species: Mus musculus",
            "species: mouse",
            21,
            13,
            f"{SESSION}.metadata.Subject.species",
            "wrong value of 'species'",
            "latin name",
            '"Mus musculus"',
        ),
        (
            "sex: F",
            "sex: female",
            22,
            13,
            f"{SESSION}.metadata.Subject.sex",
            "wrong value of 'sex'",
            'one of "M", "F", "U", "O"',
            "",
        ),
        (
            "            Devices: []\n",
            "",
            23,
            11,
            f"{SESSION}.metadata.Ophys.Devices",
            "'Devices' is missing",
            "",
            "add the line `Devices: []`",
        ),
        (
            "excitation_lambda: 920.0",
            "excitation_lambda: -920.0",
            28,
            17,
            f"{PLANE}.excitation_lambda",
            "wrong value of 'excitation_lambda'",
            "a positive number of nanometres",
            "",
        ),
        (
            "indicator: GCaMP6s",
            "indikator: GCaMP6s",
            27,
            17,
            f"{PLANE}.indikator",
            "unknown key 'indikator'",
            "'indicator'",
            "",
        ),
        (
            "emission_lambda: 510.0",
            "emission_lambda: green",
            31,
            21,
            f"{PLANE}.optical_channel[0].emission_lambda",
            "wrong value of 'emission_lambda'",
            "number",
            "",
        ),
        (
            "nwbfile_name: two",
            "nwbfile_name: one.nwb",
            32,
            9,
            "experiments.day1.sessions[1].nwbfile_name",
            "two sessions have the output name 'one'; the first is in line 9",
            "",
            "a different name",
        ),
        (
            "nwbfile_name: two",
            "nwbfile_name: 2",
            32,
            9,
            "experiments.day1.sessions[1].nwbfile_name",
            "wrong value of 'nwbfile_name'",
            "text",
            'Put it in quotes: "2".',
        ),
    ],
)
def test_one_mistake_is_one_error_with_its_place(check_changed, old, new, line, column, key, message, expected, remedy):
    finding = check_changed(old, new)
    assert (finding.severity, finding.line, finding.column, finding.key) == ("error", line, column, key)
    assert Path(finding.file).name == "spec.yml"
    assert message in finding.message
    assert expected in finding.expected
    assert remedy in finding.remedy


def test_every_problem_is_found_in_one_pass(check):
    text = (
        GOOD.replace("sim2p_full.hdf5", "sim2p_ful.hdf5")
        .replace("sex: F", "sex: female")
        .replace("two\n", "one\n")
        .replace("session_start_time: 2024-05-03T14:30:00+02:00", "session_start_time:")
        .replace("sim2p_minimal.hdf5", "sim2p_minimal.hdf5\n            metadata_kye: a")
        .replace("data_interfaces:\n", "data_interfaces:\n  Other: Suite3pSegmentationInterface\n")
    )
    found = [(finding.severity, finding.key) for finding in check(text)]
    assert found == [
        ("blank", "metadata.NWBFile.session_start_time"),
        ("error", "data_interfaces.Other"),
        ("error", f"{SESSION}.source_data.Segmentation.file_path"),
        ("error", f"{SESSION}.metadata.Subject.sex"),
        ("error", "experiments.day1.sessions[1].nwbfile_name"),
        ("error", "experiments.day1.sessions[1].source_data.Segmentation.metadata_kye"),
    ]


def test_an_error_of_all_sessions_is_reported_once(check):
    findings = check(GOOD.replace("session_start_time: 2024-05-03T14:30:00+02:00", "lab: 5"))
    assert [(finding.line, finding.message) for finding in findings] == [
        (2, "'session_start_time' is missing"),  # of the second session, which has no metadata
        (3, "wrong value of 'lab'"),
        (17, "'session_start_time' is missing"),
    ]
    assert '"2024-05-03T14:30:00+02:00"' in findings[0].remedy


def test_yaml_that_cannot_be_read_is_one_error_with_its_place(check):
    (finding,) = check("a: 1\nb: c: d\n")
    assert (finding.severity, finding.line, finding.column) == ("error", 2, 5)
    assert "mapping values are not allowed" in finding.message


@pytest.mark.parametrize(("text", "found"), [("", "an empty file"), ("- a\n", "something other than keys and values")])
def test_what_is_no_specification_is_one_error(check, text, found):
    (finding,) = check(text)
    assert (finding.severity, finding.line, finding.message) == ("error", 1, "not a specification")
    assert finding.found == found
    assert "caiman-interface init" in finding.remedy


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("experiments: {}\n", "data_interfaces", "'data_interfaces' is missing"),
        ("data_interfaces: {}\n", "experiments", "'experiments' is missing"),
        ("data_interfaces: {}\nexperiments: {a: {}}\n", "experiments.a.sessions", "'sessions' is missing"),
        (
            "data_interfaces: {}\nexperiments: {a: {sessions: [{}]}}\n",
            "experiments.a.sessions[0].source_data",
            "'source_data' is missing",
        ),
        (
            "data_interfaces: {}\nexperiments: {a: {sessions: 5}}\n",
            "experiments.a.sessions",
            "wrong value of 'sessions'",
        ),
        ("data_interfaces: {}\nexperiments: [a]\n", "experiments", "wrong value of 'experiments'"),
        ("data_interfaces: {a: 5}\nexperiments: {}\n", "data_interfaces.a", "wrong value of 'a'"),
        ("data_interfaces: {}\nexperiments: {}\nmetdata: {}\n", "metdata", "unknown key 'metdata'"),
        ("data_interfaces: {}\nexperiments: {}\nmetadata: {}\n", "metadata.NWBFile", "'NWBFile' is missing"),
    ],
)
def test_the_form_of_a_specification_is_that_of_neuroconv(check, text, key, message):
    errors = {finding.key: finding.message for finding in check(text) if finding.severity == "error"}
    assert errors[key] == message


def test_metadata_in_the_form_that_neuroconv_refuses_says_how_to_write_them(check):
    planes = "Ophys: {Devices: [], ImagingPlanes: {caiman_segmentation: {indicator: GCaMP6s}}}"
    text = GOOD.replace("  NWBFile:\n    session", f"  {planes}\n  Devices: {{}}\n  NWBFile:\n    session", 1)
    of_planes, of_devices = check(text)
    assert (of_planes.key, of_planes.line) == ("metadata.Ophys.ImagingPlanes", 2)
    assert "`ImagingPlane:`" in of_planes.remedy
    assert "--metadata" in of_planes.remedy
    assert (of_devices.key, of_devices.line) == ("metadata.Devices", 3)
    assert "`Device:`" in of_devices.remedy


def test_what_is_ignored_is_a_warning(check_changed):
    finding = check_changed("nwbfile_name: two", "nwbfile_name: two\n        conversion_option: {}")
    assert (finding.severity, finding.line) == ("warning", 33)
    assert finding.message == "unknown key 'conversion_option', which is ignored"
    assert finding.remedy == "Did you mean 'conversion_options'?"
    assert is_convertible([finding])


def test_data_of_an_interface_that_is_not_declared_are_a_warning(check):
    text = GOOD.replace("        source_data:\n", "        source_data:\n          Segmentatoin: {file_path: a}\n", 1)
    (finding,) = check(text)
    assert (finding.severity, finding.line, finding.column) == ("warning", 11, 11)
    assert finding.message == "unknown key 'Segmentatoin', which is ignored"
    assert finding.remedy == "Did you mean 'Segmentation'?"


@pytest.mark.parametrize("source_data", ["{Segmentatoin: {file_path: a}}", "{}"])
def test_a_session_without_any_known_data_is_an_error(check, source_data):
    before, _, after = GOOD.partition("        source_data:\n")
    _, _, after = after.partition(
        "        conversion_options:\n          Segmentation:\n            mask_type: pixel\n"
    )
    finding, *unknown = check(f"{before}        source_data: {source_data}\n{after}")
    assert (finding.severity, finding.line, finding.column) == ("error", 10, 9)
    assert finding.message == "the session has no data"
    assert finding.remedy == "Add its files, or remove the session."
    assert [one.remedy for one in unknown] == (["Did you mean 'Segmentation'?"] if "Seg" in source_data else [])


def test_options_of_an_unknown_interface_are_a_warning(check):
    text = GOOD.replace("          Segmentation:\n            mask_type", "          Segm:\n            mask_type")
    (finding,) = check(text)
    assert finding.severity == "warning"
    assert finding.message == "unknown key 'Segm', which is ignored"


def test_a_repeated_key_is_a_warning(check):
    finding = check(GOOD + "data_interfaces:\n  Segmentation: CaimanSegmentationInterface\n")[-1]
    assert finding.severity == "warning"
    assert finding.line == len(GOOD.strip().splitlines()) + 1
    assert "is repeated" in finding.message


def test_an_upload_is_a_warning(check):
    (finding,) = check(GOOD + 'upload_to_dandiset: "000123"\n')
    assert finding.severity == "warning"
    assert "dandi upload" in finding.remedy


def test_blanks_are_no_errors_and_say_what_they_want(check):
    text = (
        GOOD.replace("emission_lambda: 510.0", "emission_lambda:")
        .replace("subject_id: mouse12", "subject_id:")
        .replace("session_start_time: 2024-05-03T14:30:00+02:00", "session_start_time:")
    )
    findings = check(text)
    assert [(finding.severity, finding.line, finding.column) for finding in findings] == [
        ("blank", 3, 5),
        ("blank", 20, 13),
        ("blank", 31, 21),
    ]
    assert findings[2].expected == "emission wavelength in nanometres"
    assert findings[0].remedy == f'Fill it in, for example "{TIME}".'
    assert "delete the line" in findings[1].remedy
    assert not is_convertible(findings)


def test_a_trace_that_is_left_out_is_no_blank(check):
    ophys = "  Ophys: {Devices: [], RoiResponses: {caiman_segmentation: {deconvolved: null}}}\n"
    assert check(GOOD.replace("data_interfaces", f"{ophys}data_interfaces")) == []
    metadata = {"Ophys": {"RoiResponses": {"caiman_segmentation": {"dff": None}}, "Device": None}}
    assert blanks_of(metadata) == [("Ophys", "Device")]
    assert without_blanks(metadata) == {"Ophys": {"RoiResponses": {"caiman_segmentation": {"dff": None}}}}


def test_a_list_that_neuroconv_would_append_to_another_is_an_error(check):
    plane = "{name: ImagingPlane, origin_coords: [0.1, 0.2, 1.0e-4]}"
    ophys = f"  Ophys: {{Devices: [], ImagingPlane: [{plane}]}}\n"
    text = GOOD.replace("data_interfaces", f"{ophys}data_interfaces")
    assert check(text) == []
    own = "indicator: GCaMP6s\n                origin_coords: [0.1, 0.2, 2.0e-4]"
    found = {finding.message: finding for finding in check(text.replace("indicator: GCaMP6s", own))}
    finding = found["'origin_coords' would become [0.1, 0.2, 0.0001, 0.0002]"]
    assert finding.key == f"{PLANE}.origin_coords"
    assert finding.found == "[0.1, 0.2, 0.0002]"
    assert "in one place only" in finding.remedy


def test_an_option_of_all_interfaces_that_one_does_not_know(check):
    (finding,) = check(GOOD + "conversion_options:\n  stub_tset: true\n")
    assert finding.key == "conversion_options.stub_tset"
    assert finding.line == len(GOOD.strip().splitlines()) + 2
    assert "Options here apply to every interface" in finding.remedy


def test_options_by_interface_are_errors_at_the_top(check):
    (finding,) = check(GOOD + "conversion_options:\n  Segmentation: {stub_test: true}\n")
    assert finding.message == "unknown key 'Segmentation'"
    assert "those of one are set in the session" in finding.remedy


def test_options_that_are_no_block(check_changed):
    finding = check_changed("Segmentation:\n            mask_type: pixel", "Segmentation: pixel")
    assert finding.found == '"pixel"'
    assert finding.key == f"{SESSION}.conversion_options.Segmentation"


def test_two_caiman_files_of_one_session_need_keys_of_their_own(check):
    text = GOOD.replace("data_interfaces:\n", "data_interfaces:\n  Lower: CaimanSegmentationInterface\n")
    lower = "          Lower: {file_path: sim2p_nb2.hdf5}\n"
    (finding,) = check(text.replace("        source_data:\n", f"        source_data:\n{lower}", 1))
    assert "'Segmentation' has the same metadata key as 'Lower'" in finding.message
    assert "`metadata_key: segmentation`" in finding.remedy
    separate = lower.replace("}", ", metadata_key: lower}")
    assert check(text.replace("        source_data:\n", f"        source_data:\n{separate}", 1)) == []


def test_a_damaged_caiman_file_is_an_error_at_its_path(check_changed, tmp_path):
    shutil.copy(DATA / "sim2p_full.hdf5", tmp_path / "cut.hdf5")
    os.truncate(tmp_path / "cut.hdf5", 20_000)
    finding = check_changed("sim2p_full.hdf5", str(tmp_path / "cut.hdf5"))
    assert finding.line == 12
    assert str(tmp_path / "cut.hdf5") in finding.message
    assert finding.remedy


def test_output_that_exists(check, tmp_path):
    (tmp_path / "two.nwb").touch()
    (finding,) = check(GOOD, target=OutputFolder(folder=tmp_path))
    assert (finding.line, finding.column) == (32, 9)
    assert (finding.message, finding.found) == ("the output exists", str(tmp_path / "two.nwb"))
    assert "--overwrite" in finding.remedy
    assert check(GOOD, target=OutputFolder(folder=tmp_path, overwrite=True)) == []
    assert check(GOOD, target=OutputFolder(folder=tmp_path, suffix=".nwb.zarr")) == []


def test_a_name_in_a_folder_that_is_not_there(check, tmp_path):
    text = GOOD.replace("nwbfile_name: two", "nwbfile_name: sub/two")
    (finding,) = check(text)
    assert (finding.severity, finding.line, finding.found) == ("warning", 32, '"sub/two"')
    assert finding.message == "the name contains a folder 'sub', which must exist in the output folder"
    (finding,) = check(text, target=OutputFolder(folder=tmp_path))
    assert (finding.severity, finding.line) == ("error", 32)
    assert str(tmp_path) in finding.message
    assert finding.remedy == "Write `nwbfile_name: two`, or create the folder."
    (tmp_path / "sub").mkdir()
    assert check(text, target=OutputFolder(folder=tmp_path)) == []


def test_a_session_without_anything_to_name_its_file_after(check):
    text = GOOD.replace("nwbfile_name: two\n        ", "")
    (finding,) = check(text)
    assert (finding.severity, finding.line, finding.column) == ("error", 32, 9)
    assert finding.key == "experiments.day1.sessions[1].nwbfile_name"
    assert "'subject_id'" in finding.message
    assert "`nwbfile_name: mouse12_day1`" in finding.remedy
    # NeuroConv names the file after what there is, and several files after their times too.
    assert check(GOOD.replace("nwbfile_name: one\n        ", "")) == []
    assert check(text.replace("nwbfile_name: one\n        ", "")) == []
    subject = "        metadata: {NWBFile: {}, Subject: {subject_id:, species: Mus musculus, sex: F}}\n"
    (finding,) = check(text + subject)
    assert (finding.severity, finding.key) == ("blank", "experiments.day1.sessions[1].metadata.Subject.subject_id")


@pytest.mark.parametrize(
    ("time", "example"),
    [
        ("2024-05-03T14:30:00", "2024-05-03T14:30:00+02:00"),
        ("2024-05-03", "2024-05-03T00:00:00+02:00"),
    ],
)
def test_a_time_that_would_be_made_up_is_a_warning(check_changed, time, example):
    finding = check_changed("session_start_time: 2024-05-03T14:30:00+02:00", f'session_start_time: "{time}"')
    assert (finding.severity, finding.line, finding.column) == ("warning", 3, 5)
    assert finding.message == "'session_start_time' has no time zone; the local one would be assumed"
    assert finding.found == f'"{time}"'
    assert f'"{example}"' in finding.remedy
    finding = check_changed("sex: F", f'sex: F\n            date_of_birth: "{time}"')
    assert (finding.severity, finding.line) == ("warning", 23)
    assert finding.message == "'date_of_birth' has no time zone; the local one would be assumed"


def test_other_interfaces_are_checked_by_what_they_say_themselves(check, tmp_path):
    (tmp_path / "trials.csv").write_text("start_time,stop_time\n0.0,1.0\n")
    text = f"""
    metadata:
      NWBFile:
        session_start_time: 2024-05-03T14:30:00+02:00
    data_interfaces:
      Trials: CsvTimeIntervalsInterface
      Planes: Suite2pSegmentationInterface
    experiments:
      day1:
        sessions:
          - nwbfile_name: one
            source_data:
              Trials: {{file_path: {tmp_path / "trials.csv"}}}
          - nwbfile_name: two
            source_data:
              Trials: {{file_path: {tmp_path / "trails.csv"}}}
          - nwbfile_name: three
            source_data:
              Planes: {{folder_path: {tmp_path / "suite2p"}}}
          - nwbfile_name: four
            source_data:
              Trials: {{file_path: {tmp_path / "trials.csv"}, colour: red}}
    """
    findings = check(text)
    assert [(finding.line, finding.message, finding.found) for finding in findings] == [
        (15, "the file does not exist", str(tmp_path / "trails.csv")),
        (18, "the folder does not exist", str(tmp_path / "suite2p")),
        (21, "unknown key 'colour'", ""),
    ]
    assert findings[0].remedy == "Did you mean 'trials.csv', in the same folder?"


def test_metadata_of_other_files_win_and_have_their_places(write_specification, tmp_path):
    path = tmp_path / "meta.yml"
    path.write_text("Subject:\n  sex: female\n")
    document = Document.read(path)
    findings = check_specification(
        write_specification(GOOD), Request(data_folder=DATA, metadata_files=(document,))
    ).findings
    places = {(Path(finding.file).name, finding.line, finding.key) for finding in findings}
    assert ("meta.yml", 2, "Subject.sex") in places
    assert {name for name, _, _ in places} == {"meta.yml"}


def paths_in(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from paths_in(item, (*path, key))


def test_any_value_anywhere_is_a_finding_and_not_a_crash(write_specification):
    one_session = yaml.safe_load(GOOD.partition("      - nwbfile_name: two")[0].replace(TIME, f'"{TIME}"'))
    one_session["conversion_options"] = {"stub_test": True}
    for path in paths_in(one_session):
        for odd in (5, [None]):
            changed = deepcopy(one_session)
            get_value(changed, path[:-1])[path[-1]] = odd
            specification = write_specification(yaml.safe_dump(changed))
            findings = check_specification(specification, Request(data_folder=DATA)).findings
            assert findings or path[0] == "experiments", (path, odd)  # experiments may have any name
            assert all(finding.line > 0 and finding.message for finding in findings)


def test_findings_are_data_and_text():
    finding = Finding(
        file="a.yml",
        line=3,
        column=5,
        path=("a", "b"),
        message="wrong value of 'b'",
        found="5",
        expected="text",
        remedy='Put it in quotes: "5".',
    )
    assert write_findings([finding]) == (
        "a.yml:3:5: error: wrong value of 'b'\n"
        "    at        a.b\n"
        "    found     5\n"
        "    expected  text\n"
        '    remedy    Put it in quotes: "5".'
    )
    assert finding.as_json()["key"] == "a.b"
    assert count_findings([finding, finding]) == "2 errors"
    assert count_findings([]) == "nothing"


def test_blanks_are_one_list_in_which_sessions_share_lines():
    blanks = [
        Finding(
            severity="blank", file="a.yml", line=line, column=3, path=("NWBFile", "lab"), message="", expected="lab"
        )
        for line in range(1, 8)
    ]
    time = Finding(severity="blank", file="a.yml", line=9, path=("session_start_time",), message="", expected="x " * 60)
    lines = write_findings([*blanks, time], width=80).splitlines()
    assert lines[:2] == ["a.yml: 8 blanks to fill in", "    lines 1, 2, 3, 4, 5 and 2 more: lab (lab)"]
    assert lines[2].startswith("    line 9: session_start_time (x x")
    assert max(map(len, lines)) <= 80
