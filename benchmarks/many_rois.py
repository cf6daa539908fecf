"""Measure that what the extractor answers costs in proportion to the number of ROIs, up to whole-brain recordings.

The same questions are put to two made-up files, one with twice the ROIs of the other: what is linear takes about
twice as long, what is quadratic four times.

    python benchmarks/many_rois.py [number of ROIs, by default 100000]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from caiman_interface import CaimanSegmentationExtractor
from synthetic import Size, write_caiman_file

FRAME_SHAPE = (1024, 1024)
RADIUS = (6, 6)
FRAMES = 50
METRICS = ("is_accepted", "snr", "r_values")

Times = dict[str, float]


def measure(path: Path) -> Times:
    """Return the seconds that each question takes."""
    times: Times = {}

    def timed(name: str, question: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        answer = question()
        times[name] = time.perf_counter() - begin
        return answer

    extractor = timed("open", lambda: CaimanSegmentationExtractor(path))
    ids = timed("get_roi_ids", extractor.get_roi_ids)
    timed("get_property of all ROIs, three metrics", lambda: [extractor.get_property(name, ids) for name in METRICS])
    timed("set_property of all ROIs", lambda: extractor.set_property("size", ids, ids))
    timed("get_accepted_list", extractor.get_accepted_list)
    half = np.random.default_rng(0).permutation(ids)[::2].tolist()
    view = timed("select_rois of half of them, shuffled", lambda: extractor.select_rois(half))
    timed("… then get_property of all of these", lambda: view.get_property("snr", half))
    timed("… then get_traces of all of these", lambda: view.get_traces(half))
    timed("get_roi_pixel_masks of all ROIs", extractor.get_roi_pixel_masks)
    timed("get_roi_pixel_masks of half of them, shuffled", lambda: extractor.get_roi_pixel_masks(half))
    timed("get_roi_image_masks of ten", lambda: extractor.get_roi_image_masks(half[:10]))
    timed("get_roi_locations of all ROIs", extractor.get_roi_locations)
    return times


def main(rois: int) -> None:
    """Print the times for `rois` and for half as many."""
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for count in (rois // 2, rois):
            path = Path(folder) / f"{count}.hdf5"
            write_caiman_file(path, Size(rois=count, frames=FRAMES, frame_shape=FRAME_SHAPE, radius=RADIUS))
            results.append(measure(path))
    fewer, more = results
    print(f"{'seconds':50} {rois // 2:>9,} ROIs {rois:>9,} ROIs   ratio")
    for name, seconds in more.items():
        print(f"{name:50} {fewer[name]:14.3f} {seconds:14.3f} {seconds / fewer[name]:7.1f}")
    print(f"{'altogether':50} {sum(fewer.values()):14.3f} {sum(more.values()):14.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
