"""roiextractors 0.8.1 and 0.10: its private base classes under public names."""

from __future__ import annotations

from abc import abstractmethod
from operator import attrgetter
from typing import TypeAlias

from roiextractors import SegmentationExtractor

# roiextractors keeps the containers of its contract private ("TODO make public once API stabilizes").
from roiextractors.segmentationextractor import _PropertyInfo as PropertyInfo
from roiextractors.segmentationextractor import _ROIMasks as RoiMasks

RoiId: TypeAlias = "int | str"

__all__ = ["ExtractorBase", "PropertyInfo", "RoiId", "RoiMasks"]


def _public(private: str) -> property:
    return property(attrgetter(private), lambda self, value: setattr(self, private, value))


class ExtractorBase(SegmentationExtractor):  # type: ignore[misc]  # roiextractors is untyped
    """roiextractors' base class, with public names for the private attributes that a subclass has to set."""

    base_rate = _public("_sampling_frequency")
    base_planes = _public("_num_planes")
    base_properties = _public("_properties")
    base_times = _public("_times")

    @abstractmethod
    def make_roi_masks(self) -> RoiMasks:
        """Return the masks that roiextractors' own views and NeuroConv's own writer use."""

    @property
    def _roi_masks(self) -> RoiMasks:
        return self.make_roi_masks()

    @_roi_masks.setter
    def _roi_masks(self, value: None) -> None:
        """Accept the None that the constructor assigns."""
