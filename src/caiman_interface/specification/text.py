"""Paths and values of a specification as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

KeyPath = tuple["str | int", ...]
"""The keys and list indices that lead to a value."""

_LONGEST_SHOWN = 60


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


def as_json_data(value: Any) -> Any:
    """Return a value with the types of JSON, which NeuroConv checks."""
    return json.loads(json.dumps(value, default=str))
