"""Measure the interactive report: how long it takes to make, its size, and what a selection costs in the browser.

    python benchmarks/report_page.py [--rois 1000] [--frames 9000]

A selection is measured as the time that the page's thread computes, and as the time until the page has drawn.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from caiman_interface.report import write_report
from synthetic import Size, write_caiman_file

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "report"))
from report_browser import ReportPage, start_chromium

STEPS = 20


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rois", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=9000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, page = Path(folder) / "results.hdf5", Path(folder) / "report.html"
        write_caiman_file(source, Size(options.rois, options.frames, (512, 512), (5, 5)))
        start = time.perf_counter()
        write_report(source, page)
        print(f"made in {time.perf_counter() - start:.1f} s, {page.stat().st_size / 1e6:.1f} MB")
        measure_selection(page)


def measure_selection(path: Path) -> None:
    """Select components one after the other, and print the mean time of each."""
    with start_chromium() as browser:
        start = time.perf_counter()
        page = ReportPage(browser, path)
        print(f"opened in {time.perf_counter() - start:.1f} s")
        session = page.page.context.new_cdp_session(page.page)
        session.send("Performance.enable")
        before, start = thread_time(session), time.perf_counter()
        for _ in range(STEPS):
            page.page.keyboard.press("ArrowRight")
            page.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        elapsed, computed = time.perf_counter() - start, thread_time(session) - before
    print(f"a selection: {1000 * computed / STEPS:.0f} ms computed, {1000 * elapsed / STEPS:.0f} ms until drawn")


def thread_time(session: Any) -> float:
    """Return the seconds that the page's main thread has computed."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "ThreadTime")


if __name__ == "__main__":
    main()
