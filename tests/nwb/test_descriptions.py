"""Each table of ROIs says what its own names and masks are in CaImAn's terms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from caiman_interface import CaimanResults
from caiman_interface.metadata import metadata_of

NAMES = {
    "PlaneSegmentation": "CaImAn's index of the component, as text.",
    "BackgroundPlaneSegmentation": "'background' and CaImAn's index of the background component.",
    "DiscardedPlaneSegmentation": "'discarded' and the component's index among those set aside.",
}
WEIGHTS = {
    "PlaneSegmentation": "A",
    "BackgroundPlaneSegmentation": "b",
    "DiscardedPlaneSegmentation": "A of discarded_components",
}
MASKS = {
    "pixel": "Footprint of the ROI: the pixels x (column), y (row), counted from 0, and CaImAn's weight ({}).",
    "voxel": "Footprint of the ROI: the voxels x (column), y (row), z (plane), counted from 0, and CaImAn's "
    "weight ({}).",
    "image": "Footprint of the ROI as an image of shape (x, y): CaImAn's weight ({}) of each pixel, 0 outside.",
}


@pytest.mark.parametrize(
    ("name", "mask_type"), [("sim2p_selected", "pixel"), ("sim2p_selected", "image"), ("sim3d", "voxel")]
)
def test_names_and_masks_are_those_of_the_table(
    caiman_files: dict[str, Path], convert: Callable[..., Path], tmp_path: Path, name: str, mask_type: str
) -> None:
    written = convert(caiman_files[name], tmp_path / f"{name}.nwb", mask_type=mask_type)
    with h5py.File(written) as file:
        tables = dict(file["processing/ophys/ImageSegmentation"].items())
        assert set(tables) == set(NAMES) - ({"DiscardedPlaneSegmentation"} if name == "sim3d" else set())
        for kind, table in tables.items():
            names = table["roi_name"].attrs["description"]
            assert names == f"The unique identifier for each ROI: {NAMES[kind]}"
            assert table[f"{mask_type}_mask"].attrs["description"] == MASKS[mask_type].format(WEIGHTS[kind])


@pytest.mark.parametrize(
    ("name", "change", "ending"),
    [
        ("sim_cnmfe_default_ssub", None, "Of the downsampled frame (init.ssub): its pixels are larger."),
        ("sim2p_onacid", (18, 22), "Of the downsampled frame (init.ssub): its pixels are larger."),
        ("sim2p_onacid", (36, 44), "in the units of the movie as CaImAn analysed it."),
    ],
)
def test_a_smaller_image_says_what_made_it_smaller(
    copy_of: Callable[[str], Path], name: str, change: tuple[int, int] | None, ending: str
) -> None:
    path = copy_of(name)
    if change is not None:  # a one-photon model online, initialised in a downsampled frame
        with h5py.File(path, "r+") as file:
            del file["estimates/b0"], file["params/init/ssub"]
            file["estimates/b0"] = np.ones(change[0] * change[1], dtype=np.float32)
            file["params/init/ssub"] = 2
    with CaimanResults(path) as results:
        images = metadata_of(results, "key")["SegmentationImages"]["key"]
    assert images["baseline"]["description"].endswith(ending)
