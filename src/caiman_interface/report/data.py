"""What a report shows, whether it was read from a CaImAn file or from the NWB file made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import PixelTable

from .contours import owners

SHOWN_TRACES = 12
"""How many traces are drawn."""

_SHOWN_REJECTED = 3

IMAGES = {"correlation": "correlation image", "mean": "background (sum of b)", "baseline": "baseline image"}
"""The images that can lie behind the contours, the best first, and what they are called."""

SHOWN_FRAMES = 3000
"""How many frames of them: beyond that, single transients cannot be told apart on a page."""

_BLOCK_VALUES = 4_000_000


class TraceSource(Protocol):
    """A (frames, components) array that reads what is asked for: a lazy trace, or a dataset of an NWB file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, components)."""

    def __getitem__(self, key: Any) -> Any: ...


@dataclass(frozen=True)
class ShownTrace:
    """One component's traces.

    Attributes
    ----------
    position : int
        Position of the component in the report's arrays.
    raw, denoised : array of float64 or None
        One value a frame, in the units of the file; None where the file has none.
    """

    position: int
    raw: NDArray[np.float64] | None
    denoised: NDArray[np.float64] | None


@dataclass(frozen=True)
class Discarded:
    """The components that ``select_components`` removed from the result and kept aside.

    Attributes
    ----------
    pixels : PixelTable
        Their footprints.
    metrics : dict of array
        Their quality metrics, as in `Analysis`.
    """

    pixels: PixelTable
    metrics: Mapping[str, NDArray[Any]]

    @property
    def count(self) -> int:
        """Number of discarded components."""
        return len(self.pixels.ends)


@dataclass(frozen=True)
class Analysis:
    """The results of one analysis, as a CaImAn file or an NWB file holds them; traces are unread.

    Attributes
    ----------
    name : str
        Name of the file, and of the table of ROIs where one was chosen.
    method, evaluation : str or None
        What the analysis was: "CNMF", "CNMF-E" or "OnACID"; "evaluated", "selected" or "not evaluated". None where
        an NWB file does not say.
    is_one_photon : bool or None
        Whether it was set up for one-photon imaging.
    frame_shape : tuple of int
        (rows, columns[, planes]).
    num_frames : int or None
        None where the file holds no trace.
    sampling_frequency : float or None
        Frames per second.
    ids : array of int
        CaImAn's index of each component.
    accepted : array of bool or None
        One a component; None where CaImAn did not evaluate them.
    metrics : dict of array
        ``snr``, ``r_values``, ``cnn_preds``: one value a component, those that CaImAn computed.
    pixels : PixelTable
        The footprints, with weights of float32.
    images : dict of array
        ``correlation``, ``mean`` and ``baseline``, those that the file holds, each of the frame's shape.
    raw, denoised : TraceSource or None
        The traces of all components.
    parameters : dict of dict
        CaImAn's parameters, group → name → plain value.
    discarded : Discarded or None
        The components that were set aside.
    """

    name: str
    method: str | None
    is_one_photon: bool | None
    evaluation: str | None
    frame_shape: tuple[int, ...]
    num_frames: int | None
    sampling_frequency: float | None
    ids: NDArray[np.int64]
    accepted: NDArray[np.bool_] | None
    metrics: Mapping[str, NDArray[Any]]
    pixels: PixelTable
    images: Mapping[str, NDArray[Any]]
    raw: TraceSource | None
    denoised: TraceSource | None
    parameters: Mapping[str, Mapping[str, Any]]
    discarded: Discarded | None = None

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.ids)

    @property
    def is_volumetric(self) -> bool:
        """Whether the frame is a volume."""
        return len(self.frame_shape) > 2  # noqa: PLR2004 (rows and columns)

    @property
    def num_accepted(self) -> int:
        """Number of accepted components; 0 without evaluation."""
        return 0 if self.accepted is None else int(np.count_nonzero(self.accepted))

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Micrometres per pixel in x and y (CaImAn's ``dxy``); None where absent.

        One micrometre is what CaImAn assumes when it is told nothing, and therefore says nothing.
        """
        size = self.parameter("data", "dxy")
        if not isinstance(size, list) or len(size) < 2 or set(size) == {1}:  # noqa: PLR2004
            return None
        return float(size[0]), float(size[1])

    def parameter(self, group: str, name: str) -> Any:
        """Return one of CaImAn's parameters; None where it is absent."""
        return self.parameters.get(group, {}).get(name)


@dataclass(frozen=True)
class ReportData:
    """What a report shows.

    Attributes
    ----------
    analysis : Analysis
        The results. Their traces can be read only as long as the file is open.
    backdrop : array
        The image behind the contours, of the frame's shape.
    backdrop_name : str
        What it is.
    traces : tuple of ShownTrace
        The strongest components, accepted ones first.
    shown_frames : range
        The frames that the traces show.
    strongest : tuple of int
        The positions of all components, the strongest first.
    """

    analysis: Analysis
    backdrop: NDArray[Any]
    backdrop_name: str
    traces: tuple[ShownTrace, ...]
    shown_frames: range
    strongest: tuple[int, ...]


def build(analysis: Analysis) -> ReportData:
    """Choose the image, the traces and the stretch of time to show, and read them."""
    backdrop_name, backdrop = choose_backdrop(analysis)
    strongest = rank(analysis)
    traces, frames = read_traces(analysis, choose_components(analysis, strongest))
    return ReportData(
        analysis=analysis,
        backdrop=backdrop,
        backdrop_name=backdrop_name,
        traces=traces,
        shown_frames=frames,
        strongest=tuple(strongest.tolist()),
    )


def choose_backdrop(analysis: Analysis) -> tuple[str, NDArray[Any]]:
    """Take the correlation image, or else the best that stands for it; an image without contrast shows nothing."""
    for key, name in IMAGES.items():
        image = analysis.images.get(key)
        finite = None if image is None else image[np.isfinite(image)]
        if image is not None and finite is not None and finite.size and finite.min() < finite.max():
            return name, image
    return "largest footprint weight", footprint_image(analysis.pixels, analysis.frame_shape)


def footprint_image(pixels: PixelTable, frame_shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the largest weight at each pixel, each footprint scaled to a peak of 1; the frame's shape."""
    image = np.zeros(frame_shape)
    owner = owners(pixels)
    weights = pixels.weights.astype(np.float64)
    peaks = np.zeros(len(pixels.ends))
    np.maximum.at(peaks, owner, weights)
    x, y, *z = pixels.coordinates
    np.maximum.at(image, (y, x, *z), weights / np.where(peaks > 0, peaks, 1)[owner])
    return image


def rank(analysis: Analysis) -> NDArray[np.intp]:
    """Return the positions of all components, the strongest first.

    Strength is CaImAn's SNR where it was computed; else the peak of the denoised trace over the noise around it.
    """
    strength = analysis.metrics.get("snr")
    if strength is None:
        strength = peak_to_noise(analysis)
    return np.argsort(-np.nan_to_num(strength, nan=-np.inf), kind="stable")


def choose_components(analysis: Analysis, strongest: NDArray[np.intp]) -> list[int]:
    """Choose whose traces to show: the strongest accepted components, and the strongest of the rejected."""
    accepted = np.ones(len(strongest), dtype=bool) if analysis.accepted is None else analysis.accepted
    good, bad = strongest[accepted[strongest]], strongest[~accepted[strongest]]
    num_bad = min(len(bad), max(_SHOWN_REJECTED, SHOWN_TRACES - len(good)))
    return [*good[: SHOWN_TRACES - num_bad].tolist(), *bad[:num_bad].tolist()]


def peak_to_noise(analysis: Analysis) -> NDArray[np.float64]:
    """Return, for each component, the height of the denoised trace's peak over the noise around that trace."""
    main = analysis.raw if analysis.denoised is None else analysis.denoised
    if main is None:
        return np.zeros(analysis.count)
    frames, count = main.shape
    largest, total, squares = np.full(count, -np.inf), np.zeros(count), np.zeros(count)
    step = max(1, _BLOCK_VALUES // max(1, count))
    for start in range(0, frames, step):
        block = np.asarray(main[start : start + step], dtype=np.float64)
        largest = np.maximum(largest, block.max(axis=0))
        total += block.sum(axis=0)
        if analysis.raw is not None:
            squares += ((np.asarray(analysis.raw[start : start + step], dtype=np.float64) - block) ** 2).sum(axis=0)
    height = largest - total / max(1, frames)
    noise = np.sqrt(squares / max(1, frames))
    return height / np.where(noise > 0, noise, 1)


def read_traces(analysis: Analysis, positions: list[int]) -> tuple[tuple[ShownTrace, ...], range]:
    """Read the traces of some components, within the most active stretch if they are long."""
    raw, denoised = (_read(trace, positions) for trace in (analysis.raw, analysis.denoised))
    main = raw if denoised is None else denoised
    if main is None:
        return (), range(0)
    frames = most_active(main)
    shown = tuple(
        ShownTrace(
            position,
            *(None if values is None else values[frames.start : frames.stop, at] for values in (raw, denoised)),
        )
        for at, position in enumerate(positions)
    )
    return shown, frames


def _read(trace: TraceSource | None, positions: list[int]) -> NDArray[np.float64] | None:
    """Read some columns; their order is made here, since HDF5 reads in rising order only."""
    if trace is None or not positions:
        return None
    rising, back = np.unique(positions, return_inverse=True)
    return np.asarray(trace[:, rising.tolist()], dtype=np.float64)[:, back]


def most_active(traces: NDArray[np.float64]) -> range:
    """Return the stretch of `SHOWN_FRAMES` frames in which most happens; all frames if there are no more."""
    frames = len(traces)
    if frames <= SHOWN_FRAMES:
        return range(frames)
    height = traces - np.median(traces, axis=0)
    activity = (height / np.maximum(height.max(axis=0), np.finfo(float).tiny)).sum(axis=1)
    running = np.concatenate([[0.0], np.cumsum(activity)])
    start = int(np.argmax(running[SHOWN_FRAMES:] - running[:-SHOWN_FRAMES]))
    return range(start, start + SHOWN_FRAMES)
