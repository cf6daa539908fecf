"""The command `convert`. That its files are those of NeuroConv's own run is shown with `specification`."""

from __future__ import annotations

import json
import re
import shutil
from datetime import datetime
from io import StringIO
from pathlib import Path

import h5py
import pytest
from rich.console import Console

from caiman_interface.cli import progress as streams
from caiman_interface.cli.progress import TerminalProgress
from caiman_interface.specification.checks import CheckResult
from caiman_interface.specification.conversion import Progressed, SessionOutcome
from caiman_interface.specification.conversion_report import SessionRecord
from caiman_interface.specification.sessions import Session

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
TIME = "2024-05-03T14:30:00+02:00"
SPECIFICATION = """\
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
          Segmentation: {file_path: sim2p_minimal.hdf5}
      - nwbfile_name: two
        source_data:
          Segmentation: {file_path: sim2p_full.hdf5}
"""


@pytest.fixture
def specification(tmp_path):
    path = tmp_path / "spec.yml"
    path.write_text(SPECIFICATION)
    return path


@pytest.fixture
def caiman_file(tmp_path):
    return Path(shutil.copy(DATA / "sim2p_full.hdf5", tmp_path / "results.hdf5"))


def rows(table: str) -> list[list[str]]:
    """Return the cells of a table that was written to a pipe."""
    return [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()]


def text_of(path: Path, dataset: str) -> str:
    with h5py.File(path) as file:
        return file[dataset].asstr()[()]


def test_one_file_and_the_table_of_what_was_written(run, caiman_file, tmp_path):
    output = tmp_path / "mouse.nwb"
    result = run("convert", caiman_file, "-o", output, "--session-start-time", TIME)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    heading, row, label, path = rows(result.stdout)
    assert heading == ["ROIs", "Accepted", "Traces", "Frames", "Size", "Time", "Session"]
    assert row[:4] == ["13", "7", "5", "600"]
    assert row[6] == "results"
    assert (label, path) == (["NWB file:"], [str(output)])
    assert "\x1b" not in result.stdout
    assert datetime.fromisoformat(text_of(output, "session_start_time")) == datetime.fromisoformat(TIME)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mouse.nwb", "results.hdf5"]


def test_one_file_into_a_folder_that_is_made(run, caiman_file, tmp_path):
    result = run("convert", caiman_file, "-o", tmp_path / "new" / "nwb", "--session-start-time", TIME, "--stub")
    assert result.exit_code == 0
    with h5py.File(tmp_path / "new" / "nwb" / "results.nwb") as file:
        assert file["processing/ophys/Fluorescence/Denoised/data"].shape == (100, 13)


def test_accepted_only(run, caiman_file, tmp_path):
    output = tmp_path / "mouse.nwb"
    run("convert", caiman_file, "-o", output, "--session-start-time", TIME, "--accepted-only")
    with h5py.File(output) as file:
        table = file["processing/ophys/ImageSegmentation/PlaneSegmentation"]
        assert table["id"][()].tolist() == [0, 1, 2, 3, 4, 5, 12]


def test_accepted_only_of_a_file_that_was_not_evaluated_is_a_warning(run, tmp_path):
    file, output = DATA / "sim2p_minimal.hdf5", tmp_path / "mouse.nwb"
    result = run("convert", file, "-o", output, "--session-start-time", TIME, "--stub", "--accepted-only")
    assert result.exit_code == 0
    assert result.stderr == (
        "Warning: CaImAn did not evaluate sim2p_minimal.hdf5: all 13 components count as accepted.\n"
    )
    assert rows(result.stdout)[1][:2] == ["13", "-"]


@pytest.mark.filterwarnings("default:mask_type is 'voxel':UserWarning")
def test_warnings_of_the_conversion_are_one_line_each(run, specification, tmp_path):
    options = "        conversion_options:\n          Segmentation: {mask_type: voxel}\n"
    specification.write_text(SPECIFICATION + options)
    for jobs in ("1", "2"):
        arguments = ("--data-folder-path", DATA, "--stub", "--jobs", jobs)
        result = run("convert", specification, "-o", tmp_path / jobs, *arguments)
        assert result.exit_code == 0
        assert result.stderr == (
            f"Warning: two: mask_type is 'voxel', but the frame of {DATA / 'sim2p_full.hdf5'} has 2 dimensions: "
            "'pixel' is used.\n"
        )


def test_a_time_without_zone_is_reported_once(run, caiman_file, tmp_path):
    output = tmp_path / "mouse.nwb"
    result = run("convert", caiman_file, "-o", output, "--session-start-time", "2024-05-03", "--stub")
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: --session-start-time has no time zone; the local one would be assumed\n"
        "    at        --session-start-time\n"
        '    found     "2024-05-03"\n'
        "    expected  date, time and time zone in ISO 8601 format\n"
        '    remedy    Write it with its offset from UTC, for example "2024-05-03T00:00:00+02:00".\n'
    )
    assert text_of(output, "session_start_time").startswith("2024-05-03T00:00:00")


def test_unused_metadata_are_reported(run, caiman_file, tmp_path):
    metadata = tmp_path / "meta.yml"
    metadata.write_text("Ophys:\n  ImagingPlane:\n    - name: Plane\n")
    options = ("--session-start-time", TIME, "--metadata", metadata, "--stub")
    result = run("convert", caiman_file, "-o", tmp_path / "mouse.nwb", *options)
    assert result.exit_code == 0
    assert f"{metadata}:3:7: warning: no interface uses an imaging plane 'Plane'" in result.stderr


def test_components_that_were_not_evaluated_do_not_read_as_rejected(run, specification, tmp_path):
    specification.write_text(
        SPECIFICATION.partition("      - nwbfile_name")[0].replace(
            "data_interfaces:\n", "data_interfaces:\n  Lower: CaimanSegmentationInterface\n"
        )
        + "      - nwbfile_name: planes\n        source_data:\n"
        "          Segmentation: {file_path: sim2p_full.hdf5, metadata_key: plane0}\n"
        "          Lower: {file_path: sim2p_minimal.hdf5, metadata_key: plane1}\n"
    )
    result = run("convert", specification, "-o", tmp_path / "nwb", "--data-folder-path", DATA, "--stub")
    assert rows(result.stdout)[1][:4] == ["26", "7 of 13", "9", "100"]


def test_what_is_missing_is_asked_for_by_name(run, caiman_file, tmp_path):
    result = run("convert", caiman_file, "-o", tmp_path / "mouse.nwb")
    assert result.exit_code == 1
    assert "error: the start time of the recording is required, and the CaImAn file does not" in result.stderr
    assert "Give it with --session-start-time, for example --session-start-time 2024-05-03T14:30" in result.stderr
    assert f"Nothing was converted: {caiman_file} has 1 error." in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "mouse.nwb").exists()


def test_metadata_from_a_file(run, caiman_file, tmp_path):
    metadata = tmp_path / "meta.yml"
    metadata.write_text(
        f"NWBFile: {{session_start_time: '{TIME}', lab: Doe Lab}}\n"
        "Subject: {subject_id: mouse12, species: Mus musculus, sex: F}\n"
        "Ophys: {ImagingPlane: [{name: ImagingPlane, indicator: GCaMP6s}]}\n"
    )
    output = tmp_path / "mouse.nwb"
    result = run("convert", caiman_file, "-o", output, "--metadata", metadata, "--stub")
    assert result.exit_code == 0, result.stderr
    assert text_of(output, "general/lab") == "Doe Lab"
    assert text_of(output, "general/subject/subject_id") == "mouse12"
    assert text_of(output, "general/optophysiology/ImagingPlane/indicator") == "GCaMP6s"
    # Dictionaries, which NeuroConv refuses in a specification, do here.
    metadata.write_text("Ophys: {ImagingPlanes: {caiman_segmentation: {indicator: GCaMP8m}}}\n")
    later = "2025-01-01T00:00:00+00:00"
    run(
        "convert",
        caiman_file,
        "-o",
        output,
        "--metadata",
        metadata,
        "--session-start-time",
        later,
        "--overwrite",
        "--stub",
    )
    assert text_of(output, "session_start_time").startswith("2025-01-01")
    assert text_of(output, "general/optophysiology/ImagingPlane/indicator") == "GCaMP8m"


def test_wrong_metadata_have_their_place_in_the_file(run, caiman_file, tmp_path):
    metadata = tmp_path / "meta.yml"
    metadata.write_text(f"NWBFile:\n  session_start_time: {TIME}\n  labb: Doe Lab\nSubject:\n  age:\n")
    result = run("convert", caiman_file, "-o", tmp_path / "mouse.nwb", "--metadata", metadata)
    assert result.exit_code == 1
    assert f"{metadata}:3:3: error: unknown key 'labb'" in result.stderr
    assert f"{metadata}: 1 blank to fill in\n    line 5: age (age at the session" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [("- a\n", "contains no metadata"), ("a: [\n", ":2:1: not valid YAML"), (None, "does not exist")],
)
def test_a_metadata_file_that_is_none(run, caiman_file, tmp_path, text, message):
    metadata = tmp_path / "meta.yml"
    if text is not None:
        metadata.write_text(text)
    result = run("convert", caiman_file, "-o", tmp_path / "mouse.nwb", "--metadata", metadata)
    assert result.exit_code == 1
    assert message in result.stderr


def test_what_exists_is_replaced_only_with_overwrite(run, caiman_file, tmp_path):
    output = tmp_path / "mouse.nwb"
    output.write_text("mine")
    result = run("convert", caiman_file, "-o", output, "--session-start-time", TIME)
    assert result.exit_code == 1
    assert f"{output} exists" in result.stderr
    assert output.read_text() == "mine"
    assert run("convert", caiman_file, "-o", output, "--session-start-time", TIME, "--overwrite").exit_code == 0
    assert h5py.is_hdf5(output)


def test_a_specification(run, specification, tmp_path):
    result = run("convert", specification, "-o", tmp_path / "nwb", "--data-folder-path", DATA, "--stub")
    assert result.exit_code == 0, result.stderr
    table = rows(result.stdout)
    assert [[*row[:4], row[6]] for row in table[1:3]] == [
        ["13", "-", "4", "100", "one"],
        ["13", "7", "5", "100", "two"],
    ]
    assert table[3:] == [["NWB files:"], [str(tmp_path / "nwb" / "one.nwb")], [str(tmp_path / "nwb" / "two.nwb")]]
    names = ["conversion-report.csv", "conversion-report.json", "one.nwb", "two.nwb"]
    assert sorted(path.name for path in (tmp_path / "nwb").iterdir()) == names


def test_outcomes_as_json(run, specification, tmp_path):
    result = run("convert", specification, "-o", tmp_path, "--data-folder-path", DATA, "--stub", "--json")
    first, second = json.loads(result.stdout)
    assert first["output"] == "one.nwb"
    assert first["bytes"] == (tmp_path / "one.nwb").stat().st_size
    assert second["contents"] == {"rois": 13, "accepted": 7, "evaluated": 13, "traces": 5, "frames": 100}
    assert second["error"] is None
    assert second["state"] == "converted"
    assert json.loads((tmp_path / "conversion-report.json").read_text())["sessions"] == [first, second]


def test_what_is_wrong_as_json(run, specification, tmp_path):
    specification.write_text(SPECIFICATION.replace("sim2p_full", "sim2p_none"))
    arguments = (specification, "--data-folder-path", DATA, "--json")
    result = run("convert", *arguments, "-o", tmp_path / "nwb")
    assert result.exit_code == 1
    assert result.stdout == run("validate", *arguments).stdout
    (finding,) = json.loads(result.stdout)
    assert (finding["severity"], finding["line"]) == ("error", 14)


def test_nothing_is_converted_when_anything_is_wrong(run, specification, tmp_path):
    specification.write_text(SPECIFICATION.replace("sim2p_full", "sim2p_none"))
    result = run("convert", specification, "-o", tmp_path / "nwb", "--data-folder-path", DATA)
    assert result.exit_code == 1
    assert f"{specification}:14:26: error: the file does not exist" in result.stderr
    assert not (tmp_path / "nwb").exists()


def test_a_warning_is_shown_and_does_not_stop(run, specification, tmp_path):
    specification.write_text(SPECIFICATION + "upload_to_dandiset: '000123'\n")
    result = run("convert", specification, "-o", tmp_path / "nwb", "--data-folder-path", DATA, "--stub")
    assert result.exit_code == 0
    assert "warning: `caiman-interface convert` uploads nothing" in result.stderr


def test_sessions_without_a_name_are_named_after_their_subject(run, specification, tmp_path):
    subject = "  Subject: {subject_id: mouse12, species: Mus musculus, sex: F}\n"
    text = SPECIFICATION.partition("      - nwbfile_name: two")[0].replace("nwbfile_name: one\n        ", "")
    specification.write_text(text.replace("data_interfaces", f"{subject}data_interfaces"))
    arguments = ("convert", specification, "-o", tmp_path / "nwb", "--data-folder-path", DATA, "--stub")
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    (path,) = (tmp_path / "nwb").glob("*.nwb")
    assert path.name == "sub-mouse12_ophys.nwb" or path.name.startswith("sub-mouse12")
    assert rows(result.stdout)[3] == [str(path)]
    again = run(*arguments)
    assert again.exit_code == 1
    assert str(path) in again.stderr
    assert run(*arguments, "--overwrite").exit_code == 0
    assert list((tmp_path / "nwb").glob("*.nwb")) == [path]


def test_zarr(run, caiman_file, tmp_path):
    options = ("--session-start-time", TIME, "--stub", "--backend", "zarr")
    result = run("convert", caiman_file, "-o", tmp_path / "nwb", *options)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "nwb" / "results.nwb.zarr").is_dir()
    assert rows(result.stdout)[1][:3] == ["13", "7", "5"]


@pytest.mark.parametrize("name", ["mouse.nwb.zarr", "mouse.zarr"])
def test_the_ending_chooses_zarr(run, caiman_file, tmp_path, name):
    result = run("convert", caiman_file, "-o", tmp_path / name, "--session-start-time", TIME, "--stub")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / name / ".zgroup").is_file()


@pytest.mark.parametrize(
    ("name", "backend", "remedy"),
    [
        ("mouse.nwb", "zarr", "mouse.nwb.zarr, or leave out --backend zarr"),
        ("mouse.nwb.zarr", "hdf5", "mouse.nwb, or leave out --backend hdf5"),
        ("mouse.zarr", "hdf5", "mouse.nwb, or leave out --backend hdf5"),
    ],
)
def test_an_ending_that_contradicts_the_backend(run, caiman_file, tmp_path, name, backend, remedy):
    result = run("convert", caiman_file, "-o", tmp_path / name, "--session-start-time", TIME, "--backend", backend)
    assert result.exit_code == 2
    assert f"write {tmp_path / remedy}" in result.stderr
    assert list(tmp_path.iterdir()) == [caiman_file]


@pytest.mark.parametrize("ending", [".hdf5", ".h5", ".mat", ".tif", ".TIF", ".yml"])
def test_an_output_of_the_name_of_a_source_is_no_folder(run, caiman_file, specification, tmp_path, ending):
    output = tmp_path / f"out{ending}"
    result = run("convert", caiman_file, "-o", output, "--session-start-time", TIME)
    assert result.exit_code == 2
    assert f"did you mean {tmp_path / 'out.nwb'}?" in result.stderr
    result = run("convert", specification, "-o", output, "--data-folder-path", DATA)
    assert result.exit_code == 2
    assert f"{output} must be a folder" in result.stderr
    assert not output.exists()


def test_an_output_that_is_another_file(run, caiman_file, specification, tmp_path):
    output = tmp_path / "notes"
    output.write_text("mine")
    for source in (caiman_file, specification):
        result = run("convert", source, "-o", output, "--session-start-time", TIME, "--overwrite")
        assert result.exit_code == 2
        assert f"{output} must be a folder" in result.stderr
    assert output.read_text() == "mine"


def test_a_folder_may_have_any_name(run, caiman_file, tmp_path):
    folder = tmp_path / "day.h5"
    folder.mkdir()
    assert run("convert", caiman_file, "-o", folder, "--session-start-time", TIME, "--stub").exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["results.nwb"]


def test_nwbinspector_speaks_at_the_end(run, tmp_path):
    specification = ROOT / "conversion_specs" / "two_photon_session.yml"
    result = run("convert", specification, "-o", tmp_path, "--data-folder-path", DATA, "--stub", "--inspect")
    assert result.exit_code == 0
    assert "check_single_row" in result.stderr  # there is one background component
    assert rows(result.stdout)[3] == [str(tmp_path / "sub-mouse01_ses-20240502_ophys.nwb")]


def test_a_critical_message_of_nwbinspector_has_status_1(run, caiman_file, tmp_path):
    output = tmp_path / "mouse.nwb"
    future = ("--session-start-time", "2100-01-01T00:00:00+00:00")
    result = run("convert", caiman_file, "-o", output, *future, "--stub", "--inspect")
    assert result.exit_code == 1
    assert "CRITICAL" in result.stderr
    assert output.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--session-start-time", TIME], "--session-start-time is for one session"),
        (["--jobs", "0"], "not in the range"),
        (["--backend", "csv"], "is not one of"),
    ],
)
def test_wrong_usage_with_a_specification(run, specification, tmp_path, arguments, message):
    result = run("convert", specification, "-o", tmp_path / "nwb", "--data-folder-path", DATA, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "nwb").exists()


def test_a_specification_does_not_go_into_one_file(run, specification, tmp_path):
    result = run("convert", specification, "-o", tmp_path / "a.nwb", "--data-folder-path", DATA)
    assert result.exit_code == 2
    assert "must be a folder" in result.stderr


def test_accepted_only_needs_a_caiman_file(run, specification, tmp_path):
    (tmp_path / "trials.csv").write_text("start_time,stop_time\n0.0,1.0\n")
    text = SPECIFICATION.partition("      - nwbfile_name: two")[0]
    text = text.replace("CaimanSegmentationInterface", "CsvTimeIntervalsInterface").replace(
        "sim2p_minimal.hdf5", "trials.csv"
    )
    specification.write_text(text)
    result = run("convert", specification, "-o", tmp_path / "nwb", "--accepted-only")
    assert result.exit_code == 2
    assert "--accepted-only is for CaImAn files" in result.stderr
    assert run("convert", specification, "-o", tmp_path / "nwb").exit_code == 0


def test_a_data_folder_is_for_specifications(run, caiman_file, tmp_path):
    result = run("convert", caiman_file, "-o", tmp_path, "--session-start-time", TIME, "--data-folder-path", DATA)
    assert result.exit_code == 2


def test_a_file_that_caiman_did_not_write(run, tmp_path):
    (tmp_path / "notes.hdf5").write_text("no")
    result = run("convert", tmp_path / "notes.hdf5", "-o", tmp_path / "a.nwb", "--session-start-time", TIME)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {tmp_path / 'notes.hdf5'}")
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_nwb_file_is_converted_already(run, caiman_file, tmp_path):
    first = tmp_path / "first.nwb"
    run("convert", caiman_file, "-o", first, "--session-start-time", TIME, "--stub")
    result = run("convert", first, "-o", tmp_path / "second.nwb", "--session-start-time", TIME)
    assert result.exit_code == 1
    assert "this is already an NWB file" in result.stderr
    assert not (tmp_path / "second.nwb").exists()


def test_a_failed_session_is_reported_and_the_others_are_converted(run, specification, tmp_path):
    in_the_way = tmp_path / "nwb" / "one.nwb" / "notes"
    in_the_way.mkdir(parents=True)
    arguments = ("convert", specification, "-o", tmp_path / "nwb", "--data-folder-path", DATA, "--stub", "--overwrite")
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: one was not converted: ")
    assert str(in_the_way.parent) in result.stderr
    assert "Traceback" not in result.stderr
    assert [row[-1] for row in rows(result.stdout)[:2]] == ["Session", "two"]
    assert sorted(path.name for path in (tmp_path / "nwb").glob("*.nwb")) == ["one.nwb", "two.nwb"]
    assert "Traceback" in (tmp_path / "nwb" / "ERROR_one.txt").read_text()
    assert in_the_way.is_dir()
    assert "Traceback" in run(*arguments, "--debug").stderr


def session(number: int, name: str) -> Session:
    return Session(number=number, path=(), name=name, interface_classes={}, source_data={})


def test_progress_is_drawn_on_a_terminal(monkeypatch):
    terminal = Console(file=StringIO(), force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(streams, "messages", lambda: terminal)
    sessions = [session(1, "mouse1"), session(2, "mouse2")]
    with TerminalProgress(lambda _: None) as progress:
        progress.checked(CheckResult(()), sessions)
        progress.started(sessions[0])
        progress.progressed(Progressed(1, 40_000_000, 160_000_000, 60_000))
        progress._screen.refresh()
        drawn = terminal.file.getvalue()
        progress.ended(sessions[0], SessionOutcome(record=SessionRecord(session="mouse1", state="failed")))
        progress._screen.refresh()
    assert "0 of 2 sessions" in drawn
    assert "mouse1" in drawn
    assert "40.0 MB of 160.0 MB, 60000 frames" in drawn
    after = terminal.file.getvalue()[len(drawn) :]
    assert "1 of 2 sessions, 1 failed" in after
    assert "mouse2" not in after


def test_progress_is_not_drawn_elsewhere(capsys):
    with TerminalProgress(lambda _: None) as progress:
        progress.checked(CheckResult(()), [session(1, "mouse1"), session(2, "mouse2")])
        progress.started(session(1, "mouse1"))
        progress.progressed(Progressed(1, 1, 2, 3))
        progress.ended(session(1, "mouse1"), SessionOutcome(record=SessionRecord(session="mouse1", state="converted")))
    assert capsys.readouterr() == ("", "")
