"""Checks before NWB files are published: nwbinspector and DANDI's own validation, with what to do for each finding."""

from .check import PublicationFinding, Severity, check_nwb_files

__all__ = ["PublicationFinding", "Severity", "check_nwb_files"]
