"""The field of view of the interactive page."""

from __future__ import annotations

from typing import Any

from bokeh.layouts import row
from bokeh.models import (
    CDSView,
    ColumnDataSource,
    HoverTool,
    LinearColorMapper,
    Range1d,
    Select,
    Slider,
    TextInput,
)
from bokeh.plotting import figure

from .data import ReportData
from .page_data import PageData
from .page_style import Part
from .static import round_length

_FIELD_SIDE = 600


def field(data: ReportData, page: PageData, source: ColumnDataSource, view: CDSView) -> Part:
    """Return the field of view with its contours, and the widgets above it."""
    plot = _field_plot(data)
    rows, columns = data.frame_shape[:2]
    images = list(page.images.values())
    picture = ColumnDataSource({"image": [images[0][0]], "x": [-0.5], "y": [-0.5], "dw": [columns], "dh": [rows]})
    grey = LinearColorMapper(palette="Greys256", low=0, high=255)
    plot.image("image", "x", "y", "dw", "dh", source=picture, color_mapper=grey)
    plot.patches(
        "xs", "ys", source=source, view=view, line_color="color", line_dash="dash", line_width=1.5, fill_alpha=0,
        selection_line_alpha=1, selection_fill_alpha=0, nonselection_line_alpha=1, nonselection_fill_alpha=0,
        hover_line_width=3, hover_line_color="color", hover_fill_alpha=0,
    )  # fmt: skip
    highlights = ColumnDataSource({"xs": [], "ys": [], "color": []}, name="highlights")
    plot.multi_line("xs", "ys", source=highlights, line_color="white", line_width=5, line_alpha=0.9)
    plot.multi_line("xs", "ys", source=highlights, line_color="color", line_width=3)
    _add_scale_bar(plot, data)
    names = list(page.images)
    image_select = Select(title="Image", value=names[0], options=names, width=220, name="image")
    last = data.frame_shape[2] - 1 if data.is_volumetric else 0
    plane_slider = Slider(title="Plane", start=0, end=max(1, last), value=last // 2, step=1, width=220, name="plane")
    plane_slider = plane_slider if last else None
    search = TextInput(title="Select components", placeholder="numbers, such as 4, 12", width=180, name="search")
    contours = page.contours
    arguments = {
        "image_source": picture, "image_select": image_select, "image_names": names, "images": images,
        "plane_slider": plane_slider, "highlights": highlights, "search_input": search,
        "contour_x": contours.x, "contour_y": contours.y, "contour_scale": contours.scale,
        "line_ends": contours.line_ends, "line_components": contours.line_components,
        "line_planes": contours.line_planes,
    }  # fmt: skip
    widgets = [image_select, *([plane_slider] if plane_slider else []), search]
    return {"controls": row(*widgets), "field": plot}, arguments


def _field_plot(data: ReportData) -> Any:
    rows, columns = data.frame_shape[:2]
    across, down = data.pixel_size or (1.0, 1.0)
    scale = _FIELD_SIDE / max(columns * across, rows * down)
    hover = HoverTool(tooltips=[("component", "@id"), ("status", "@status")], renderers="auto")
    plot = figure(
        frame_width=max(160, round(columns * across * scale)),
        frame_height=max(160, round(rows * down * scale)),
        x_range=Range1d(-0.5, columns - 0.5, bounds=(-0.5, columns - 0.5)),
        y_range=Range1d(rows - 0.5, -0.5, bounds=(-0.5, rows - 0.5)),
        tools=["pan", "wheel_zoom", "box_zoom", "tap", "reset", "save", hover],
        active_scroll="wheel_zoom",
        toolbar_location="above",
        name="field",
    )
    plot.axis.visible = False
    plot.grid.visible = False
    plot.outline_line_color = None
    plot.toolbar.logo = None
    return plot


def _add_scale_bar(plot: Any, data: ReportData) -> None:
    if data.pixel_size is None:
        return
    rows, columns = data.frame_shape[:2]
    micrometres = round_length(columns * data.pixel_size[0] / 5)
    right, bottom = columns - 0.5 - 0.03 * columns, rows - 0.5 - 0.03 * rows
    left = right - micrometres / data.pixel_size[0]
    for color, width in (("black", 7), ("white", 4)):
        plot.line([left, right], [bottom, bottom], line_color=color, line_width=width)
    plot.text(
        [(left + right) / 2], [bottom - 0.015 * rows], [f"{micrometres:g} µm"], text_color="white",
        text_font_size="12px", text_font_style="bold", text_align="center", text_baseline="bottom",
        background_fill_color="black", background_fill_alpha=0.6, padding=2,
    )  # fmt: skip
