"""Reports as pictures."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from caiman_interface.report import ReportData
from caiman_interface.report.static import SHOWN_FRAMES, choose_examples, draw, most_active, styled
from caiman_interface.report.style import STYLES


@pytest.fixture(autouse=True)
def in_style():
    with styled():
        yield


@pytest.fixture(scope="module")
def figure(caiman_files):
    with styled(), ReportData.open(caiman_files["sim2p_full"]) as data:
        return draw(data, "A mouse")


def axes_of(figure) -> dict:
    return {axes.get_label(): axes for axes in figure.axes}


def bars(axes) -> list[str]:
    artists = [artist for artist in axes.artists if isinstance(artist, AnchoredSizeBar)]
    return [bar.txt_label.get_text() for bar in artists]


def test_every_component_has_its_contour(figure):
    lines = {
        collection.get_label(): len(collection.get_segments()) for collection in axes_of(figure)["map"].collections
    }
    assert lines["accepted"] == 7
    assert lines["rejected"] >= 6  # some have more than one piece
    assert [text.get_text() for text in axes_of(figure)["map"].get_legend().get_texts()] == ["7 accepted", "6 rejected"]


def test_the_map_has_a_bar_of_micrometres(figure):
    assert bars(axes_of(figure)["map"]) == ["10 µm"]


def test_a_pixel_size_that_caiman_assumed_gives_no_bar(report_data):
    assert bars(axes_of(draw(report_data(parameters={"data": {"dxy": [1, 1]}}), "x"))["map"]) == []


def test_every_trace_has_a_bar_of_its_amplitude_and_all_share_one_of_time(figure):
    axes = axes_of(figure)
    traces = [one for name, one in axes.items() if name.startswith("trace")]
    assert len(traces) == 12
    for one in traces:
        raw, denoised = one.lines
        height = max(raw.get_ydata().max(), denoised.get_ydata().max()) - raw.get_ydata().min()
        (label,) = bars(one)
        assert 0.2 * height < float(label) <= 0.5 * height + 1e-9
    assert bars(axes["time"]) == ["5 s"]


def test_the_raw_trace_is_drawn_under_the_denoised_one(figure, caiman_files):
    raw, denoised = axes_of(figure)["trace0"].lines
    with ReportData.open(caiman_files["sim2p_full"]) as data:
        strongest = int(data.ranking()[0])
        assert np.array_equal(raw.get_ydata(), data.components.traces["raw"][:, strongest])
        assert np.array_equal(denoised.get_ydata(), data.components.traces["denoised"][:, strongest])
    assert to_hex(raw.get_color()) != to_hex(denoised.get_color())


def test_examples_are_the_strongest_the_weakest_accepted_and_some_rejected(report_data):
    count = 40
    statuses = tuple("rejected" if n in {1, 3, 5, 7, 9} else "accepted" for n in range(count))
    data = report_data(
        components={
            "ids": np.arange(count),
            "statuses": statuses,
            "metrics": {"snr": np.arange(count, dtype=float)},
            "traces": {"raw": np.zeros((50, count))},
        }
    )
    assert choose_examples(data) == [39, 38, 37, 36, 35, 34, 33, 32, 0, 9, 7, 5]


def test_thresholds_are_drawn_in_the_histograms(figure):
    axes = axes_of(figure)
    assert [line.get_xdata()[0] for line in axes["snr"].lines] == [9.0, 0.5]
    assert axes["snr"].get_xlabel() == "min_SNR 9   SNR_lowest 0.5"
    assert [line.get_xdata()[0] for line in axes["r_values"].lines] == [0.995]  # rval_lowest is off the scale


def test_the_bars_of_the_histograms_count_every_component_once(figure):
    for name in ("snr", "r_values", "cnn_preds"):
        heights: dict[str, float] = {}
        for bar in axes_of(figure)[name].patches:
            color = to_hex(bar.get_facecolor()).upper()
            heights[color] = heights.get(color, 0) + bar.get_height()
        assert heights == {STYLES["accepted"].on_paper: 7, STYLES["rejected"].on_paper: 6}


def test_scores_that_were_not_computed_are_not_invented(report_data):
    assert [text.get_text() for text in axes_of(draw(report_data(), "x"))["snr"].texts] == ["not computed"]


def test_a_file_without_traces_says_so(report_data):
    axes = axes_of(draw(report_data(components={"traces": {}}, num_frames=None), "x"))
    assert [text.get_text() for text in axes["trace0"].texts] == ["This file has no traces."]


def test_without_a_rate_the_bar_counts_frames(report_data):
    assert bars(axes_of(draw(report_data(sampling_frequency=None), "x"))["time"]) == ["5 frames"]


def test_long_recordings_show_where_most_happens(report_data):
    traces = np.zeros((10_000, 3))
    traces[6_000:6_500, 0] = 5.0
    traces[8_500:8_700, 1] = 1.0
    shown = most_active(traces)
    assert len(shown) == SHOWN_FRAMES
    assert shown.start <= 6_000
    assert shown.stop >= 8_700
    data = report_data(components={"traces": {"denoised": traces}}, num_frames=10_000)
    title = axes_of(draw(data, "x"))["trace0"].get_title("left")
    assert f"frames {shown.start:,} to {shown.stop - 1:,}" in title


@pytest.mark.parametrize("title", ["$x_1$ and $y$", "word " * 60, "x" * 300])
def test_titles_are_text_and_fit_the_page(report_data, title):
    figure = draw(report_data(), title)
    figure.canvas.draw()
    heading = figure.get_suptitle()
    assert heading.replace("\n", "").replace(" ", "") == title.replace(" ", "")
    assert figure._suptitle.get_window_extent().x1 <= figure.bbox.x1
    assert not figure._suptitle.get_parse_math()


def test_settings_of_matplotlib_are_restored():
    import matplotlib as mpl

    mpl.rcParams["font.size"] = 31
    with styled():
        assert mpl.rcParams["font.size"] == 9
    assert mpl.rcParams["font.size"] == 31
