"""Which components count as accepted, what a user is warned of, and what an interface says of itself."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from pynwb import NWBFile
from pynwb.testing.mock.file import mock_NWBFile

from caiman_interface import CaimanFileWarning, CaimanSegmentationInterface

EVALUATED = [0, 1, 2, 3, 4, 5, 12]  # of sim2p_full


@pytest.fixture
def judged(copy_of):
    """A file whose components 6 and 7 were accepted by hand, and 0 and 1 rejected."""
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        for name, components in (("accepted_list", [6, 7]), ("rejected_list", [0, 1])):
            if name in file["estimates"]:
                del file["estimates"][name]
            file["estimates"][name] = np.array(components)
    interface = CaimanSegmentationInterface(path)
    yield interface
    interface.segmentation_extractor.results.close()


def added(interface: CaimanSegmentationInterface, **options: Any) -> NWBFile:
    nwbfile = mock_NWBFile()
    interface.add_to_nwbfile(nwbfile, **options)
    return nwbfile


@pytest.mark.filterwarnings("ignore::caiman_interface.CaimanFileWarning")
@pytest.mark.parametrize(
    ("accepted_by", "expected"),
    [("auto", EVALUATED), ("manual", [6, 7]), ("both", [2, 3, 4, 5, 6, 7, 12])],
)
def test_accepted_by_says_which_judgement_counts(judged, accepted_by, expected):
    nwbfile = added(judged, accepted_only=True, accepted_by=accepted_by)
    table = nwbfile.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
    assert list(table.id[:]) == expected
    raw = nwbfile.processing["ophys"]["Fluorescence"]["RoiResponseSeries"]
    traces = judged.segmentation_extractor.get_traces(roi_ids=expected)
    np.testing.assert_array_equal(np.asarray(raw.data.data), traces)
    assert "BackgroundPlaneSegmentation" in nwbfile.processing["ophys"]["ImageSegmentation"].plane_segmentations


def test_accepted_by_hand_needs_a_judgement_by_hand(caiman_files):
    interface = CaimanSegmentationInterface(caiman_files["sim2p_minimal"])
    with pytest.raises(ValueError, match=r"sim2p_minimal\.hdf5: accepted_by needs components .* by hand"):
        added(interface, accepted_only=True, accepted_by="manual")
    interface.segmentation_extractor.results.close()


def test_what_is_left_out_is_one_warning_at_the_first_conversion(copy_of):
    path = copy_of("sim2p_full")
    with h5py.File(path, "r+") as file:
        stored = file["estimates/SNR_comp"][()]
        del file["estimates/SNR_comp"]
        file["estimates/SNR_comp"] = stored[:5]
    interface = CaimanSegmentationInterface(path)
    omissions = interface.segmentation_extractor.results.omissions
    assert [omission.field for omission in omissions] == ["estimates/SNR_comp"]
    with pytest.warns(CaimanFileWarning, match=r"sim2p_full\.hdf5: left out: estimates/SNR_comp \(") as caught:
        added(interface)
    assert len([warning for warning in caught if "left out" in str(warning.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", CaimanFileWarning)
        added(interface)
    interface.segmentation_extractor.results.close()


def test_an_interface_says_what_it_holds(caiman_files):
    path = caiman_files["sim2p_full"]
    interface = CaimanSegmentationInterface(path, metadata_key="a<b")
    assert repr(interface) == (
        f"CaimanSegmentationInterface({path}; CNMF, frame 60 × 80; 13 components, 7 accepted; "
        "600 frames at 15.49 Hz; metadata_key 'a<b')"
    )
    html = interface._repr_html_()
    assert "<td style='text-align:left'>600 frames at 15.49 Hz</td>" in html
    assert "a&lt;b" in html
    interface.segmentation_extractor.results.close()


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_extractor_loads_neither_neuroconv_nor_pynwb():
    """Except for what roiextractors itself loads."""
    loaded = modules_after("import caiman_interface.extractor") - modules_after("import roiextractors")
    assert not {name for name in loaded if name.partition(".")[0] in {"neuroconv", "pynwb", "hdmf"}}


def test_an_error_of_the_conversion_names_the_file(caiman_files):
    interface = CaimanSegmentationInterface(caiman_files["sim2p_full"], metadata_key="plane0")
    nwbfile = added(interface)
    with pytest.raises(ValueError, match=r"sim2p_full\.hdf5 \(metadata_key 'plane0'\): 'ImageSegmentation/Plane"):
        interface.add_to_nwbfile(nwbfile)
    interface.segmentation_extractor.results.close()


def test_accepted_by_is_checked(caiman_files: dict[str, Path]):
    interface = CaimanSegmentationInterface(caiman_files["sim2p_full"])
    with pytest.raises(ValueError, match=r"accepted_by\n.*'auto', 'manual' or 'both'"):
        added(interface, accepted_by="everyone")
    interface.segmentation_extractor.results.close()


def test_an_interface_is_pickled_by_its_path(caiman_files):
    interface = CaimanSegmentationInterface(caiman_files["sim2p_full"], metadata_key="plane0", sampling_frequency=10.0)
    extractor = interface.segmentation_extractor
    extractor.set_property("kind", np.arange(13), extractor.get_roi_ids(), description="A number.")
    interface.set_aligned_timestamps(interface.get_timestamps() + 5)
    copied = pickle.loads(pickle.dumps(interface))
    assert repr(copied) == repr(interface)
    np.testing.assert_array_equal(copied.get_timestamps(), interface.get_timestamps())
    np.testing.assert_array_equal(copied.segmentation_extractor.get_property("kind", [3, 5]), [3, 5])
    for one in (interface, copied):
        one.segmentation_extractor.results.close()
