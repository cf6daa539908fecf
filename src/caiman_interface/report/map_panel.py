"""The field of view: the image with the contours of the components over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caiman_interface.caiman_file import PixelTable

from .contours import centroids, outlines, project
from .data import Analysis, ReportData
from .style import ACCEPTED, DISCARDED, FAINT_INK, NOT_EVALUATED, REJECTED, ComponentStyle

_MANY = 400
"""From so many contours on a vector picture keeps them as one image: it stays small, and opens at once."""

_MOST_NUMBERS = 80

_NAME_SIZE = 8


@dataclass(frozen=True)
class View:
    """A projection of the field of view onto the page.

    Attributes
    ----------
    axes : tuple of int
        Which of x, y, z go to the right and down.
    labels : tuple of str
        What they are called.
    along : int or None
        The axis of the image, (rows, columns, planes), along which its maximum is taken.
    """

    axes: tuple[int, int]
    labels: tuple[str, str]
    along: int | None = None

    def image(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the projected image, its rows going down the page."""
        if self.along is None:
            return image
        flat: NDArray[Any] = np.max(image, axis=self.along)
        # (rows, planes) has z to the right already; of (columns, planes), z has to go down.
        return flat.T if self.along == 0 else flat

    def pixels(self, pixels: PixelTable) -> PixelTable:
        """Return the projected footprints."""
        return pixels if self.along is None else project(pixels, self.axes)


FRAME = View((0, 1), ("column", "row"))
FROM_ABOVE = View((0, 1), ("column", "row"), along=2)
FROM_THE_FRONT = View((0, 2), ("column", "plane"), along=0)
FROM_THE_SIDE = View((2, 1), ("plane", "row"), along=1)


def kinds(analysis: Analysis) -> list[tuple[ComponentStyle, NDArray[np.bool_]]]:
    """Return each kind of components that the result has or could have, with which components are of it."""
    if analysis.accepted is None:
        return [(NOT_EVALUATED, np.ones(analysis.count, dtype=bool))]
    return [(ACCEPTED, analysis.accepted), (REJECTED, ~analysis.accepted)]


def look_of(analysis: Analysis, position: int) -> ComponentStyle:
    """Return how one component is drawn."""
    return next(look for look, members in kinds(analysis) if members[position])


def tally(analysis: Analysis) -> list[tuple[ComponentStyle, int]]:
    """Return how many components there are of each kind."""
    counts = [(look, int(np.count_nonzero(members))) for look, members in kinds(analysis)]
    if analysis.evaluation == "selected":
        counts = [(look, count) for look, count in counts if look is not REJECTED]  # they have been removed
    if analysis.discarded is not None:
        counts.append((DISCARDED, analysis.discarded.count))
    return counts


def draw_view(axes: Any, data: ReportData, view: View) -> None:
    """Draw one projection: the image, the contours and the numbers of as many components as there is room for."""
    analysis = data.analysis
    image = view.image(data.backdrop)
    low, high = contrast(image)
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect="auto")
    if analysis.discarded is not None:
        _draw_contours(axes, _lines(analysis.discarded.pixels, view, image), DISCARDED)
    lines = _lines(analysis.pixels, view, image)
    for look, members in reversed(kinds(analysis)):
        _draw_contours(axes, [lines[position] for position in np.flatnonzero(members)], look)
    axes.set_xlim(-0.5, image.shape[1] - 0.5)
    axes.set_ylim(image.shape[0] - 0.5, -0.5)
    axes.set_xlabel(view.labels[0], color=FAINT_INK, fontsize=8)
    axes.set_ylabel(view.labels[1], color=FAINT_INK, fontsize=8)
    axes.locator_params(nbins=5, integer=True)
    axes.tick_params(length=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _lines(pixels: PixelTable, view: View, image: NDArray[Any]) -> list[list[NDArray[np.float64]]]:
    """Return the outlines on this projection; where a footprint is cut off by the edge, they run along it."""
    rows, columns = image.shape
    lowest, highest = (-0.5, -0.5), (columns - 0.5, rows - 0.5)
    return [[np.clip(line, lowest, highest) for line in lines] for lines in outlines(view.pixels(pixels))]


def contrast(image: NDArray[Any]) -> tuple[float, float]:
    """Return the values that become black and white, so that a few bright pixels do not darken all others."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99.7])
    return (float(low), float(high)) if low < high else (float(finite.min()), float(finite.max()) + 1e-12)


def _draw_contours(axes: Any, lines: list[list[NDArray[np.float64]]], look: ComponentStyle) -> None:
    from matplotlib.collections import LineCollection

    segments = [line for component in lines for line in component]
    many = len(segments) > _MANY
    width = float(np.clip(14 / np.sqrt(max(1, len(segments))), 0.55, 1.5))
    # A dark rim keeps the line visible where the image is as light as the line.
    for color, line_width, style in (("black", width + 1.1, "solid"), (look.on_image, width, look.line)):
        if many and color == "black":
            continue
        axes.add_collection(
            LineCollection(
                segments,
                colors=color,
                linewidths=line_width,
                linestyles=_dashes(style, width),
                alpha=0.55 if color == "black" else 1.0,
                rasterized=many,
            ),
            autolim=False,
        )


def _dashes(style: str, width: float) -> Any:
    """Return a line style whose dashes stay visible when the line is thin."""
    scale = 1 / max(width, 0.7)
    patterns = {"dashed": (0, (3.0 * scale, 1.4 * scale)), "dotted": (0, (1.0 * scale, 1.4 * scale))}
    return patterns.get(style, style)


def draw_numbers(axes: Any, data: ReportData, view: View, *, points_per_pixel: tuple[float, float]) -> None:
    """Write the numbers of the components, those whose traces are shown first, where they do not cover each other."""
    from matplotlib.patheffects import withStroke

    analysis = data.analysis
    size = float(np.interp(analysis.count, [20, 100, 500], [9.5, 8.0, 7.0]))
    for position, (x, y) in _with_room(data, view, np.array(points_per_pixel), size):
        axes.text(
            x,
            y,
            str(analysis.ids[position]),
            color=look_of(analysis, position).on_image,
            fontsize=size,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=2.2, foreground="black", alpha=0.8)],
            clip_on=True,
        )


def _with_room(
    data: ReportData, view: View, scale: NDArray[np.float64], size: float
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the components whose numbers are drawn, and where; `scale` in points on the page a pixel."""
    analysis = data.analysis
    centres = centroids(analysis.pixels)[:, list(view.axes)] * scale
    # A number in the middle of a small footprint would hide it: there it stands beside.
    radii = np.sqrt(np.diff(analysis.pixels.ends, prepend=0) / np.pi) * scale[0]
    first = [trace.position for trace in data.traces]
    right = analysis.frame_shape[1] * scale[0]
    taken = _corners(data, scale)
    corners = len(taken)
    for position in dict.fromkeys([*first, *data.strongest]):
        half_width = 0.35 * size * len(str(analysis.ids[position])) + 1
        is_beside = not analysis.is_volumetric and radii[position] < size
        x, y = centres[position]
        if is_beside:
            aside = radii[position] + half_width
            x += aside if x + aside + half_width < right else -aside
        free = all(abs(x - x2) > half_width + half2 or abs(y - y2) > 1.15 * size for x2, y2, half2 in taken)
        if np.isfinite(x) and free:
            taken.append((x, y, half_width))
            yield position, np.array([x, y]) / scale
        if len(taken) - corners == _MOST_NUMBERS:
            return


def _corners(data: ReportData, scale: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """Return the places of the image's name and of the scale bar: middle and half the width, in points."""
    rows, columns = data.analysis.frame_shape[:2]
    name_width = _NAME_SIZE * 0.62 * len(image_name(data))
    name = (name_width / 2, 1.2 * _NAME_SIZE, name_width / 2)
    if data.analysis.pixel_size is None:
        return [name]
    bar_width = max(0.23 * columns * scale[0], 50.0)
    right, bottom = columns * scale[0], rows * scale[1]
    return [name, *((right - bar_width / 2, 0.965 * bottom - above, bar_width / 2) for above in (0.0, 8.0))]


def draw_legend(axes: Any, data: ReportData) -> None:
    """Say above the map how many components of each kind there are, each in its colour and line."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=look.on_paper,
            linewidth=2.2,
            linestyle=_dashes(look.line, 1.2),
            label=f"{count:,} {look.word}",
        )
        for look, count in tally(data.analysis)
    ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        borderaxespad=0.3,
        borderpad=0,
        ncols=len(handles),
        frameon=False,
        fontsize=11,
        handlelength=2.4,
        columnspacing=1.6,
    )


def image_name(data: ReportData) -> str:
    """Return what the image behind the contours is."""
    return data.backdrop_name + (", maximum over planes" if data.analysis.is_volumetric else "")


def draw_image_name(axes: Any, data: ReportData) -> None:
    """Say in the upper left corner what the image is."""
    from matplotlib.patheffects import withStroke

    axes.annotate(
        image_name(data),
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(5, -5),
        textcoords="offset points",
        va="top",
        fontsize=_NAME_SIZE,
        color="white",
        path_effects=[withStroke(linewidth=2.2, foreground="black", alpha=0.9)],
    )


def draw_scale_bar(axes: Any, analysis: Analysis) -> None:
    """Draw a bar of a round number of micrometres into the lower right corner."""
    from matplotlib.patheffects import withStroke

    if analysis.pixel_size is None:
        return
    rows, columns = analysis.frame_shape[:2]
    micrometres = round_length(columns * analysis.pixel_size[0] / 5)
    length = micrometres / analysis.pixel_size[0]
    right, bottom = columns - 0.5 - 0.03 * columns, rows - 0.5 - 0.035 * rows
    rim = [withStroke(linewidth=5, foreground="black", alpha=0.8)]
    axes.plot(
        [right - length, right],
        [bottom, bottom],
        color="white",
        linewidth=3,
        path_effects=rim,
        scalex=False,
        scaley=False,
        solid_capstyle="butt",
    )
    axes.text(
        right,
        bottom - 0.012 * rows,
        f"{micrometres:g} µm",
        color="white",
        fontsize=9,
        ha="right",
        va="bottom",
        path_effects=[withStroke(linewidth=2.2, foreground="black", alpha=0.9)],
    )


def round_length(about: float) -> float:
    """Return 1, 2 or 5 times a power of ten: the largest that is not longer than `about`."""
    power = 10.0 ** np.floor(np.log10(about))
    return float(max(step * power for step in (1, 2, 5) if step * power <= about * (1 + 1e-9)))
