"""Weights of masks are exact: what float32 cannot hold is in the correction."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_interface.nwb.mask_correction import exact_weights, weight_correction


def restored(weights: np.ndarray, dtype: type) -> np.ndarray:
    """Return weights that were rounded and corrected, after checking the type of the corrections."""
    with np.errstate(over="ignore"):
        rounded = weights.astype(np.float32)
    correction = weight_correction(weights, rounded)
    assert correction is not None
    assert correction.dtype == dtype
    return exact_weights(rounded, correction)


@pytest.mark.parametrize("sign", [1, -1])
def test_corrections_of_usual_weights_are_units_in_the_last_place(sign: int) -> None:
    rng = np.random.default_rng(0)
    weights = sign * rng.random(100_000) * 10.0 ** rng.integers(-30, 30, 100_000)
    np.testing.assert_array_equal(restored(weights, np.int32), weights, strict=True)
    one = np.array([sign * np.nextafter(0.5, 1)])
    assert weight_correction(one, one.astype(np.float32)).tolist() == [1]


@pytest.mark.parametrize("odd", [1e300, -1e300, 1e-300, 1e-40, np.inf, np.nan])
def test_any_weight_is_exact(odd: float) -> None:
    weights = np.array([0.1, odd, 0.3])
    dtype = np.int32 if odd == np.inf or np.isnan(odd) else np.float64
    np.testing.assert_array_equal(restored(weights, dtype), weights, strict=True)


@pytest.mark.parametrize("weights", [np.array([0.1], dtype=np.float32), np.array([0.5, 0.25]), np.array([3, 7])])
def test_no_correction_where_float32_is_exact(weights: np.ndarray) -> None:
    assert weight_correction(weights, weights.astype(np.float32)) is None
