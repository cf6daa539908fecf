"""Metadata under names that no interface takes up: NeuroConv passes over them, a check does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from caiman_interface.specification.checks import Request, check_file, check_specification
from caiman_interface.specification.document import Document
from caiman_interface.specification.findings import Finding

DATA = Path(__file__).parents[1] / "data"

SPECIFICATION = """
metadata:
  NWBFile: {{session_start_time: "2024-05-03T14:30:00+02:00"}}
  Ophys:
    Devices: []
{ophys}
data_interfaces:
  Upper: CaimanSegmentationInterface
  Lower: CaimanSegmentationInterface
  Trials: CsvTimeIntervalsInterface
experiments:
  day1:
    sessions:
{sessions}
"""
ONE = "      - {nwbfile_name: one, source_data: {Upper: {file_path: sim2p_full.hdf5}}}\n"
NOT_EVALUATED = "      - {nwbfile_name: two, source_data: {Upper: {file_path: sim2p_minimal.hdf5}}}\n"
PLANES = """\
      - nwbfile_name: planes
        source_data:
          Upper: {file_path: sim2p_full.hdf5, metadata_key: plane0}
          Lower: {file_path: sim2p_minimal.hdf5, metadata_key: plane1}
"""


@pytest.fixture
def check(write_specification):
    """A function that checks a specification with this metadata, in separate lines, and these sessions."""

    def check(*ophys: str, sessions: str = ONE, data_folder: Path = DATA) -> list[Finding]:
        text = SPECIFICATION.format(ophys="\n".join(f"    {line}" for line in ophys), sessions=sessions)
        return list(check_specification(write_specification(text), Request(data_folder=data_folder)).findings)

    return check


def test_a_plane_of_a_name_that_no_interface_uses(check):
    (finding,) = check("ImagingPlane:", "  - name: ImagingPlane", "  - {name: Plane, excitation_lamda: 920}")
    assert (finding.severity, finding.line, finding.column) == ("warning", 7, 9)
    assert finding.key == "metadata.Ophys.ImagingPlane[1]"
    assert finding.message == "no interface uses an imaging plane 'Plane': the entry is ignored"
    assert finding.expected == "one of ImagingPlane, caiman_segmentation"
    assert finding.remedy == "Did you mean 'ImagingPlane'?"


def test_a_plane_of_the_name_without_the_key_of_its_file(check):
    (finding,) = check("ImagingPlane: [{name: ImagingPlane}]", sessions=PLANES)
    assert finding.expected == "one of ImagingPlane_plane0, ImagingPlane_plane1, plane0, plane1"
    assert "'ImagingPlane_plane0'" in finding.remedy
    assert check("ImagingPlane: [{name: ImagingPlane_plane0}, {name: ImagingPlane_plane1}]", sessions=PLANES) == []


def test_a_plane_on_which_the_metadata_put_the_table(check):
    table = "ImageSegmentation: {name: a, plane_segmentations: [{name: PlaneSegmentation, imaging_plane: Plane}]}"
    findings = check("ImagingPlane: [{name: ImagingPlane}, {name: Plane, indicator: GCaMP6s}]", table)
    assert [finding for finding in findings if finding.severity == "warning"] == []
    assert check("ImagingPlane: [{name: Plane}]", "PlaneSegmentations:", *linked("Plane")) == []


def linked(plane: str) -> list[str]:
    return ["  caiman_segmentation:", f"    imaging_plane_metadata_key: {plane}"]


def test_what_one_of_the_sessions_uses_is_no_finding(check):
    planes = "ImagingPlane: [{name: ImagingPlane}, {name: ImagingPlane_plane0}, {name: ImagingPlane_plane1}]"
    assert check(planes, sessions=ONE + PLANES) == []
    assert check("RoiResponses: {caiman_segmentation: {dff: {unit: a}}}", sessions=ONE + NOT_EVALUATED) == []
    (finding,) = check("RoiResponses: {caiman_segmentation: {dff: {unit: a}}}", sessions=NOT_EVALUATED)
    assert finding.message == "the CaImAn file has no trace 'dff': the entry is ignored"


def test_nothing_is_said_while_a_file_is_missing(check):
    missing = ONE.replace("sim2p_full", "none")
    (finding,) = check("ImagingPlane: [{name: Plane}]", sessions=missing)
    assert finding.message == "the file does not exist"


@pytest.mark.parametrize(
    ("ophys", "column", "message", "remedy"),
    [
        (
            "PlaneSegmentations: {caiman_segmentaton: {description: a}}",
            26,
            "no interface has the metadata key 'caiman_segmentaton': the entry is ignored",
            "Did you mean 'caiman_segmentation'",
        ),
        (
            "PlaneSegmentations: {caiman_segmentation_discarded: {description: a}}",
            26,
            "no interface has the metadata key 'caiman_segmentation_discarded': the entry is ignored",
            "Did you mean 'caiman_segmentation' or",
        ),
        (
            "RoiResponses: {segmentation: {dff: null}}",
            20,
            "no interface has the metadata key 'segmentation': the entry is ignored",
            "Did you mean 'caiman_segmentation'?",
        ),
        (
            "RoiResponses: {caiman_segmentation: {dfoverf: null}}",
            42,
            "the CaImAn file has no trace 'dfoverf': the entry is ignored",
            "Did you mean 'dff'?",
        ),
        (
            "RoiResponses: {caiman_segmentation: {neuropil: {name: a}}}",
            42,
            "the CaImAn file has no trace 'neuropil': the entry is ignored",
            "Correct the name, or remove it.",
        ),
    ],
)
def test_keys_that_no_interface_has(check, ophys, column, message, remedy):
    (finding,) = check(ophys)
    assert (finding.severity, finding.line, finding.column) == ("warning", 5, column)
    assert finding.message == message
    assert remedy in finding.remedy


def test_a_trace_that_is_left_out_may_be_one_that_is_not_there(check):
    assert check("RoiResponses: {caiman_segmentation: {dff: null, raw: null}}", sessions=NOT_EVALUATED) == []


def test_a_device_that_no_plane_names(check):
    (finding,) = check("Device: [{name: Camera}]", "ImagingPlane: [{name: ImagingPlane}]")
    assert (finding.severity, finding.line, finding.column) == ("warning", 5, 14)
    assert finding.message == "no imaging plane uses a device 'Camera': the entry is ignored"
    assert finding.remedy == "Write `device: Camera` in the imaging plane, or remove the device."
    plane = "ImagingPlane: [{name: ImagingPlane, device: Scope}]"
    assert check("Device: [{name: Scope}]", plane) == []
    (finding,) = check("Device: [{name: Scope}, {name: Scpe}]", plane)
    assert finding.remedy == "Did you mean 'Scope' or 'Microscope'?"
    # The device of a plane that does not name one.
    assert check("Device: [{name: Microscope}]", "ImagingPlane: [{name: ImagingPlane}]") == []


def test_sessions_with_other_interfaces_have_no_warnings(check, tmp_path):
    (tmp_path / "trials.csv").write_text("start_time,stop_time\n0.0,1.0\n")
    trials = f"{{Upper: {{file_path: {DATA / 'sim2p_full.hdf5'}}}, Trials: {{file_path: {tmp_path / 'trials.csv'}}}}}"
    sessions = f"      - {{nwbfile_name: one, source_data: {trials}}}\n"
    assert check("Device: [{name: Scope}]", "ImagingPlane: [{name: Plane}]", sessions=sessions) == []


def test_metadata_of_a_file_that_is_converted_without_a_specification(tmp_path):
    path = tmp_path / "meta.yml"
    path.write_text(
        'NWBFile: {session_start_time: "2024-05-03T14:30:00+02:00"}\n'
        "Devices: {scope: {name: Scope}, camera: {name: Camera}}\n"
        "Ophys:\n"
        "  ImagingPlanes:\n"
        "    caiman_segmentation: {device_metadata_key: scope}\n"
        "    caiman_segmentaton: {indicator: GCaMP6s}\n"
        "  SegmentationImages: {caiman_segmentation: {correlation: null, correlatoin: null}}\n"
    )
    document = Document.read(path)
    findings = check_file(DATA / "sim2p_full.hdf5", Request(metadata_files=(document,))).findings
    assert [(finding.severity, finding.line, finding.key, finding.remedy) for finding in findings] == [
        (
            "warning",
            2,
            "Devices.camera",
            "Write `device_metadata_key: camera` in the imaging plane, or remove the device.",
        ),
        ("warning", 6, "Ophys.ImagingPlanes.caiman_segmentaton", "Did you mean 'caiman_segmentation'?"),
        (
            "warning",
            7,
            "Ophys.SegmentationImages.caiman_segmentation.correlatoin",
            "Did you mean 'correlation'?",
        ),
    ]
