"""What a report says in words: the session, the recording, the analysis and its parameters."""

from __future__ import annotations

from typing import Any

import caiman_interface

from .data import ReportData

_SECONDS_IN_MINUTE = 60

# The parameters that decide most about how a result looks; the page lists all of them.
_MAIN_PARAMETERS = (
    ("data", ("decay_time",)),
    ("init", ("method_init", "K", "gSig", "nb", "ssub", "tsub")),
    ("patch", ("rf", "stride")),
    ("temporal", ("p",)),
    ("merging", ("merge_thr",)),
    ("quality", ("use_cnn",)),
)
_CORR_PNR_PARAMETERS = ("init", ("min_corr", "min_pnr"))


def session_facts(data: ReportData) -> dict[str, str]:
    """Return the session, as the NWB file describes it: label → text; empty for a CaImAn file."""
    nwbfile = data.nwbfile
    if nwbfile is None:
        return {}
    subject = nwbfile.subject
    planes = list(nwbfile.imaging_planes.values())
    facts = {
        "Session": nwbfile.session_id or nwbfile.identifier,
        "Description": nwbfile.session_description,
        "Subject": _subject_text(subject) if subject is not None else None,
        "Date": nwbfile.session_start_time.strftime("%Y-%m-%d %H:%M %Z"),
        "Indicator": _joined(plane.indicator for plane in planes),
        "Location": _joined(plane.location for plane in planes),
        "Laboratory": _joined([nwbfile.lab, nwbfile.institution]),
    }
    return {label: str(text) for label, text in facts.items() if text and str(text).lower() != "unknown"}


def recording_facts(data: ReportData) -> dict[str, str]:
    """Return the recording and its analysis: label → text."""
    facts = {
        "Analysis": analysis_text(data),
        "Frame": frame_text(data),
        "Recording": time_text(data),
        "Movie": _joined(data.parameter("data", "fnames") or ()),
        "Versions": _versions_text(data),
    }
    return {label: text for label, text in facts.items() if text}


def facts_line(data: ReportData) -> str:
    """Return in one line what was recorded and analysed."""
    return "   ·   ".join(part for part in (analysis_text(data), frame_text(data), time_text(data)) if part)


def analysis_text(data: ReportData) -> str:
    """Return the method and the kind of imaging."""
    photons = {True: "one-photon", False: "two-photon", None: ""}[data.is_one_photon]
    return ", ".join(part for part in (data.method, photons) if part)


def frame_text(data: ReportData) -> str:
    """Return the size of the frame in pixels and, where it is known, in micrometres."""
    rows, columns, *planes = data.frame_shape
    volume = f" × {planes[0]} planes" if planes else ""
    size = data.pixel_size
    micrometres = "" if size is None else f" ({rows * size[1]:.0f} × {columns * size[0]:.0f} µm)"
    return f"{rows} rows × {columns} columns{volume}{micrometres}"


def time_text(data: ReportData) -> str:
    """Return the number of frames, the rate and the duration, as far as they are known."""
    if data.num_frames is None:
        return ""
    rate = data.sampling_frequency
    if not rate:
        return f"{data.num_frames:,} frames, rate not known"
    return f"{data.num_frames:,} frames at {rate:g} Hz ({duration_text(data.num_frames / rate)})"


def duration_text(seconds: float) -> str:
    """Return a duration for people."""
    if seconds < _SECONDS_IN_MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SECONDS_IN_MINUTE)
    return f"{minutes} min {rest} s"


def parameter_line(data: ReportData) -> str:
    """Return the parameters that decide most, those that are set."""
    by_correlation = data.parameter("init", "method_init") == "corr_pnr"
    groups = (*_MAIN_PARAMETERS, _CORR_PNR_PARAMETERS) if by_correlation else _MAIN_PARAMETERS
    found = ((name, data.parameter(group, name)) for group, names in groups for name in names)
    return "   ".join(f"{name} = {value_text(value)}" for name, value in found if value is not None)


def value_text(value: Any) -> str:
    """Return the value of a parameter for people."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(value_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {value_text(item)}" for name, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace("-", "\N{MINUS SIGN}") if isinstance(value, int | float) else text


def _versions_text(data: ReportData) -> str:
    written_by = data.parameter("analysis", "package_version")
    parts = {
        "CaImAn": data.caiman_version,
        "written by caiman-interface": written_by,
        "report by caiman-interface": getattr(caiman_interface, "__version__", None),
    }
    return ", ".join(f"{name} {version}" for name, version in parts.items() if version)


def _subject_text(subject: Any) -> str:
    return _joined([subject.subject_id, subject.species, subject.sex, subject.age])


def _joined(texts: Any) -> str:
    texts = [texts] if isinstance(texts, str) else texts
    return ", ".join(dict.fromkeys(str(text) for text in texts if text and str(text).lower() != "unknown"))
