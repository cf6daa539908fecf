"""Text for messages: durations, similar names, control characters. Imports nothing but the standard library."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable

_SECONDS_IN_MINUTE = 60


def near_matches(word: str, known: Iterable[str], *, likeness: float = 0.6) -> list[str]:
    """Return the known words that are similar to a word, the most similar first; case is ignored."""
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
