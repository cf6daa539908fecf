"""Colours and lines, from the palette of Okabe and Ito: distinct with every kind of colour vision, and in grey."""

from __future__ import annotations

from typing import Any, NamedTuple

INK = "#222222"
FAINT_INK = "#6b6b6b"
RAW_TRACE = "#8f8f8f"


class ComponentStyle(NamedTuple):
    """How components of one status are drawn.

    Attributes
    ----------
    on_image, on_paper : str
        Colours over a dark image and on white.
    line : str
        Line style of the contour.
    """

    on_image: str
    on_paper: str
    line: str


STYLES = {
    "accepted": ComponentStyle("#56B4E9", "#0072B2", "solid"),
    "rejected": ComponentStyle("#E69F00", "#D55E00", "dashed"),
    "not evaluated": ComponentStyle("#2CCFA0", "#00795A", "solid"),
    "discarded": ComponentStyle("#E0E0E0", "#8a8a8a", "dotted"),
}

COMPARED = ("#CC3311", "#009988", "#AA4499", "#DDAA33", "#0077BB", "#882255", "#44AA99", "#332288")
"""Colours of components that are selected for comparison."""

RC_PARAMS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a title with two "$" is not a formula
    "axes.edgecolor": FAINT_INK,
    "axes.labelcolor": FAINT_INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "xtick.color": FAINT_INK,
    "ytick.color": FAINT_INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "svg.hashsalt": "caiman-interface",  # the same results give the same bytes
    "pdf.fonttype": 42,
}
