"""How objects are shown in notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape


def html_table(title: str, rows: Mapping[str, object]) -> str:
    """Return a small HTML table with a row per fact."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption>{cells}</table>"


def public_names(names: Iterable[str]) -> list[str]:
    """Return the names that completion offers: those that are public or special."""
    return [name for name in names if not name.startswith("_") or name.startswith("__")]
