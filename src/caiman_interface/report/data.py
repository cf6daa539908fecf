"""The results of one analysis as a report shows them, from a CaImAn file or from an NWB file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import CaimanResults
from caiman_interface.caiman_file.file_names import published_value

from .style import STYLES

if TYPE_CHECKING:
    from scipy.sparse import csc_array

    from caiman_interface.nwb.nwb_results import NwbResults

IMAGES = {
    "correlation": "correlation image",
    "peak_to_noise": "peak-to-noise image",
    "mean": "background (sum of b)",
    "baseline": "baseline image",
    "noise": "noise image",
}
"""The images of an analysis, the best backdrop of contours first, and what they are called."""

FOOTPRINT_IMAGE = "largest footprint weight"
"""Name of the image that is shown where the file has none."""

_BLOCK_VALUES = 4_000_000


class TraceSource(Protocol):
    """A (frames, components) array that reads only the requested part."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, components)."""

    def __getitem__(self, key: Any) -> Any: ...


@dataclass(frozen=True)
class ComponentSet:
    """The components of an analysis, or those that ``select_components`` set aside.

    Attributes
    ----------
    ids : array of int
        CaImAn's index of each component.
    statuses : tuple of str
        "accepted", "rejected", "not evaluated" or "discarded".
    manual : tuple of str
        "accepted" or "rejected" where a user chose the component in CaImAn's viewer, else "".
    footprints : csc_array
        Weights of shape (pixels, components); pixels in Fortran order of the frame.
    centroids : array of float64
        Shape (components, 2 or 3): x, y[, z] in pixels; NaN where a footprint is empty.
    metrics, fits : dict of array
        One value (or row of values) per component.
    traces : dict of TraceSource
        By name, such as "raw"; readable only while the file is open.
    """

    ids: NDArray[np.int64]
    statuses: tuple[str, ...]
    manual: tuple[str, ...]
    footprints: csc_array[Any]
    centroids: NDArray[np.float64]
    metrics: Mapping[str, NDArray[Any]]
    fits: Mapping[str, NDArray[Any]]
    traces: Mapping[str, TraceSource]

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.ids)


@dataclass(frozen=True)
class ReportData:
    """What a report shows. Open it with `ReportData.open`.

    Attributes
    ----------
    name : str
        Name of the file.
    method, caiman_version : str or None
    is_one_photon : bool or None
        Whether the analysis was set up for one-photon imaging; None where an NWB file does not say.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    num_frames : int or None
        None where the file has no traces.
    sampling_frequency : float or None
        Frames per second.
    timestamps : array of float64 or None
        Time of each frame in seconds, where they were recorded.
    images : dict of array
        Keys of `IMAGES`.
    components : ComponentSet
    discarded : ComponentSet or None
        The components that ``select_components`` set aside.
    parameters : dict of dict
        CaImAn's parameters: group → name → plain value.
    nwbfile : pynwb.NWBFile or None
        The open NWB file, if the source is one.
    notes : tuple of str
        What was left out of the file, and what is suspicious.
    """

    name: str
    method: str | None
    caiman_version: str | None
    is_one_photon: bool | None
    frame_shape: tuple[int, ...]
    num_frames: int | None
    sampling_frequency: float | None
    timestamps: NDArray[np.float64] | None
    images: Mapping[str, NDArray[Any]]
    components: ComponentSet
    discarded: ComponentSet | None
    parameters: Mapping[str, Mapping[str, Any]]
    nwbfile: Any = None
    notes: tuple[str, ...] = field(default=())

    @classmethod
    @contextmanager
    def open(cls, source: str | Path, metadata_key: str | None = None) -> Iterator[ReportData]:
        """Open a CaImAn file or an NWB file (HDF5 or Zarr); traces can be read inside the context.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CaimanFileError, ValueError
            If it contains no results of CaImAn, or several and `metadata_key` is not given.
        """
        source = Path(source)
        if is_nwb(source):
            from caiman_interface.nwb.nwb_results import NwbResults

            with NwbResults.open(source, metadata_key=metadata_key) as results:
                yield cls.from_results(results, source.name)
        else:
            with CaimanResults.open(source) as caiman_results:
                yield cls.from_results(caiman_results, source.name)

    @classmethod
    def from_results(cls, results: CaimanResults | NwbResults, name: str) -> ReportData:
        """Return what a report shows of open results."""
        components, discarded = results.components, results.discarded
        return cls(
            name=name,
            method=results.method,
            caiman_version=results.caiman_version,
            is_one_photon=results.is_one_photon,
            frame_shape=tuple(results.frame_shape),
            num_frames=results.num_frames,
            sampling_frequency=results.sampling_frequency,
            timestamps=getattr(results, "timestamps", None),
            images={key: results.images[key] for key in IMAGES if key in results.images},
            components=_component_set(components, _statuses(components)),
            discarded=None if discarded is None else _component_set(discarded, ("discarded",) * discarded.count),
            parameters=_parameters(results),
            nwbfile=getattr(results, "nwbfile", None),
            notes=notes_of(results),
        )

    @property
    def is_volumetric(self) -> bool:
        """Whether the frame is a volume."""
        return len(self.frame_shape) > 2  # noqa: PLR2004 (rows and columns)

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Micrometres per pixel in x and y (CaImAn's ``dxy``); None if it is CaImAn's default of 1."""
        size = self.parameter("data", "dxy")
        if not isinstance(size, list) or len(size) < 2 or set(size) == {1}:  # noqa: PLR2004 (x and y)
            return None
        return float(size[0]), float(size[1])

    def parameter(self, group: str, name: str) -> Any:
        """Return one of CaImAn's parameters; None if it is absent."""
        return self.parameters.get(group, {}).get(name)

    def tally(self) -> dict[str, int]:
        """Return the number of components by status, in the order of `STYLES`."""
        statuses = [*self.components.statuses, *(self.discarded.statuses if self.discarded else ())]
        return {status: statuses.count(status) for status in STYLES if status in statuses}

    def backdrop(self) -> tuple[str, NDArray[Any]]:
        """Return the best image with contrast and its name; the footprints where there is none."""
        for key, image in self.images.items():
            finite = image[np.isfinite(image)]
            if finite.size and finite.min() < finite.max():
                return IMAGES[key], image
        return FOOTPRINT_IMAGE, self.footprint_image()

    def footprint_image(self) -> NDArray[np.float64]:
        """Return the largest weight at each pixel, each footprint scaled to a peak of 1."""
        matrix = self.components.footprints
        owners = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
        peaks = np.zeros(matrix.shape[1])
        np.maximum.at(peaks, owners, matrix.data)
        image = np.zeros(matrix.shape[0])
        np.maximum.at(image, matrix.indices, matrix.data / np.where(peaks > 0, peaks, 1)[owners])
        return np.asarray(image.reshape(self.frame_shape, order="F"))

    def times(self, frames: NDArray[Any]) -> NDArray[np.float64]:
        """Return the times of frames in seconds from the first one; frame numbers where no rate is known."""
        if self.timestamps is not None:
            known = np.asarray(self.timestamps, dtype=np.float64)
            return np.asarray(np.interp(frames, np.arange(len(known)), known - known[0]))
        return np.asarray(frames, dtype=np.float64) / (self.sampling_frequency or 1.0)

    @property
    def has_time(self) -> bool:
        """Whether `times` are in seconds."""
        return self.timestamps is not None or bool(self.sampling_frequency)

    def ranking(self) -> NDArray[np.intp]:
        """Return the positions of the components, the strongest first.

        Strength is CaImAn's SNR, or else the peak of the denoised trace over the noise around that trace.
        """
        strength = self.components.metrics.get("snr")
        if strength is None:
            strength = _peak_to_noise(self.components)
        return np.argsort(-np.nan_to_num(strength, nan=-np.inf), kind="stable")


def is_nwb(source: Path) -> bool:
    """Return whether a file is an NWB file, in HDF5 or a Zarr store."""
    import h5py

    if source.is_dir():
        return True
    try:
        with h5py.File(source, "r") as file:
            return "nwb_version" in file.attrs
    except OSError:  # opening it as a CaImAn file reports the error
        return False


def notes_of(results: Any) -> tuple[str, ...]:
    """Return what was left out of a file, and what is suspicious in it, as sentences."""
    warnings: tuple[str, ...] = getattr(results, "warnings", ())
    left_out: list[str] = [f"{omission.field} was left out: {omission.reason}." for omission in results.omissions]
    return (*left_out, *warnings)


def _component_set(components: Any, statuses: tuple[str, ...]) -> ComponentSet:
    with np.errstate(over="ignore"):  # as an NWB file stores them
        footprints = components.footprints.matrix.astype(np.float32)
    footprints.data = np.nan_to_num(footprints.data)  # a weight that is NaN counts as 0
    manual = np.full(components.count, "", dtype=object)
    for name, chosen in components.hand_picked.items():
        manual[chosen] = name.removeprefix("manually_")
    return ComponentSet(
        ids=np.asarray(getattr(components, "row_ids", np.arange(components.count)), dtype=np.int64),
        statuses=statuses,
        manual=tuple(manual.tolist()),
        footprints=footprints,
        centroids=components.footprints.centroids(),
        metrics=components.metrics,
        fits=components.fits,
        traces={**components.traces, **getattr(components, "dff_deconvolution", {})} if components.count else {},
    )


def _statuses(components: Any) -> tuple[str, ...]:
    if not components.acceptance.is_evaluated:
        return ("not evaluated",) * int(components.count)
    mask = components.acceptance.mask(components.count)
    return tuple("accepted" if accepted else "rejected" for accepted in mask)


def _parameters(results: CaimanResults | NwbResults) -> dict[str, dict[str, Any]]:
    """Return the parameters without directory names: a report is shown to others."""
    stored: Any = getattr(results.parameters, "stored", results.parameters)
    return {group: published_value(values) for group, values in stored.items() if isinstance(values, dict)}


def _peak_to_noise(components: ComponentSet) -> NDArray[np.float64]:
    """Return the height of each denoised trace's peak over the noise around that trace."""
    raw = components.traces.get("raw")
    main = components.traces.get("denoised", raw)
    if main is None:
        return np.zeros(components.count)
    frames, count = main.shape
    largest, total, squares = np.full(count, -np.inf), np.zeros(count), np.zeros(count)
    step = max(1, _BLOCK_VALUES // max(1, count))
    for start in range(0, frames, step):
        block = np.asarray(main[start : start + step], dtype=np.float64)
        largest = np.maximum(largest, block.max(axis=0))
        total += block.sum(axis=0)
        if raw is not None:
            squares += ((np.asarray(raw[start : start + step], dtype=np.float64) - block) ** 2).sum(axis=0)
    noise = np.sqrt(squares / max(1, frames))
    return (largest - total / max(1, frames)) / np.where(noise > 0, noise, 1)
