"""The fields of the objects of an analysis: those in the given metadata, completed by those of the CaImAn file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from caiman_interface.caiman_file import CaimanResults
from caiman_interface.metadata.blocks import given_fields
from caiman_interface.metadata.from_results import metadata_of

from .imaging_plane import measured


class ObjectFields:
    """Names, descriptions and links of the objects of one analysis.

    Parameters
    ----------
    results : CaimanResults
        The open CaImAn file.
    metadata : mapping
        Dictionary-based metadata; it is not changed.
    metadata_key : str
        The key of this analysis in the metadata.
    ending : str
        Ending of all names except that of the imaging plane.
    sampling_frequency : float or None
        Frames per second of the imaging plane; None for the rate in the CaImAn file.

    Attributes
    ----------
    metadata : dict
        The given metadata. Its imaging planes include what the CaImAn file contains about the plane of the components.
    """

    def __init__(
        self,
        results: CaimanResults,
        metadata: Mapping[str, Any],
        metadata_key: str,
        *,
        ending: str,
        sampling_frequency: float | None = None,
    ) -> None:
        self._file_path = results.file_path
        self._key = metadata_key
        self._defaults = metadata_of(results, metadata_key, sampling_frequency=sampling_frequency, ending=ending)
        self._given: Mapping[str, Any] = metadata.get("Ophys") or {}
        self.metadata = {**metadata, "Ophys": {**self._given, "ImagingPlanes": self._planes()}}

    def table(self, key: str) -> tuple[dict[str, Any], str]:
        """Return the fields of the ROI table of that key, and the key of its imaging plane."""
        fields = {**self._defaults["PlaneSegmentations"][key], **given_fields(self._given_table(key))}
        plane_key = fields.pop("imaging_plane_metadata_key", None) or self._plane_key()
        return fields, plane_key

    def entries(self, block: str, key: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the fields of the traces or images `names`, except those whose entry in the metadata is None."""
        defaults = self._defaults.get(block, {}).get(key, {})
        given = (self._given.get(block) or {}).get(key) or {}
        unknown = [name for name in given if name not in defaults and given[name] is not None]
        if unknown:
            warnings.warn(
                f"metadata['Ophys']['{block}']['{key}'] describes {', '.join(unknown)}, but "
                f"{self._file_path} has no such data; it has {', '.join(defaults) or 'none'}.",
                UserWarning,
                stacklevel=2,
            )
        left_out = {name for name in given if given[name] is None}
        return {
            name: {**defaults[name], **given_fields(given.get(name) or {})} for name in names if name not in left_out
        }

    def _given_table(self, key: str) -> Mapping[str, Any]:
        return (self._given.get("PlaneSegmentations") or {}).get(key) or {}

    def _plane_key(self) -> str:
        """Return the key of the components' plane, which the background and discarded components share."""
        return str(self._given_table(self._key).get("imaging_plane_metadata_key") or self._key)

    def _planes(self) -> dict[str, Any]:
        """Return the given imaging planes; the components' plane is completed with the fields of the CaImAn file."""
        planes = dict(self._given.get("ImagingPlanes") or {})
        own = self._defaults["ImagingPlanes"][self._key]
        key = self._plane_key()
        if key == self._key:
            planes[key] = {**own, **given_fields(planes.get(key) or {})}
        elif key in planes:  # another interface names and describes it
            planes[key] = {**measured(own), **given_fields(planes[key] or {})}
        return planes
