"""From NWB files that this package wrote back to CaImAn's own format."""
