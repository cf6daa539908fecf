"""The words in which `inspect` shows the summary of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caiman_interface.text import write_duration

if TYPE_CHECKING:
    from caiman_interface.caiman_file.summary import ArrayFacts, FileSummary, MetricFacts

_WORDS = {
    "raw": "raw (C + YrA)",
    "dff": "ΔF/F (F_dff)",
    "peak_to_noise": "peak-to-noise ratio (Cn)",
    "denoised": "denoised (C)",
    "deconvolved": "deconvolved (S)",
    "snr": "SNR",
    "r_values": "r",
    "cnn_preds": "CNN",
    "mean": "background (sum of b)",
    "eccentricity": "eccentricity",
    "ar_coefficients": "AR coefficients",
    "initial_calcium": "initial calcium",
    "noise_std": "noise",
    "traces.raw": "raw traces (YrA)",
    "traces.dff": "ΔF/F (F_dff)",
    "traces.denoised": "denoised traces (C)",
    "traces.deconvolved": "deconvolved traces (S)",
    "images.correlation": "correlation image (Cn)",
    "metrics.snr": "SNR",
    "metrics.r_values": "r values",
    "metrics.cnn_preds": "CNN scores",
    "caiman_version": "CaImAn's version",
    "pixel_size": "pixel size (dxy)",
    "sampling_frequency": "frame rate (fr)",
    "num_frames": "number of frames",
    "movie_files": "names of the movies (fnames)",
}


def facts_of(summary: FileSummary) -> list[tuple[str, str]]:
    """Return label and value of each fact of a summary; paths come last, each on its own line."""
    lines = [
        ("Analysis", _analysis(summary)),
        ("Frame", _frame(summary)),
        ("Recording", _recording(summary)),
        ("Components", _components(summary)),
        ("Traces", _arrays(summary.traces)),
        ("Images", _arrays(summary.images)),
        ("Metrics", "; ".join(_metric(name, facts) for name, facts in summary.metrics.items())),
        ("Fits", _arrays(summary.fits)),
        ("Background", _background(summary)),
    ]
    missing = ", ".join(_WORDS[name] for name in summary.missing)
    facts = [(label, value or "none") for label, value in lines]
    return [
        *facts,
        *([("Missing", missing)] if missing else []),
        ("Movie", "\n".join(name.replace("\n", "\\n") for name in summary.movie_files) or "none"),
    ]


def _analysis(summary: FileSummary) -> str:
    version = "" if summary.caiman_version is None else f", CaImAn {summary.caiman_version}"
    return f"{summary.method}, {summary.modality}{version}"


def _frame(summary: FileSummary) -> str:
    axes = "rows × columns × planes" if len(summary.frame_shape) > 2 else "rows × columns"  # noqa: PLR2004
    # dxy has the width first, the frame the rows: their directions are named.
    sides = zip(summary.pixel_size or (), ("wide", "high", "deep"), strict=False)
    pixel = ", ".join(f"{length:g} µm {side}" for length, side in sides)
    return f"{_times(summary.frame_shape)} ({axes})" + (f", pixel {pixel}" if pixel else "")


def _recording(summary: FileSummary) -> str:
    frames = "unknown number of frames" if summary.num_frames is None else f"{summary.num_frames} frames"
    rate = "rate unknown" if summary.sampling_frequency is None else f"{summary.sampling_frequency:g} frames/s"
    duration = "" if summary.duration is None else f", {write_duration(summary.duration)}"
    return f"{frames}, {rate}{duration}"


def _components(summary: FileSummary) -> str:
    facts = summary.components
    parts = {
        "accepted": facts.accepted,
        "rejected": facts.rejected,
        "not evaluated": facts.not_evaluated,
        "accepted by hand": facts.manually_accepted,
        "rejected by hand": facts.manually_rejected,
    }
    shown = [f"{count} {word}" for word, count in parts.items() if count]
    aside = f"; {facts.discarded} more discarded" if facts.discarded else ""
    return f"{facts.count}" + (f" ({', '.join(shown)})" if shown else "") + aside


def _arrays(arrays: dict[str, ArrayFacts]) -> str:
    """Return names of arrays, grouped by shape and type."""
    by_outline: dict[str, list[str]] = {}
    for name, facts in arrays.items():
        by_outline.setdefault(f"{_times(facts.shape)} {facts.dtype}", []).append(_WORDS.get(name, name))
    return "; ".join(f"{', '.join(names)}: {outline}" for outline, names in by_outline.items())


def _metric(name: str, facts: MetricFacts) -> str:
    if facts.lowest is None or facts.median is None or facts.highest is None:
        return f"{_WORDS[name]}: no values"
    return f"{_WORDS[name]} {facts.lowest:.3g} to {facts.highest:.3g} (median {facts.median:.3g})"


def _background(summary: FileSummary) -> str:
    facts = summary.background
    count = f"{facts.components} component{'s' * (facts.components != 1)}" if facts.components else ""
    return ", ".join(part for part in (count, "ring model" if facts.ring_model else "") if part)


def _times(numbers: tuple[float, ...]) -> str:
    return " × ".join(f"{number:g}" if isinstance(number, float) else str(number) for number in numbers)


def overview_of(summary: FileSummary) -> list[str]:
    """Return the cells of a file in the overview of several."""
    facts = summary.components
    return [
        summary.method,
        _times(summary.frame_shape),
        "?" if summary.num_frames is None else str(summary.num_frames),
        "?" if summary.sampling_frequency is None else f"{summary.sampling_frequency:g}",
        str(facts.count),
        str(facts.accepted) if facts.is_evaluated else "-",
        str(facts.rejected) if facts.is_evaluated else "-",
        str(facts.discarded),
    ]
