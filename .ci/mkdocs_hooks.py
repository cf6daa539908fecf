"""Links from a page to files outside of ``docs/``, which the site does not contain, lead to the repository."""

from __future__ import annotations

from typing import Any


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Return the text of a page in which such links are absolute."""
    return markdown.replace("](../", f"]({config.repo_url.rstrip('/')}/blob/main/")
