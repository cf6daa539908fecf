"""The report as one self-contained page: pictures, styles and all, without a word to the network."""

from __future__ import annotations

import base64
import io
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from . import score_panel, trace_panel
from .contours import centroids
from .data import Analysis, ReportData
from .facts import facts_line, value_text
from .figure import SCORES_HEADING, draw_all_scores, draw_all_traces, draw_map
from .map_panel import image_name, look_of, tally
from .score_panel import SCORES

# Even a page that was tampered with loads nothing from elsewhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render_page(data: ReportData, title: str) -> str:
    """Return the report as an HTML document.

    Parameters
    ----------
    data : ReportData
        What to show.
    title : str
        The heading.
    """
    analysis = data.analysis
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    behind = image_name(data)
    map_text = f"{_counts_in_words(analysis)}. The contours enclose 90 % of each footprint's energy, over the {behind}."
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="faint">{escape(facts_line(analysis))}</p>
{_counts(analysis)}
</header>
<main>
<h2>Field of view</h2>
{_figure(draw_map(data), "Contours of the components over the field of view", map_text)}
<h2>{trace_panel.heading(data)}</h2>
{_figure(draw_all_traces(data), "Traces of the strongest components", _sentence(trace_panel.caption(data)))}
<h2>{SCORES_HEADING}</h2>
{_figure(draw_all_scores(data), "Histograms of the quality scores", _sentence(score_panel.caption(data)))}
<h2>Everything in numbers</h2>
{_component_table(analysis)}
{_parameter_tables(analysis)}
</main>
<footer>
Made with caiman-interface from {escape(analysis.name)}. Components bear CaImAn's index, counted from 0.
</footer>
</body>
</html>
"""


def svg_bytes(figure: Any) -> bytes:
    """Return a figure as SVG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _figure(figure: Any, alternative: str, caption: str) -> str:
    source = base64.b64encode(svg_bytes(figure)).decode("ascii")
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(alternative)}" src="data:image/svg+xml;base64,{source}">{words}</figure>'


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _counts_in_words(analysis: Analysis) -> str:
    return "Components: " + ", ".join(f"{count:,} {look.word}" for look, count in tally(analysis))


def _counts(analysis: Analysis) -> str:
    items = "".join(
        f'<li class="{look.word.replace(" ", "-")}"><b>{count:,}</b>{look.word}</li>' for look, count in tally(analysis)
    )
    return f'<ul class="counts" aria-label="Number of components">{items}</ul>'


def _component_table(analysis: Analysis) -> str:
    """List the components with their scores."""
    axes = ("column", "row", "plane")[: len(analysis.frame_shape)]
    scores = [score for score in SCORES if score.metric in analysis.metrics]
    heads = [("Component", "number"), ("Verdict", ""), *((axis.capitalize(), "number") for axis in axes)]
    heads += [("Pixels", "number"), *((score.title, "number") for score in scores)]
    centres = centroids(analysis.pixels)
    pixels = np.diff(analysis.pixels.ends, prepend=0)
    rows = []
    for position in range(analysis.count):
        word = look_of(analysis, position).word
        name = f'<th scope="row" class="number">{analysis.ids[position]}</th>'
        numbers = [
            *(f"{value:.1f}" for value in centres[position]),
            f"{pixels[position]:,}",
            *(f"{analysis.metrics[score.metric][position]:.3g}" for score in scores),
        ]
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        rows.append(f'<tr>{name}<td class="{word}">{word}</td>{cells}</tr>')
    head = "".join(f'<th scope="col" class="{kind}">{escape(words)}</th>' for words, kind in heads)
    return _details(f"Components ({analysis.count:,})", head, rows)


def _parameter_tables(analysis: Analysis) -> str:
    """List every parameter, one table a group."""
    head = '<th scope="col">Parameter</th><th scope="col">Value</th>'
    return "\n".join(
        _details(
            f"Parameters: {group}",
            head,
            [
                f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{escape(value_text(value))}</td></tr>'
                for name, value in parameters.items()
            ],
        )
        for group, parameters in analysis.parameters.items()
    )


def _details(title: str, head: str, rows: list[str]) -> str:
    body = "\n".join(rows)
    table = f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"
    return f'<details><summary>{escape(title)}</summary><div class="scroll" tabindex="0">{table}</div></details>'
