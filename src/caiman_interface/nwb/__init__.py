"""CaImAn results as NWB: the objects, one module for each thing that stands in the file, and its bytes."""
