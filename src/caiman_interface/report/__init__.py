"""Reports of results, from a CaImAn file or from the NWB file that was made from it."""

from .data import ReportData
from .write import write_report

__all__ = ["ReportData", "write_report"]
