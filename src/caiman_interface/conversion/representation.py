"""A short description of an interface."""

from __future__ import annotations

from caiman_interface.extractor import CaimanSegmentationExtractor


def summary(extractor: CaimanSegmentationExtractor, metadata_key: str, rate: float | None) -> dict[str, str]:
    """Return the content of an interface, by label."""
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
