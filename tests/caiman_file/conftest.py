"""Small files written as CaImAn writes, and a look at everything that the reader offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import sparse

from caiman_interface.caiman_file import CaimanResults, Components


@pytest.fixture(scope="session")
def write_caiman_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that writes a small CaImAn file with the given ``estimates`` and returns its path.

    It has one name, so that a test which draws many examples keeps one file.
    """
    path = tmp_path_factory.mktemp("caiman") / "small.hdf5"

    def write(estimates: Mapping[str, Any], *, dims: tuple[int, ...], params: Mapping[str, Any] | None = None) -> Path:
        content = {
            "dims": np.array(dims),
            "estimates": {"dims": np.array(dims), **estimates},
            "params": {"data": {"fr": 10}} if params is None else params,
        }
        with h5py.File(path, "w") as file:
            save_values(file, content)
        return path

    return write


@pytest.fixture(scope="session")
def save() -> Callable[[h5py.Group, Mapping[str, Any]], None]:
    """A function that writes a dictionary into a group as CaImAn does."""
    return save_values


def save_values(group: h5py.Group, values: Mapping[str, Any]) -> None:
    """Write a dictionary as CaImAn's serialiser of release 1.9.9 and later does."""
    for name, value in values.items():
        if value is None:
            group[name] = "NoneType"
        elif isinstance(value, np.ndarray) and value.dtype == object:
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        elif isinstance(value, str):
            group.attrs[name] = value
        elif isinstance(value, Mapping):
            save_values(group.create_group(name), value)
        elif sparse.issparse(value):
            columns = value if value.format == "csc" else value.tocsc()
            parts = {"data": columns.data, "indices": columns.indices, "indptr": columns.indptr}
            save_values(group.create_group(name), {**parts, "shape": np.array(columns.shape)})
        else:
            group[name] = value


@pytest.fixture(scope="session")
def look_at_everything() -> Callable[[CaimanResults], None]:
    """A function that reads all that the reader offers, and checks that it fits together."""
    return look_at


def look_at(results: CaimanResults) -> None:
    """Read every public attribute, and check that what comes out fits together."""
    assert repr(results)
    assert results.method in {"CNMF", "CNMF-E", "OnACID"}
    assert isinstance(results.is_one_photon, bool)
    assert results.is_volumetric == (len(results.frame_shape) == 3)
    assert results.sampling_frequency is None or results.sampling_frequency > 0
    assert isinstance(results.caiman_version, str | None)
    assert isinstance(results.memory_map, str | None)
    parameters = results.parameters
    assert {"data", "init", "quality"} <= set(parameters.groups)
    assert [parameters.data, parameters.init, parameters.quality]
    look_at_components(results.components, results.num_frames)
    if results.discarded is not None:
        look_at_components(results.discarded, results.discarded.num_frames)
        assert results.discarded.count > 0
    for name, image in results.images.items():
        assert image.ndim == len(results.frame_shape)
        assert image.shape == results.frame_shape or name in {"noise", "baseline", "correlation", "peak_to_noise"}
        assert image.dtype.kind in "fiu"
    if results.background_footprints is not None:
        look_at_footprints(results.background_footprints)
    if results.background_trace is not None:
        assert results.background_trace[:].shape[0] == results.num_frames
    if results.ring_model is not None:
        assert results.ring_model.format == "csr"
    assert results.shifts is None or results.shifts.ndim == 2
    assert results._repr_html_().startswith("<table>")
    assert results.summary().components.count == results.components.count
    assert all(omission.field and omission.reason for omission in results.omissions)
    assert all(isinstance(warning, str) for warning in results.warnings)
    assert set(results.settings) <= set(results._file) | {"mmap_file"}
    assert results.frame_added is None or results.frame_added.shape == (results.components.count,)


def look_at_components(components: Components, num_frames: int | None) -> None:
    assert repr(components)
    count = components.count
    assert components.footprints.frame_shape == components.frame_shape
    assert len(components.footprints) == count
    look_at_footprints(components.footprints)
    for trace in components.traces.values():
        values = trace[:]
        assert values.shape == trace.shape == (num_frames, count)
    acceptance = components.acceptance
    assert acceptance.mask(count).sum() == len(acceptance.accepted)
    assert not np.intersect1d(acceptance.accepted, acceptance.rejected).size
    for name, values in {**components.metrics, **components.fits}.items():
        assert values.shape[0] == count
        assert values.ndim == (2 if name == "ar_coefficients" else 1)
        assert values.dtype.kind in "fiub"


def look_at_footprints(footprints: Any) -> None:
    table = footprints.pixels()
    assert len(table.ends) == len(footprints)
    assert all(len(axis) == len(table.weights) for axis in table.coordinates)
    assert np.all(table.weights != 0)
    assert footprints.centroids().shape == (len(footprints), len(footprints.frame_shape))
    assert footprints.images().shape == (*footprints.frame_shape, len(footprints))
    assert footprints.total().shape == footprints.frame_shape
