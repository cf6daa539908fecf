"""`NwbResults`: one CaImAn analysis in an NWB file that this package wrote, opened lazily."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.ophys import RoiResponseSeries

from caiman_interface.caiman_file import Footprints, Trace
from caiman_interface.caiman_file.display import html_table, public_names
from caiman_interface.caiman_file.named import NamedItems
from caiman_interface.caiman_file.omissions import Omission
from caiman_interface.metadata.vocabulary import BACKGROUND, COMPONENTS, DISCARDED, ROI_TABLES

from .analysis_objects import AnalysisObjects
from .nwb_components import NwbComponents
from .opening import open_nwb
from .parameters import ANALYSIS_GROUP
from .ring_model import read_ring_model

if TYPE_CHECKING:
    from scipy.sparse import csc_array

_SHOWN = ("metadata_key", "method", "num_frames", "frame_shape")


class NwbResults(AbstractContextManager["NwbResults"]):
    """One CaImAn analysis in an NWB file, with the attributes of `CaimanResults`.

    Traces and masks are read when they are used. Use it as a context manager, or call `close`.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An HDF5 file, a Zarr store, the address (``https://…``) of an HDF5 file, or an NWB file that is open already
        and that `close` leaves open.
    metadata_key : str, optional
        The key under which the analysis was written; required if the file contains several.

    Attributes
    ----------
    nwbfile : pynwb.NWBFile
        The open file.
    objects : AnalysisObjects
        The pynwb objects of the analysis.
    metadata_key : str
        Its key.
    keys : list of str
        The keys of all analyses in the file.
    parameters : dict of dict
        CaImAn's parameters, group → name → value; the group ``analysis`` describes the analysis.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not an NWB file, has no analysis with that key, or several and no key is given.

    Examples
    --------
    >>> from caiman_interface import NwbResults
    >>> with NwbResults("session.nwb") as results:  # doctest: +SKIP
    ...     results.components.traces["denoised"][:100, 0]
    """

    def __init__(self, source: str | Path | NWBFile, metadata_key: str | None = None) -> None:
        self._opened = ExitStack()
        with ExitStack() as opened:
            self.nwbfile: NWBFile = opened.enter_context(open_nwb(source)) if isinstance(source, str | Path) else source
            self.objects = AnalysisObjects(self.nwbfile, metadata_key)
            self.metadata_key = self.objects.key
            self.keys = self.objects.keys
            self.parameters = self.objects.parameters
            self._analysis = self.parameters.get(ANALYSIS_GROUP, {})
            self._opened = opened.pop_all()

    @classmethod
    def open(cls, path: str | Path, metadata_key: str | None = None) -> NwbResults:
        """Open an NWB file for reading, see the class."""
        return cls(path, metadata_key)

    def close(self) -> None:
        """Close the file; traces that were not read can no longer be read."""
        self._opened.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._facts().items())})"

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, self._facts())

    def _facts(self) -> dict[str, object]:
        if self.objects.table(COMPONENTS) is None:
            return {"components": 0}
        return {**{name: getattr(self, name) for name in _SHOWN}, "components": self.components.count}

    def __dir__(self) -> list[str]:
        return public_names(super().__dir__())

    # The analysis

    @property
    def method(self) -> str | None:
        """``CNMF``, ``CNMF-E`` or ``OnACID``; None if the file does not say."""
        return self._analysis.get("method")

    @property
    def is_one_photon(self) -> bool | None:
        """Whether the analysis was set up for one-photon imaging; None if the file does not say."""
        return self._analysis.get("one_photon")

    @property
    def caiman_version(self) -> str | None:
        """Release of CaImAn that made the results."""
        return self.parameters.get("data", {}).get("caiman_version")

    @property
    def package_version(self) -> str | None:
        """Version of this package that wrote the analysis; None in files written by version 0.1."""
        return self._analysis.get("package_version")

    @property
    def omissions(self) -> tuple[Omission, ...]:
        """The fields of the CaImAn file that could not be used."""
        return tuple(Omission(entry["field"], entry["reason"]) for entry in self._analysis.get("left_out", ()))

    @cached_property
    def frame_shape(self) -> tuple[int, ...]:
        """(rows, columns[, planes]); without a record of it, that of an image or the extent of the masks."""
        recorded = self._analysis.get("frame_shape")
        if recorded is not None:
            return tuple(int(length) for length in recorded)
        images = self.objects.all_images()
        if images:
            columns, rows = images[0].data.shape[:2]
            return int(rows), int(columns)
        return self._extent_of_masks()

    def _extent_of_masks(self) -> tuple[int, ...]:
        table = self.objects.table(COMPONENTS)
        for name in ("pixel_mask", "voxel_mask"):
            if table is not None and name in table.colnames and len(table[name].target.data):
                pixels = table[name].target.data[:]
                axes = [axis for axis in ("y", "x", "z") if axis in pixels.dtype.names]
                return tuple(int(pixels[axis].max()) + 1 for axis in axes)
        if table is not None and "image_mask" in table.colnames:
            columns, rows, *planes = table["image_mask"].data.shape[1:]
            return (int(rows), int(columns), *(int(plane) for plane in planes))
        message = "The NWB file does not contain the frame shape of a CaImAn analysis."
        raise ValueError(message)

    # Time

    @cached_property
    def _clock(self) -> RoiResponseSeries | None:
        """A series that has the times of the frames."""
        series = (found for kind in ROI_TABLES for found in self.objects.series(kind).values())
        return next(series, None)

    @property
    def num_frames(self) -> int | None:
        """Number of frames; without traces the recorded one, or None."""
        return self._analysis.get("num_frames") if self._clock is None else int(self._clock.data.shape[0])

    @cached_property
    def sampling_frequency(self) -> float | None:
        """Frames per second: that of the series, else the mean of its timestamps, else CaImAn's ``fr``."""
        if self._clock is not None and self._clock.rate is not None:
            return float(self._clock.rate)
        times = self.timestamps
        if times is not None and len(times) > 1 and times[-1] > times[0]:
            return float((len(times) - 1) / (times[-1] - times[0]))
        rate = self.parameters.get("data", {}).get("fr")
        return None if rate is None else float(rate)

    @cached_property
    def timestamps(self) -> NDArray[np.float64] | None:
        """Time of each frame in seconds where the file has timestamps; None where it has a rate."""
        if self._clock is None or self._clock.timestamps is None:
            return None
        return np.asarray(self._clock.timestamps[:], dtype=np.float64)

    # ROIs

    @cached_property
    def components(self) -> NwbComponents:
        """The components.

        Raises
        ------
        ValueError
            If the file has no table of components.
        """
        table = self.objects.table(COMPONENTS)
        if table is None:
            message = "The NWB file contains no table of CaImAn components (PlaneSegmentation)."
            raise ValueError(message)
        series = self.objects.series(COMPONENTS)
        verdict = self._analysis.get("evaluation", "evaluated")
        return NwbComponents(table, series, frame_shape=self.frame_shape, verdict=verdict)

    @cached_property
    def discarded(self) -> NwbComponents | None:
        """The components that ``select_components`` removed; None if there are none."""
        table = self.objects.table(DISCARDED)
        if table is None:
            return None
        series = self.objects.series(DISCARDED)
        return NwbComponents(table, series, frame_shape=self.frame_shape, verdict="selected", is_discarded=True)

    @cached_property
    def background(self) -> NwbComponents | None:
        """The background components; None if there are none."""
        table = self.objects.table(BACKGROUND)
        if table is None:
            return None
        series = self.objects.series(BACKGROUND)
        return NwbComponents(table, series, frame_shape=self.frame_shape, verdict="not evaluated")

    @property
    def background_footprints(self) -> Footprints | None:
        """The spatial background ``b``; None if there is none."""
        return None if self.background is None else self.background.footprints

    @property
    def background_trace(self) -> Trace | None:
        """The temporal background ``f``, as (frames, background components); None if there is none."""
        return None if self.background is None else self.background.traces.get("background")

    # The rest

    @cached_property
    def images(self) -> NamedItems[NDArray[Any]]:
        """The images by key, each in its own shape (rows, columns[, planes])."""
        found: NamedItems[NDArray[Any]] = NamedItems({}, kind="images")
        for name, planes in self.objects.images.items():
            pixels = [np.asarray(plane.data[:]).T for plane in planes]
            is_volume = len(planes) > 1 or len(self.frame_shape) > 2  # noqa: PLR2004 (rows, columns)
            found[name] = np.stack(pixels, axis=2) if is_volume else pixels[0]
        return found

    @cached_property
    def ring_model(self) -> csc_array[Any] | None:
        """The ring model W of CNMF-E over the pixels of the downsampled frame; None if it is not stored."""
        table = self.objects.ring_model
        return None if table is None else read_ring_model(table)

    @cached_property
    def shifts(self) -> NDArray[Any] | None:
        """Shifts of motion correction, (frames, 2 or 3); None if they are not stored."""
        series = self.objects.shifts
        return None if series is None else np.asarray(series.data[:])
