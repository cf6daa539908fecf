"""Comparison of an NWB file with the CaImAn file that it was made from, value by value."""
