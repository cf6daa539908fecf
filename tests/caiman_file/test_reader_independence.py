"""Fields are independent: whatever happens to one of them, the rest is read with equal values, and it is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caiman_interface.caiman_file import CaimanResults

# The fields that can be damaged, and what is read from each, by the keys of `everything_in`: `C` is a part of `raw`,
# and `f` belongs to `b`.
FIELDS = {
    "estimates/C": {"traces/denoised", "traces/raw"},
    "estimates/YrA": {"traces/raw"},
    "estimates/S": {"traces/deconvolved"},
    "estimates/F_dff": {"traces/dff"},
    "estimates/F_dff_dec": {"dff_deconvolution/dff_denoised"},
    "estimates/S_dff": {"dff_deconvolution/dff_deconvolved"},
    "estimates/b": {"background/b", "background/f", "images/mean"},
    "estimates/f": {"background/f"},
    "estimates/W": {"ring_model"},
    "estimates/Cn": {"images/correlation", "images/peak_to_noise"},
    "estimates/sn": {"images/noise"},
    "estimates/b0": {"images/baseline"},
    "estimates/SNR_comp": {"metrics/snr"},
    "estimates/r_values": {"metrics/r_values"},
    "estimates/cnn_preds": {"metrics/cnn_preds"},
    "estimates/ecc": {"metrics/eccentricity"},
    "estimates/bl": {"fits/baseline"},
    "estimates/c1": {"fits/initial_calcium"},
    "estimates/neurons_sn": {"fits/noise_std"},
    "estimates/g": {"fits/ar_coefficients"},
    "estimates/lam": {"fits/regularization"},
    "estimates/idx_components": {"acceptance"},
    "estimates/idx_components_bad": {"acceptance"},
    "estimates/shifts": {"shifts"},
    "estimates/discarded_components": {"discarded"},
    "estimates/dims": set(),
    "params/data/dims": {"parameters/data/dims"},
    "params/data/fr": {"parameters/data/fr", "fr"},
    "params/data/dxy": {"parameters/data/dxy", "pixel_size"},
    "params/data/fnames": {"parameters/data/fnames"},
    "time_neuron_added": {"frame_added"},
}

Damage = Callable[[h5py.Group, str], Any]


def replaced_by(value: Any, **options: Any) -> Damage:
    """Return a damage that stores another value."""

    def damage(group: h5py.Group, name: str) -> None:
        if isinstance(value, h5py.SoftLink | h5py.ExternalLink | np.dtype):
            group[name] = value
        else:
            group.create_dataset(name, data=value, **options)

    return damage


def declared(shape: tuple[int, ...], dtype: str = "f8") -> Damage:
    """Return a damage that declares values of which none is stored."""
    return lambda group, name: group.create_dataset(name, shape, dtype, chunks=tuple(min(1024, n) for n in shape))


def cyclic(group: h5py.Group, name: str) -> None:
    member = group.create_group(name)
    member["again"] = member
    member["up"] = group


def broken_sparse(group: h5py.Group, name: str) -> None:
    member = group.create_group(name)
    for part, values in {"data": [1.0], "indices": [9**9], "indptr": [0, 1], "shape": [5, 1]}.items():
        member[part] = values


COMPOUND = np.zeros(3, dtype=[("x", "f4"), ("y", "i4")])
ODD_VALUES = [
    *("", "text", b"bytes", np.array([b"a", b"bc"]), np.array([b"1.4 -.5"] * 3), "é" * 40),
    *(-1, 3.5, 1e300, np.nan, np.inf, -np.inf, 2**62, True, 1 + 2j, np.float16(2), np.longdouble(1.5)),
    *(np.array([True, False]), np.array([np.nan] * 5), np.array([-1, 0]), np.array([0.5, 1.5]), np.arange(99) - 5),
    *(np.ones((3, 2)), np.ones((2, 2, 2)), np.ones((1, 1, 1, 1)), np.ones((4, 9), dtype=bool), np.full((2, 7), 1e300)),
    *(np.ones(4, dtype=complex), np.ones((2, 5), dtype=np.longdouble), np.ones((9, 9), dtype=">i2"), COMPOUND),
]
DAMAGES: list[Damage] = [
    *(replaced_by(value) for value in ODD_VALUES),
    replaced_by(np.array([np.arange(3), np.arange(2)], dtype=object), dtype=h5py.vlen_dtype(np.int32)),
    replaced_by(h5py.SoftLink("/nowhere")),
    replaced_by(h5py.SoftLink("/")),
    replaced_by(h5py.ExternalLink("gone.hdf5", "/estimates/C")),
    replaced_by(np.dtype("f8")),
    declared((10**12,)),
    declared((13, 10**12)),
    cyclic,
    broken_sparse,
]


def everything_in(results: CaimanResults) -> dict[str, Any]:
    """Read all that the reader offers, by name."""
    components = results.components
    found: dict[str, Any] = {
        "frame_shape": results.frame_shape,
        "num_frames": results.num_frames,
        "fr": results.sampling_frequency,
        "pixel_size": results.pixel_size,
        "footprints": components.footprints.matrix.toarray(),
        "acceptance": components.acceptance.mask(components.count),
        "shifts": results.shifts,
        "frame_added": results.frame_added,
        "ring_model": None if results.ring_model is None else results.ring_model.toarray(),
        "discarded": None if results.discarded is None else results.discarded.traces["denoised"][:],
    }
    kinds = ("traces", "dff_deconvolution", "metrics", "fits")
    found |= {f"{kind}/{name}": values[:] for kind in kinds for name, values in getattr(components, kind).items()}
    found |= {f"images/{name}": image for name, image in results.images.items()}
    if results.background_footprints is not None:
        found["background/b"] = results.background_footprints.matrix.toarray()
    if results.background_trace is not None:
        found["background/f"] = results.background_trace[:]
    for group, values in results.parameters.stored.items():
        found |= {f"parameters/{group}/{name}": value for name, value in values.items()}
    return {name: value for name, value in found.items() if value is not None}


@pytest.fixture(scope="module")
def whole(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A real file with all that CaImAn saves, and its values."""
    path = tmp_path_factory.mktemp("whole") / "whole.hdf5"
    shutil.copyfile(everything, path)
    with h5py.File(path, "r+") as file:
        file["estimates/b0"][...] *= 2  # with its own values
    with CaimanResults(path) as results:
        assert results.omissions == ()
        return path, everything_in(results)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(sorted(FIELDS)), number=st.integers(0, len(DAMAGES) - 1))
def test_a_damaged_field_leaves_the_rest_as_it_was(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path, field: str, number: int
) -> None:
    path = tmp_path / "damaged.hdf5"
    check(shutil.copyfile(whole[0], path), whole[1], field, DAMAGES[number])


@pytest.mark.long
@pytest.mark.parametrize("field", FIELDS)
def test_every_damage_of_every_field(whole: tuple[Path, dict[str, Any]], tmp_path: Path, field: str) -> None:
    assert len(DAMAGES) >= 40
    for damage in DAMAGES:
        check(shutil.copyfile(whole[0], tmp_path / "damaged.hdf5"), whole[1], field, damage)


def check(path: Path, expected: dict[str, Any], field: str, damage: Damage) -> None:
    parent, _, name = field.rpartition("/")
    with h5py.File(path, "r+") as file:
        group = file[parent] if parent else file
        if name in group:
            del group[name]
        damage(group, name)
    with CaimanResults(path) as results:
        omitted = {omission.field for omission in results.omissions}
        assert isinstance(results.warnings, tuple)
        assert results.summary().components.count == 13
        found = everything_in(results)
    of_field = FIELDS[field]
    for key, value in expected.items():
        if key not in of_field:
            np.testing.assert_equal(found.get(key), value, err_msg=f"{key} after damage of {field}")
    # A value that happens to be possible is used, and one that means None is absent.
    changed = {key for key in of_field if key not in found}
    assert not changed or any(one == field or one.startswith(f"{field}/") for one in omitted) or is_none(path, field)


def is_none(path: Path, field: str) -> bool:
    """Return whether a field holds what CaImAn stores for nothing: an empty text is no such value."""
    with h5py.File(path) as file:
        node = file[field]
        return isinstance(node, h5py.Dataset) and (node.size == 0 or node[()] in {b"NoneType", 0})
