"""Paths and values of a specification as text, and near matches of names."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

KeyPath = tuple["str | int", ...]
"""The keys and list indices that lead to a value."""

_LONGEST_SHOWN = 60
_SECONDS_IN_MINUTE = 60


def get_value(data: Any, keys: KeyPath) -> Any:
    """Return the value at a path, or None if there is none."""
    for key in keys:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and 0 <= key < len(data):
            data = data[key]
        else:
            return None
    return data


def write_path(keys: KeyPath) -> str:
    """Return a path as text.

    Examples
    --------
    >>> write_path(("experiments", "day1", "sessions", 0, "nwbfile_name"))
    'experiments.day1.sessions[0].nwbfile_name'
    """
    parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return "".join(parts).removeprefix(".")


def last_name(keys: KeyPath) -> str | None:
    """Return the last key of a path that is a name and not an index."""
    return next((key for key in reversed(keys) if isinstance(key, str)), None)


def show_value(value: Any) -> str:
    """Return a short text for a value, as it would be written in YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        text = f"a block with the keys {', '.join(map(str, value))}" if value else "an empty block"
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def near_matches(word: str, known: Iterable[str], *, likeness: float = 0.6) -> list[str]:
    """Return the known words that may have been meant, the likeliest first."""
    by_lower = {name.lower(): name for name in known}
    return [by_lower[match] for match in difflib.get_close_matches(str(word).lower(), by_lower, n=3, cutoff=likeness)]


def write_duration(seconds: float) -> str:
    """Return a duration as text.

    Examples
    --------
    >>> write_duration(38.73), write_duration(64.2)
    ('38.7 s', '1 min 4 s')
    """
    if seconds < _SECONDS_IN_MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SECONDS_IN_MINUTE)
    return f"{minutes} min {rest} s"


def escape_controls(text: str, *, as_json: bool = False) -> str:
    r"""Return text in which control and formatting characters are escaped, except line breaks.

    Parameters
    ----------
    text : str
        The text.
    as_json : bool
        Whether the text is JSON, and remains valid.

    Examples
    --------
    >>> escape_controls("mouse\x1b[2J1")
    'mouse\\x1b[2J1'
    """

    def escaped(found: re.Match[str]) -> str:
        if unicodedata.category(found[0])[0] != "C":
            return found[0]
        return json.dumps(found[0])[1:-1] if as_json else found[0].encode("unicode_escape").decode()

    return re.sub(r"[^\n -~]", escaped, text)


def plain(value: Any) -> Any:
    """Return a value as JSON has it, which is how NeuroConv checks it."""
    return json.loads(json.dumps(value, default=str))
