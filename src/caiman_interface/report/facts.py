"""The facts of an analysis in words."""

from __future__ import annotations

from typing import Any

from .data import Analysis

_SECONDS_IN_MINUTE = 60

# What decides how a result looks; the rest is in the table of all parameters.
_TOLD = (
    ("data", ("decay_time",)),
    ("init", ("method_init", "K", "gSig", "nb", "ssub", "tsub")),
    ("patch", ("rf", "stride")),
    ("temporal", ("p",)),
    ("merging", ("merge_thr",)),
    ("quality", ("use_cnn",)),
)
_TOLD_OF_CORR_PNR = ("init", ("min_corr", "min_pnr"))


def facts_line(analysis: Analysis) -> str:
    """Say in one line what was recorded and analysed."""
    photons = {True: "one-photon", False: "two-photon", None: ""}[analysis.is_one_photon]
    version = analysis.parameter("data", "caiman_version")
    caiman = " ".join(part for part in ("CaImAn", version, analysis.method) if part)
    return "   ·   ".join(part for part in (caiman, photons, frame_text(analysis), time_text(analysis)) if part)


def frame_text(analysis: Analysis) -> str:
    """Return the size of the frame in pixels and, where it is known, in micrometres."""
    rows, columns, *planes = analysis.frame_shape
    volume = f" × {planes[0]} planes" if planes else ""
    size = analysis.pixel_size
    micrometres = "" if size is None else f" ({rows * size[1]:.0f} × {columns * size[0]:.0f} µm)"
    return f"{rows} rows × {columns} columns{volume}{micrometres}"


def time_text(analysis: Analysis) -> str:
    """Return the number of frames, the rate and the duration, as far as they are known."""
    if analysis.num_frames is None:
        return ""
    rate = analysis.sampling_frequency
    if rate is None:
        return f"{analysis.num_frames:,} frames, rate not known"
    return f"{analysis.num_frames:,} frames at {rate:g} Hz ({duration_text(analysis.num_frames / rate)})"


def duration_text(seconds: float) -> str:
    """Return a duration for people."""
    if seconds < _SECONDS_IN_MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SECONDS_IN_MINUTE)
    return f"{minutes} min {rest} s"


def parameter_line(analysis: Analysis) -> str:
    """Return the parameters that decide most, those that are set."""
    by_correlation = analysis.parameter("init", "method_init") == "corr_pnr"
    groups = (*_TOLD, _TOLD_OF_CORR_PNR) if by_correlation else _TOLD
    told = ((name, analysis.parameter(group, name)) for group, names in groups for name in names)
    return "   ".join(f"{name} = {value_text(value)}" for name, value in told if value is not None)


def value_text(value: Any) -> str:
    """Return a parameter's value for people."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(value_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace("-", "\N{MINUS SIGN}") if isinstance(value, int | float) else text
