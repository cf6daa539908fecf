"""Reports as files: what is written, and what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from pynwb import NWBHDF5IO, NWBFile

from caiman_interface.cli.program import program
from caiman_interface.report import static, write_report
from conversions import START

BEGINNINGS = {"html": b"<!DOCTYPE html>", "png": b"\x89PNG", "pdf": b"%PDF-", "svg": b"<?xml"}


class Page(HTMLParser):
    """The elements of a page in order, and the text of those of one name."""

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

    def facts(self) -> dict[str, str]:
        """Return the facts in the head of the page."""
        return dict(zip(self.texts["dt"], self.texts["dd"], strict=True))


@pytest.fixture(scope="module")
def nwb_page(caiman_files, converted, tmp_path_factory) -> Page:
    """The page of an NWB file that is compared with its source."""
    output = tmp_path_factory.mktemp("page") / "report.html"
    written = write_report(converted("sim2p_full"), output, caiman_file=caiman_files["sim2p_full"])
    return Page(written.read_text(encoding="utf-8"))


@pytest.mark.parametrize("extension", BEGINNINGS)
def test_the_extension_selects_the_format(caiman_files, tmp_path, extension):
    written = write_report(caiman_files["sim2p_inmemory_k1"], tmp_path / f"report.{extension.upper()}")
    assert written.read_bytes().startswith(BEGINNINGS[extension])
    assert list(tmp_path.iterdir()) == [written]


@pytest.mark.parametrize("extension", ["png", "pdf", "svg"])
def test_the_same_results_give_the_same_bytes(caiman_files, converted, tmp_path, extension):
    first, second = tmp_path / f"first.{extension}", tmp_path / f"second.{extension}"
    write_report(caiman_files["sim2p_inmemory_k1"], first, title="Mouse 1")
    write_report(converted("sim2p_inmemory_k1"), second, title="Mouse 1")
    assert first.read_bytes() == second.read_bytes()


def test_a_picture_does_not_depend_on_addresses_in_memory(caiman_files, tmp_path):
    pictures, kept = set(), []
    for number in range(12):
        kept.append([object() for _ in range(37 * number)])  # moves what is made next
        path = write_report(caiman_files["sim2p_inmemory_k1"], tmp_path / f"{number}.svg", title="Mouse 1")
        pictures.add(path.read_bytes())
    assert len(pictures) == 1


def test_the_head_of_the_page_describes_the_session(nwb_page):
    facts = nwb_page.facts()
    assert nwb_page.texts["h1"] == ["sim2p_full.nwb"]
    assert facts["Session"] == "s1"
    assert facts["Subject"] == "mouse1, Mus musculus, F, P90D"
    assert facts["Date"].startswith("2024-05-02 10:30")
    assert facts["Indicator"] == "GCaMP6s"
    assert facts["Analysis"] == "CNMF, two-photon"
    assert facts["Recording"] == "600 frames at 15.49 Hz (38.7 s)"
    versions = r"CaImAn 1\.12\.1, written by caiman-interface \S+, report by caiman-interface \S+"
    assert re.fullmatch(versions, facts["Versions"])
    assert nwb_page.texts["li"][:2] == ["7accepted", "6rejected"]


def test_the_page_says_that_the_nwb_file_agrees_with_its_source(nwb_page):
    (verdict,) = [text for text in nwb_page.texts["p"] if "CaImAn file:" in text]
    assert re.fullmatch(r"Verified against its CaImAn file: \d+ equal, 0 different, 0 missing", verdict)


def test_the_page_says_where_the_nwb_file_differs_from_its_source(caiman_files, copy_nwb, tmp_path):
    path = copy_nwb("sim2p_full")
    with h5py.File(path, "r+") as file:
        file["processing/ophys/Fluorescence/Denoised/data"][5, 3] += 1
    written = write_report(path, tmp_path / "report.html", caiman_file=caiman_files["sim2p_full"])
    page = Page(written.read_text(encoding="utf-8"))
    assert any("Does not match its CaImAn file" in text and "1 different" in text for text in page.texts["p"])
    assert any("Denoised" in text for text in page.texts["li"])


def test_what_was_left_out_is_on_the_page(copy_of, tmp_path):
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        shape = file["estimates/F_dff"].shape
        del file["estimates/F_dff"]
        file["estimates/F_dff"] = [[0.0] * shape[1]] * (shape[0] - 1)
    page = Page(write_report(path, tmp_path / "report.html").read_text(encoding="utf-8"))
    assert any("F_dff" in text for text in page.texts["li"])


def test_the_page_needs_nothing_from_elsewhere(nwb_page):
    assert not {tag for tag, _ in nwb_page.elements} & {"iframe", "object", "embed", "base"}
    for _, attributes in nwb_page.elements:
        assert attributes.get("src") is None
        assert attributes.get("href", "data:,") == "data:,"
        assert not any(name.startswith("on") for name in attributes)
    (policy,) = [
        attributes["content"]
        for _, attributes in nwb_page.elements
        if "content" in attributes and "http-equiv" in attributes
    ]
    assert policy.startswith("default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'")


def test_the_page_lists_all_parameters(nwb_page):
    assert {"quality/min_SNR", "init/gSig", "data/decay_time"} <= set(nwb_page.texts["th"])
    assert "/data/lab" not in "".join(nwb_page.texts["td"])


def test_text_of_a_file_is_never_markup(caiman_files, tmp_path, convert):
    hostile = "<script>alert('1')</script> & co"

    def spoil(metadata):
        metadata["NWBFile"]["session_id"] = hostile
        metadata["Subject"]["description"] = hostile
        metadata["Ophys"]["ImagingPlanes"]["caiman_segmentation"]["indicator"] = hostile

    path = convert(caiman_files["sim2p_inmemory_k1"], tmp_path / "hostile.nwb", metadata=spoil)
    text = write_report(path, tmp_path / "report.html", title=hostile).read_text(encoding="utf-8")
    page = Page(text)
    assert page.texts["h1"] == [hostile]
    assert (page.facts()["Session"], page.facts()["Indicator"]) == (hostile, hostile)
    assert "<script>alert" not in text


def test_a_page_of_two_thousand_components_is_below_fifteen_megabytes(report_data):
    import numpy as np
    from scipy.sparse import csc_array

    from caiman_interface.report.page_data import PAGE_BYTES, PageData

    rng = np.random.default_rng(0)
    count, frames, side = 2000, 20_000, 256
    corners = rng.integers(0, side - 12, (count, 2))
    square = np.add.outer(np.arange(12), side * np.arange(12)).ravel()
    pixels = (corners[:, :1] + side * corners[:, 1:]) + square
    weights = rng.random(pixels.shape).astype(np.float32)
    owners = np.repeat(np.arange(count), len(square))
    footprints = csc_array((weights.ravel(), (pixels.ravel(), owners)), shape=(side * side, count))
    trace = rng.normal(size=(1, count)).astype(np.float32) * np.ones((frames, 1), dtype=np.float32)
    data = report_data(
        components={
            "ids": np.arange(count),
            "statuses": ("accepted",) * count,
            "manual": ("",) * count,
            "footprints": footprints,
            "centroids": corners + 6.0,
            "traces": dict.fromkeys(("raw", "dff", "denoised", "deconvolved"), trace),
        },
        frame_shape=(side, side),
        num_frames=frames,
        images={"correlation": rng.random((side, side))},
    )
    page = PageData.read(data)
    arrays = [trace.codes for trace in page.traces.values()] + [crop.image for crop in page.crops]
    arrays += [plane for planes in page.images.values() for plane in planes]
    nbytes = sum(array.nbytes for array in arrays) + page.contours.nbytes
    assert nbytes * 4 / 3 + 2_300_000 < PAGE_BYTES < 15_000_000
    assert page.binning.samples > 300


def test_another_extension_is_refused(caiman_files, tmp_path):
    with pytest.raises(ValueError, match=r"report\.txt'\. Its name must end in \.html, \.png, \.pdf, \.svg\."):
        write_report(caiman_files["sim2p_full"], tmp_path / "report.txt")


def test_an_existing_file_is_kept(caiman_files, tmp_path):
    output = tmp_path / "report.png"
    output.write_text("precious")
    with pytest.raises(FileExistsError, match="already exists"):
        write_report(caiman_files["sim2p_full"], output)
    assert output.read_text() == "precious"
    write_report(caiman_files["sim2p_inmemory_k1"], output, overwrite=True)
    assert output.read_bytes().startswith(BEGINNINGS["png"])


def test_a_missing_folder_is_named(caiman_files, tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"The folder '{tmp_path / 'absent'}' does not exist.")):
        write_report(caiman_files["sim2p_full"], tmp_path / "absent" / "report.png")


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.hdf5"):
        write_report(tmp_path / "absent.hdf5", tmp_path / "report.html")


def test_an_nwb_file_without_results_is_refused(tmp_path):
    path = tmp_path / "empty.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(NWBFile("nothing", "id", START))
    with pytest.raises(ValueError, match="CaImAn"):
        write_report(path, tmp_path / "report.html")


def test_only_an_nwb_file_is_compared_with_a_source(caiman_files, tmp_path):
    path = caiman_files["sim2p_inmemory_k1"]
    with pytest.raises(ValueError, match="is not an NWB file, so it cannot be compared"):
        write_report(path, tmp_path / "report.html", caiman_file=path)


def test_a_picture_is_not_compared_with_a_source(caiman_files, converted, tmp_path):
    with pytest.raises(ValueError, match=r"Only a page \(\.html\) shows a comparison"):
        write_report(converted("sim2p_full"), tmp_path / "report.png", caiman_file=caiman_files["sim2p_full"])


def test_a_report_that_fails_leaves_nothing_behind(caiman_files, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(static, "draw", fail)
    with pytest.raises(OSError, match="No space left"):
        write_report(caiman_files["sim2p_inmemory_k1"], tmp_path / "report.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("package", "extension"), [("matplotlib", "png"), ("bokeh", "html"), ("jinja2", "html")])
def test_without_a_package_the_message_says_what_to_install(caiman_files, tmp_path, package, extension):
    code = f"""
import sys
sys.modules[{package!r}] = None  # as if it were not installed
sys.argv = ["x", "report", {str(caiman_files["sim2p_full"])!r}, "-o", {str(tmp_path / f"report.{extension}")!r}]
from caiman_interface.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith('pip install "caiman-interface[report]"\n')
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_picture_and_says_where(caiman_files, tmp_path):
    output = tmp_path / "report.svg"
    arguments = ["report", str(caiman_files["sim2p_inmemory_k1"]), "-o", str(output), "--title", "Mouse 1"]
    result = CliRunner().invoke(program, arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"Wrote {output}{os.linesep}")
    assert ET.parse(output).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_command_compares_a_zarr_store_with_its_source(caiman_files, converted, tmp_path):
    output = tmp_path / "report.html"
    source = converted("sim2p_full", "zarr")
    arguments = ["report", str(source), "--source", str(caiman_files["sim2p_full"]), "-o", str(output)]
    result = CliRunner().invoke(program, arguments)
    assert (result.exit_code, result.stderr) == (0, f"Wrote {output}{os.linesep}")
    assert "Verified against its CaImAn file" in output.read_text(encoding="utf-8")


def test_the_command_reports_a_file_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "text.hdf5").write_text("no HDF5")
    result = CliRunner().invoke(program, ["report", str(tmp_path / "text.hdf5"), "-o", str(tmp_path / "report.png")])
    assert result.exit_code == 1
    assert "text.hdf5" in result.stderr
    assert not (tmp_path / "report.png").exists()


@pytest.mark.parametrize("ending", ["html", "png"])
def test_values_that_are_not_finite_or_beyond_single_precision(copy_of, tmp_path, ending):
    """Warnings are errors in the tests: none is issued."""
    path = copy_of("sim_vol_nb2_cn" if ending == "png" else "sim2p_full")
    with h5py.File(path, "r+") as file:
        estimates = file["estimates"]
        estimates["C"][2] = 1e300
        estimates["YrA"][3] = np.nan
        estimates["A/data"][3] = 1e300
        estimates["A/data"][int(estimates["A/indptr"][1])] = np.nan
        estimates["Cn"][(0,) * estimates["Cn"].ndim] = 1e300
    write_report(path, tmp_path / f"report.{ending}")
    assert (tmp_path / f"report.{ending}").stat().st_size > 1000
