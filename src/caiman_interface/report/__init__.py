"""Pictures of results, from a CaImAn file or from the NWB file that was made of it."""

from .data import ReportData
from .from_nwb import NWBContentError
from .write import read_report_data, write_report

__all__ = ["NWBContentError", "ReportData", "read_report_data", "write_report"]
