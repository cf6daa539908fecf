"""Find the objects of one CaImAn analysis in an NWB file, regardless of their names.

``CaimanParameters`` records where each object is (parameter ``objects`` of the group ``analysis``). Files written by
version 0.1 do not have this record; their objects are found by links, by their default names, or by the name of
CaImAn's field in their description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from pynwb import NWBFile
from pynwb.base import Images
from pynwb.core import DynamicTable
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from caiman_interface.caiman_file.images import IMAGE_FIELDS
from caiman_interface.metadata.vocabulary import (
    COMPONENTS,
    DEFAULT_METADATA_KEY,
    IMAGES,
    ROI_TABLES,
    TRACES,
    RoiTable,
    name_ending,
)

from .containers import IMAGES as IMAGES_CONTAINER
from .containers import OPHYS_MODULE
from .images import plane_image_names
from .parameters import ANALYSIS_GROUP, parameters_name, read_parameters
from .ring_model import ring_model_name
from .shifts import shifts_name
from .vocabulary import RESIDUAL_CORRECTION, RESIDUAL_CORRECTION_NAME

# CaImAn's names in descriptions, the longer ones first.
_TRACE_FIELDS = {
    "C + YrA": "raw",
    "F_dff_dec": "dff_denoised",
    "S_dff": "dff_deconvolved",
    "F_dff": "dff",
    "C": "denoised",
    "S": "deconvolved",
    "f": "background",
}
_IMAGE_KEYS = {field: key for key, field in reversed(IMAGE_FIELDS.items())}


class AnalysisObjects:
    """The objects of one analysis.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The open file.
    metadata_key : str or None
        The key under which the analysis was written. None if it is the only one in the file.

    Attributes
    ----------
    key : str
        The key of the analysis.
    ending : str
        Ending of its default names.
    keys : list of str
        The keys of all analyses in the file.
    parameters : dict of dict
        CaImAn's parameters by group; empty if the file has none.

    Raises
    ------
    ValueError
        If the file has no analysis of that key, or several and no key is given.
    """

    def __init__(self, nwbfile: NWBFile, metadata_key: str | None = None) -> None:
        module = nwbfile.processing.get(OPHYS_MODULE)
        self._objects: Mapping[str, Any] = {} if module is None else dict(module.data_interfaces)
        start = parameters_name("").name
        endings = [name.removeprefix(start) for name in self._objects if name.startswith(start)]
        self.ending = _chosen_ending(endings, metadata_key)
        self._other_endings = [ending for ending in endings if ending != self.ending]
        self.keys = [self._parameters_under(ending)[1] for ending in endings]
        self.parameters, self.key = self._parameters_under(self.ending)

    def _parameters_under(self, ending: str) -> tuple[dict[str, dict[str, Any]], str]:
        """Return the parameters of an analysis and its key."""
        table = self._objects.get(parameters_name(ending).name)
        parameters = read_parameters(table) if isinstance(table, DynamicTable) else {}
        key = parameters.get(ANALYSIS_GROUP, {}).get("metadata_key")
        return parameters, str(key) if key else _key_of(ending)

    @property
    def is_only(self) -> bool:
        """Whether the file contains no other analysis."""
        return not self._other_endings

    @property
    def parameters_table(self) -> DynamicTable | None:
        """The table ``CaimanParameters``."""
        found = self._objects.get(parameters_name(self.ending).name)
        return found if isinstance(found, DynamicTable) else None

    @property
    def ring_model(self) -> DynamicTable | None:
        """The table of the ring model."""
        found = self._objects.get(ring_model_name(self.ending).name)
        return found if isinstance(found, DynamicTable) else None

    @property
    def shifts(self) -> Any | None:
        """The series of motion correction shifts."""
        return self._objects.get(shifts_name(self.ending).name)

    @cached_property
    def _recorded(self) -> dict[str, Any]:
        recorded = self.parameters.get(ANALYSIS_GROUP, {}).get("objects")
        return recorded if isinstance(recorded, dict) else {}

    def _at(self, path: Any) -> Any | None:
        """Return the object at a recorded path below ``processing/ophys``."""
        container, _, name = str(path).rpartition("/")
        parent = self._objects.get(container)
        children = () if parent is None else parent.children
        return next((child for child in children if child.name == name), None)

    # ROI tables

    def table(self, kind: RoiTable) -> PlaneSegmentation | None:
        """Return a table of ROIs, one of `ROI_TABLES`."""
        return self._tables.get(kind.role)

    @cached_property
    def _tables(self) -> dict[str, PlaneSegmentation]:
        found = {kind.role: self._at(self._recorded.get(kind.role)) for kind in ROI_TABLES}
        unclaimed = [table for table in self._all_tables() if not self._belongs_to_another(table)]
        for kind in ROI_TABLES:
            if found[kind.role] is None and not self._was_left_out(kind.role):
                found[kind.role] = _only(
                    [table for table in unclaimed if table.name == kind.name + self.ending]
                ) or _only([table for table in unclaimed if kind_of(table) == kind])
        return {role: table for role, table in found.items() if table is not None}

    def _was_left_out(self, role: str) -> bool:
        """Return whether the record shows that there never was such an object."""
        return bool(self._recorded) and role not in self._recorded

    def _all_tables(self) -> Iterator[PlaneSegmentation]:
        for interface in self._objects.values():
            yield from (child for child in interface.children if isinstance(child, PlaneSegmentation))

    def _belongs_to_another(self, table: PlaneSegmentation) -> bool:
        names = {kind.name + ending for kind in ROI_TABLES for ending in self._other_endings}
        return table.name in names

    # Traces

    def all_series(self, kind: RoiTable) -> list[RoiResponseSeries]:
        """Return every series on a table, also those that are not CaImAn's."""
        table = self.table(kind)
        children = (child for interface in self._objects.values() for child in interface.children)
        return [child for child in children if isinstance(child, RoiResponseSeries) and child.rois.table is table]

    def series(self, kind: RoiTable) -> dict[str, RoiResponseSeries]:
        """Return CaImAn's traces of a table by key (``raw``, ``denoised``, …)."""
        on_table = self.all_series(kind)
        keys = (*TRACES, RESIDUAL_CORRECTION)
        recorded = {name: self._at(self._recorded.get(f"{kind.role}/{name}")) for name in keys}
        found = {name: series for name, series in recorded.items() if series is not None}
        for series in on_table:
            name = self._trace_key(series, kind)
            if name is not None and all(series is not other for other in found.values()):
                found.setdefault(name, series)
        return {name: found[name] for name in (*TRACES, RESIDUAL_CORRECTION) if name in found}

    def _trace_key(self, series: RoiResponseSeries, kind: RoiTable) -> str | None:
        names = {f"{kind.trace_prefix}{text.name}{self.ending}": name for name, text in TRACES.items()}
        names[f"{kind.trace_prefix}{RESIDUAL_CORRECTION_NAME}{self.ending}"] = RESIDUAL_CORRECTION
        return names.get(series.name) or _field_in(series.description, _TRACE_FIELDS)

    # Images

    def all_images(self) -> list[Any]:
        """Return every image of the field of view in the file, of all analyses."""
        container = self._objects.get(IMAGES_CONTAINER)
        return list(container.images.values()) if isinstance(container, Images) else []

    @cached_property
    def images(self) -> dict[str, list[Any]]:
        """CaImAn's images by key (``correlation``, ``mean``, …): one, or one per plane of a volume."""
        stored = self.all_images()
        by_name = {image.name: image for image in stored}
        found = {name: self._named_images(name, by_name) for name in IMAGES}
        for name in IMAGES:
            if not found[name] and self.is_only and not self._was_left_out(f"images/{name}"):
                found[name] = [image for image in stored if _field_in(image.description, _IMAGE_KEYS) == name]
        return {name: images for name, images in found.items() if images}

    def _named_images(self, key: str, by_name: Mapping[str, Any]) -> list[Any]:
        recorded = self._recorded.get(f"images/{key}")
        if recorded is not None:
            names = [str(path).rpartition("/")[2] for path in recorded]
        elif self._was_left_out(f"images/{key}"):
            return []
        else:
            names = self._default_image_names(IMAGES[key].name + self.ending, by_name)
        return [by_name[name] for name in names if name in by_name]

    def _default_image_names(self, name: str, by_name: Mapping[str, Any]) -> list[str]:
        shape: Sequence[int] = self.parameters.get(ANALYSIS_GROUP, {}).get("frame_shape") or ()
        if len(shape) < 3:  # noqa: PLR2004 (rows, columns, planes)
            return [name]
        planes = [(new, f"{name}_plane{plane}") for plane, new in enumerate(plane_image_names(name, shape[2]))]
        return [new if new in by_name else old for new, old in planes]


def kind_of(table: PlaneSegmentation) -> RoiTable:
    """Return which of `ROI_TABLES` a table is, by the names of its ROIs."""
    names = [str(name) for name in table["roi_name"][:3]] if "roi_name" in table.colnames and len(table.id) else []
    for kind in ROI_TABLES:
        if kind.prefix and any(name.startswith(kind.prefix) for name in names):
            return kind
    return COMPONENTS


def _only(candidates: Sequence[PlaneSegmentation]) -> PlaneSegmentation | None:
    return candidates[0] if len(candidates) == 1 else None


def _field_in(description: str, fields: Mapping[str, str]) -> str | None:
    """Return the key of the first field of CaImAn that a description names."""
    listed = "|".join(re.escape(field) for field in fields)
    match = re.search(rf"CaImAn's ({listed})(?![\w+])", description)
    return fields[match[1]] if match else None


def _chosen_ending(endings: list[str], metadata_key: str | None) -> str:
    """Return the ending of the requested analysis.

    Raises
    ------
    ValueError
        If there is no such analysis, or several and none was requested.
    """
    listed = ", ".join(_key_of(ending) for ending in endings)
    if metadata_key is None and len(endings) > 1:
        message = f"The NWB file contains {len(endings)} CaImAn analyses. Choose one with metadata_key: {listed}."
        raise ValueError(message)
    if metadata_key is None:
        return endings[0] if endings else ""
    ending = name_ending(metadata_key)
    if endings and ending not in endings:
        message = (
            f"The NWB file contains no CaImAn analysis with the metadata_key '{metadata_key}'. It contains: {listed}."
        )
        raise ValueError(message)
    return ending


def _key_of(ending: str) -> str:
    return ending[1:] if ending else DEFAULT_METADATA_KEY
