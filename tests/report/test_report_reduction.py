"""Traces reduced for display keep their extremes."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_interface.report.reduction import Binning, CodedTraces, code, reduce_trace, reduced_traces


def decoded(traces: CodedTraces) -> np.ndarray:
    """Return the values of coded traces, as the page computes them."""
    low, span = traces.low[:, np.newaxis], (traces.high - traces.low)[:, np.newaxis]
    return np.where(traces.codes == 65_535, np.nan, low + traces.codes / 65_534 * span)


@pytest.mark.parametrize(("frames", "samples"), [(1000, 100), (1001, 100), (1019, 64), (12_345, 500), (301, 300)])
def test_each_bin_keeps_its_lowest_and_highest_value(frames, samples):
    trace = np.random.default_rng(0).normal(size=(frames, 3)).astype(np.float32)
    binning = Binning.fit(frames, samples)
    reduced = reduce_trace(trace, binning)
    assert reduced.shape == (3, binning.samples)
    assert binning.samples <= samples + 2
    for number, start in enumerate(range(0, frames, binning.width)):
        inside = trace[start : start + binning.width]
        kept = reduced[:, 2 * number : 2 * number + 2]
        assert np.array_equal(kept.min(axis=1), inside.min(axis=0))
        assert np.array_equal(kept.max(axis=1), inside.max(axis=0))


def test_the_values_of_a_bin_are_in_the_order_in_which_they_occur():
    rising, falling = np.arange(90.0), np.arange(90.0)[::-1]
    reduced = reduce_trace(np.stack([rising, falling], axis=1), Binning(90, 30))
    assert np.array_equal(reduced, [[0, 29, 30, 59, 60, 89], [89, 60, 59, 30, 29, 0]])


def test_short_traces_are_not_reduced():
    trace = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    binning = Binning.fit(50, 100)
    assert binning.width == 1
    assert np.array_equal(reduce_trace(trace, binning), trace.T)
    assert np.array_equal(binning.positions(), np.arange(50))


def test_a_single_transient_in_a_long_recording_is_kept():
    trace = np.zeros((1_000_000, 1), dtype=np.float32)
    trace[617_283] = 7.0
    binning = Binning.fit(len(trace), 400)
    coded = code(reduce_trace(trace, binning))
    values = decoded(coded)[0]
    assert values.max() == 7.0
    assert abs(binning.positions()[values.argmax()] - 617_283) <= binning.width
    assert np.count_nonzero(values) == 1


def test_codes_give_the_values_back():
    values = np.array([[-3.0, 0.5, 12.25], [5.0, 5.0, 5.0], [np.nan, 1.0, np.inf], [np.nan] * 3], dtype=np.float32)
    coded = code(values)
    assert coded.codes.dtype == np.uint16
    values_again = decoded(coded)
    assert np.allclose(values_again[0], values[0], atol=15.25 / 65534)
    assert values_again[0].min() == -3.0
    assert values_again[0].max() == 12.25
    assert np.array_equal(values_again[1], [5, 5, 5])
    assert np.array_equal(values_again[2], [np.nan, 1.0, np.nan], equal_nan=True)
    assert np.all(np.isnan(values_again[3]))


def test_traces_that_discarded_components_lack_are_gaps(report_data):
    data = report_data()
    aside = report_data(components={"traces": {"raw": data.components.traces["raw"]}}).components
    binning, traces = reduced_traces(report_data(discarded=aside), 100)
    assert (binning.frames, binning.width) == (50, 1)
    assert traces["raw"].codes.shape == (6, 50)
    assert np.all(np.isnan(decoded(traces["denoised"])[3:]))
