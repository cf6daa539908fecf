"""Bokeh's models of the interactive page, and the callback that connects them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.models import BooleanFilter, CDSView, ColumnDataSource, CustomJS

from .data import ReportData
from .page_data import PageData
from .page_field import field
from .page_filters import scores, status_filter, table
from .page_traces import traces
from .style import COMPARED, RAW_TRACE, STYLES


@dataclass(frozen=True)
class PageModels:
    """The models of a page.

    Attributes
    ----------
    roots : dict of Model
        What the template places, by name: controls, field, details, traces, filters, scores, table.
    """

    roots: dict[str, Any]

    @classmethod
    def build(cls, data: ReportData, page: PageData, *, callback: str) -> PageModels:
        """Build the models; `callback` is the JavaScript that runs when the page is ready."""
        count = len(page.columns["id"])
        source = ColumnDataSource(
            {**page.columns, "xs": [[]] * count, "ys": [[]] * count, **_styles(page)}, name="components"
        )
        view = CDSView(filter=BooleanFilter([True] * count))
        parts = [
            field(data, page, source, view),
            traces(data, page),
            scores(data, page),
            status_filter(data, page),
            table(page, source, view),
        ]
        roots: dict[str, Any] = {name: model for part in parts for name, model in part[0].items()}
        arguments = {name: value for part in parts for name, value in part[1].items()}
        arguments |= {"source": source, "filter": view.filter, "colors": list(COMPARED), "raw_color": RAW_TRACE}
        document = Document()
        for root in roots.values():
            document.add_root(root)
        document.js_on_event(DocumentReady, CustomJS(args=arguments, code=callback))
        return cls(roots)


def _styles(page: PageData) -> dict[str, list[str]]:
    statuses = page.columns["status"]
    return {
        "color": [STYLES[status].on_image for status in statuses],
        "dash": [STYLES[status].line for status in statuses],
    }
