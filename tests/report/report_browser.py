"""Pages of reports in a headless Chromium, driven by Playwright without any download."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Browser = Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_DOUBLE_CLICK = 400
"""Milliseconds in which a second click counts as a double click."""

_POINT_ON_SCREEN = """
([x, y]) => {
    const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("field"))
    const {left, top} = view.canvas_view.el.getBoundingClientRect()
    return [left + view.frame.x_scale.compute(x), top + view.frame.y_scale.compute(y)]
}
"""


def chromium_path() -> str | None:
    """Return the path of the browser that is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def start_chromium() -> Iterator[Browser]:
    """Start the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class ReportPage:
    """A report that is open in a browser.

    Attributes
    ----------
    page : playwright.sync_api.Page
    problems : list of str
        Errors of the console, exceptions and dialogs.
    requests : list of str
        Addresses of everything that the page asked for, apart from itself and what it contains.
    """

    def __init__(self, browser: Browser, path: Path) -> None:
        self.page = browser.new_page(viewport={"width": 1500, "height": 1800})
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", self._note_dialog)
        self.page.on("request", self._note_request)
        self._own_address = path.as_uri()
        self.page.goto(self._own_address)
        self.page.wait_for_selector("body[data-ready]")

    def _note_message(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _note_dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note_request(self, request: Any) -> None:
        if request.url != self._own_address and not request.url.startswith(("data:", "blob:")):
            self.requests.append(request.url)

    def close(self) -> None:
        """Close the page."""
        self.page.close()

    def get(self, model: str, expression: str) -> Any:
        """Return a value of one of Bokeh's models: `expression` in JavaScript, of `model`."""
        code = f"() => {{ const model = Bokeh.documents[0].get_model_by_name('{model}'); return {expression} }}"
        return self.page.evaluate(code)

    def set(self, model: str, name: str, value: Any) -> None:
        """Set a property of one of Bokeh's models, as its widget does."""
        self.page.evaluate(
            "([model, name, value]) => { Bokeh.documents[0].get_model_by_name(model)[name] = value }",
            [model, name, value],
        )

    def selected(self) -> list[int]:
        """Return the positions of the selected components."""
        return list(self.get("components", "model.selected.indices"))

    def shown(self) -> str:
        """Return the line that counts the components that pass the filters."""
        return (
            str(self.get("counts", "model.text"))
            .replace("<p>", "")
            .replace("</p>", "")
            .replace("<b>", "")
            .replace("</b>", "")
        )

    def details(self) -> str:
        """Return the text on the selected components, as it is on the screen."""
        return str(self.page.get_by_role("region", name="Traces").locator("ul, .bk-clearfix").first.inner_text())

    def lines(self, panel: str) -> int:
        """Return the number of traces that a panel shows."""
        return int(self.get(panel, "model.data.ys.length"))

    def click_field(self, x: float, y: float, **options: Any) -> None:
        """Click on a point of the field of view, in pixels of the frame."""
        self.page.wait_for_timeout(_DOUBLE_CLICK)
        left, top = self.page.evaluate(_POINT_ON_SCREEN, [x, y])
        if options.get("shift"):
            self.page.keyboard.down("Shift")
        self.page.mouse.click(left, top)
        if options.get("shift"):
            self.page.keyboard.up("Shift")
        self.settle()

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)
        self.settle()

    def settle(self) -> None:
        """Wait until the page has drawn."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")
