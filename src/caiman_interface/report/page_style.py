"""What the parts of the interactive page share."""

from __future__ import annotations

from typing import Any

from .style import FAINT_INK

STRETCH = "stretch_width"

Part = tuple[dict[str, Any], dict[str, Any]]
"""Roots of the page by name, and arguments of the callback."""

METRIC_LABELS = {
    "snr": "SNR",
    "r_values": "r",
    "cnn_preds": "CNN",
    "eccentricity": "eccentricity",
    "noise_std": "noise",
    "baseline": "baseline",
    "initial_calcium": "initial calcium",
    "ar_coefficients": "AR coefficient",
    "regularization": "regularization",
}


def make_quiet(plot: Any) -> None:
    """Apply the style of the page to a plot."""
    plot.toolbar.logo = None
    plot.outline_line_color = None
    plot.xgrid.grid_line_color = None
    plot.ygrid.grid_line_color = "#eeeeee"
    plot.axis.axis_line_color = FAINT_INK
    plot.axis.major_tick_line_color = FAINT_INK
    plot.axis.minor_tick_line_color = None
    plot.axis.axis_label_text_font_style = "normal"
    plot.title.text_font_size = "12px"
