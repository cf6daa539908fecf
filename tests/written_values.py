"""Compare the content of an NWB file with the values of the extractor."""

from __future__ import annotations

import numpy as np
from pynwb import NWBFile

from caiman_interface import CaimanSegmentationExtractor

SERIES = {
    "raw": "RoiResponseSeries",
    "denoised": "Denoised",
    "deconvolved": "Deconvolved",
    "dff": "DfOverF",
    "background": "Background",
}


def check_written(nwbfile: NWBFile, extractor: CaimanSegmentationExtractor) -> None:
    """Compare a file with everything that the extractor gives."""
    check_components(nwbfile, extractor)
    check_background(nwbfile, extractor)
    check_images(nwbfile, extractor)
    (plane,) = nwbfile.imaging_planes.values()
    assert plane.imaging_rate == extractor.get_sampling_frequency()
    np.testing.assert_allclose(plane.grid_spacing, np.array(extractor.results.parameters.data.dxy) * 1e-6)


def check_components(nwbfile: NWBFile, extractor: CaimanSegmentationExtractor) -> None:
    table = nwbfile.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
    ids = extractor.get_roi_ids()
    assert list(table.id[:]) == ids
    assert list(table["roi_name"][:]) == [str(roi_id) for roi_id in ids]
    check_sparse_masks(table, extractor.get_roi_pixel_masks())
    for key in extractor.get_property_keys():
        if key == "is_accepted" and extractor.results.components.acceptance.verdict == "not evaluated":
            assert key not in table.colnames
        else:
            np.testing.assert_array_equal(table[key][:], extractor.get_property(key, ids))
            assert table[key].description
    for name in SERIES.keys() - {"background"}:
        check_trace(nwbfile, extractor, name, table)


def check_sparse_masks(table, masks) -> None:
    (name,) = {"pixel_mask", "voxel_mask"} & set(table.colnames)
    column = table[name]
    np.testing.assert_array_equal(column.data[:], np.cumsum([len(mask) for mask in masks]))
    if not len(masks):
        return
    rows, columns, *planes, weights = np.concatenate(masks).T
    written = column.target.data[:]
    assert written.dtype.names == ("x", "y", *("z" for _ in planes), "weight")
    np.testing.assert_array_equal(written["x"], columns)
    np.testing.assert_array_equal(written["y"], rows)
    for plane in planes:
        np.testing.assert_array_equal(written["z"], plane)
    np.testing.assert_array_equal(written["weight"], weights.astype(np.float32))


def check_trace(nwbfile: NWBFile, extractor: CaimanSegmentationExtractor, name: str, table) -> None:
    trace = extractor.get_traces(name=name)
    interfaces = nwbfile.processing["ophys"].data_interfaces
    written = interfaces["Fluorescence"].roi_response_series if "Fluorescence" in interfaces else {}
    if trace is None or trace.size == 0:
        assert SERIES[name] not in written
        return
    series = written[SERIES[name]]
    np.testing.assert_array_equal(series.data[:], trace)
    assert series.data.dtype == trace.dtype
    assert series.rate == extractor.get_sampling_frequency()
    assert series.starting_time == 0
    assert series.rois.table is table
    assert list(series.rois.data[:]) == list(range(trace.shape[1]))


def check_background(nwbfile: NWBFile, extractor: CaimanSegmentationExtractor) -> None:
    tables = nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations
    ids = extractor.get_background_ids()
    if not ids:
        assert "BackgroundPlaneSegmentation" not in tables
        return
    table = tables["BackgroundPlaneSegmentation"]
    assert list(table["roi_name"][:]) == ids
    if "image_mask" in table.colnames:
        images = extractor.get_background_image_masks()  # (rows, columns[, planes], ROIs)
        written = table["image_mask"][:]
        np.testing.assert_array_equal(written.astype(images.dtype), np.moveaxis(images, -1, 0).swapaxes(1, 2))
    else:
        check_sparse_masks(table, extractor.get_background_pixel_masks())
    check_trace(nwbfile, extractor, "background", table)


def check_images(nwbfile: NWBFile, extractor: CaimanSegmentationExtractor) -> None:
    interfaces = nwbfile.processing["ophys"].data_interfaces
    written = interfaces["SegmentationImages"].images if "SegmentationImages" in interfaces else {}
    images = extractor.get_images_dict()
    assert ("mean_image" in written or "plane0_mean_image" in written) == ("mean" in images)
    assert ("correlation_image" in written or "plane0_correlation_image" in written) == ("correlation" in images)
    for name, image in images.items():
        if image.ndim == 2:
            np.testing.assert_array_equal(written[f"{name}_image"].data[:], image.T)
        else:
            for number, plane in enumerate(np.moveaxis(image, -1, 0)):
                np.testing.assert_array_equal(written[f"plane{number}_{name}_image"].data[:], plane.T)
