"""Comparison of traces with the movie that was imaged, where both are in one NWB file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hdmf.utils import get_data_shape
from neuroconv.datainterfaces.ophys.baseimagingextractorinterface import BaseImagingExtractorInterface
from pynwb import NWBFile
from pynwb.ophys import OnePhotonSeries, TwoPhotonSeries

from caiman_interface.metadata.imaging_rate import is_same_rate


@dataclass(frozen=True)
class _Movie:
    name: str
    plane: str | None
    num_frames: int | None
    rate: float | None


def movie_mismatches(nwbfile: NWBFile, *, plane_name: str, num_frames: int | None, rate: float | None) -> Iterator[str]:
    """Yield in which respect the movie in an NWB file does not match traces.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, with the series that other interfaces have added.
    plane_name : str
        The imaging plane of the traces. A movie on another plane is compared only if it is the only one.
    num_frames : int or None
        Number of frames of the traces; None not to compare.
    rate : float or None
        Their rate.
    """
    series = [one for one in nwbfile.acquisition.values() if isinstance(one, TwoPhotonSeries | OnePhotonSeries)]
    movies = [_Movie(one.name, one.imaging_plane.name, _frames(one), one.rate) for one in series]
    on_plane = [movie for movie in movies if movie.plane == plane_name]
    yield from _mismatches(on_plane or (movies if len(movies) == 1 else []), num_frames, rate)


def interface_mismatches(interfaces: Iterable[Any], *, num_frames: int | None, rate: float | None) -> Iterator[str]:
    """Yield in which respect the only movie among the interfaces of a converter does not match traces.

    Parameters
    ----------
    interfaces : iterable
        NeuroConv's interfaces, such as ``converter.data_interface_objects.values()``.
    num_frames, rate
        As for `movie_mismatches`.
    """
    found = [one for one in interfaces if isinstance(one, BaseImagingExtractorInterface)]
    if len(found) == 1:
        extractor = found[0].imaging_extractor
        count = getattr(extractor, "get_num_samples", None) or extractor.get_num_frames
        movie = _Movie(type(found[0]).__name__, None, int(count()), extractor.get_sampling_frequency())
        yield from _mismatches([movie], num_frames, rate)


def _mismatches(movies: list[_Movie], num_frames: int | None, rate: float | None) -> Iterator[str]:
    counts = [movie.num_frames for movie in movies if movie.num_frames is not None]
    names = ", ".join(f"'{movie.name}'" for movie in movies)
    # CaImAn analyses several movie files as one.
    if num_frames is not None and counts and len(counts) == len(movies) and num_frames not in {sum(counts), *counts}:
        yield f"the movie {names} has {sum(counts)} frames, and the traces have {num_frames}"
    for movie in movies:
        if rate is not None and movie.rate is not None and not is_same_rate(movie.rate, rate):
            yield f"the movie '{movie.name}' has {movie.rate:g} frames per second, and the traces have {rate:g}"


def _frames(series: TwoPhotonSeries | OnePhotonSeries) -> int | None:
    if series.external_file is not None:
        return None
    shape = get_data_shape(series.data)
    return None if not shape or shape[0] is None else int(shape[0])
