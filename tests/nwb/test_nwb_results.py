"""`NwbResults` gives back what the CaImAn file contains, whatever the objects in the NWB file are called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from neuroconv import ConverterPipe
from pynwb import NWBFile

from caiman_interface import CaimanResults, CaimanSegmentationInterface, NwbResults, verify

Nwb = Callable[..., Path]
START = datetime(2024, 5, 2, 10, 30, tzinfo=timezone.utc)


def assert_same_results(written: NwbResults, results: CaimanResults) -> None:
    """Compare everything that both readers offer."""
    for name in ("frame_shape", "num_frames", "sampling_frequency", "method", "is_one_photon", "caiman_version"):
        assert getattr(written, name) == getattr(results, name), name
    assert_same_components(written.components, results.components)
    assert written.components.acceptance.verdict == results.components.acceptance.verdict
    np.testing.assert_array_equal(written.components.acceptance.accepted, results.components.acceptance.accepted)
    np.testing.assert_equal(written.components.hand_picked, results.components.hand_picked)
    np.testing.assert_equal(written.images, results.images)
    assert (written.discarded is None) == (results.discarded is None)
    if results.discarded is not None:
        assert_same_components(written.discarded, results.discarded)
    assert (written.background_footprints is None) == (results.background_footprints is None)
    if results.background_footprints is not None:
        assert_same_matrix(written.background_footprints.matrix, results.background_footprints.matrix)
        np.testing.assert_array_equal(written.background_trace, results.background_trace)
    stored = {group: set(values) for group, values in results.parameters.stored.items()}
    assert {group: set(written.parameters[group]) for group in stored} == stored


def assert_same_components(written: Any, components: Any) -> None:
    assert written.count == components.count
    np.testing.assert_array_equal(written.row_ids, np.arange(components.count))
    assert_same_matrix(written.footprints.matrix, components.footprints.matrix)
    np.testing.assert_equal(written.metrics, components.metrics)
    np.testing.assert_equal(written.fits, components.fits)
    expected = {**components.traces, **components.dff_deconvolution}
    assert set(written.traces) == {name for name, trace in expected.items() if trace.size}
    for name, trace in written.traces.items():
        assert trace.dtype == expected[name].dtype
        np.testing.assert_array_equal(trace[:, :], expected[name][:, :])


def assert_same_matrix(written: Any, expected: Any) -> None:
    assert written.shape == expected.shape
    np.testing.assert_array_equal(written.toarray(), expected.toarray().astype(written.dtype))


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_every_real_file_is_read_back(converted_file: Path, converted: Nwb, backend: str) -> None:
    nwb = converted(converted_file.stem, backend)
    with NwbResults.open(nwb) as written, CaimanResults.open(converted_file) as results:
        assert written.metadata_key == "caiman_segmentation"
        assert_same_results(written, results)


def rename_everything(metadata: Any) -> None:
    ophys = metadata["Ophys"]
    for block in ("RoiResponses", "SegmentationImages"):
        for entries in ophys[block].values():
            for name, entry in entries.items():
                entry["name"] = f"My{name}{len(entries)}"
    for number, entry in enumerate(ophys["PlaneSegmentations"].values()):
        entry["name"] = f"Cells{number}"
    ophys["ImagingPlanes"]["plane0"]["name"] = "Cortex"


@pytest.mark.parametrize("name", ["sim2p_full", "sim2p_selected", "sim3d"])
@pytest.mark.parametrize("has_record", [True, False], ids=["recorded", "version 0.1"])
def test_renamed_objects_are_found(
    caiman_files: dict[str, Path], convert: Nwb, tmp_path: Path, name: str, has_record: bool
) -> None:
    nwb = convert(caiman_files[name], tmp_path / "renamed.nwb", metadata=rename_everything, metadata_key="plane0")
    if not has_record:
        remove_record(nwb, "_plane0")
    with NwbResults.open(nwb) as written, CaimanResults.open(caiman_files[name]) as results:
        assert written.metadata_key == "plane0"
        assert_same_results(written, results)
    assert verify(caiman_files[name], nwb).ok


def remove_record(nwb: Path, ending: str = "") -> None:
    """Change the table of parameters to the form of version 0.1."""
    with h5py.File(nwb, "r+") as file:
        table = file[f"processing/ophys/CaimanParameters{ending}"]
        table.move("parameter", "name")
        table.attrs["colnames"] = ["group", "name", "value"]
        kept = [
            name not in {b"objects", b"metadata_key", b"package_version", b"rate_source", b"num_frames"}
            for name in table["name"][()]
        ]
        for column in ("id", "group", "name", "value"):
            values, attributes = table[column][()][kept], dict(table[column].attrs)
            del table[column]
            table[column] = values
            table[column].attrs.update(attributes)


def test_another_name_of_the_table_with_a_key(caiman_files: dict[str, Path], convert: Nwb, tmp_path: Path) -> None:
    path = caiman_files["sim2p_selected"]
    nwb = convert(path, tmp_path / "cells.nwb", metadata_key="plane0", plane_segmentation_name="Cells")
    with NwbResults.open(nwb) as written, CaimanResults.open(path) as results:
        assert written.components.table.name == "Cells"
        assert_same_results(written, results)
    assert verify(path, nwb).ok


def test_each_of_several_analyses_is_read_by_its_key(caiman_files: dict[str, Path], tmp_path: Path) -> None:
    """A volume under the default key has images of planes; they are not those of the key "plane0"."""
    files = {"caiman_segmentation": caiman_files["sim3d"], "plane0": caiman_files["sim2p_full"]}
    interfaces = {key: CaimanSegmentationInterface(path, metadata_key=key) for key, path in files.items()}
    converter = ConverterPipe(data_interfaces=interfaces)
    metadata = converter.get_metadata()
    metadata["NWBFile"]["session_start_time"] = START
    nwb = tmp_path / "both.nwb"
    converter.run_conversion(nwbfile_path=nwb, metadata=metadata)
    for key, interface in interfaces.items():
        with NwbResults.open(nwb, metadata_key=key) as written:
            assert written.keys == ["caiman_segmentation", "plane0"]
            assert_same_results(written, interface.segmentation_extractor.results)
        interface.segmentation_extractor.results.close()
        assert verify(files[key], nwb, metadata_key=key).ok
    with pytest.raises(ValueError, match="contains 2 CaImAn analyses"):
        NwbResults.open(nwb)


@pytest.mark.parametrize(
    "keys", [("plane0", "caiman_segmentation"), ("plane0", "plane0_plane0"), ("plane1", "plane11")]
)
def test_volumes_under_keys_that_name_planes(caiman_files: dict[str, Path], keys: tuple[str, str]) -> None:
    nwbfile = NWBFile(session_description="A session.", identifier="id", session_start_time=START)
    for key in keys:
        interface = CaimanSegmentationInterface(caiman_files["sim3d"], metadata_key=key)
        interface.add_to_nwbfile(nwbfile)
        interface.segmentation_extractor.results.close()
    planes = CaimanResults.open(caiman_files["sim3d"]).frame_shape[2]
    names = set(nwbfile.processing["ophys"]["SegmentationImages"].images)
    assert {f"plane{plane}_mean_image_plane0" for plane in range(planes)} <= names or "plane0" not in keys
    assert len(names) % (2 * planes) == 0


def test_traces_are_indexed_like_arrays(caiman_files: dict[str, Path], converted: Nwb) -> None:
    with NwbResults.open(converted("sim2p_full")) as written, CaimanResults.open(caiman_files["sim2p_full"]) as results:
        trace, expected = written.components.traces["raw"], results.components.traces["raw"]
        for key in [np.s_[5:50, [7, 2]], np.s_[:, 3], np.s_[-1], np.s_[::7, ::-1], np.s_[[4, 1], 2:5]]:
            np.testing.assert_array_equal(trace[key], expected[key])


def test_a_file_without_an_analysis(tmp_path: Path, caiman_files: dict[str, Path]) -> None:
    nwbfile = NWBFile(session_description="A session.", identifier="id", session_start_time=START)
    results = NwbResults(nwbfile)
    assert results.keys == []
    assert results.method is None
    assert repr(results) == "NwbResults(components=0)"
    assert "<td style='text-align:left'>0</td>" in results._repr_html_()
    with pytest.raises(ValueError, match="no table of CaImAn components"):
        _ = results.components
    for open_results in (NwbResults, NwbResults.open):
        with pytest.raises(ValueError, match="is not an NWB file"):
            open_results(caiman_files["sim2p_full"])
        with pytest.raises(FileNotFoundError):
            open_results(tmp_path / "absent.nwb")


def test_a_path_is_opened_and_an_open_file_is_left_open(converted: Nwb, read: Callable[[Path], Any]) -> None:
    path = converted("sim2p_full")
    with NwbResults(path) as of_path, read(path) as nwbfile:
        with NwbResults(nwbfile) as of_file:
            expected = of_file.components.traces["raw"][:5]
        np.testing.assert_array_equal(of_path.components.traces["raw"][:5], expected)
        np.testing.assert_array_equal(NwbResults(nwbfile).components.traces["raw"][:5], expected)
    with pytest.raises(ValueError, match="no CaImAn analysis with the metadata_key 'absent'"):
        NwbResults(path, metadata_key="absent")


def test_what_a_file_contains_is_shown_and_wrong_names_list_the_choices(converted: Nwb) -> None:
    with NwbResults.open(converted("sim2p_full")) as written:
        assert repr(written) == (
            "NwbResults(metadata_key='caiman_segmentation', method='CNMF', num_frames=600, frame_shape=(60, 80), "
            "components=13)"
        )
        assert "<td style='text-align:left'>(60, 80)</td>" in written._repr_html_()
        with pytest.raises(KeyError, match="no 'dfof' among the traces: raw, dff, denoised, deconvolved"):
            _ = written.components.traces["dfof"]
        with pytest.raises(KeyError, match="no 'SNR' among the metrics: snr, r_values, cnn_preds"):
            _ = written.components.metrics["SNR"]
        with pytest.raises(KeyError, match="among the fits: baseline"):
            _ = written.components.fits["bl"]
        with pytest.raises(KeyError, match="no 'Cn' among the images: correlation"):
            _ = written.images["Cn"]
        for shown in (written, written.components):
            assert not [name for name in dir(shown) if name.startswith("_") and not name.startswith("__")]
