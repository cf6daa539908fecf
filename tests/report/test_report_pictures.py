"""The pictures show what is in the data, at its place, and the same from either kind of file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.image import imread
from report_samples import pixel_table

from caiman_interface.report import read_report_data
from caiman_interface.report.contours import centroids
from caiman_interface.report.data import Discarded, build
from caiman_interface.report.figure import draw_all_scores, draw_map, draw_picture, styled
from caiman_interface.report.style import ACCEPTED, DISCARDED, NOT_EVALUATED, REJECTED


@pytest.fixture(autouse=True)
def in_style():
    with styled():
        yield


def contours(axes) -> dict[str, list[np.ndarray]]:
    """Return the contours on a map by their colour, without their dark rims."""
    found = {}
    for collection in axes.collections:
        if isinstance(collection, LineCollection) and collection.get_alpha() == 1:
            found[to_hex(collection.get_color()[0]).upper()] = collection.get_segments()
    return found


def middle(line: np.ndarray) -> np.ndarray:
    return (line.min(axis=0) + line.max(axis=0)) / 2


def pixels_of(figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    buffer.seek(0)
    return imread(buffer)


@pytest.mark.parametrize("name", ["sim2p_full", "sim3d", "sim2p_onacid", "sim2p_selected_none"])
def test_the_picture_of_the_nwb_file_is_the_same(caiman_files, nwb_of, name):
    before = pixels_of(draw_picture(read_report_data(caiman_files[name]), "one title"))
    after = pixels_of(draw_picture(read_report_data(nwb_of(name)), "one title"))
    assert before.std() > 0.1
    assert np.array_equal(before, after)


def test_contours_lie_over_the_cells_in_the_colour_of_the_verdict(caiman_files):
    data = read_report_data(caiman_files["sim2p_full"])
    axes, *_ = draw_map(data).axes
    drawn = contours(axes)
    assert set(drawn) == {ACCEPTED.on_image, REJECTED.on_image}
    accepted = np.flatnonzero(data.analysis.accepted)
    places = np.array([middle(line) for line in drawn[ACCEPTED.on_image]])
    assert np.allclose(places, centroids(data.analysis.pixels)[accepted], atol=0.5)
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape == (60, 80)
    for x, y in np.round(places).astype(int):  # each accepted cell is bright in the correlation image
        assert shown[y, x] > np.percentile(shown, 85)
    numbers = {text.get_text(): text.get_position() for text in axes.texts}
    for position, place in zip(accepted, places, strict=True):
        assert np.allclose(numbers[str(position)], place, atol=0.5)


def test_columns_go_right_and_rows_go_down(analysis):
    made = analysis(pixels=pixel_table([[(1, 1)], [(6, 1)], [(1, 4)]]))
    figure = draw_map(build(made))
    axes = figure.axes[0]
    left_top, right_top, left_bottom = (
        axes.transData.transform(middle(line)) for line in outlines_in_order(axes, made.accepted)
    )
    assert right_top[0] > left_top[0]
    assert left_bottom[1] < left_top[1]  # on the page y goes up
    assert axes.get_xlim() == (-0.5, 7.5)
    assert axes.get_ylim() == (5.5, -0.5)


def outlines_in_order(axes, accepted):
    drawn = contours(axes)
    good, bad = iter(drawn[ACCEPTED.on_image]), iter(drawn[REJECTED.on_image])
    return [next(good) if is_good else next(bad) for is_good in accepted]


def test_a_volume_is_seen_from_three_sides(caiman_files):
    data = read_report_data(caiman_files["sim3d"])
    above, side, front = draw_map(data).axes
    volume = data.backdrop
    assert np.array_equal(above.images[0].get_array(), volume.max(axis=2))
    assert np.array_equal(side.images[0].get_array(), volume.max(axis=1))
    assert np.array_equal(front.images[0].get_array(), volume.max(axis=0).T)
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in (above, side, front)]
    assert labels == [("column", "row"), ("plane", ""), ("column", "plane")]
    cell = 4  # round, and away from the edges
    x, y, z = centroids(data.analysis.pixels)[cell]
    at = np.flatnonzero(data.analysis.accepted).tolist().index(cell)
    for axes, place in ((above, (x, y)), (side, (z, y)), (front, (x, z))):
        assert np.allclose(middle(contours(axes)[ACCEPTED.on_image][at]), place, atol=0.7)


def test_components_that_were_not_evaluated_have_a_colour_of_their_own(caiman_files):
    axes, *_ = draw_map(read_report_data(caiman_files["sim2p_onacid"])).axes
    assert set(contours(axes)) == {NOT_EVALUATED.on_image}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["11 not evaluated"]


def test_discarded_components_are_drawn_and_counted(caiman_files):
    axes, *_ = draw_map(read_report_data(caiman_files["sim2p_selected"])).axes
    drawn = contours(axes)
    assert len(drawn[ACCEPTED.on_image]) == 7
    assert len(drawn[DISCARDED.on_image]) >= 6
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["7 accepted", "6 discarded"]


def test_a_result_without_components_still_has_a_picture(caiman_files):
    texts = all_texts(draw_picture(read_report_data(caiman_files["sim2p_selected_none"]), "none"))
    assert "There are no components; 13 were discarded." in texts
    assert "0 accepted" in texts


def all_texts(figure) -> set[str]:
    """Return every text on a figure."""
    from matplotlib.text import Text

    return {text.get_text() for text in figure.findobj(Text) if text.get_text()}


def test_the_page_states_the_facts(caiman_files):
    texts = all_texts(draw_picture(read_report_data(caiman_files["sim2p_full"]), "Mouse 1"))
    assert "Mouse 1" in texts
    parts = ("CaImAn 1.12.1 CNMF", "two-photon", "60 rows × 80 columns (90 × 96 µm)", "600 frames at 15.49 Hz (38.7 s)")
    assert "   ·   ".join(parts) in texts
    assert {"7 accepted", "6 rejected", "correlation image", "SNR 27.3", "5 s", "10 µm"} <= texts
    assert any("gSig = 4, 4" in text and "merge_thr = 0.85" in text for text in texts)


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("Mouse 1", 1),
        ("Mouse 12 on day 3 in the visual cortex, while it runs on a wheel and watches drifting gratings; " * 2, 2),
        (f"A name of a file: {'sub-mouse01_ses-20240502_' * 6}.nwb", 3),
        ("From $5 to $6", 1),
    ],
)
def test_a_title_of_any_length_is_whole_on_the_page(analysis, title, lines):
    figure = draw_picture(build(analysis()), title)
    heading = [text for text in figure.texts if text.get_fontsize() == 16]
    assert len(heading) == lines
    assert not any(text.get_parse_math() for text in heading)
    assert "".join(text.get_text() for text in heading).replace(" ", "") == title.replace(" ", "")
    renderer = figure.canvas.get_renderer()
    shown = [text.get_window_extent(renderer) for text in figure.texts]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height for box in shown)
    assert sum(one.overlaps(other) for at, one in enumerate(shown) for other in shown[:at]) == 0
    assert not any(axes.get_window_extent().overlaps(box) for axes in figure.axes for box in shown)


@pytest.mark.parametrize(
    ("name", "heading", "caption"),
    [
        ("sim2p_full", "Strongest components: 12 of 13", "by SNR, accepted first"),
        ("sim2p_minimal", "Strongest components: 12 of 13", "by peak over noise"),
        ("sim2p_onacid", "Strongest components: all 11", "by peak over noise"),
        ("sim2p_selected", "Strongest components: all 7", "by SNR"),
    ],
)
def test_it_says_how_many_components_are_shown_and_by_what(caiman_files, name, heading, caption):
    texts = all_texts(draw_picture(read_report_data(caiman_files[name]), "x"))
    assert {heading, f"{caption}; raw in grey, denoised in colour; each on its own scale"} <= texts


def test_caimans_thresholds_are_drawn_into_the_histograms(caiman_files):
    snr, r, cnn = draw_all_scores(read_report_data(caiman_files["sim2p_full"])).axes
    assert [line.get_xdata()[0] for line in snr.lines] == [9.0, 0.5]
    assert [line.get_xdata()[0] for line in r.lines] == [0.995]  # rval_lowest lies off the scale
    texts = {text.get_text() for axes in (snr, r, cnn) for text in axes.texts}
    assert texts == {
        "min_SNR 9",
        "SNR_lowest 0.5",
        "rval_thr 0.995",
        "← rval_lowest \N{MINUS SIGN}1",
        "→ min_cnn_thr 1.01",
        "cnn_lowest 0",
    }


def test_the_bars_count_every_component_once(caiman_files):
    data = read_report_data(caiman_files["sim2p_full"])
    for axes in draw_all_scores(data).axes:
        heights = {}
        for bar in axes.patches:
            color = to_hex(bar.get_facecolor()).upper()
            heights[color] = heights.get(color, 0) + bar.get_height()
        assert heights == {ACCEPTED.on_paper: 7, REJECTED.on_paper: 6}


def test_scores_that_were_not_computed_are_not_made_up(caiman_files):
    for axes in draw_all_scores(read_report_data(caiman_files["sim2p_minimal"])).axes:
        assert [text.get_text() for text in axes.texts] == ["not computed"]
        assert not axes.patches


def test_outliers_do_not_flatten_the_histogram(analysis):
    snr = np.array([1.0] * 50 + [2.0] * 49 + [5000.0])
    many = analysis(
        ids=np.arange(100),
        accepted=np.ones(100, dtype=bool),
        metrics={"snr": snr},
        raw=None,
        denoised=None,
        parameters={"quality": {"min_SNR": 1.5}},
        pixels=pixel_table([[(1, 1)]] * 100),
    )
    axes = draw_all_scores(build(many)).axes[0]
    assert axes.get_xlim() == (0, 6)
    assert sum(bar.get_height() for bar in axes.patches) == 100
    assert axes.get_xlabel() == "last bar: 6 and more"


def test_a_pixel_size_that_caiman_assumed_gives_no_scale_bar(caiman_files):
    texts = all_texts(draw_map(read_report_data(caiman_files["sim1p_cnmfe"])))
    assert not any("µm" in text for text in texts)


def test_without_a_rate_the_bar_counts_frames(analysis):
    assert "5 frames" in all_texts(draw_picture(build(analysis(sampling_frequency=None)), "x"))


def test_a_stretch_of_a_long_recording_says_so(analysis):
    long = analysis(num_frames=9000, raw=None, denoised=np.eye(9000, 3))
    texts = all_texts(draw_picture(build(long), "x"))
    assert any(text.endswith("(the most active stretch: frames 0 to 2,999)") for text in texts)


def test_three_thousand_components_are_all_drawn_and_some_are_numbered(large_file):
    data = read_report_data(large_file)
    figure = draw_picture(data, "large")
    axes = figure.axes[0]
    drawn = contours(axes)
    assert len(drawn[ACCEPTED.on_image]) == data.analysis.num_accepted
    assert len(drawn[REJECTED.on_image]) == 3000 - data.analysis.num_accepted
    assert all(collection.get_rasterized() for collection in axes.collections)
    numbers = {text.get_text() for text in axes.texts} - {"100 µm", "correlation image"}
    assert 12 <= len(numbers) <= 80
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts if text.get_text() in numbers]
    overlapping = sum(one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[:at])
    assert overlapping == 0


def test_matplotlib_is_left_as_it_was():
    import matplotlib as mpl

    mpl.rcParams["font.size"] = 31
    with styled():
        assert mpl.rcParams["font.size"] == 9
    assert mpl.rcParams["font.size"] == 31


def test_discarded_components_are_in_the_histograms(analysis):
    pixels = pixel_table([[(1, 1)], [(2, 2)]])
    made = analysis(
        metrics={"snr": np.array([1.0, 2.0, 3.0])},
        discarded=Discarded(pixels, {"snr": np.array([0.5, np.nan])}),
    )
    axes = draw_all_scores(build(made)).axes[0]
    grey = [bar.get_height() for bar in axes.patches if to_hex(bar.get_facecolor()).upper() == DISCARDED.on_paper]
    assert sum(grey) == 1
