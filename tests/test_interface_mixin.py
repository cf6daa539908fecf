"""NeuroConv's own tests of an interface pass on every real file, and what was written is read back value by value."""

from __future__ import annotations

import pytest
from neuroconv.tools.testing.data_interface_mixins import SegmentationExtractorInterfaceTestMixin
from pynwb import read_nwb

from caiman_interface import CaimanSegmentationInterface
from conversions import DATA
from written_values import check_written


@pytest.mark.filterwarnings("ignore:An attribute .name. already exists on DynamicTable")  # of the table of parameters
@pytest.mark.filterwarnings("ignore:Class-scoped fixtures? defined as instance method")  # NeuroConv 0.9.3's
class CaimanMixin(SegmentationExtractorInterfaceTestMixin):
    """NeuroConv's tests; none of them checks what was written."""

    data_interface_cls = CaimanSegmentationInterface

    @pytest.fixture
    def setup_interface(self):
        """NeuroConv's, which closes what it opened."""
        self.test_name = ""
        self.interface = first = self.data_interface_cls(**self.interface_kwargs)
        yield first, self.test_name
        for interface in (first, self.interface):
            interface.segmentation_extractor.results.close()

    def check_read_nwb(self, nwbfile_path: str) -> None:
        nwbfile = read_nwb(nwbfile_path)
        try:
            check_written(nwbfile, self.interface.segmentation_extractor)
        finally:
            nwbfile.read_io.close()


# Each class converts a dozen times. All other files are in the long run.
DEFAULT_FILES = ("sim1p_cnmfe", "sim2p_full", "sim2p_onacid", "sim2p_selected", "sim3d")

for path in sorted(DATA.glob("*.hdf5")):
    test_class = f"Test_{path.stem.replace('.', '_')}"
    marks = [] if path.stem in DEFAULT_FILES else [pytest.mark.long]
    members = {"interface_kwargs": {"file_path": str(path)}, "pytestmark": [*CaimanMixin.pytestmark, *marks]}
    globals()[test_class] = type(test_class, (CaimanMixin,), members)
