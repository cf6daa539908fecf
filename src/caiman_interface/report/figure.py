"""The pictures of a report, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import score_panel, trace_panel
from .data import Analysis, ReportData
from .facts import facts_line, parameter_line
from .map_panel import (
    FRAME,
    FROM_ABOVE,
    FROM_THE_FRONT,
    FROM_THE_SIDE,
    View,
    draw_image_name,
    draw_legend,
    draw_numbers,
    draw_scale_bar,
    draw_view,
)
from .score_panel import SCORES, draw_score
from .style import FAINT_INK, RC_PARAMS
from .trace_panel import draw_traces

SCORES_HEADING = "Quality scores"
_TITLE_STYLE = {"fontsize": 16, "fontweight": "bold"}

_POINTS_PER_INCH = 72

# Inches.
_WIDTH = 15.0
_TOP = 1.4
_TITLE_TOP = 0.28
_TITLE_LINE = 0.3
_MARGIN = 0.55
_GAP = 0.75
_MAP_HEIGHTS = (5.3, 6.4)
_MAP_WIDTHS = (4.2, 7.9)
_SCORE_HEIGHT = 1.3
_SCORE_HEAD = 0.92
_BELOW_TRACES = 0.32
_RIGHT_OF_TRACES = 1.0
_THINNEST_SIDE_VIEW = 0.16


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the report's style, whatever matplotlib was set to.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        message = 'A report needs matplotlib. Install it with: pip install "caiman-interface[report]"'
        raise ImportError(message) from error
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC_PARAMS)  # type: ignore[arg-type, unused-ignore]
        yield


class Page:
    """A figure on which things are placed in inches, from its upper left corner.

    Parameters
    ----------
    width, height : float
        Inches.
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width = width
        self.height = height
        self.figure = Figure(figsize=(width, height), dpi=150)
        FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Return new axes at this place."""
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def wrap(self, text: str, width: float, **style: Any) -> list[str]:
        """Break a text into lines that fit: between words, and a longer word, such as the name of a file, anywhere."""
        lines = [""]
        for word in text.split():
            line = f"{lines[-1]} {word}".lstrip()
            if self.measure(line, **style) <= width:
                lines[-1] = line
                continue
            lines.append("")
            for character in word:
                if self.measure(lines[-1] + character, **style) > width:
                    lines.append("")
                lines[-1] += character
        return [line for line in lines if line]

    def measure(self, text: str, **style: Any) -> float:
        """Return how long a line becomes."""
        written = self.figure.text(0, 0, text, **style)
        length: float = written.get_window_extent().width / self.figure.dpi
        written.remove()
        return length

    def text(self, left: float, top: float, text: str, **style: Any) -> None:
        """Write a line whose upper left corner is at this place."""
        self.figure.text(left / self.width, 1 - top / self.height, text, va="top", **style)

    def heading(self, left: float, top: float, title: str, caption: str) -> None:
        """Write the heading of a part of the page, with a line that explains it."""
        self.text(left, top, title, fontsize=10, fontweight="bold")
        self.text(left, top + 0.2, caption, fontsize=8, color=FAINT_INK)


def draw_picture(data: ReportData, title: str) -> Any:
    """Draw everything on one page: the field of view, traces, scores, counts and parameters.

    Parameters
    ----------
    data : ReportData
        What to show.
    title : str
        The heading.

    Returns
    -------
    matplotlib.figure.Figure
    """
    map_width, map_height = map_size(data.analysis, (_MAP_WIDTHS[1], _MAP_HEIGHTS[1]))
    height = max(map_height, _MAP_HEIGHTS[0])
    lines = Page(_WIDTH, _TOP).wrap(title, _WIDTH - 2 * _MARGIN, **_TITLE_STYLE)
    more = _TITLE_LINE * max(0, len(lines) - 1)
    top = _TOP + more
    page = Page(_WIDTH, top + height + 0.85)
    for at, line in enumerate(lines):
        page.text(_MARGIN, _TITLE_TOP + at * _TITLE_LINE, line, **_TITLE_STYLE)
    page.text(_MARGIN, 0.64 + more, facts_line(data.analysis), fontsize=10.5, color=FAINT_INK)
    page.text(_MARGIN, page.height - 0.3, parameter_line(data.analysis), fontsize=8, color=FAINT_INK)
    place_map(page, data, _MARGIN + 0.15, top, (map_width, map_height))
    left = _MARGIN + max(map_width, _MAP_WIDTHS[0]) + _GAP
    scores_top = top + height - _SCORE_HEIGHT
    traces_height = height - _SCORE_HEIGHT - _SCORE_HEAD - _BELOW_TRACES
    page.heading(left, top - 0.42, trace_panel.heading(data), trace_panel.caption(data))
    draw_traces(page.axes(left, top, _WIDTH - left - _RIGHT_OF_TRACES, traces_height), data)
    page.heading(left, scores_top - _SCORE_HEAD, SCORES_HEADING, score_panel.caption(data))
    place_scores(page, data, left, scores_top, _WIDTH - left - _MARGIN)
    return page.figure


def draw_map(data: ReportData) -> Any:
    """Draw the field of view alone; returns a matplotlib figure."""
    width, height = map_size(data.analysis, (_WIDTH - 4, 9.0))
    page = Page(max(width, _MAP_WIDTHS[0]) + 1.1, height + 1.0)
    place_map(page, data, 0.7, 0.4, (width, height))
    return page.figure


def draw_all_traces(data: ReportData) -> Any:
    """Draw the traces alone; returns a matplotlib figure."""
    page = Page(_WIDTH - 4, max(2.0, 0.55 * len(data.traces) + 0.4))
    draw_traces(page.axes(0.7, 0.1, page.width - 0.7 - _RIGHT_OF_TRACES, page.height - 0.2), data)
    return page.figure


def draw_all_scores(data: ReportData) -> Any:
    """Draw the histograms alone; returns a matplotlib figure."""
    page = Page(_WIDTH - 4, 2.4)
    place_scores(page, data, 0.7, 0.6, page.width - 0.9)
    return page.figure


def map_size(analysis: Analysis, room: tuple[float, float]) -> tuple[float, float]:
    """Return width and height of the map, as large as fits: pixels keep the shape that ``dxy`` gives them."""
    right, down = extent(analysis)
    if analysis.is_volumetric:
        depth = _depth(analysis)
        right, down = right + depth, down + depth
    scale = min(room[0] / right, room[1] / down)
    return right * scale, down * scale


def extent(analysis: Analysis) -> tuple[float, float]:
    """Return width and height of the frame in micrometres, or in pixels where their size is not known."""
    rows, columns = analysis.frame_shape[:2]
    across, down = analysis.pixel_size or (1.0, 1.0)
    return columns * across, rows * down


def _depth(analysis: Analysis) -> float:
    """Return how thick the side views are; the distance of planes does not stand in the file."""
    right, down = extent(analysis)
    return max(analysis.frame_shape[2] * right / analysis.frame_shape[1], _THINNEST_SIDE_VIEW * max(right, down))


def place_map(page: Page, data: ReportData, left: float, top: float, size: tuple[float, float]) -> None:
    """Draw the field of view, and a volume from three sides."""
    analysis = data.analysis
    if not analysis.is_volumetric:
        main = _place_view(page, data, FRAME, left, top, size)
    else:
        gap = 0.45
        right, down = extent(analysis)
        depth = _depth(analysis)
        scale = min((size[0] - gap) / (right + depth), (size[1] - gap) / (down + depth))
        width, height, thick = right * scale, down * scale, depth * scale
        main = _place_view(page, data, FROM_ABOVE, left, top, (width, height))
        _place_view(page, data, FROM_THE_SIDE, left + width + gap, top, (thick, height)).set_ylabel("")
        _place_view(page, data, FROM_THE_FRONT, left, top + height + gap, (width, thick))
    draw_legend(main, data)
    draw_scale_bar(main, analysis)
    draw_image_name(main, data)


def _place_view(page: Page, data: ReportData, view: View, left: float, top: float, size: tuple[float, float]) -> Any:
    axes = page.axes(left, top, *size)
    draw_view(axes, data, view)
    if view in {FRAME, FROM_ABOVE}:
        rows, columns = data.analysis.frame_shape[:2]
        points = (size[0] * _POINTS_PER_INCH / columns, size[1] * _POINTS_PER_INCH / rows)
        draw_numbers(axes, data, view, points_per_pixel=points)
    return axes


def place_scores(page: Page, data: ReportData, left: float, top: float, width: float) -> None:
    """Draw the three histograms side by side."""
    gap = 0.5
    each = (width - gap * (len(SCORES) - 1)) / len(SCORES)
    for at, score in enumerate(SCORES):
        draw_score(page.axes(left + at * (each + gap), top, each, _SCORE_HEIGHT), data, score)
