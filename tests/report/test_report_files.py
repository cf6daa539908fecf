"""Reports as files: what is written, and what is not."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread

from caiman_interface.cli.program import program
from caiman_interface.report import write, write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BEGINNINGS = {"html": b"<!DOCTYPE html>", "png": b"\x89PNG", "pdf": b"%PDF-", "svg": b"<?xml"}


class Page(HTMLParser):
    """What a page holds: its elements in order, and the text of those of one name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        for tag in self._open:
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page_file(caiman_files, tmp_path_factory) -> Path:
    return write_report(caiman_files["sim2p_full"], tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def page(page_file) -> Page:
    return Page(page_file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("ending", BEGINNINGS)
def test_the_ending_says_what_is_written(caiman_files, tmp_path, ending):
    written = write_report(caiman_files["sim2p_inmemory_k1"], tmp_path / f"report.{ending.upper()}")
    assert written.read_bytes().startswith(BEGINNINGS[ending])
    assert list(tmp_path.iterdir()) == [written]


@pytest.mark.parametrize("ending", BEGINNINGS)
def test_the_same_results_give_the_same_bytes(caiman_files, tmp_path, ending):
    first, second = (
        write_report(caiman_files["sim2p_inmemory_k1"], tmp_path / f"{name}.{ending}") for name in ("first", "second")
    )
    assert first.read_bytes() == second.read_bytes()


def test_the_page_of_the_nwb_file_is_the_same(caiman_files, nwb_of, tmp_path):
    one = write_report(caiman_files["sim2p_selected"], tmp_path / "one.html", title="Mouse 1").read_text("utf-8")
    other = write_report(nwb_of("sim2p_selected"), tmp_path / "other.html", title="Mouse 1").read_text("utf-8")
    assert one.replace("sim2p_selected.hdf5", "FILE") == other.replace("sim2p_selected.nwb", "FILE")


def test_the_page_needs_nothing_from_elsewhere(page):
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base"}
        for name, value in attributes.items():
            assert name not in {"srcset", "href", "action", "background", "style"}
            assert not name.startswith("on")
            if name == "src":
                assert value.startswith("data:image/svg+xml;base64,")
    (style,) = page.texts["style"]
    assert "url(" not in style
    assert "@import" not in style
    policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_the_pictures_of_the_page_are_whole_and_need_nothing_either(page):
    images = page.all("img")
    assert len(images) == 3
    for image in images:
        root = ET.fromstring(base64.b64decode(image["src"].partition(",")[2]))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        links = [
            value
            for element in root.iter()
            for name, value in element.attrib.items()
            if name.rpartition("}")[2] == "href"
        ]
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)


def test_the_page_can_be_used_without_seeing_it(page):
    assert page.all("html") == [{"lang": "en"}]
    assert [image["alt"] for image in page.all("img")] == [
        "Contours of the components over the field of view",
        "Traces of the strongest components",
        "Histograms of the quality scores",
    ]
    assert page.texts["h1"] == ["sim2p_full.hdf5"]
    traces = "Strongest components: 12 of 13"
    assert page.texts["h2"] == ["Field of view", traces, "Quality scores", "Everything in numbers"]
    assert page.texts["li"] == ["7accepted", "6rejected"]
    assert all("scope" in heading for heading in page.all("th"))


def test_the_page_lists_components_and_parameters(page):
    assert {"min_SNR", "gSig", "decay_time", "method_init"} <= set(page.texts["th"])
    verdicts = [text for text in page.texts["td"] if text in {"accepted", "rejected"}]
    assert verdicts == ["accepted"] * 6 + ["rejected"] * 6 + ["accepted"]
    assert "/data/lab" not in "".join(page.texts["td"])


def test_what_a_file_says_is_text_and_never_markup(caiman_files, tmp_path):
    title = '<script>alert("1")</script> & co'
    written = write_report(caiman_files["sim2p_inmemory_k1"], tmp_path / "report.html", title=title)
    made = Page(written.read_text(encoding="utf-8"))
    assert made.texts["h1"] == [title]
    assert not made.all("script")


def test_three_thousand_components_make_a_page_that_can_be_mailed(large_file, tmp_path):
    written = write_report(large_file, tmp_path / "large.html")
    assert written.stat().st_size < 8_000_000
    made = Page(written.read_text(encoding="utf-8"))
    assert len(made.all("tr")) > 3000


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_the_page(page_file, tmp_path):
    picture = tmp_path / "page.png"
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1200,2600",
        f"--screenshot={picture}",
    ]
    subprocess.run([CHROMIUM, *options, page_file.as_uri()], capture_output=True, check=True, timeout=60)
    shown = imread(picture)[:, :, :3]
    height = len(shown)
    map_part, rest = shown[int(0.12 * height) : int(0.48 * height)], shown[int(0.5 * height) :]
    assert share_near(map_part, "56B4E9") > 5e-4  # contours
    assert share_near(map_part, "E69F00") > 5e-4
    assert share_near(map_part, "000000") > 5e-2  # the image
    assert share_near(rest, "0072B2") > 5e-3  # traces and bars
    assert share_near(rest, "D55E00") > 5e-3


def share_near(image: np.ndarray, color: str) -> float:
    """Return which part of an image has about this colour."""
    wanted = np.array([int(color[at : at + 2], 16) for at in (0, 2, 4)]) / 255
    return float(np.mean(np.all(np.abs(image - wanted) < 0.12, axis=2)))


def test_another_ending_is_refused(caiman_files, tmp_path):
    message = r"report\.txt': its name has to end on \.html, \.png, \.pdf, \.svg\."
    with pytest.raises(ValueError, match=message):
        write_report(caiman_files["sim2p_full"], tmp_path / "report.txt")


def test_a_file_that_exists_is_kept(caiman_files, tmp_path):
    output = tmp_path / "report.png"
    output.write_text("precious")
    with pytest.raises(FileExistsError, match="exists already"):
        write_report(caiman_files["sim2p_full"], output)
    assert output.read_text() == "precious"
    write_report(caiman_files["sim2p_inmemory_k1"], output, overwrite=True)
    assert output.read_bytes().startswith(BEGINNINGS["png"])


def test_a_folder_that_is_not_there_is_named(caiman_files, tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"There is no folder '{tmp_path / 'absent'}'")):
        write_report(caiman_files["sim2p_full"], tmp_path / "absent" / "report.png")


def test_a_report_that_fails_leaves_nothing_behind(caiman_files, tmp_path, monkeypatch):
    def fail(_data, _title, output):
        output.write_text("half")
        raise OSError("No space left on device")

    monkeypatch.setitem(write.FORMATS, ".png", fail)
    with pytest.raises(OSError, match="No space left"):
        write_report(caiman_files["sim2p_inmemory_k1"], tmp_path / "report.png")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_message_says_what_to_install(caiman_files, tmp_path):
    code = f"""
import sys
sys.modules["matplotlib"] = None  # as if it were not installed
sys.argv = ["x", "report", {str(caiman_files["sim2p_full"])!r}, "-o", {str(tmp_path / "report.html")!r}]
from caiman_interface.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        'Error: A report needs matplotlib. Install it with: pip install "caiman-interface[report]"\n'
    )
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_and_says_where(caiman_files, tmp_path):
    output = tmp_path / "report.svg"
    arguments = ["report", str(caiman_files["sim2p_inmemory_k1"]), "-o", str(output), "--title", "Mouse 1"]
    result = CliRunner().invoke(program, arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"Wrote {output}{os.linesep}")
    assert ET.parse(output).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_command_tells_what_is_wrong_with_a_file(tmp_path):
    (tmp_path / "text.hdf5").write_text("no HDF5")
    result = CliRunner().invoke(program, ["report", str(tmp_path / "text.hdf5"), "-o", str(tmp_path / "report.png")])
    assert result.exit_code == 1
    assert "text.hdf5: this is not an HDF5 file that can be read" in result.stderr
