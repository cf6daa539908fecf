"""Scaffolds: what the files state is filled in, the rest is blank, and filled in they can be converted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import h5py
import pytest
import yaml
from neuroconv.tools.yaml_conversion_specification import run_conversion_from_yaml

from caiman_interface.caiman_file import CaimanFileError
from caiman_interface.specification.checks import check_specification
from caiman_interface.specification.document import Document
from caiman_interface.specification.planning import plan_sessions
from caiman_interface.specification.scaffold import write_scaffold
from caiman_interface.specification.text import get_value

DATA = Path(__file__).parents[1] / "data"

BLANKS = {
    "metadata.NWBFile.experiment_description",
    "metadata.NWBFile.experimenter",
    "metadata.NWBFile.lab",
    "metadata.NWBFile.institution",
    "metadata.Subject.subject_id",
    "metadata.Subject.species",
    "metadata.Subject.sex",
    "metadata.Subject.age",
    "metadata.Ophys.Device[0].description",
    "metadata.Ophys.ImagingPlane[0].location",
    "metadata.Ophys.ImagingPlane[0].indicator",
    "metadata.Ophys.ImagingPlane[0].excitation_lambda",
    "metadata.Ophys.ImagingPlane[0].optical_channel[0].description",
    "metadata.Ophys.ImagingPlane[0].optical_channel[0].emission_lambda",
    "experiments.recordings.sessions[0].metadata.NWBFile.session_start_time",
    "experiments.recordings.sessions[0].metadata.NWBFile.session_id",
    "experiments.recordings.sessions[0].metadata.NWBFile.session_description",
}
FILE = "experiments.recordings.sessions[0].source_data.Segmentation.file_path"
PLANE = ("metadata", "Ophys", "ImagingPlane")


@pytest.fixture
def scaffold(tmp_path):
    """A function that writes a scaffold beside copies of real files, and returns its path."""

    def scaffold(*names: str, as_planes: bool = False) -> Path:
        files = [Path(shutil.copy(DATA / f"{name}.hdf5", tmp_path)) for name in names]
        path = tmp_path / "session.yml"
        text = write_scaffold(
            plan_sessions(files, as_planes=as_planes), folder=tmp_path, file_name=path.name, schema="./s.json"
        )
        path.write_text(text, encoding="utf-8")
        return path

    return scaffold


def test_every_real_file_gives_a_scaffold_with_blanks_and_no_errors(converted_file, tmp_path):
    path = tmp_path / "session.yml"
    path.write_text(
        write_scaffold(plan_sessions([converted_file]), folder=tmp_path, file_name=path.name), encoding="utf-8"
    )
    findings = check_specification(path).findings
    assert {finding.severity for finding in findings} <= {"blank", "warning"}
    blanks = [finding for finding in findings if finding.severity == "blank"]
    assert {finding.key for finding in blanks} == BLANKS
    assert all(", for example " in finding.remedy for finding in blanks)
    assert {finding.key for finding in findings} - BLANKS <= {FILE}  # what the file itself warns of


@pytest.mark.parametrize(
    ("names", "as_planes"),
    [
        (["sim2p_full"], False),
        (["sim2p_full", "sim3d", "sim1p_cnmfe"], False),
        (["sim2p_full", "sim2p_nb2", "sim2p_p0"], True),
    ],
)
def test_filled_in_it_has_no_findings(scaffold, fill_in, names, as_planes):
    path = scaffold(*names, as_planes=as_planes)
    fill_in(path)
    checked = check_specification(path)
    assert checked.findings == ()
    assert len(checked.sessions) == (1 if as_planes else len(names))


def test_what_the_file_contains_is_filled_in(scaffold):
    path = scaffold("sim2p_full")
    data = Document.read(path).data
    plane = get_value(data, (*PLANE, 0))
    assert plane["name"] == "ImagingPlane"
    assert plane["imaging_rate"] == 15.49
    assert plane["description"] == "Two-photon imaging plane, as CaImAn's parameters say."
    assert data["metadata"]["NWBFile"]["keywords"] == ["two-photon calcium imaging", "CaImAn"]
    (session,) = data["experiments"]["recordings"]["sessions"]
    assert session["nwbfile_name"] == "sim2p_full"
    assert session["source_data"] == {"Segmentation": {"file_path": "sim2p_full.hdf5"}}
    text = path.read_text(encoding="utf-8")
    assert "# grid_spacing: [1.2e-06, 1.5e-06]  # metres" in text
    assert "60 x 80 pixels; 600 frames, 15.49 per second, 38.7 s; 13 components, 7 accepted" in text


def test_one_photon_data_are_called_so(scaffold):
    data = Document.read(scaffold("sim1p_cnmfe")).data
    assert data["metadata"]["NWBFile"]["keywords"] == ["one-photon calcium imaging", "CaImAn"]


def test_editors_find_the_schema_by_the_first_line(scaffold):
    assert scaffold("sim2p_full").read_text().splitlines()[0] == "# yaml-language-server: $schema=./s.json"


def test_optional_lines_can_be_uncommented(scaffold):
    path = scaffold("sim2p_full")
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index("data_interfaces:")
    optional = [index for index in range(start, len(lines)) if lines[index].lstrip().startswith("# ")]
    for index in optional:
        key = lines[index].lstrip().removeprefix("# ").split(":")[0]
        if key.isidentifier():
            lines[index] = lines[index].replace("# ", "", 1)
    data = yaml.safe_load("\n".join(lines[start:]).replace("\n#   ", "\n  "))
    assert data["metadata"]["NWBFile"]["protocol"] == "Protocol 2024-01"
    assert data["metadata"]["Subject"]["genotype"] == "Slc17a7-IRES2-Cre;Ai93"
    assert data["conversion_options"] == {"accepted_only": True, "stub_test": True}
    plane = get_value(data, (*PLANE, 0))
    assert plane["origin_coords"] == [0.0, 0.0, 0.0001]
    assert plane["grid_spacing"] == [1.2e-06, 1.5e-06]


def test_several_files_are_several_sessions(scaffold):
    path = scaffold("sim2p_full", "sim3d")
    data = Document.read(path).data
    sessions = data["experiments"]["recordings"]["sessions"]
    assert [session["nwbfile_name"] for session in sessions] == ["sim2p_full", "sim3d"]
    assert list(data["data_interfaces"]) == ["Segmentation"]
    (plane,) = get_value(data, PLANE)
    # The two rates differ, and metadata of all sessions would have precedence over those in each file.
    assert "imaging_rate" not in plane
    assert "grid_spacing" not in path.read_text(encoding="utf-8").split("ImagingPlane:")[1].split("device:")[0]


def test_sessions_that_are_alike_state_their_rate_once(scaffold):
    (plane,) = get_value(Document.read(scaffold("sim2p_full", "sim2p_nb2")).data, PLANE)
    assert plane["imaging_rate"] == 15.49


def test_planes_are_one_session_with_shared_metadata(scaffold, fill_in):
    path = scaffold("sim2p_full", "sim2p_nb2", as_planes=True)
    fill_in(path)
    data = Document.read(path).data
    (session,) = data["experiments"]["recordings"]["sessions"]
    assert session["source_data"] == {
        "Plane0": {"file_path": "sim2p_full.hdf5", "metadata_key": "plane0"},
        "Plane1": {"file_path": "sim2p_nb2.hdf5", "metadata_key": "plane1"},
    }
    first, second = get_value(data, PLANE)
    assert (first["name"], second["name"]) == ("ImagingPlane_plane0", "ImagingPlane_plane1")
    assert second["indicator"] == "GCaMP6s"
    assert second["optical_channel"] == first["optical_channel"]


@pytest.mark.filterwarnings("ignore:.*old list-based format:FutureWarning")
@pytest.mark.parametrize("as_planes", [False, True])
def test_filled_in_it_runs_with_neuroconv_itself(scaffold, fill_in, tmp_path, as_planes):
    path = scaffold("sim2p_minimal", "sim2p_p0", as_planes=as_planes)
    fill_in(path)
    run_conversion_from_yaml(path, output_folder_path=tmp_path / "nwb")
    written = sorted((tmp_path / "nwb").iterdir())
    assert [file.name for file in written] == (["sim2p.nwb"] if as_planes else ["sim2p_minimal.nwb", "sim2p_p0.nwb"])
    with h5py.File(written[0]) as file:
        planes = file["general/optophysiology"]
        assert list(planes) == (["ImagingPlane_plane0", "ImagingPlane_plane1"] if as_planes else ["ImagingPlane"])
        for plane in planes.values():
            assert plane["indicator"].asstr()[()] == "GCaMP6s"
            assert plane["excitation_lambda"][()] == 920.0
            assert plane["imaging_rate"][()] == 15.49
            assert plane["grid_spacing"][()].tolist() == [1.2e-06, 1.5e-06]
            assert plane["device"].attrs.get("description") == "As written by hand."
            assert [name for name in plane if name.startswith("OpticalChannel")] == ["OpticalChannel"]
            assert plane["OpticalChannel/emission_lambda"][()] == 510.0


def test_files_of_one_name_get_different_outputs(tmp_path):
    files = []
    for folder in ("day1", "day2", "elsewhere/day2"):
        (tmp_path / folder).mkdir(parents=True)
        files.append(Path(shutil.copy(DATA / "sim2p_minimal.hdf5", tmp_path / folder / "results.hdf5")))
    data = yaml.safe_load(write_scaffold(plan_sessions(files), folder=tmp_path / "day1", file_name="s.yml"))
    sessions = data["experiments"]["recordings"]["sessions"]
    assert [session["nwbfile_name"] for session in sessions] == ["day1_results", "day2_results", "day2_results_2"]
    assert [session["source_data"]["Segmentation"]["file_path"] for session in sessions] == [
        "results.hdf5",
        "../day2/results.hdf5",
        "../elsewhere/day2/results.hdf5",
    ]


def test_only_files_of_one_name_get_their_folders(tmp_path):
    files = []
    for place in ("day1/results", "day2/results", "day3/other", "day3/day1_results"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        files.append(Path(shutil.copy(DATA / "sim2p_minimal.hdf5", tmp_path / f"{place}.hdf5")))
    data = yaml.safe_load(write_scaffold(plan_sessions(files), folder=tmp_path, file_name="s.yml"))
    sessions = data["experiments"]["recordings"]["sessions"]
    names = [session["nwbfile_name"] for session in sessions]
    assert names == ["day1_results", "day2_results", "other", "day1_results_2"]


@pytest.mark.parametrize(
    ("places", "name"),
    [
        (["a/mouse1_plane0", "a/mouse1_plane1"], "mouse1"),
        (["a/mouse1-day2.plane0", "a/mouse1-day2.plane1"], "mouse1-day2"),
        (["a/mouse1", "a/mouse1_deep"], "mouse1"),
        (["a/plane0", "a/plane1"], "a"),
        (["a/plane0", "b/plane1"], "session"),
        (["plane0/results", "plane1/results"], "results"),
    ],
)
def test_a_session_of_planes_is_named_after_what_they_share(tmp_path, places, name):
    files = []
    for place in places:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        files.append(Path(shutil.copy(DATA / "sim2p_minimal.hdf5", tmp_path / f"{place}.hdf5")))
    data = yaml.safe_load(write_scaffold(plan_sessions(files, as_planes=True), folder=tmp_path, file_name="s.yml"))
    (session,) = data["experiments"]["recordings"]["sessions"]
    assert session["nwbfile_name"] == name


@pytest.mark.parametrize("as_planes", [False, True])
def test_a_file_that_is_given_twice_is_refused(tmp_path, as_planes):
    first, other = (tmp_path / name for name in ("first.hdf5", "other.hdf5"))
    shutil.copy(DATA / "sim2p_minimal.hdf5", first)
    other.symlink_to(first)
    for again, message in ((first, "twice. "), (other, f"twice, the second time as {other}. ")):
        with pytest.raises(ValueError, match=re.escape(f"{first} is given {message}Give each file once.")):
            write_scaffold(plan_sessions([first, again], as_planes=as_planes), folder=tmp_path, file_name="s.yml")


def test_the_pixels_of_a_volume_have_three_lengths(scaffold):
    path = scaffold("sim3d")
    text = path.read_text(encoding="utf-8").replace("# grid_spacing:", "grid_spacing:")
    assert "  # metres in x, y and z, from the file (dxy); replace null by the distance between planes" in text
    path.write_text(text, encoding="utf-8")
    plane = get_value(Document.read(path).data, (*PLANE, 0))
    assert plane["grid_spacing"] == [1e-06, 1e-06, None]  # numbers: without its dot, YAML takes 1e-06 for text
    findings = {(finding.severity, finding.key) for finding in check_specification(path).findings}
    assert ("blank", "metadata.Ophys.ImagingPlane[0].grid_spacing[2]") in findings


def test_what_is_said_of_a_file_reads_well(tmp_path):
    files = plan_sessions([DATA / "sim2p_inmemory_k1.hdf5", DATA / "sim3d.hdf5"])
    text = write_scaffold(files, folder=tmp_path, file_name="session.yml")
    assert "; 1 component, not evaluated\n" in text
    assert "; 300 frames, 4.7 per second, 1 min 4 s; 7 components, 6 accepted\n" in text


def test_names_that_yaml_would_misread_are_in_quotes(tmp_path):
    odd = Path(shutil.copy(DATA / "sim2p_minimal.hdf5", tmp_path / "20240503.hdf5"))
    data = yaml.safe_load(write_scaffold(plan_sessions([odd]), folder=tmp_path, file_name="s.yml"))
    assert data["experiments"]["recordings"]["sessions"][0]["nwbfile_name"] == "20240503"


def test_a_file_that_caiman_did_not_write_is_refused(tmp_path):
    (tmp_path / "text.hdf5").write_text("no")
    with pytest.raises(CaimanFileError):
        write_scaffold(plan_sessions([tmp_path / "text.hdf5"]), folder=tmp_path, file_name="s.yml")
