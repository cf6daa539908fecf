"""Parallel, atomic writing of any in-memory NWB file; knows nothing of CaImAn."""
