"""CaImAn results as NWB objects, one module per kind of object, and the reader of these files."""
