"""`caiman-interface inspect`: what CaImAn files hold."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

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
_SECONDS_IN_MINUTE = 60
_LABEL_WIDTH = 14


@click.command(name="inspect", short_help="Show what CaImAn files hold.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array with one object for each file, for programs.")
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Show what CaImAn files hold: the analysis, the components, the traces, and what is missing or odd.

    \b
    Examples:
      caiman-interface inspect results.hdf5
      caiman-interface inspect session1.hdf5 session2.hdf5 --json

    Reads no trace and no footprint, so that it is quick with files of any size. A file that cannot be read is
    reported (in JSON as an object with the keys "file" and "error"), the others are shown, and the exit status is 1.
    """  # noqa: D301
    from .output import output, print_json
    from .program import is_debugging

    described = [_describe(path) for path in files]
    summaries = [found for found in described if not isinstance(found, Exception)]
    if as_json:
        print_json([_as_json(path, found) for path, found in zip(files, described, strict=True)])
    else:
        # Written at once, as JSON is: a reader that takes the first lines and goes, such as `head`, is no error.
        with output() as console:
            _print_summaries(console, summaries, with_overview=len(files) > 1)
    problems = [found for found in described if isinstance(found, Exception)]
    for problem in problems:
        if is_debugging(click.get_current_context()):
            click.echo("".join(traceback.format_exception(problem)), err=True, nl=False)
        click.echo(f"Error: {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _describe(path: Path) -> FileSummary | Exception:
    from caiman_interface.caiman_file import CaimanFileError, CaimanResults

    try:
        with CaimanResults(path) as results:
            return results.summary()
    except (CaimanFileError, OSError) as error:
        return error


def _as_json(path: Path, found: FileSummary | Exception) -> dict[str, Any]:
    if isinstance(found, Exception):
        return {"file": str(path), "error": str(found)}
    return found.model_dump(mode="json")


def _print_summaries(console: Console, summaries: list[FileSummary], *, with_overview: bool) -> None:
    for number, summary in enumerate(summaries):
        if number:
            console.print()
        _print_summary(console, summary)
    if with_overview and summaries:
        console.print()
        _print_overview(console, summaries)


def _print_summary(console: Console, summary: FileSummary) -> None:
    from rich.text import Text

    console.print(Text(summary.file, style="bold"), soft_wrap=True)
    for label, value in _lines(summary):
        console.print(Text(f"  {label:<{_LABEL_WIDTH}}", style="cyan").append(value, style="default"), soft_wrap=True)
    remarks = [
        *(("Left out", f"{one.field}: {one.reason}") for one in summary.left_out),
        *(("Warning", message) for message in summary.warnings),
        *(("Note", note.message) for note in summary.notes),
    ]
    for label, message in remarks:
        console.print(
            Text(f"  {label:<{_LABEL_WIDTH}}", style="yellow").append(message, style="default"), soft_wrap=True
        )


def _lines(summary: FileSummary) -> list[tuple[str, str]]:
    """Return label and value of each line of a summary."""
    lines = [
        ("Analysis", _analysis(summary)),
        ("Frame", _frame(summary)),
        ("Recording", _recording(summary)),
        ("Movie", ", ".join(summary.movie_files)),
        ("Components", _components(summary)),
        ("Traces", _arrays(summary.traces)),
        ("Images", _arrays(summary.images)),
        ("Metrics", "; ".join(_metric(name, facts) for name, facts in summary.metrics.items())),
        ("Fits", _arrays(summary.fits)),
        ("Background", _background(summary)),
    ]
    missing = ", ".join(_WORDS[name] for name in summary.missing)
    return [*((label, value or "none") for label, value in lines), *([("Missing", missing)] if missing else [])]


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
    duration = "" if summary.duration is None else f", {_duration(summary.duration)}"
    return f"{frames}, {rate}{duration}"


def _duration(seconds: float) -> str:
    if seconds < _SECONDS_IN_MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SECONDS_IN_MINUTE)
    return f"{minutes} min {rest} s"


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
    """List arrays, and state their shape and type once where they share them."""
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


def _print_overview(console: Console, summaries: list[FileSummary]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("File", overflow="fold")
    for heading in ("Analysis", "Frame"):
        table.add_column(heading)
    for heading in ("Frames", "Hz", "Components", "Accepted", "Rejected", "Discarded"):
        table.add_column(heading, justify="right")
    for summary in summaries:
        facts = summary.components
        judged = facts.verdict != "not evaluated"
        table.add_row(
            summary.file,
            summary.method,
            _times(summary.frame_shape),
            "?" if summary.num_frames is None else str(summary.num_frames),
            "?" if summary.sampling_frequency is None else f"{summary.sampling_frequency:g}",
            str(facts.count),
            str(facts.accepted) if judged else "-",
            str(facts.rejected) if judged else "-",
            str(facts.discarded),
        )
    console.print(table)
