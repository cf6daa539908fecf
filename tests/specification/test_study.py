"""Conversions of specifications: the same result as NeuroConv's own run, with any interfaces."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from neuroconv.tools.yaml_conversion_specification import run_conversion_from_yaml

from caiman_interface.specification.checks import Request, check_specification
from caiman_interface.specification.conversion import (
    Progressed,
    SessionConversion,
    SessionOutcome,
    convert_session,
    size_of,
)
from caiman_interface.specification.conversion_report import SessionContents
from caiman_interface.specification.findings import is_convertible
from caiman_interface.specification.open_workers import open_workers
from caiman_interface.specification.sessions import read_sessions
from caiman_interface.specification.study import convert_specification
from caiman_interface.specification.workers import run_sessions
from caiman_interface.writer.chunk_writer import ChunkWriter

DATA = Path(__file__).parents[1] / "data"

# NeuroConv's advice against metadata in lists, which its schema of specifications requires.
pytestmark = pytest.mark.filterwarnings("ignore:.*old list-based format:FutureWarning")

# NeuroConv before 0.10 cuts the letters n, w and b from the ends of names, so that none of these ends with them.
SPECIFICATION = """
metadata:
  NWBFile:
    session_start_time: 2024-05-03T14:30:00+02:00
    lab: Doe Lab
    keywords: [calcium imaging]
  Subject: {subject_id: mouse12, species: Mus musculus, sex: F, age: P90D}
  Ophys:
    Devices: []
    Device:
      - name: Microscope
        description: With a resonant scanner.
    ImagingPlane:
      - name: ImagingPlane
        device: Microscope
        indicator: GCaMP6s
        location: VISp
        excitation_lambda: 920.0
        optical_channel:
          - name: OpticalChannel
            description: Green.
            emission_lambda: 510.0
conversion_options:
  stub_test: true
data_interfaces:
  Segmentation: CaimanSegmentationInterface
  Lower: CaimanSegmentationInterface
experiments:
  gratings:
    metadata:
      NWBFile: {experiment_description: Gratings., lab: Roe Lab}
    sessions:
      - nwbfile_name: two_photons
        source_data:
          Segmentation: {file_path: sim2p_full.hdf5}
        conversion_options:
          Segmentation: {stub_samples: 60, accepted_only: true}
        metadata:
          NWBFile: {session_id: first, keywords: [gratings]}
      - nwbfile_name: two_planes.nwb
        source_data:
          Segmentation: {file_path: sim2p_minimal.hdf5, metadata_key: upper}
          Lower: {file_path: sim3d.hdf5, metadata_key: lower}
        conversion_options:
          Segmentation: {stub_test: false}
          Lower: {mask_type: image}
  dark:
    sessions:
      - nwbfile_name: cnmfe_results
        source_data:
          Segmentation: {file_path: sim1p_cnmfe.hdf5}
        metadata:
          NWBFile: {}
          Subject: {subject_id: mouse13}
"""
TRIALS = """
metadata:
  NWBFile:
    session_start_time: 2024-05-03T14:30:00+02:00
data_interfaces:
  Trials: CsvTimeIntervalsInterface
  Segmentation: CaimanSegmentationInterface
experiments:
  gratings:
    sessions:
      - nwbfile_name: trials_and_rois
        source_data:
          Trials: {file_path: trials.csv}
          Segmentation: {file_path: sim2p_minimal.hdf5}
      - nwbfile_name: trials_only
        source_data:
          Trials: {file_path: trials.csv}
"""


def conversions_of(
    specification: Path, data_folder: Path, folder: Path, options: dict[str, Any] | None = None, **more: Any
) -> list[SessionConversion]:
    checked = check_specification(specification, Request(data_folder=data_folder, overrides=options or {}))
    assert is_convertible(checked.findings)
    folder.mkdir(exist_ok=True)
    return [
        SessionConversion(session=session, path=folder / f"{checked.names[session.number]}.nwb", **more)
        for session in checked.sessions
    ]


def run_all(conversions: list[SessionConversion], **workers: Any) -> dict[int, SessionOutcome]:
    with open_workers(**workers) as opened:
        ended = run_sessions(conversions, opened, starting=lambda _: None)
        return {conversion.session.number: outcome for conversion, outcome in ended}


def everything(path: Path) -> dict[str, Any]:
    """Return type, shape, value and attributes of every object in an HDF5 file, less what differs with each writing."""
    found: dict[str, Any] = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        attributes = {key: value for key, value in item.attrs.items() if not isinstance(value, h5py.Reference)}
        attributes.pop("object_id", None)
        attributes.pop("file_name", None)  # of the script
        value: Any = None
        if isinstance(item, h5py.Dataset) and item.dtype.kind != "O":
            value = (item.dtype.str, item.shape, item[()])
        elif isinstance(item, h5py.Dataset):
            value = (item.shape, [_plain(entry, item.file) for entry in np.ravel(item[()])])
        found[name] = (type(item).__name__, attributes, value)

    with h5py.File(path, "r") as file:
        file.visititems(add)
    for name in ("identifier", "file_create_date", "general/source_script"):
        found.pop(name, None)
    return found


def _plain(entry: Any, file: h5py.File) -> Any:
    return file[entry].name if isinstance(entry, h5py.Reference) else entry


def assert_same_files(ours: Path, theirs: Path) -> None:
    mine, other = everything(ours), everything(theirs)
    assert mine.keys() == other.keys()
    for name in mine:
        np.testing.assert_equal(mine[name], other[name], err_msg=name)


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(DATA / "sim2p_minimal.hdf5", folder)
    (folder / "trials.csv").write_text("start_time,stop_time,contrast\n0.0,1.0,0.5\n2.0,3.5,0.25\n")
    return folder


@pytest.fixture(scope="module")
def specification(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("specification") / "spec.yml"
    path.write_text(SPECIFICATION)
    return path


@pytest.fixture(scope="module")
def converted(specification: Path) -> tuple[Path, list[SessionOutcome], list[Progressed]]:
    """The folder with the NWB files, what became of each session, and what was reported on the way."""
    folder = specification.parent / "nwb"
    reports: list[Progressed] = []
    outcomes = [convert_session(one, reports.append) for one in conversions_of(specification, DATA, folder)]
    return folder, outcomes, reports


def test_the_result_is_that_of_neuroconvs_own_run(specification, converted, tmp_path):
    folder, outcomes, _ = converted
    assert [outcome.record.error for outcome in outcomes] == [None, None, None]
    run_conversion_from_yaml(specification, data_folder_path=DATA, output_folder_path=tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names
    assert names == ["cnmfe_results.nwb", "two_photons.nwb", "two_planes.nwb"]
    for name in names:
        assert_same_files(folder / name, tmp_path / name)


def test_other_interfaces_are_converted_as_neuroconv_does(write_specification, data_folder, tmp_path):
    specification = write_specification(TRIALS)
    # An option that an interface does not have is not given to it.
    options = {"accepted_only": True}
    both, trials_only = conversions_of(specification, data_folder, tmp_path / "ours", options=options)
    outcomes = [convert_session(both), convert_session(trials_only)]
    run_conversion_from_yaml(specification, data_folder_path=data_folder, output_folder_path=tmp_path / "theirs")
    for name in ("trials_and_rois.nwb", "trials_only.nwb"):
        assert_same_files(tmp_path / "ours" / name, tmp_path / "theirs" / name)
    assert outcomes[0].record.warnings == (
        "CaImAn did not evaluate sim2p_minimal.hdf5: all 13 components count as accepted.",
    )
    assert outcomes[1].record.warnings == ()
    assert outcomes[1].record.contents == SessionContents(rois=None, accepted=None, evaluated=None, traces=0, frames=0)
    with h5py.File(tmp_path / "ours" / "trials_and_rois.nwb") as file:
        np.testing.assert_array_equal(file["intervals/trials/contrast"], [0.5, 0.25])


def test_records_contain_what_was_written(converted):
    folder, (first, second, third), _ = converted
    assert first.record.session == "two_photons"
    assert first.record.contents == SessionContents(rois=7, accepted=7, evaluated=7, traces=5, frames=60)
    assert first.record.bytes == (folder / "two_photons.nwb").stat().st_size
    assert first.record.seconds > 0
    with h5py.File(folder / "two_planes.nwb") as file:
        upper, lower = (
            file[f"processing/ophys/ImageSegmentation/PlaneSegmentation_{key}"] for key in ("upper", "lower")
        )
        series = file["processing/ophys/Fluorescence"]
        assert second.record.contents == SessionContents(
            rois=len(upper["id"]) + len(lower["id"]),
            accepted=int(lower["is_accepted"][()].sum()),  # the other file was not evaluated
            evaluated=len(lower["id"]),
            traces=sum("ResidualCorrection" not in name for name in series),
            frames=max(len(one["data"]) for one in series.values()),
        )
    assert third.record.contents is not None
    assert third.record.contents.frames == 100


def test_progress_goes_from_the_first_byte_to_the_last(converted):
    _, outcomes, reports = converted
    for number, outcome in enumerate(outcomes, start=1):
        of_session = [report for report in reports if report.number == number]
        done = [report.bytes_done for report in of_session]
        assert done == sorted(done)
        assert done[-1] == of_session[-1].bytes_total > 0
        assert {report.frames for report in of_session} == {outcome.record.contents.frames}


def test_processes_write_the_same_files_and_a_failure_does_not_stop_the_others(specification, converted, tmp_path):
    folder, alone, _ = converted
    first, second, third = conversions_of(specification, DATA, tmp_path)
    nowhere = replace(second, path=tmp_path / "nowhere" / "two_planes.nwb")
    reports: list[Progressed] = []
    outcomes = run_all([first, nowhere, third], jobs=2, listener=reports.append)
    for number, name in ((1, "two_photons.nwb"), (3, "cnmfe_results.nwb")):
        assert outcomes[number].record.error is None
        assert outcomes[number].record.contents == alone[number - 1].record.contents
        assert_same_files(tmp_path / name, folder / name)
    assert {1, 3} <= {report.number for report in reports}
    assert "does not exist" in outcomes[2].record.error
    assert outcomes[2].details.startswith("Traceback")
    assert (outcomes[2].record.contents, outcomes[2].record.bytes) == (None, 0)


@pytest.mark.parametrize(("cores", "jobs", "threads"), [(64, 16, 4), (64, 2, 8), (4, 3, 1), (2, 4, 1)])
def test_jobs_share_the_processors(monkeypatch: pytest.MonkeyPatch, cores: int, jobs: int, threads: int):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    with open_workers(jobs=jobs) as workers:
        assert workers.threads == threads


def test_a_session_writes_with_the_threads_of_its_worker(specification, tmp_path, monkeypatch: pytest.MonkeyPatch):
    used: list[int] = []

    class CountingWriter(ChunkWriter):
        def __init__(self, threads: int, *arguments: Any, **options: Any) -> None:
            used.append(threads)
            super().__init__(threads, *arguments, **options)

    monkeypatch.setattr("caiman_interface.writer.hdf5_io.ChunkWriter", CountingWriter)
    conversion = conversions_of(specification, DATA, tmp_path)[0]
    assert convert_session(replace(conversion, threads=3)).record.error is None
    assert used == [3]


def test_a_session_that_fails_does_not_stop_the_others(write_specification, data_folder, tmp_path):
    both, trials_only = conversions_of(write_specification(TRIALS), data_folder, tmp_path)
    nowhere = replace(both, path=tmp_path / "nowhere" / "trials_and_rois.nwb")
    failed, done = run_all([nowhere, trials_only]).values()
    assert "does not exist" in failed.record.error
    assert done.record.error is None
    assert (tmp_path / "trials_only.nwb").exists()


def test_an_interrupted_conversion_leaves_nothing_behind(specification, tmp_path):
    def interrupt(_: Progressed) -> None:
        raise KeyboardInterrupt

    conversion = conversions_of(specification, DATA, tmp_path)[0]
    with pytest.raises(KeyboardInterrupt):
        convert_session(conversion, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_overrides_take_precedence_over_the_specification(specification, tmp_path):
    conversion = conversions_of(specification, DATA, tmp_path, options={"stub_test": True, "accepted_only": False})[0]
    assert convert_session(conversion).record.contents == SessionContents(
        rois=13, accepted=7, evaluated=13, traces=5, frames=60
    )


def test_existing_files_are_kept_without_overwrite(write_specification, data_folder, tmp_path):
    conversion = conversions_of(write_specification(TRIALS), data_folder, tmp_path)[1]
    conversion.path.write_text("mine")
    assert "already exists" in convert_session(conversion).record.error
    assert conversion.path.read_text() == "mine"
    assert convert_session(replace(conversion, overwrite=True)).record.error is None
    assert conversion.path.read_bytes().startswith(b"\x89HDF")


@pytest.mark.filterwarnings("default:mask_type is 'voxel':UserWarning")
def test_warnings_of_the_conversion_are_in_the_record(specification, tmp_path):
    conversions = conversions_of(specification, DATA, tmp_path, options={"mask_type": "voxel"})
    text = f"mask_type is 'voxel', but the frame of {DATA / 'sim2p_full.hdf5'} has 2 dimensions: 'pixel' is used."
    assert convert_session(conversions[0]).record.warnings == (text,)
    failed = convert_session(replace(conversions[0], path=tmp_path / "nowhere" / "a.nwb"))
    assert failed.record.error
    ended = run_all(conversions[:2], jobs=2)
    assert "'pixel' is used" in ended[2].record.warnings[0]


def test_zarr(specification, tmp_path):
    conversion = conversions_of(specification, DATA, tmp_path, backend="zarr")[0]
    path = tmp_path / "a.nwb.zarr"
    outcome = convert_session(replace(conversion, path=path))
    assert outcome.record.error is None
    assert path.is_dir()
    assert outcome.record.bytes == size_of(path) > 100_000


def test_a_file_without_a_name_gets_that_of_neuroconv(write_specification, data_folder, tmp_path):
    subject = "  Subject: {subject_id: mouse12, species: Mus musculus, sex: F}\n"
    text = TRIALS.replace("data_interfaces", f"{subject}data_interfaces").replace(
        "nwbfile_name: trials_and_rois\n        ", ""
    )
    specification = write_specification(text)
    report = convert_specification(specification, tmp_path / "ours", data_folder=data_folder)
    assert report.ok
    run_conversion_from_yaml(specification, data_folder_path=data_folder, output_folder_path=tmp_path / "theirs")
    names = {path.name for path in (tmp_path / "theirs").iterdir()}
    assert {path.name for path in (tmp_path / "ours").glob("*.nwb")} == names
    assert [record.output for record in report] == [*(names - {"trials_only.nwb"}), "trials_only.nwb"]


def test_sessions_are_numbered_as_neuroconv_numbers_them(write_specification):
    path = write_specification(SPECIFICATION)
    sessions = read_sessions(yaml.safe_load(path.read_text()), path, data_folder=DATA)
    assert [(session.number, session.label) for session in sessions] == [
        (1, "two_photons"),
        (2, "two_planes"),
        (3, "cnmfe_results"),
    ]
    assert sessions[0].source_data == {"Segmentation": {"file_path": str(DATA / "sim2p_full.hdf5")}}
    assert [source.path for source in sessions[2].metadata_sources] == [
        ("metadata",),
        ("experiments", "dark", "sessions", 0, "metadata"),
    ]
