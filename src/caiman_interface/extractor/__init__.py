"""CaImAn results as a roiextractors ``SegmentationExtractor``: ROIs, then frames, then masks and views."""

from .extractor import CaimanSegmentationExtractor

__all__ = ["CaimanSegmentationExtractor"]
