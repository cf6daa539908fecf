"""Conversions of the real files, made once, and a CaImAn file with everything that CaImAn can save."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from neuroconv.tools.nwb_helpers import BACKEND_NWB_IO
from neuroconv.utils import DeepDict
from pynwb import NWBFile
from scipy import sparse

from caiman_interface import CaimanSegmentationInterface

DATA = Path(__file__).parent / "data"
# One file of each kind of analysis. Tests that convert use these by default, and all files in the long run.
KINDS = (
    "sim1p_cnmfe",
    "sim2p_denseA_twofnames",
    "sim2p_full",
    "sim2p_minimal",
    "sim2p_onacid",
    "sim2p_selected",
    "sim2p_selected_none",
    "sim2p_ser_v1.4.5",
    "sim3d",
    "sim_cnmfe_default_ssub",
    "sim_onacid_nan",
    "sim_restored_evaluated",
)
# Of the files in `cases`, those of all tests; the others are of kinds that differ little.
CASES = {
    *(
        "avi_dims_swapped",
        "gui_save",
        "save_broke_off_at_C",
        "sim_cnmfe_evaluated",
        "sim_cnmfe_ssub2",
        "sim_fnames_path",
    ),
    *("sim_onacid_3d", "sim_onacid_epochs2", "sim_onacid_init_only", "sim_onacid_ring", "sim_restored_ecc"),
    "sim_selected_list_noeval",
}
FILES = [
    pytest.param(path, id=path.stem, marks=() if path.stem in KINDS else pytest.mark.long)
    for path in sorted(DATA.glob("*.hdf5"))
]
KEY = "caiman_segmentation"
START = datetime(2024, 5, 2, 10, 30, tzinfo=timezone.utc)


def marks_of_case(name: str) -> tuple[pytest.MarkDecorator, ...]:
    """Return the marks of tests of a file in ``cases``."""
    return () if name in CASES else (pytest.mark.long,)


def session_metadata(interface: CaimanSegmentationInterface) -> DeepDict:
    """The metadata in the file, and all that only an experimenter knows."""
    metadata = interface.get_metadata(use_new_metadata_format=True)
    metadata["NWBFile"].update(
        session_description="A mouse runs on a wheel.",
        identifier="session-1",
        session_id="s1",
        session_start_time=START,
        experimenter=["Curie, Marie"],
        institution="An institute",
        lab="A laboratory",
        keywords=["calcium imaging"],
        experiment_description="Imaging of the visual cortex.",
    )
    metadata["Subject"] = {
        "subject_id": "mouse1",
        "species": "Mus musculus",
        "sex": "F",
        "age": "P90D",
        "description": "A mouse.",
    }
    metadata["Devices"] = {"microscope": {"name": "Microscope", "description": "A two-photon microscope."}}
    metadata["Ophys"]["ImagingPlanes"][interface.metadata_key].update(
        indicator="GCaMP6s",
        excitation_lambda=920.0,
        location="VISp",
        device_metadata_key="microscope",
        optical_channel=[{"name": "Green", "description": "Emission of GCaMP.", "emission_lambda": 510.0}],
    )
    return metadata


def convert_file(
    caiman_file: Path,
    nwb_file: Path,
    *,
    backend: str = "hdf5",
    metadata: Callable[[DeepDict], None] | None = None,
    metadata_key: str | None = None,
    **options: Any,
) -> Path:
    """Convert a file as a user does; `metadata` may change the session's metadata before."""
    interface = CaimanSegmentationInterface(caiman_file, metadata_key=metadata_key)
    given = session_metadata(interface)
    if metadata is not None:
        metadata(given)
    interface.run_conversion(nwbfile_path=nwb_file, metadata=given, backend=backend, overwrite=True, **options)
    interface.segmentation_extractor.results.close()
    return nwb_file


@contextmanager
def read_file(path: Path) -> Iterator[NWBFile]:
    """Read an NWB file with pynwb, without hdmf's warning of the column that is called "name"."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="An attribute 'name' already exists")
        backend = "zarr" if path.is_dir() else "hdf5"
        with BACKEND_NWB_IO[backend](path=str(path), mode="r") as io:
            yield io.read()


@pytest.fixture(scope="session")
def convert() -> Callable[..., Path]:
    """The function that converts a file."""
    return convert_file


@pytest.fixture(scope="session")
def read() -> Callable[[Path], Any]:
    """The function that reads an NWB file."""
    return read_file


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that gives a real file as NWB, converted with all defaults; each is converted once."""
    folder = tmp_path_factory.mktemp("converted")
    made: dict[tuple[str, str], Path] = {}

    def nwb_of(name: str, backend: str = "hdf5") -> Path:
        if (name, backend) not in made:
            path = folder / f"{name}.nwb{'.zarr' if backend == 'zarr' else ''}"
            made[name, backend] = convert_file(DATA / f"{name}.hdf5", path, backend=backend)
        return made[name, backend]

    return nwb_of


@pytest.fixture
def copy_nwb(converted: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A function that copies a converted file, so that a test can change the copy."""

    def copy(name: str, backend: str = "hdf5") -> Path:
        path = converted(name, backend)
        if path.is_dir():
            return Path(shutil.copytree(path, tmp_path / path.name))
        return Path(shutil.copyfile(path, tmp_path / path.name))

    return copy


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of online analysis with all that CaImAn saves in one kind of analysis or another."""
    path = tmp_path_factory.mktemp("everything") / "everything.hdf5"
    shutil.copyfile(DATA / "sim2p_full.hdf5", path)
    rng = np.random.default_rng(5)
    with h5py.File(path, "r+") as file, h5py.File(DATA / "sim2p_selected.hdf5") as selected:
        estimates = file["estimates"]
        count, frames = estimates["C"].shape
        pixels = estimates["sn"].shape[0]
        for name in ("ecc", "b0", "shifts", "W", "discarded_components"):
            if name in estimates:
                del estimates[name]
        selected.copy("estimates/discarded_components", estimates)
        estimates["ecc"] = 1 + rng.random(count)
        estimates["b0"] = rng.random(pixels).astype(np.float32)
        estimates["shifts"] = rng.normal(size=(frames, 2))
        estimates["F_dff_dec"] = rng.random((count, frames))
        estimates["S_dff"] = rng.random((count, frames)).astype(np.float32)
        ring = sparse.random(40, 40, density=0.1, format="csc", random_state=3)
        for name in ("data", "indices", "indptr"):
            estimates[f"W/{name}"] = getattr(ring, name)
        estimates["W/shape"] = np.array(ring.shape)
        file["time_neuron_added"] = np.stack([np.arange(count), rng.integers(100, frames, count)], axis=1)
        file["t_online"] = rng.random(frames)
    return path
