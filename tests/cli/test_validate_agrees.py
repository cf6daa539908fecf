"""`validate` exits 0 only if `convert` converts: both commands on specifications and CaImAn files with faults."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DATA = Path(__file__).parents[1] / "data"
SPECIFICATION: dict[str, Any] = {
    "metadata": {
        "NWBFile": {"session_start_time": "2024-05-03T14:30:00+02:00"},
        "Subject": {"subject_id": "m1", "species": "Mus musculus", "sex": "F", "age": "P90D"},
        "Ophys": {
            "Devices": [],
            "ImagingPlane": [
                {
                    "name": "ImagingPlane",
                    "indicator": "GCaMP6s",
                    "excitation_lambda": 920.0,
                    "optical_channel": [{"name": "Green", "description": "d", "emission_lambda": 510.0}],
                }
            ],
        },
    },
    "data_interfaces": {"Segmentation": "CaimanSegmentationInterface"},
    "experiments": {
        "day1": {
            "sessions": [
                {
                    "nwbfile_name": "one",
                    "source_data": {"Segmentation": {"file_path": "results.hdf5"}},
                    "conversion_options": {"Segmentation": {"stub_test": True}},
                    "metadata": {"NWBFile": {"session_id": "s1"}},
                }
            ]
        }
    },
}
SESSION = ("experiments", "day1", "sessions", 0)
PLANE = ("metadata", "Ophys", "ImagingPlane", 0)
SOURCE = (*SESSION, "source_data", "Segmentation")
OPTIONS = (*SESSION, "conversion_options", "Segmentation")
ABSENT = object()
IS_ON = True

Fault = Callable[[dict[str, Any], Path], None]


def given_as(*path_and_value: Any) -> Fault:
    """Return a fault that gives another value in the specification, or none."""
    *path, key, value = path_and_value

    def change(specification: dict[str, Any], _: Path) -> None:
        place: Any = specification
        for step in path:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
        if value is ABSENT:
            place.pop(key, None)
        else:
            place[key] = value

    return change


def stored_as(place: str, value: Any) -> Fault:
    """Return a fault that stores another value in the CaImAn file, or none."""

    def change(_: dict[str, Any], folder: Path) -> None:
        with h5py.File(folder / "results.hdf5", "r+") as file:
            if place in file:
                del file[place]
            if value is not ABSENT:
                file[place] = value

    return change


def weight(value: float) -> Fault:
    def change(_: dict[str, Any], folder: Path) -> None:
        with h5py.File(folder / "results.hdf5", "r+") as file:
            if "estimates/A" in file:
                weights = file["estimates/A/data"][()].astype(np.float64)
                weights[3] = value
                del file["estimates/A/data"]
                file["estimates/A/data"] = weights

    return change


def second_session(**changes: Any) -> Fault:
    def change(specification: dict[str, Any], _: Path) -> None:
        sessions = specification["experiments"]["day1"]["sessions"]
        other = {**copy.deepcopy(sessions[0]), **changes}
        sessions.append({key: value for key, value in other.items() if value is not ABSENT})

    return change


def output_exists(_: dict[str, Any], folder: Path) -> None:
    (folder / "nwb").mkdir(exist_ok=True)
    (folder / "nwb" / "one.nwb").write_bytes(b"something")


def timestamps(text: str) -> Fault:
    def change(specification: dict[str, Any], folder: Path) -> None:
        (folder / "times.csv").write_text(text)
        given_as(*SOURCE, "timestamps_path", str(folder / "times.csv"))(specification, folder)

    return change


TEXTS = np.array([b"abc"] * 12)
FAULTS: dict[str, Fault] = {
    **{f"fr {value}": stored_as("params/data/fr", value) for value in (0.0, np.inf, "x")},
    **{f"weight {value}": weight(value) for value in (np.nan, np.inf, 1e300)},
    **{f"text in {name}": stored_as(f"estimates/{name}", TEXTS) for name in ("SNR_comp", "r_values", "bl", "lam")},
    "no fr": stored_as("params/data/fr", ABSENT),
    **{f"no {name}": stored_as(f"estimates/{name}", ABSENT) for name in ("A", "C", "b", "W")},
    "ragged g": stored_as("estimates/g", np.array([b"1.4 -.5", b"1"] * 6)),
    "broken W": stored_as("estimates/W", np.ones((3, 3))),
    "with W": given_as(*OPTIONS, "include_ring_model", IS_ON),
    "boolean f": stored_as("estimates/f", np.ones((1, 600), dtype=bool)),
    "complex parameter": stored_as("params/init/odd", 1 + 2j),
    "other frame": stored_as("dims", np.array([1, 2])),
    "large C": stored_as("estimates/C", np.full((12, 600), 1e300)),
    "no subject": given_as("metadata", "Subject", "subject_id", ABSENT),
    "no name": given_as(*SESSION, "nwbfile_name", ABSENT),
    "slash in subject": given_as("metadata", "Subject", "subject_id", "a/b"),
    "slash in session": given_as(*SESSION, "metadata", "NWBFile", "session_id", "a/b"),
    "folder in name": given_as(*SESSION, "nwbfile_name", "a/one"),
    "other session": second_session(nwbfile_name="two"),
    "same name": second_session(),
    "second without name": second_session(nwbfile_name=ABSENT),
    "output exists": output_exists,
    "no time": given_as("metadata", "NWBFile", "session_start_time", ABSENT),
    "odd time": given_as("metadata", "NWBFile", "session_start_time", "yesterday"),
    "other rate": given_as(*PLANE, "imaging_rate", 10.0),
    "given rate": given_as(*SOURCE, "sampling_frequency", 10.0),
    "negative rate": given_as(*SOURCE, "sampling_frequency", -1),
    "two timestamps": timestamps("1\n2\n"),
    "timestamps": timestamps("\n".join(str(number / 10) for number in range(600))),
    "falling timestamps": timestamps("\n".join(str(-number) for number in range(600))),
    "empty wavelength": given_as(*PLANE, "optical_channel", 0, "emission_lambda", None),
    "text as wavelength": given_as(*PLANE, "excitation_lambda", "abc"),
    "slash in plane": given_as(*PLANE, "name", "a/b"),
    "one grid spacing": given_as(*PLANE, "grid_spacing", [1e-6]),
    "unknown device": given_as(*PLANE, "device_metadata_key", "nowhere"),
    "unknown ROI": given_as(*OPTIONS, "roi_ids_to_add", [50]),
    "no ROI": given_as(*OPTIONS, "roi_ids_to_add", []),
    "background only": given_as(*OPTIONS, "roi_ids_to_add", ["background0"]),
    "accepted only": given_as(*OPTIONS, "accepted_only", IS_ON),
    "by hand": given_as(*OPTIONS, "accepted_by", "manual"),
    "image masks": given_as(*OPTIONS, "mask_type", "image"),
    "name of the background": given_as(*OPTIONS, "plane_segmentation_name", "BackgroundPlaneSegmentation"),
    "slash in table": given_as(*OPTIONS, "plane_segmentation_name", "a/b"),
    "iterator options": given_as(*OPTIONS, "iterator_options", {"x": 1}),
    "slash in key": given_as(*SOURCE, "metadata_key", "a/b"),
    "same name of traces": given_as(
        "metadata", "Ophys", "RoiResponses", {"caiman_segmentation": {"raw": {"name": "Denoised"}}}
    ),
}


def both(run: Callable[..., Any], folder: Path, names: list[str]) -> tuple[int, int]:
    """Return the exit statuses of `validate` and `convert`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copyfile(DATA / "sim1p_cnmfe.hdf5", folder / "results.hdf5")
    specification = copy.deepcopy(SPECIFICATION)
    for name in names:
        FAULTS[name](specification, folder)
    path = folder / "session.yml"
    path.write_text(yaml.safe_dump(specification))
    arguments = (path, "-o", folder / "nwb")
    return run("validate", *arguments).exit_code, run("convert", *arguments).exit_code


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=3, unique=True))
def test_validate_exits_0_only_if_convert_does(run: Callable[..., Any], tmp_path: Path, names: list[str]) -> None:
    validated, converted = both(run, tmp_path / "session", names)
    assert validated == converted


@pytest.mark.long
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault(run: Callable[..., Any], tmp_path: Path, name: str) -> None:
    validated, converted = both(run, tmp_path / "session", [name])
    assert validated == converted


@pytest.mark.parametrize(
    "metadata",
    [
        {"ImagingPlanes": {"caiman_segmentation": {"imaging_rate": 10.0}}},
        {"ImagingPlane": [{"name": "ImagingPlane", "imaging_rate": 10.0}]},
    ],
)
def test_metadata_of_another_rate_are_refused_in_both_formats(
    run: Callable[..., Any], tmp_path: Path, metadata: dict[str, Any]
) -> None:
    (tmp_path / "metadata.yml").write_text(yaml.safe_dump({"Ophys": metadata}))
    time = SPECIFICATION["metadata"]["NWBFile"]["session_start_time"]
    arguments = ("-o", tmp_path / "one.nwb", "--metadata", tmp_path / "metadata.yml", "--session-start-time", time)
    result = run("convert", DATA / "sim_sliced_rows.hdf5", *arguments)
    assert result.exit_code == 1
    assert "wrong value of 'imaging_rate'" in result.stderr
    assert "found     10.0" in result.stderr
    assert "expected  20 Hz, the rate of the traces" in result.stderr
    assert not (tmp_path / "one.nwb").exists()
