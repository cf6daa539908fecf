"""In-memory NWB files to write, and the content of written ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hdmf.backends.hdf5 import H5DataIO
from hdmf.common import DynamicTableRegion, VectorData, VectorIndex
from neuroconv.tools.hdmf import SliceableDataChunkIterator
from neuroconv.tools.nwb_helpers import configure_and_write_nwbfile
from numpy.typing import NDArray
from pynwb import NWBFile, TimeSeries
from pynwb.base import Images
from pynwb.image import GrayscaleImage
from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel, PlaneSegmentation, RoiResponseSeries

PIXEL = np.dtype([("x", "<u4"), ("y", "<u4"), ("weight", "<f4")])
VOXEL = np.dtype([("x", "<u4"), ("y", "<u4"), ("z", "<u4"), ("weight", "<f4")])


def empty_file() -> NWBFile:
    return NWBFile(
        session_description="A session.", identifier="id", session_start_time=datetime(2024, 1, 2, tzinfo=timezone.utc)
    )


def file_with(data: Any, **fields: Any) -> NWBFile:
    """A file with one time series."""
    nwbfile = empty_file()
    fields = {"name": "Series", "unit": "V", "rate": 10.0, **fields}
    nwbfile.add_acquisition(TimeSeries(data=data, **fields))
    return nwbfile


def set_compression(dataset: Any, method: str | None, options: dict[str, Any] | None) -> None:
    """Set what both versions of NeuroConv can say."""
    if "compressors" in type(dataset).model_fields:
        dataset.compressors = None if method is None else [method]
        dataset.compressor_options = None if options is None else [options]
    else:
        dataset.compression_method = method
        dataset.compression_options = options


def records(dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    rng = np.random.default_rng(1)
    rows = np.zeros(count, dtype)
    for name in dtype.names or ():
        rows[name] = rng.random(count) if name == "weight" else rng.integers(0, 512, count)
    return rows


def imaging_plane(nwbfile: NWBFile) -> Any:
    return nwbfile.create_imaging_plane(
        name="ImagingPlane",
        description="A plane.",
        device=nwbfile.create_device(name="Microscope"),
        optical_channel=OpticalChannel(name="Green", description="Green.", emission_lambda=510.0),
        excitation_lambda=920.0,
        indicator="GCaMP6f",
        location="V1",
        imaging_rate=30.0,
    )


def plane_segmentation(nwbfile: NWBFile, masks: Any, *, rois: int, name: str = "pixel_mask") -> PlaneSegmentation:
    """A table of ROIs, the rows of whose masks are shared out evenly."""
    ends = np.linspace(0, len(masks), rois + 1).astype(np.uint32)[1:]
    column = VectorData(name=name, description="Masks.", data=masks)
    table = PlaneSegmentation(
        name="PlaneSegmentation",
        description="ROIs.",
        imaging_plane=imaging_plane(nwbfile),
        id=list(range(rois)),
        columns=[VectorIndex(name=f"{name}_index", data=ends, target=column), column],
        colnames=[name],
    )
    segmentation = ImageSegmentation()
    nwbfile.create_processing_module("ophys", "Processed.").add(segmentation)
    segmentation.add_plane_segmentation(table)
    return table


def ophys_file(*, frames: int = 3000, rois: int = 40, pixels: int = 20_000) -> NWBFile:
    """A file with all that a segmentation interface writes, and more."""
    rng = np.random.default_rng(0)
    nwbfile = empty_file()
    table = plane_segmentation(nwbfile, records(PIXEL, pixels), rois=rois)
    table.add_column(name="is_accepted", description="Accepted.", data=rng.random(rois) > 0.5)
    table.add_column(name="snr", description="SNR.", data=rng.random(rois).astype("<f4"))
    table.add_column(name="roi_name", description="Name.", data=[f"cell {index}" for index in range(rois)])
    table.add_column(name="ROICentroids", description="Centre.", data=rng.random((rois, 2)))
    fluorescence = Fluorescence()
    nwbfile.processing["ophys"].add(fluorescence)
    traces = rng.normal(size=(frames, rois))
    region = {"name": "rois", "description": "ROIs.", "table": table, "data": list(range(rois))}
    first = RoiResponseSeries(
        name="Raw",
        data=SliceableDataChunkIterator(data=traces, chunk_shape=(700, 15), buffer_shape=(1400, rois)),
        rois=DynamicTableRegion(**region),
        unit="n.a.",
        timestamps=np.cumsum(rng.random(frames)),
    )
    second = RoiResponseSeries(
        name="Same",
        data=traces.astype(">f4"),
        rois=DynamicTableRegion(**region),
        unit="n.a.",
        timestamps=first,
    )
    for series in (first, second):
        fluorescence.add_roi_response_series(series)
    image = GrayscaleImage(name="correlation_image", data=rng.random((300, 200)), description="Cn")
    nwbfile.processing["ophys"].add(Images(name="SegmentationImages", images=[image], description="Images."))
    wrapped = H5DataIO(data=rng.integers(0, 99, (20_000, 3)), compression="gzip", fletcher32=True, chunks=(500, 3))
    nwbfile.add_acquisition(TimeSeries(name="Wrapped", data=wrapped, unit="V", rate=1.0))
    nwbfile.add_trial_column(name="kind", description="Kind.")
    nwbfile.add_trial(start_time=0.0, stop_time=1.0, kind="left")
    nwbfile.add_trial(start_time=1.0, stop_time=2.0, kind="right")
    return nwbfile


def write_as_neuroconv_does(make: Callable[[], NWBFile], path: Path, **settings: Any) -> Path:
    settings = settings or {"backend": "hdf5"}
    configure_and_write_nwbfile(make(), path, **settings)
    return path


def contents(path: Path) -> dict[str, Any]:
    """The content of an HDF5 file: values, types and attributes, by path; settings of storage left out."""
    found: dict[str, Any] = {}

    def note(name: str, node: Any) -> None:
        if name.startswith("specifications"):
            return
        attributes = {key: plain(node.attrs[key], node.file) for key in node.attrs if key != "object_id"}
        if isinstance(node, h5py.Dataset):
            found[name] = (str(node.dtype), node.shape, plain(node[()], node.file), attributes)
        else:
            found[name] = ("group", attributes)
            for key in node:
                link = node.get(key, getlink=True)
                if isinstance(link, h5py.SoftLink):
                    found[f"{name}/{key}"] = ("link", link.path)

    with h5py.File(path) as file:
        file.visititems(note)
    for volatile in ("file_create_date", "identifier"):
        found.pop(volatile, None)
    return found


def plain(value: Any, file: h5py.File) -> Any:
    """Make a value comparable: references by what they name, arrays by their bytes."""
    if isinstance(value, h5py.Reference):
        return file[value].name
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return [plain(item, file) for item in value.ravel()]
        if value.dtype.hasobject:
            return [[plain(item, file) for item in row] for row in value.ravel()]
        return value.tobytes()
    return value
