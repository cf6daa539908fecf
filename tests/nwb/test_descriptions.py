"""Each table of ROIs says what its own names and masks are in CaImAn's terms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

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
