"""Colours and lines: of the palette of Okabe and Ito, told apart with every kind of colour vision and in grey too."""

from __future__ import annotations

from typing import Any, NamedTuple

INK = "#222222"
FAINT_INK = "#6b6b6b"
RAW_TRACE = "#a3a3a3"


class ComponentStyle(NamedTuple):
    """How one kind of components is drawn.

    Attributes
    ----------
    word : str
        What they are called.
    on_image, on_paper : str
        Colours over a dark image and on white.
    line : str
        matplotlib's style of the contour.
    hatch : str
        matplotlib's hatch of the bars.
    """

    word: str
    on_image: str
    on_paper: str
    line: str
    hatch: str


ACCEPTED = ComponentStyle("accepted", "#56B4E9", "#0072B2", "solid", "")
REJECTED = ComponentStyle("rejected", "#E69F00", "#D55E00", "dashed", "//////")
NOT_EVALUATED = ComponentStyle("not evaluated", "#2CCFA0", "#00795A", "solid", "")
DISCARDED = ComponentStyle("discarded", "#E0E0E0", "#999999", "dotted", "......")

RC_PARAMS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a title with two "$" is not a formula
    "axes.edgecolor": FAINT_INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": FAINT_INK,
    "ytick.color": FAINT_INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "caiman-interface",  # the same results give the same bytes
    "pdf.fonttype": 42,
    "path.simplify": True,
}
