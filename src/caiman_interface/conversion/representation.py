"""Short descriptions of an interface, as text and as HTML for notebooks."""

from __future__ import annotations

from html import escape

from caiman_interface.extractor import CaimanSegmentationExtractor

_CELL = "style='text-align: left'"


def summary(extractor: CaimanSegmentationExtractor, metadata_key: str, rate: float | None) -> dict[str, str]:
    """Return what an interface holds, by label."""
    results = extractor.results
    accepted = len(extractor.get_accepted_list())
    frames = "no traces" if results.num_frames is None else f"{results.num_frames} frames"
    return {
        "File": str(results.file_path),
        "Analysis": f"{results.method}, frame {' × '.join(map(str, results.frame_shape))}",
        "ROIs": f"{results.components.count} components, {accepted} accepted",
        "Traces": frames if rate is None else f"{frames} at {rate:g} Hz",
        "Metadata": f"metadata_key '{metadata_key}'",
    }


def as_html(entries: dict[str, str]) -> str:
    """Return a table of labels and values."""
    rows = (f"<tr><th {_CELL}>{escape(key)}</th><td {_CELL}>{escape(text)}</td></tr>" for key, text in entries.items())
    return f"<table>{''.join(rows)}</table>"
