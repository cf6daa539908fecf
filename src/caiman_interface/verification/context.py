"""What all comparisons of one verification share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from caiman_interface.metadata.vocabulary import TRACES
from caiman_interface.nwb.analysis_objects import AnalysisObjects

from .caiman_values import matrix_shape_at, node_at, numbers_at, scalar_at
from .fields import ESTIMATES
from .frames import frame_shape_in, num_frames_in
from .history import History
from .inventory import Member
from .report import ComparedItem, ComparisonResult

NOT_IN_CAIMAN = "the CaImAn file has no such values"

Result = tuple[ComparisonResult, ComparedItem]


@dataclass
class Context:
    """Both files of a verification.

    Attributes
    ----------
    file : h5py.File
        The CaImAn file.
    objects : AnalysisObjects
        The objects in the NWB file.
    present : mapping
        Everything in the CaImAn file, by its path.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    num_frames : int or None
        Number of frames in the CaImAn file.
    omitted : frozenset of str
        Paths in the CaImAn file of what the conversion leaves out because it cannot be used.
    """

    file: h5py.File
    objects: AnalysisObjects
    present: Mapping[str, Member]
    frame_shape: tuple[int, ...]
    num_frames: int | None
    omitted: frozenset[str] = frozenset()

    @classmethod
    def read(
        cls, file: h5py.File, objects: AnalysisObjects, present: Mapping[str, Member], omitted: frozenset[str]
    ) -> Context:
        """Return what both files have in common, with the frames as this comparison reads them."""
        shape = frame_shape_in(file)
        assert shape is not None  # noqa: S101 (a file whose frame shape is not clear is refused when it is opened)
        return cls(file, objects, present, shape, num_frames_in(file), omitted)

    def paths(self, group: str, names: Sequence[str]) -> tuple[str, ...]:
        """Return the paths of those fields that are in the CaImAn file."""
        paths = (f"{group}/{name}".strip("/") for name in names)
        return tuple(path for path in paths if path in self.present)

    def series_name(self, source: Any, name: str) -> str:
        """Return the default name of a trace."""
        return f"{source.kind.trace_prefix}{TRACES[name].name}{self.objects.ending}"

    @property
    def analysis(self) -> Mapping[str, Any]:
        """What the NWB file says of the analysis."""
        return self.objects.parameters.get("analysis", {})

    @property
    def is_rate_given(self) -> bool:
        """Whether the times of the frames do not come from the CaImAn file."""
        return bool(self.analysis.get("rate_source") == "given")

    @cached_property
    def rate(self) -> float | None:
        """Frames per second in the CaImAn file."""
        return scalar_at(self.file, "params/data/fr")

    @cached_property
    def history(self) -> History:
        """What was done to the components in CaImAn."""
        shape = matrix_shape_at(node_at(self.file, ESTIMATES), "A")
        return History(self.file, 0 if shape is None else shape[1])

    @cached_property
    def shrink_of_movie(self) -> float:
        """The factor by which OnACID shrank the movie (``ds_factor``); 1 where it did not."""
        factor = scalar_at(self.file, "params/online/ds_factor") if self.history.is_online else None
        return factor if factor is not None and factor > 1 else 1.0

    @cached_property
    def shape_of_online_frames(self) -> tuple[int, ...]:
        """The shape of the frames that OnACID worked on.

        Restored files lack ``img_norm``. ``fit_online`` enlarges the footprints at its end, when it saves ``t_online``.
        """
        norm = node_at(self.file, "img_norm")
        if isinstance(norm, h5py.Dataset) and norm.ndim > 1 and norm.size:
            return tuple(norm.shape)
        if node_at(self.file, "t_online") is None:
            return self.frame_shape
        rows, columns, *planes = self.frame_shape
        return (int(rows / self.shrink_of_movie), int(columns / self.shrink_of_movie), *planes)

    @cached_property
    def shrink_factor(self) -> float:
        """The factor by which the frame of the footprints is smaller than that of the movie."""
        return self.shrink_of_movie if self.shape_of_online_frames == self.frame_shape else 1.0

    @cached_property
    def pixel_size(self) -> tuple[float, ...] | None:
        """Size of a pixel of the footprints in metres."""
        size = numbers_at(self.file, "params/data/dxy")
        if size is None or size.ndim > 1:
            return None
        lengths = np.atleast_1d(size).astype(np.float64)
        factors = np.where(np.arange(len(lengths)) < 2, self.shrink_factor, 1)  # noqa: PLR2004 (x and y)
        return tuple(float(length) for length in lengths * factors * 1e-6)


def compared(caiman: tuple[str, ...], nwb: str, found: str | None, *, note: str = "") -> Result:
    """Return that values are equal, or how they differ."""
    if found is None:
        return "equal", ComparedItem(caiman=caiman, nwb=nwb, detail=note)
    return different(caiman, nwb, found)


def different(caiman: tuple[str, ...], nwb: str, detail: str) -> Result:
    """Return that values differ."""
    return "different", ComparedItem(caiman=caiman, nwb=nwb, detail=detail)


def missing(caiman: tuple[str, ...], nwb: str, detail: str = "") -> Result:
    """Return that the NWB file lacks values."""
    return "missing", ComparedItem(caiman=caiman, nwb=nwb, detail=detail)


def not_stored(caiman: tuple[str, ...], nwb: str | None, detail: str) -> Result:
    """Return that values are deliberately not in the NWB file."""
    return "not_stored", ComparedItem(caiman=caiman, nwb=nwb, detail=detail)


def not_from_caiman(nwb: str, *, claimed: bool) -> Result:
    """Return that something is only in the NWB file; what has the name of a value of CaImAn claims to be one."""
    item = ComparedItem(caiman=(), nwb=nwb, detail=NOT_IN_CAIMAN if claimed else "")
    return "different" if claimed else "extra", item


def listed(values: NDArray[Any], most: int = 8) -> str:
    """Return the first of some numbers as text."""
    shown = ", ".join(str(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown}, … ({len(values)} in all)"
