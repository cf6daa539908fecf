"""The frames of an extractor: their times, and the traces of its ROIs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from caiman_interface._compat.roiextractors import RoiId
from caiman_interface.caiman_file import Trace

from .rois import RoiExtractor

_TRACES = ("raw", "dff", "denoised", "deconvolved", "background")
_TRACES_OF_OTHER_PIPELINES = ("neuropil", "baseline")


class TraceExtractor(RoiExtractor):
    """An open CaImAn file, and which of its components and frames are shown."""

    def __init__(self, file_path: str | Path) -> None:
        super().__init__(file_path)
        self.frames = range(self.results.num_frames or 0)
        self.base_rate = self.results.sampling_frequency

    def get_num_samples(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def get_native_timestamps(
        self,
        start_sample: int | None = None,  # noqa: ARG002 (roiextractors' signature)
        end_sample: int | None = None,  # noqa: ARG002
    ) -> None:
        """Return None: CaImAn saves no times."""
        return

    def get_timestamps(self, start_sample: int | None = None, end_sample: int | None = None) -> NDArray[Any]:
        """Return the time of each frame in seconds: those set with `set_times`, or frame number over rate.

        Raises
        ------
        ValueError
            If no times were set and the file does not specify an imaging rate.
        """
        wanted = slice(start_sample, end_sample)
        if self.base_times is not None:
            return np.asarray(self.base_times[wanted])
        return np.asarray(self.frames[wanted]) / self._known_rate()

    def time_to_sample_indices(self, times: float | ArrayLike) -> Any:
        """Return the number of the frame, counted in this extractor, for each time in seconds: int64.

        Raises
        ------
        ValueError
            If no times were set and the file does not specify an imaging rate.
        """
        if self.base_times is not None:
            frames = np.searchsorted(self.base_times, times, side="right") - 1
        else:
            frames = np.round(np.asarray(times) * self._known_rate() - self.frames.start)
        return np.asarray(frames, dtype=np.int64)[()]  # a number for a number

    def _known_rate(self) -> float:
        if self.base_rate is None:
            message = (
                f"{self.file_path} does not specify an imaging rate (params/data/fr), so its frames have no times. Set "
                "them (set_times, or set_aligned_timestamps of the interface), or set `fr` in CaImAn and save again."
            )
            raise ValueError(message)
        return float(self.base_rate)

    # Traces

    def get_traces_dict(self) -> dict[str, Trace | None]:
        """Return the traces by name, each (frames, ROIs) and lazy; None where the file has none.

        ``raw`` (C + YrA), ``dff`` (F_dff), ``denoised`` (C), ``deconvolved`` (S) and ``background`` (f).
        """
        frames = slice(self.frames.start, self.frames.stop)
        found: dict[str, Trace | None] = {
            name: trace.select(frames=frames, rois=self.components)
            for name, trace in self.results.components.traces.items()
        }
        background = self.results.background_trace
        if background is not None and len(self.background_components):
            found["background"] = background.select(frames=frames, rois=self.background_components)
        absent = [name for name in (*_TRACES, *_TRACES_OF_OTHER_PIPELINES) if name not in found]
        return {**found, **dict.fromkeys(absent)}

    def get_traces(
        self,
        roi_ids: Sequence[RoiId] | None = None,
        start_frame: int | None = None,
        end_frame: int | None = None,
        name: str = "raw",
    ) -> NDArray[Any] | None:
        """Read a trace.

        Parameters
        ----------
        roi_ids : sequence, optional
            The ROIs (for ``background``: the background components) to read; all by default.
        start_frame, end_frame : int, optional
            The frames to read, counted in this extractor; all by default.
        name : str
            A key of `get_traces_dict`.

        Returns
        -------
        array of shape (frames, ROIs), or None
            None if the file has no such trace.

        Raises
        ------
        ValueError
            If there is no trace of that name; the message lists the available ones.
        """
        traces = self.get_traces_dict()
        if name not in traces:
            available = ", ".join(key for key, trace in traces.items() if trace is not None)
            message = f"There is no trace '{name}' in {self.file_path}; available are {available or 'none'}."
            raise ValueError(message)
        trace = traces[name]
        if trace is None:
            return None
        frames = slice(start_frame, end_frame)
        if roi_ids is None:
            return np.asarray(trace[frames])
        if name == "background":
            return np.asarray(trace[frames, self._positions_of_background(roi_ids)])
        return np.asarray(trace[frames, self._positions(roi_ids)])
