"""Images of the movie that are given beside the CaImAn file."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from pydantic import ValidationError
from pynwb.testing.mock.file import mock_NWBFile

from caiman_interface import CaimanSegmentationInterface, verify
from caiman_interface.caiman_file import CaimanFileWarning
from caiman_interface.conversion.summary_images import SummaryImageError

DATA = Path(__file__).parent / "data"
START = {"NWBFile": {"session_start_time": "2024-05-03T14:30:00+02:00"}}


def saved(folder: Path, name: str, shape: tuple[int, ...]) -> Path:
    path = folder / f"{name}.npy"
    np.save(path, np.random.default_rng(len(name)).random(shape, dtype=np.float32))
    return path


@pytest.mark.parametrize(("file", "shape"), [("sim2p_minimal", (60, 80)), ("sim3d", (20, 24, 8))])
def test_images_are_written_and_compared(tmp_path, file, shape):
    images = {"max": saved(tmp_path, "max", shape)}
    interface = CaimanSegmentationInterface(
        DATA / f"{file}.hdf5", metadata_key="a", sampling_frequency=10.0, summary_images=images
    )
    interface.run_conversion(tmp_path / "a.nwb", metadata={**interface.get_metadata(), **START})
    interface.segmentation_extractor.results.close()
    expected = np.load(images["max"])
    with h5py.File(tmp_path / "a.nwb") as nwb:
        stored = nwb["processing/ophys/SegmentationImages"]
        planes = (
            {"max_image_a": expected}
            if len(shape) == 2
            else {f"plane{plane}_max_image_a": expected[:, :, plane] for plane in range(shape[2])}
        )
        for name, plane in planes.items():
            np.testing.assert_array_equal(stored[name][()], plane.T)
            assert (
                stored[name]
                .attrs["description"]
                .endswith("Maximum of each pixel over the frames of the movie. From max.npy, not from CaImAn's file.")
            )
    report = verify(DATA / f"{file}.hdf5", tmp_path / "a.nwb", summary_images=images)
    assert report.ok, str(report)
    assert {item.nwb for item in report.equal} >= {f"SegmentationImages/{name}" for name in planes}
    assert not {item.nwb for item in report.extra} & {f"SegmentationImages/{name}" for name in planes}
    without = verify(DATA / f"{file}.hdf5", tmp_path / "a.nwb")
    assert {item.nwb for item in without.extra} >= {f"SegmentationImages/{name}" for name in planes}
    changed = expected.copy()
    changed[3, 5] += 1
    np.save(images["max"], changed)
    report = verify(DATA / f"{file}.hdf5", tmp_path / "a.nwb", summary_images=images)
    assert {item.nwb for item in report.different} <= {f"SegmentationImages/{name}" for name in planes}
    assert report.different
    missing = verify(DATA / f"{file}.hdf5", tmp_path / "a.nwb", summary_images={"correlation": images["max"]})
    assert not missing.ok


def test_images_that_do_not_fit_or_that_caiman_saved_are_left_out_and_named(tmp_path):
    images = {"max": saved(tmp_path, "max", (80, 60)), "mean": saved(tmp_path, "mean", (60, 80))}
    interface = CaimanSegmentationInterface(DATA / "sim2p_minimal.hdf5", summary_images=images)
    nwbfile = mock_NWBFile()
    with pytest.warns(CaimanFileWarning) as caught:
        interface.add_to_nwbfile(nwbfile)
    texts = " ".join(str(warning.message) for warning in caught)
    assert "the summary image 'max' is left out: its shape is (80, 60), that of the frame (60, 80)" in texts
    assert "the summary image 'mean' is left out: the CaImAn file contains this image" in texts
    assert set(nwbfile.processing["ophys"]["SegmentationImages"].images) == {"mean_image", "noise_image"}
    copy = pickle.loads(pickle.dumps(interface))
    assert copy.summary_images.left_out == interface.summary_images.left_out
    for one in (interface, copy):
        one.segmentation_extractor.results.close()


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "no.npy").write_text("no")
    np.save(tmp_path / "text.npy", np.array(["a"]))
    for name, problem in (("missing", "there is no such file"), ("no", "cannot be read"), ("text", "array of numbers")):
        with pytest.raises(SummaryImageError, match=rf"'max' \(.*{name}\.npy\): .*{problem}"):
            CaimanSegmentationInterface(DATA / "sim2p_minimal.hdf5", summary_images={"max": tmp_path / f"{name}.npy"})
    with pytest.raises(ValidationError, match="summary_images"):
        CaimanSegmentationInterface(DATA / "sim2p_minimal.hdf5", summary_images={"median": tmp_path / "no.npy"})
