"""The interactive page in a real browser: selection, filters, keyboard, and no word to the network."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from report_browser import ReportPage

from caiman_interface import CaimanResults
from caiman_interface.report import write_report

FLUORESCENCE = "Fluorescence: raw (thin) and denoised"


@pytest.fixture(scope="module")
def opened(browser, everything_page):
    page = ReportPage(browser, everything_page)
    yield page
    page.close()


@pytest.fixture
def page(opened):
    """The page as it is when it was opened."""
    opened.set("status", "active", 0)
    for name in ("snr", "r_values", "cnn_preds"):
        opened.page.evaluate(
            "name => { const slider = Bokeh.documents[0].get_model_by_name(name);"
            " slider.value = [slider.start, slider.end] }",
            f"filter_{name}",
        )
    opened.set("search", "value", "")
    opened.page.evaluate(
        "() => { Bokeh.documents[0].get_model_by_name('components').selected.indices = [0];"
        " document.activeElement.blur() }"
    )
    opened.settle()
    yield opened
    assert opened.problems == []
    assert opened.requests == []


@pytest.fixture(scope="module")
def results(everything):
    with CaimanResults.open(everything) as opened:
        yield opened


def test_the_first_component_is_selected_when_the_page_opens(page, results):
    assert page.selected() == [0]
    assert page.lines(FLUORESCENCE) == 2  # raw and denoised
    snr = results.components.metrics["snr"][0]
    assert f"SNR {float(f'{snr:.4g}'):g}" in page.get("details", "model.text")


def test_a_click_on_a_contour_selects_its_component(page, results):
    x, y = results.components.footprints.centroids()[3]
    page.click_field(x, y)
    assert page.selected() == [3]
    assert page.get("highlights", "model.data.xs.length") == 1
    assert "Component 3</b> accepted" in page.get("details", "model.text")


def test_shift_and_a_click_compares_components(page, results):
    centroids = results.components.footprints.centroids()
    page.click_field(*centroids[4])
    page.click_field(*centroids[5], shift=True)
    assert sorted(page.selected()) == [4, 5]
    assert page.lines(FLUORESCENCE) == 4
    assert page.lines("ΔF/F") == 4  # F_dff and F_dff_dec
    colors = page.get("highlights", "model.data.color")
    assert len(set(colors)) == 2


def test_a_click_on_a_row_selects_its_component(page):
    page.page.locator(".slick-row").nth(2).locator(".slick-cell").first.click()
    page.settle()
    assert page.selected() == [2]


def test_a_search_selects_components_by_number(page):
    field = page.page.get_by_placeholder("numbers, such as 4, 12")
    field.fill("7, 12")
    field.press("Enter")
    page.settle()
    assert page.selected()[:2] == [7, 12]


def test_a_search_finds_components_that_a_filter_hides(page):
    page.page.get_by_role("button", name="Rejected", exact=True).click()
    field = page.page.get_by_placeholder("numbers, such as 4, 12")
    field.fill("5")
    field.press("Enter")
    page.settle()
    assert 5 in page.selected()
    assert page.get("status", "model.active") == 0


@pytest.mark.parametrize(("button", "count"), [("Accepted", 7), ("Rejected", 6), ("Discarded", 6), ("All", 19)])
def test_buttons_filter_by_status(page, button, count):
    page.page.get_by_role("button", name=button, exact=True).click()
    page.settle()
    assert page.shown() == f"{count} of 19 components shown"


def test_the_choices_of_a_user_are_shown_and_filtered(browser, manual_file, tmp_path):
    page = ReportPage(browser, write_report(manual_file, tmp_path / "manual.html"))
    page.page.get_by_role("button", name="Manual", exact=True).click()
    page.settle()
    assert page.shown() == "4 of 13 components shown"
    page.press("ArrowRight")
    assert "Component 1</b> accepted, manually rejected" in page.get("details", "model.text")
    assert (page.problems, page.requests) == ([], [])
    page.close()


def test_a_slider_filters_by_snr(page, results):
    handle = page.page.get_by_role("slider").first
    handle.focus()
    for _ in range(5):
        page.page.keyboard.press("PageUp")
    page.settle()
    low = page.get("filter_snr", "model.value[0]")
    snr = np.concatenate([part.metrics["snr"] for part in (results.components, results.discarded)])
    assert low > snr.min()
    assert page.shown() == f"{np.count_nonzero(snr >= low)} of 19 components shown"
    assert page.selected() in ([0], [])


def test_components_that_a_filter_hides_are_not_selected_any_more(page):
    page.press("ArrowLeft")  # the last component, which was discarded
    assert page.selected() == [18]
    page.page.get_by_role("button", name="Accepted", exact=True).click()
    page.settle()
    assert page.selected() == []
    assert page.lines(FLUORESCENCE) == 0


def test_arrow_keys_go_through_the_components_that_are_shown(page):
    page.page.get_by_role("button", name="Rejected", exact=True).click()
    page.page.evaluate("document.activeElement.blur()")
    page.press("ArrowRight")
    first = page.selected()
    page.press("ArrowRight")
    second = page.selected()
    page.press("ArrowLeft")
    assert (first, second, page.selected()) == ([6], [7], [6])


def test_the_key_a_switches_between_accepted_components_and_all(page):
    page.press("a")
    assert page.shown() == "7 of 19 components shown"
    page.press("a")
    assert page.shown() == "19 of 19 components shown"


def test_keys_that_are_typed_into_the_search_do_nothing_else(page):
    page.page.get_by_placeholder("numbers, such as 4, 12").press_sequentially("a")
    page.settle()
    assert page.shown() == "19 of 19 components shown"


def test_the_traces_are_those_of_the_file(page, results):
    page.page.evaluate("() => { Bokeh.documents[0].get_model_by_name('components').selected.indices = [12] }")
    page.settle()
    raw, denoised = (results.components.traces[name][:, 12] for name in ("raw", "denoised"))
    shown = page.get(FLUORESCENCE, "model.data.ys.map(values => Array.from(values))")
    for values, expected in zip(shown, (raw, denoised), strict=True):
        assert np.allclose(values, expected, atol=1.01 * np.ptp(expected) / 65534)
    times = page.get(FLUORESCENCE, "Array.from(model.data.xs[0])")
    assert np.allclose(times, np.arange(600) / results.sampling_frequency)


def test_another_image_is_shown_when_it_is_chosen(page):
    before = page.get("image", "model.value")
    options = page.get("image", "model.options")
    page.page.locator("select").select_option("noise image")
    page.settle()
    assert before == "correlation image"
    assert set(options) >= {"correlation image", "noise image", "baseline image", "largest footprint weight"}
    assert page.get("image", "model.value") == "noise image"
    page.page.locator("select").select_option(before)


def test_the_plane_of_a_volume_is_chosen(browser, caiman_files, tmp_path):
    page = ReportPage(browser, write_report(caiman_files["sim3d"], tmp_path / "volume.html"))
    with CaimanResults.open(caiman_files["sim3d"]) as results:
        planes = [np.unique(np.nonzero(results.components.footprints.image(n))[2]) for n in range(7)]
    for plane in (0, 7):
        page.set("plane", "value", plane)
        page.settle()
        drawn = page.get("components", "model.data.xs.map(line => line.length > 0)")
        assert all(plane in planes[component] for component, is_drawn in enumerate(drawn) if is_drawn)
    hidden = next(component for component, is_drawn in enumerate(drawn) if component and not is_drawn)
    page.page.evaluate(
        "index => { Bokeh.documents[0].get_model_by_name('components').selected.indices = [index] }", hidden
    )
    page.settle()
    assert page.get("plane", "model.value") in planes[hidden]  # the page shows the plane of the selected component
    assert page.get("components", f"model.data.xs[{hidden}].length") > 0
    assert (page.problems, page.requests) == ([], [])
    page.close()


def test_hostile_text_is_shown_as_text(browser, copy_of, tmp_path):
    path = copy_of("sim2p_inmemory_k1")
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    with h5py.File(path, "r+") as file:
        file["params/data"].attrs["caiman_version"] = hostile
        file["params/data"].create_dataset("note", data=hostile)
    title = f"{hostile} & {{{{ 7 * 7 }}}}"
    page = ReportPage(browser, write_report(path, tmp_path / "report.html", title=title))
    assert page.page.locator("h1").inner_text() == title
    assert hostile in page.page.get_by_role("region", name="Recording").inner_text()
    assert page.page.locator("img[src=x]").count() == 0
    assert (page.problems, page.requests) == ([], [])
    page.close()


@pytest.mark.parametrize("name", ["sim2p_selected_none", "sim2p_minimal", "sim1p_cnmfe"])
def test_pages_of_other_results_open(browser, caiman_files, tmp_path, name):
    page = ReportPage(browser, write_report(caiman_files[name], tmp_path / f"{name}.html"))
    page.press("ArrowRight")
    page.press("a")
    assert (page.problems, page.requests) == ([], [])
    page.close()


def test_a_picture_of_the_page_shows_contours_and_traces(page, tmp_path: Path):
    from matplotlib.image import imread

    picture = tmp_path / "page.png"
    page.page.screenshot(path=picture)
    image = imread(picture)[:, :, :3]
    for color in ("56B4E9", "E69F00", "0072B2", "D55E00", "CC3311"):
        wanted = np.array([int(color[at : at + 2], 16) for at in (0, 2, 4)]) / 255
        assert np.mean(np.all(np.abs(image - wanted) < 0.12, axis=2)) > 1e-5, color
