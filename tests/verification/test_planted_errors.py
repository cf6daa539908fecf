"""`verify` finds errors of the conversion: each is planted in the code that writes, and found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from caiman_interface import CaimanSegmentationInterface, verify
from caiman_interface.caiman_file import Footprints, Trace
from caiman_interface.nwb import content, masks, segmentation
from caiman_interface.verification.verify import VerificationReport

Convert = Callable[..., Path]


def places(report: VerificationReport, result: str) -> set[str]:
    return {item.nwb for item in getattr(report, result)}


@pytest.fixture
def converted_with(
    monkeypatch: pytest.MonkeyPatch, caiman_files: dict[str, Path], convert: Convert, tmp_path: Path
) -> Callable[..., VerificationReport]:
    """Convert a file with an error in the writer, and compare both files without it."""

    def convert_and_verify(owner: Any, name: str, wrong: Any, file: str = "sim2p_full", **options: Any) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, wrong)
            nwb = convert(caiman_files[file], tmp_path / "wrong.nwb", **options)
        return verify(caiman_files[file], nwb)

    return convert_and_verify


def test_x_and_y_swapped(converted_with: Any) -> None:
    original = Footprints.coordinates

    def swapped(self: Footprints, part: slice = slice(None)) -> Any:
        x, y, *z = original(self, part)
        return (y, x, *z)

    report = converted_with(Footprints, "coordinates", swapped)
    assert "ImageSegmentation/PlaneSegmentation/pixel_mask" in places(report, "different")


def test_images_of_masks_transposed(converted_with: Any) -> None:
    original = masks.ImageMasks.__getitem__

    def transposed(self: Any, key: Any) -> Any:
        return original(self, key)[..., ::-1]

    report = converted_with(masks.ImageMasks, "__getitem__", transposed)
    assert places(report, "different") == {"ImageSegmentation/BackgroundPlaneSegmentation/image_mask"}


def test_rows_permuted(converted_with: Any) -> None:
    original = segmentation.computed_columns

    def permuted(components: Any, positions: Any, footprints: Any) -> Any:
        order = np.roll(np.arange(len(positions)), 1)
        return original(components, positions[order], footprints.select(order))

    report = converted_with(segmentation, "computed_columns", permuted)
    names = ("snr", "r_values", "eccentricity", "ROICentroids", "baseline", "noise_std")
    wrong = places(report, "different")
    assert {f"ImageSegmentation/PlaneSegmentation/{name}" for name in names if name != "eccentricity"} <= wrong


def test_acceptance_inverted(converted_with: Any) -> None:
    original = segmentation.component_columns

    def inverted(results: Any, positions: Any, footprints: Any) -> Any:
        columns = original(results, positions, footprints)
        column = columns["is_accepted"]
        return {**columns, "is_accepted": column._replace(values=~column.values)}

    report = converted_with(content, "component_columns", inverted)
    assert places(report, "different") == {"ImageSegmentation/PlaneSegmentation/is_accepted"}


def test_traces_of_other_rois(converted_with: Any) -> None:
    original = Trace.select

    def shifted(self: Trace, *, frames: Any = None, rois: Any = None) -> Trace:
        return original(self, frames=frames, rois=None if rois is None else np.roll(rois, 1))

    report = converted_with(Trace, "select", shifted)
    names = ("RoiResponseSeries", "Denoised", "Deconvolved", "DfOverF", "ResidualCorrection")
    assert {f"Fluorescence/{name}" for name in names} <= places(report, "different")


def test_a_trace_transposed(converted_with: Any) -> None:
    """As many values in the wrong order: the block is read along the wrong axis."""
    original = Trace.__getitem__

    def transposed(self: Trace, key: Any) -> Any:
        block = original(self, key)
        return np.ascontiguousarray(block).reshape(block.shape[::-1]).T

    report = converted_with(Trace, "__getitem__", transposed)
    assert {"Fluorescence/Denoised", "Fluorescence/RoiResponseSeries"} <= places(report, "different")


def test_an_image_transposed(converted_with: Any) -> None:
    original = content.plane_images

    def transposed(image: Any, **fields: Any) -> Any:
        return original(image.T, **fields)

    report = converted_with(content, "plane_images", transposed)
    assert {f"SegmentationImages/{name}_image" for name in ("correlation", "mean", "noise")} == places(
        report, "different"
    )


def changed_after_conversion(
    caiman: Path, nwb: Path, change: Callable[[h5py.Group], None], convert: Convert
) -> VerificationReport:
    """Convert a file, then change the CaImAn file as an edit that leaves stale arrays behind."""
    convert(caiman, nwb)
    with h5py.File(caiman, "r+") as file:
        change(file["estimates"])
    return verify(caiman, nwb)


def test_arrays_that_a_restoration_left_behind(copy_of: Any, convert: Convert, tmp_path: Path) -> None:
    """After restore_discarded_components, ecc and the deconvolved dF/F are in the old order."""
    caiman = copy_of("sim2p_full")
    with h5py.File(caiman, "r+") as file:
        estimates = file["estimates"]
        count, frames = estimates["C"].shape
        for name, values in {
            "ecc": np.arange(1.0, count + 1),
            "F_dff_dec": np.random.default_rng(1).random((count, frames)),
        }.items():
            if name in estimates:
                del estimates[name]
            estimates[name] = values
        if "discarded_components" in estimates:
            del estimates["discarded_components"]

    def restored(estimates: h5py.Group) -> None:
        estimates.create_group("discarded_components")["A"] = "NoneType"

    report = changed_after_conversion(caiman, tmp_path / "stale.nwb", restored, convert)
    found = {item.nwb: item.detail for item in report.different}
    for place in ("ImageSegmentation/PlaneSegmentation/eccentricity", "Fluorescence/DfOverFDenoised"):
        assert "is in the order from before restore_discarded_components" in found[place]


def test_lists_that_number_other_components(copy_of: Any, convert: Convert, tmp_path: Path) -> None:
    """merge_components leaves the lists of the evaluation, which number more components than there are."""
    nwb = tmp_path / "merged.nwb"
    caiman = copy_of("sim2p_full")
    convert(caiman, nwb)
    detail = detail_of_acceptance(caiman, nwb, np.array([0, 1, 40]))
    assert (
        detail == "the CaImAn file has no such values: the lists of accepted and rejected components number other "
        "components"
    )


def detail_of_acceptance(caiman: Path, nwb: Path, accepted: Any) -> str:
    """Return what verification says of is_accepted after a change of the list in the CaImAn file."""
    from caiman_interface.nwb.nwb_results import NwbResults
    from caiman_interface.verification.caiman_values import matrix_at
    from caiman_interface.verification.columns import ExpectedColumns
    from caiman_interface.verification.context import NOT_IN_CAIMAN, Context
    from caiman_interface.verification.fields import ROI_SOURCES
    from caiman_interface.verification.inventory import members

    with h5py.File(caiman, "r+") as file, NwbResults.open(nwb) as written:
        del file["estimates/idx_components"]
        file["estimates/idx_components"] = accepted
        context = Context(file, written.objects, members(file), written.frame_shape, written.num_frames)
        columns = ExpectedColumns(context, ROI_SOURCES[0], matrix_at(file["estimates"], "A"))
        values, reason = columns.values("is_accepted")
        assert values is None
        return f"{NOT_IN_CAIMAN}: {reason}"


def test_garbage_behind_an_external_link(copy_of: Any, convert: Convert, tmp_path: Path) -> None:
    """Verification follows the link with h5py, and finds values that were read from the wrong file."""
    caiman = copy_of("sim2p_full")
    nwb = convert(caiman, tmp_path / "linked.nwb")
    with h5py.File(caiman, "r+") as file, h5py.File(tmp_path / "traces.hdf5", "w") as linked:
        linked["C"] = file["estimates/C"][()] + 1
        del file["estimates/C"]
        file["estimates/C"] = h5py.ExternalLink("traces.hdf5", "/C")
    report = verify(caiman, nwb)
    assert {"Fluorescence/Denoised", "Fluorescence/RoiResponseSeries"} <= places(report, "different")


@pytest.mark.parametrize("damage", ["longdouble", "named type", "dangling link", "cycle", "huge weight"])
def test_odd_content_of_a_caiman_file_is_no_exception(copy_of: Any, converted: Convert, damage: str) -> None:
    caiman = copy_of("sim2p_full")
    with h5py.File(caiman, "r+") as file:
        estimates = file["estimates"]
        if damage == "longdouble":
            estimates["odd"] = np.ones(3, dtype=np.longdouble)
        elif damage == "named type":
            estimates["odd"] = np.dtype("f4")
        elif damage == "dangling link":
            estimates["odd"] = h5py.SoftLink("/nowhere")
        elif damage == "cycle":
            estimates["odd"] = file["/estimates"]
        else:
            estimates["A/data"][0] = 1e300
    report = verify(caiman, converted("sim2p_full"))
    mask = "ImageSegmentation/PlaneSegmentation/pixel_mask"
    assert (mask in places(report, "different")) == (damage == "huge weight")


def test_huge_weights_are_exact(copy_of: Any, convert: Convert, tmp_path: Path) -> None:
    caiman = copy_of("sim2p_full")
    with h5py.File(caiman, "r+") as file:
        file["estimates/A/data"][:3] = 1e300, 1e-300, -1e300
    interface = CaimanSegmentationInterface(caiman)
    interface.segmentation_extractor.results.close()
    nwb = convert(caiman, tmp_path / "huge.nwb")
    report = verify(caiman, nwb)
    assert "ImageSegmentation/PlaneSegmentation/pixel_mask" in places(report, "equal")
    assert "ImageSegmentation/PlaneSegmentation/pixel_mask_correction" in places(report, "equal")
