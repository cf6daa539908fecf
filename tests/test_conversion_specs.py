"""The specifications in ``conversion_specs/`` run with the real ``neuroconv`` command, and what they write is right.

Each runs in a separate process, where only the installed distribution can register the plugin: no path to the
sources is handed over. What is in the NWB files is compared with what CaImAn's own loader reads (``*_ref.npz``).
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
from numpy.typing import NDArray
from packaging.version import Version
from pynwb import NWBHDF5IO, NWBFile
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.metadata import CaimanConversionOptions

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
SPECIFICATIONS = ROOT / "conversion_specs"
DOCUMENTATION = ROOT / "docs" / "yaml.md"

# hdmf warns of the column "name" of the table of parameters whenever one reads it.
pytestmark = pytest.mark.filterwarnings("ignore:An attribute 'name' already exists:UserWarning")

KNOWS_METADATA_KEYS = Version(importlib.metadata.version("neuroconv")) >= Version("0.10")
needs_metadata_keys = pytest.mark.skipif(
    not KNOWS_METADATA_KEYS, reason="NeuroConv's imaging interfaces have no metadata_key before 0.10"
)


# What each specification writes


@dataclass(frozen=True)
class Analysis:
    """One CaImAn file in one NWB file."""

    caiman_file: str
    ending: str = ""
    plane: str = "ImagingPlane"
    accepted_only: bool = False


CONTENT = {
    "two_photon_session.yml": {"sub-mouse01_ses-20240502_ophys": [Analysis("sim2p_full")]},
    "sessions_of_one_subject.yml": {
        "sub-mouse02_ses-day1": [Analysis("sim2p_full")],
        "sub-mouse02_ses-day2": [Analysis("sim2p_nb2")],
        "sub-mouse02_ses-day3": [Analysis("sim2p_ser_v1.6.4", accepted_only=True)],
    },
    "imaging_and_caiman.yml": {"sub-mouse01_ses-20240502_desc-movie_ophys": [Analysis("sim2p_full")]},
    "volumetric_session.yml": {"sub-fish07_ses-20240611_ophys": [Analysis("sim3d")]},
    "multi_plane_session.yml": {
        "sub-mouse03_ses-20240703_ophys": [
            Analysis("sim2p_full", "_plane0", "ImagingPlane_plane0"),
            Analysis("sim2p_nb2", "_plane1", "ImagingPlane_plane1"),
            Analysis("sim2p_patches_lowrankTrue", "_plane2", "ImagingPlane_plane2"),
        ]
    },
    "one_photon_session.yml": {"sub-mouse04_ses-20240918_ophys": [Analysis("sim1p_cnmfe")]},
}
MOVIE = "imaging_and_caiman.yml"


def marks(specification: str) -> list[pytest.MarkDecorator]:
    return [needs_metadata_keys] if specification == MOVIE else []


each_specification = pytest.mark.parametrize(
    "specification", [pytest.param(name, marks=marks(name)) for name in CONTENT]
)
each_nwb_file = pytest.mark.parametrize(
    ("specification", "name"),
    [pytest.param(spec, name, marks=marks(spec), id=name) for spec, files in CONTENT.items() for name in files],
)
each_analysis = pytest.mark.parametrize(
    ("specification", "name", "analysis"),
    [
        pytest.param(specification, name, analysis, marks=marks(specification), id=f"{name}{analysis.ending}")
        for specification, files in CONTENT.items()
        for name, analyses in files.items()
        for analysis in analyses
    ],
)


class Reference:
    """What CaImAn's own loader reads from a file."""

    def __init__(self, name: str) -> None:
        with np.load(DATA / f"{name}_ref.npz") as stored:
            self._stored = dict(stored)

    def __getitem__(self, key: str) -> NDArray[Any]:
        return self._stored[key]

    def __contains__(self, key: str) -> bool:
        return key in self._stored

    @property
    def count(self) -> int:
        return int(self["C"].shape[0])

    @property
    def frame_shape(self) -> tuple[int, ...]:
        return tuple(int(length) for length in self["dims"])

    @cached_property
    def footprints(self) -> NDArray[Any]:
        """Dense footprints, (components, rows, columns[, planes])."""
        pixels, components = self["A_shape"]
        dense = np.zeros((components, pixels))
        for component, (start, stop) in enumerate(zip(self["A_indptr"][:-1], self["A_indptr"][1:], strict=True)):
            dense[component, self["A_indices"][start:stop]] = self["A_data"][start:stop]
        return self._as_frames(dense)

    @cached_property
    def background(self) -> NDArray[Any]:
        return self._as_frames(self["b"].T)

    def _as_frames(self, flat: NDArray[Any]) -> NDArray[Any]:
        return np.stack([frame.reshape(self.frame_shape, order="F") for frame in flat])

    @cached_property
    def traces(self) -> dict[str, NDArray[Any]]:
        """(frames, components) by the name of the series."""
        traces = {"RoiResponseSeries": self["C"] + self["YrA"], "Denoised": self["C"], "Deconvolved": self["S"]}
        if "F_dff" in self:
            traces["DfOverF"] = self["F_dff"]
        return {name: trace.T for name, trace in traces.items()}

    @property
    def residual(self) -> NDArray[Any]:
        """YrA as (frames, components)."""
        return self["YrA"].T


# Running them


def run(name: str, *arguments: str | Path, folder: Path, **variables: str) -> str:
    """Run an installed command as a user would; nothing of the environment of this test run reaches it."""
    command = shutil.which(name, path=str(Path(sys.executable).parent))
    assert command is not None, f"The tests need the command {name}: install the extra 'test'."
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CAIMAN_"))}
    completed = subprocess.run(
        [command, *arguments],
        env={**inherited, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def neuroconv(specification: Path, data: Path, output: Path, **variables: str) -> None:
    folders = ["--data-folder-path", data, "--output-folder-path", output]
    run("neuroconv", specification, *folders, "--overwrite", folder=output.parent, **variables)


@contextmanager
def nwb_file(path: Path) -> Iterator[NWBFile]:
    with NWBHDF5IO(path, "r") as io:
        yield io.read()


@pytest.fixture(scope="session")
def movie() -> NDArray[np.int16]:
    """A movie of the size of the one that was analysed, (frames, rows, columns)."""
    return np.random.default_rng(0).integers(0, 4000, (600, 60, 80), dtype=np.int16)


@pytest.fixture(scope="session")
def data_with_movie(movie: NDArray[np.int16], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``imaging_and_caiman.yml`` describes."""
    folder = tmp_path_factory.mktemp("data_with_movie")
    shutil.copyfile(DATA / "sim2p_full.hdf5", folder / "sim2p_full.hdf5")
    tifffile.imwrite(folder / "sim2p.tif", movie)
    return folder


@pytest.fixture(scope="session")
def output_of(data_with_movie: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Run a specification, the first time that it is asked for, and return the folder of its NWB files."""

    @cache
    def run(specification: str) -> Path:
        data = data_with_movie if specification == MOVIE else DATA
        folder = tmp_path_factory.mktemp(Path(specification).stem) / "nwb_output"
        neuroconv(SPECIFICATIONS / specification, data, folder)
        return folder

    return run


@pytest.fixture
def nwb_file_of(output_of: Callable[[str], Path]) -> Callable[[str, str], Any]:
    """Open an NWB file that a specification wrote."""
    return lambda specification, name: nwb_file(output_of(specification) / f"{name}.nwb")


NwbFileOf = Callable[[str, str], Any]


# What is in the NWB files


def test_every_specification_is_tested():
    assert {path.name for path in SPECIFICATIONS.iterdir()} == set(CONTENT)


@each_specification
def test_files_have_the_names_that_dandi_requires(specification: str, output_of: Callable[[str], Path]):
    assert sorted(path.stem for path in output_of(specification).iterdir()) == sorted(CONTENT[specification])


@each_analysis
def test_components_are_those_of_the_caiman_file(
    specification: str, name: str, analysis: Analysis, nwb_file_of: NwbFileOf
):
    reference = Reference(analysis.caiman_file)
    rows = reference["idx_components"] if analysis.accepted_only else np.arange(reference.count)
    with nwb_file_of(specification, name) as nwbfile:
        table = tables(nwbfile)[f"PlaneSegmentation{analysis.ending}"]
        np.testing.assert_array_equal(table.id[:], rows)
        np.testing.assert_array_equal(masks(table, reference.frame_shape), reference.footprints[rows].astype("f4"))
        assert table.imaging_plane is nwbfile.imaging_planes[analysis.plane]
        if "idx_components" in reference:
            np.testing.assert_array_equal(table["is_accepted"][:], np.isin(rows, reference["idx_components"]))
        else:
            assert "is_accepted" not in table.colnames


@each_analysis
def test_traces_are_those_of_the_caiman_file(specification: str, name: str, analysis: Analysis, nwb_file_of: NwbFileOf):
    reference = Reference(analysis.caiman_file)
    rows = reference["idx_components"] if analysis.accepted_only else np.arange(reference.count)
    with nwb_file_of(specification, name) as nwbfile:
        table = tables(nwbfile)[f"PlaneSegmentation{analysis.ending}"]
        written = {series.name for series in all_series(nwbfile).values() if series.rois.table is table}
        assert written == {f"{trace}{analysis.ending}" for trace in (*reference.traces, "ResidualCorrection")}
        for trace, values in reference.traces.items():
            series = all_series(nwbfile)[f"{trace}{analysis.ending}"]
            np.testing.assert_array_equal(series.data[:], values[:, rows])
            assert series.rate == reference["fr"]
        raw, denoised, correction = (
            all_series(nwbfile)[f"{trace}{analysis.ending}"].data[:]
            for trace in ("RoiResponseSeries", "Denoised", "ResidualCorrection")
        )
        np.testing.assert_array_equal(raw - denoised + correction, reference.residual[:, rows])


@each_analysis
def test_background_is_that_of_the_caiman_file(
    specification: str, name: str, analysis: Analysis, nwb_file_of: NwbFileOf
):
    reference = Reference(analysis.caiman_file)
    with nwb_file_of(specification, name) as nwbfile:
        table = tables(nwbfile).get(f"BackgroundPlaneSegmentation{analysis.ending}")
        if reference["b"].shape[1] == 0:
            assert table is None
            return
        np.testing.assert_array_equal(masks(table, reference.frame_shape), reference.background)
        assert table.imaging_plane is nwbfile.imaging_planes[analysis.plane]
        series = all_series(nwbfile)[f"Background{analysis.ending}"]
        np.testing.assert_array_equal(series.data[:], reference["f"].T)
        assert series.rois.table is table


@each_analysis
def test_our_class_wrote_it(specification: str, name: str, analysis: Analysis, nwb_file_of: NwbFileOf):
    """NeuroConv's own class writes no parameters."""
    reference = Reference(analysis.caiman_file)
    with nwb_file_of(specification, name) as nwbfile:
        table = nwbfile.processing["ophys"][f"CaimanParameters{analysis.ending}"]
        groups, names, values = (table[column][:] for column in ("group", "parameter", "value"))
        (rate,) = [value for value, *place in zip(values, groups, names, strict=True) if place == ["data", "fr"]]
        assert float(rate) == reference["fr"]


@each_analysis
def test_plane_is_what_the_caiman_file_and_the_experimenter_say(
    specification: str, name: str, analysis: Analysis, nwb_file_of: NwbFileOf
):
    reference = Reference(analysis.caiman_file)
    (given,) = [
        plane for plane in given_for(specification, name)["Ophys"]["ImagingPlane"] if plane["name"] == analysis.plane
    ]
    with nwb_file_of(specification, name) as nwbfile:
        plane = nwbfile.imaging_planes[analysis.plane]
        assert plane.imaging_rate == reference["fr"]
        np.testing.assert_allclose(plane.grid_spacing[:], reference["dxy"] * 1e-6, rtol=1e-12)
        for field in ("description", "location", "indicator", "excitation_lambda", "reference_frame"):
            assert getattr(plane, field) == given.get(field), field
        if "origin_coords" in given:
            np.testing.assert_array_equal(plane.origin_coords[:], given["origin_coords"])
            assert plane.origin_coords_unit == given["origin_coords_unit"]
        (channel,) = plane.optical_channel
        (given_channel,) = given["optical_channel"]
        assert {field: getattr(channel, field) for field in given_channel} == given_channel
        assert plane.device.name == given["device"]


@each_nwb_file
def test_session_is_what_the_specification_says(specification: str, name: str, nwb_file_of: NwbFileOf):
    given = given_for(specification, name)
    with nwb_file_of(specification, name) as nwbfile:
        session = {field: plain(getattr(nwbfile, field)) for field in given["NWBFile"]}
        subject = {field: plain(getattr(nwbfile.subject, field)) for field in given["Subject"]}
        devices = {device.name: device for device in nwbfile.devices.values()}
        (given_device,) = given["Ophys"]["Device"]
        assert devices.keys() == {given_device["name"]}
        assert devices[given_device["name"]].description == given_device["description"]
    assert session == given["NWBFile"]
    assert subject == given["Subject"]


@each_nwb_file
def test_nwbinspector_finds_nothing_of_importance(specification: str, name: str, output_of: Callable[[str], Path]):
    from nwbinspector import Importance, inspect_nwbfile, load_config

    # With the configuration of DANDI, which requires more.
    path = output_of(specification) / f"{name}.nwb"
    messages = list(inspect_nwbfile(nwbfile_path=path, config=load_config("dandi")))
    found = {message.check_function_name for message in messages}
    assert found <= {"check_single_row"}, messages  # a background of one component is a table of one row
    assert all(message.importance == Importance.BEST_PRACTICE_SUGGESTION for message in messages)


def test_the_archive_accepts_the_files(output_of: Callable[[str], Path], tmp_path: Path):
    dandiset = tmp_path / "dandiset"
    dandiset.mkdir()
    (dandiset / "dandiset.yaml").write_text("identifier: DANDI:000000\n")
    for specification in ("two_photon_session.yml", "sessions_of_one_subject.yml"):  # given names, derived names
        for path in output_of(specification).iterdir():
            subject = dandiset / path.stem.split("_")[0]
            subject.mkdir(exist_ok=True)
            shutil.copy(path, subject)
    # Neither the archive's service nor the user's own folders are needed to validate.
    variables = {"DANDI_NO_ET": "1", "XDG_STATE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert "No errors found" in run("dandi", "validate", dandiset, folder=tmp_path, **variables)


@needs_metadata_keys
def test_movie_and_components_are_on_the_same_plane(nwb_file_of: NwbFileOf, movie: NDArray[np.int16]):
    (name,) = CONTENT[MOVIE]
    with nwb_file_of(MOVIE, name) as nwbfile:
        series = nwbfile.acquisition["TwoPhotonSeries"]
        assert len(nwbfile.imaging_planes) == 1
        assert {table.imaging_plane for table in tables(nwbfile).values()} == {series.imaging_plane}
        assert series.rate == series.imaging_plane.imaging_rate
        np.testing.assert_array_equal(series.data[:], movie.transpose(0, 2, 1))  # NWB has (frames, x, y)


def test_planes_of_one_recording_are_separate(nwb_file_of: NwbFileOf):
    specification = "multi_plane_session.yml"
    ((name, analyses),) = CONTENT[specification].items()
    with nwb_file_of(specification, name) as nwbfile:
        assert set(nwbfile.imaging_planes) == {analysis.plane for analysis in analyses}
        depths = [nwbfile.imaging_planes[analysis.plane].origin_coords[2] for analysis in analyses]
        assert depths == [150e-6, 200e-6, 350e-6]
        assert len({plane.device for plane in nwbfile.imaging_planes.values()}) == 1
        kinds = ("PlaneSegmentation", "BackgroundPlaneSegmentation")
        assert set(tables(nwbfile)) == {f"{kind}{analysis.ending}" for kind in kinds for analysis in analyses}
        images = nwbfile.processing["ophys"]["SegmentationImages"].images
        for analysis in analyses:
            reference = Reference(analysis.caiman_file)
            noise = reference["sn"].reshape(reference.frame_shape, order="F")
            np.testing.assert_array_equal(images[f"noise_image{analysis.ending}"].data[:], noise.T)


def test_volume_has_masks_of_voxels_and_an_image_a_plane(nwb_file_of: NwbFileOf):
    specification = "volumetric_session.yml"
    (name,) = CONTENT[specification]
    noise = Reference("sim3d")["sn"].reshape(Reference("sim3d").frame_shape, order="F")
    with nwb_file_of(specification, name) as nwbfile:
        assert "voxel_mask" in tables(nwbfile)["PlaneSegmentation"].colnames
        images = nwbfile.processing["ophys"]["SegmentationImages"].images
        for plane in range(noise.shape[2]):
            np.testing.assert_array_equal(images[f"plane{plane}_noise_image"].data[:], noise[:, :, plane].T)


@needs_metadata_keys
def test_distance_between_planes_can_be_set_as_the_comment_says(tmp_path: Path):
    specification = "volumetric_session.yml"
    (name,) = CONTENT[specification]
    text = (SPECIFICATIONS / specification).read_text(encoding="utf-8")
    (tmp_path / specification).write_text(text.replace("# grid_spacing", "grid_spacing"))
    neuroconv(tmp_path / specification, DATA, tmp_path / "output")
    with nwb_file(tmp_path / "output" / f"{name}.nwb") as nwbfile:
        plane = nwbfile.imaging_planes["ImagingPlane"]
        np.testing.assert_array_equal(plane.grid_spacing[:], [1e-6, 1e-6, 12e-6])
        assert plane.grid_spacing_unit == "meters"


def test_one_photon_session_has_baseline_and_ring_model(nwb_file_of: NwbFileOf):
    specification = "one_photon_session.yml"
    (name,) = CONTENT[specification]
    reference = Reference("sim1p_cnmfe")
    with nwb_file_of(specification, name) as nwbfile:
        module = nwbfile.processing["ophys"]
        baseline = reference["b0"].reshape(reference.frame_shape, order="F")
        np.testing.assert_array_equal(module["SegmentationImages"]["baseline_image"].data[:], baseline.T)
        assert len(module["CaimanRingModel"]) == reference["W_nnz"]


# NeuroConv's own class, and specifications written for it


WRITTEN_FOR_NEUROCONV_S_CLASS = """\
metadata:
  NWBFile:
    session_start_time: "2023-11-07T15:00:00+00:00"
    session_description: Written before there was a plugin.
  Ophys:
    Devices: []
    Device:
      - name: Scope
    ImagingPlane:
      - name: ImagingPlane
        device: Scope
        indicator: GCaMP6f
        location: CA1
    Fluorescence:
      name: Fluorescence
      PlaneSegmentation:
        raw: {name: RawTraces, description: As measured., unit: n.a.}
data_interfaces:
  Caiman: CaimanSegmentationInterface
experiments:
  only:
    sessions:
      - nwbfile_name: mouse1_day1
        source_data:
          Caiman: {file_path: sim2p_full.hdf5}
        conversion_options:
          Caiman:
            stub_test: true
            stub_samples: 50
            mask_type: image
            plane_segmentation_name: PlaneSegmentation
            include_background_segmentation: false
            include_roi_centroids: false
            include_roi_acceptance: true
            roi_ids_to_add: [1, 5, 7]
            iterator_options: {buffer_gb: 0.5}
"""


def test_specification_for_neuroconv_s_own_class_runs_with_ours(tmp_path: Path):
    """And with NeuroConv's own where the plugin is turned off."""
    specification = tmp_path / "spec.yml"
    specification.write_text(WRITTEN_FOR_NEUROCONV_S_CLASS)
    neuroconv(specification, DATA, tmp_path / "ours")
    neuroconv(specification, DATA, tmp_path / "theirs", CAIMAN_INTERFACE_NO_AUTOLOAD="1")
    reference = Reference("sim2p_full")
    rois = [1, 5, 7]
    with nwb_file(tmp_path / "ours" / "mouse1_day1.nwb") as ours:
        assert "CaimanParameters" in ours.processing["ophys"].data_interfaces
        assert tables(ours).keys() == {"PlaneSegmentation"}
        table = tables(ours)["PlaneSegmentation"]
        np.testing.assert_array_equal(
            table["image_mask"][:].transpose(0, 2, 1).astype("f4"), reference.footprints[rois].astype("f4")
        )
        assert "ROICentroids" not in table.colnames
        np.testing.assert_array_equal(table["is_accepted"][:], [True, True, False])
        series = all_series(ours)
        assert series.keys() == {"RawTraces", "Denoised", "Deconvolved", "DfOverF", "ResidualCorrection"}
        assert series["RawTraces"].description == "As measured."
        np.testing.assert_array_equal(series["RawTraces"].data[:], reference.traces["RoiResponseSeries"][:50, rois])
        assert ours.imaging_planes["ImagingPlane"].location == "CA1"
        assert list(ours.devices) == ["Scope"]
        with nwb_file(tmp_path / "theirs" / "mouse1_day1.nwb") as theirs:
            assert "CaimanParameters" not in theirs.processing["ophys"].data_interfaces
            assert tables(theirs)["PlaneSegmentation"].description != table.description
            np.testing.assert_array_equal(all_series(theirs)["Deconvolved"].data[:], series["Deconvolved"].data[:])


# The documentation


def documented(title: str) -> str:
    """Return the YAML under a title of the documentation."""
    text = DOCUMENTATION.read_text(encoding="utf-8")
    section = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(block)


def test_every_documented_example_is_run():
    text = DOCUMENTATION.read_text(encoding="utf-8")
    titles = [section.splitlines()[0] for section in text.split("\n## ")[1:] if "```yaml" in section]
    assert sorted(titles) == sorted(["A whole specification", "Images of the movie", *PARTS])


def test_documented_specification_runs(tmp_path: Path):
    specification = tmp_path / "spec.yml"
    specification.write_text(documented("A whole specification"))
    neuroconv(specification, DATA, tmp_path / "output")
    with nwb_file(tmp_path / "output" / "mouse1_day1.nwb") as nwbfile:
        assert len(tables(nwbfile)["PlaneSegmentation"]) == Reference("sim2p_full").count
        assert nwbfile.session_description == "Mouse runs on a wheel in the dark."


def test_documentation_lists_the_options():
    section = DOCUMENTATION.read_text(encoding="utf-8").split("\n## Options\n")[1].split("\n## ")[0]
    schema = CaimanConversionOptions.model_json_schema()["properties"]
    current = {name for name, option in schema.items() if not option.get("deprecated")}
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == current


PARTS = [
    "Metadata of the imaging plane",
    "Imaging rate and timestamps",
    "Names and descriptions of tables and traces",
    "Options",
]


def test_documented_parts_do_what_is_said(tmp_path: Path):
    specification: dict[str, Any] = yaml.safe_load(documented("A whole specification"))
    for part in PARTS:
        specification = merged(specification, yaml.safe_load(documented(part)))
    path = tmp_path / "spec.yml"
    path.write_text(yaml.safe_dump(specification))
    neuroconv(path, DATA, tmp_path / "output")
    reference = Reference("sim2p_full")
    accepted = reference["idx_components"]
    with nwb_file(tmp_path / "output" / "mouse1_day1.nwb") as nwbfile:
        plane = nwbfile.imaging_planes["ImagingPlane"]
        assert plane.location == "VISp2/3"
        assert plane.imaging_rate == reference["fr"]
        assert plane.device.description == "Two-photon microscope with a resonant scanner."
        (table,) = tables(nwbfile).values()
        assert table.description == "Cells of layer 2/3, found by CaImAn and curated by hand."
        assert "image_mask" in table.colnames
        np.testing.assert_array_equal(table.id[:], accepted)
        series = all_series(nwbfile)
        assert series.keys() == {"Fluorescence", "Denoised", "DfOverF", "ResidualCorrection"}
        assert series["DfOverF"].description == "dF/F over a window of 500 frames."
        np.testing.assert_array_equal(
            series["Fluorescence"].data[:], reference.traces["RoiResponseSeries"][:20, accepted]
        )


def test_the_documented_rate_is_that_of_the_plane_and_of_the_series(tmp_path: Path):
    specification: dict[str, Any] = yaml.safe_load(documented("A whole specification"))
    specification = merged(specification, yaml.safe_load(documented("Imaging rate and timestamps")))
    path = tmp_path / "spec.yml"
    path.write_text(yaml.safe_dump(specification))
    neuroconv(path, DATA, tmp_path / "output")
    with nwb_file(tmp_path / "output" / "mouse1_day1.nwb") as nwbfile:
        assert nwbfile.imaging_planes["ImagingPlane"].imaging_rate == 15.2
        assert {series.rate for series in all_series(nwbfile).values()} == {15.2}


def test_the_documented_image_is_written(tmp_path: Path):
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(DATA / "sim2p_full.hdf5", data)
    image = np.random.default_rng(0).random(Reference("sim2p_full").frame_shape, dtype=np.float32)
    np.save(data / "mouse1_day1_max.npy", image)
    specification: dict[str, Any] = yaml.safe_load(documented("A whole specification"))
    path = tmp_path / "spec.yml"
    path.write_text(yaml.safe_dump(merged(specification, yaml.safe_load(documented("Images of the movie")))))
    neuroconv(path, data, tmp_path / "output")
    with nwb_file(tmp_path / "output" / "mouse1_day1.nwb") as nwbfile:
        np.testing.assert_array_equal(images(nwbfile)["max_image"].data[:].T, image)


# Helpers


def images(nwbfile: NWBFile) -> dict[str, Any]:
    return dict(nwbfile.processing["ophys"]["SegmentationImages"].images)


def tables(nwbfile: NWBFile) -> dict[str, PlaneSegmentation]:
    return dict(nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations)


def all_series(nwbfile: NWBFile) -> dict[str, RoiResponseSeries]:
    return dict(nwbfile.processing["ophys"]["Fluorescence"].roi_response_series)


def masks(table: PlaneSegmentation, frame_shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the masks of a table as (rois, rows, columns[, planes]), from any form of masks."""
    if "image_mask" in table.colnames:
        return np.moveaxis(table["image_mask"][:], 1, 2)
    name = "voxel_mask" if len(frame_shape) == 3 else "pixel_mask"
    dense = np.zeros((len(table), *frame_shape), dtype="f4")
    for roi in range(len(table)):
        for x, y, *z, weight in table[name][roi]:
            dense[(roi, y, x, *z)] = weight
    return dense


def given_for(specification: str, name: str) -> dict[str, Any]:
    """Return the metadata of one NWB file in a specification."""
    given = yaml.safe_load((SPECIFICATIONS / specification).read_text(encoding="utf-8"))
    ((experiment),) = given["experiments"].values()
    found = [
        merged(given["metadata"], merged(experiment.get("metadata", {}), session["metadata"]))
        for session in experiment["sessions"]
        if name.removesuffix("_ophys")
        .removesuffix("_desc-movie")
        .endswith(f"_ses-{session['metadata']['NWBFile']['session_id']}")
    ]
    (metadata,) = found
    return metadata


def merged(general: Mapping[str, Any], specific: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: merged(general[key], value) if isinstance(general.get(key), Mapping) else value
        for key, value in specific.items()
    }
    return {**general, **both}


def plain(value: Any) -> Any:
    """Return a value of an NWB file in the form of YAML."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return value
    return [str(item) for item in value]
