"""The report as one self-contained interactive page, made with Bokeh."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from .data import ReportData
from .facts import recording_facts, session_facts, value_text
from .scores import SCORES, thresholds

if TYPE_CHECKING:
    from caiman_interface.verification.report import VerificationReport

    from .page_data import PageData

# Bokeh compiles its callbacks in the browser; nothing is loaded from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_MOST_ITEMS = 8


def render(
    data: ReportData,
    title: str,
    *,
    notes: tuple[str, ...] = (),
    verification: VerificationReport | None = None,
) -> str:
    """Return the report as an HTML document.

    Parameters
    ----------
    data : ReportData
        Open results.
    title : str
        The heading.
    notes : tuple of str
        Notes on the file, shown with those of `data`.
    verification : VerificationReport, optional
        The result of comparing the NWB file with its CaImAn file.

    Raises
    ------
    ImportError
        If Bokeh, Jinja2 or tsdownsample is not installed.
    """
    try:
        from bokeh.embed import components
        from bokeh.resources import Resources
        from jinja2 import Environment, PackageLoader, StrictUndefined

        from .page_data import PageData
        from .page_models import PageModels
    except ImportError as error:
        message = 'An interactive page needs the extra "report": pip install "caiman-interface[report]"'
        raise ImportError(message) from error
    page = PageData.read(data)
    models = PageModels.build(data, page, callback=_callback_code())
    script, parts = components(models.roots)
    environment = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined)
    library = Resources(mode="inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"])
    return environment.get_template("page.html.jinja").render(
        policy=_POLICY,
        title=title,
        scripts=library.render_js(),
        script=script,
        parts=parts,
        session=session_facts(data),
        recording=recording_facts(data),
        tally=data.tally(),
        notes=tuple(dict.fromkeys((*notes, *data.notes))),
        verification=None if verification is None else _verification_facts(verification),
        reduction=_reduction_text(page),
        thresholds=any(thresholds(data, score) for score in SCORES),
        parameters=_parameters(data),
    )


def _callback_code() -> str:
    return resources.files(__package__).joinpath("page.js").read_text(encoding="utf-8")


def _reduction_text(page: PageData) -> str:
    """Return how the traces were reduced."""
    binning = page.binning
    rounding = "Values are rounded to 1/65,534 of the range of their trace."
    if binning.width == 1:
        return f"Traces are shown with every frame. {rounding}"
    return (
        f"Traces are reduced for display: of each {binning.width:,} frames the lowest and the highest value are kept, "
        f"so that no extreme is lost ({binning.samples:,} of {binning.frames:,} values per trace). {rounding}"
    )


def _verification_facts(report: VerificationReport) -> dict[str, Any]:
    counts = f"{len(report.equal)} equal, {len(report.different)} different, {len(report.missing)} missing"
    verdict = "Verified against its CaImAn file" if report.ok else "Does not match its CaImAn file"
    items = [str(item) for item in (*report.different, *report.missing)]
    if len(items) > _MOST_ITEMS:
        items = [*items[:_MOST_ITEMS], f"and {len(items) - _MOST_ITEMS} more"]
    return {"ok": report.ok, "headline": f"{verdict}: {counts}", "items": items}


def _parameters(data: ReportData) -> dict[str, dict[str, str]]:
    return {
        group: {name: value_text(value) for name, value in values.items()} for group, values in data.parameters.items()
    }
