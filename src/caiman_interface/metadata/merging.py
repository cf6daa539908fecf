"""Merging of what both formats of metadata specify for the same entry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

_SEQUENCES = (list, tuple, np.ndarray)


def merge_formats(listed: Any, keyed: Any, ours: Any, unknown: Mapping[str, Any], depth: int) -> Any:
    """Merge what lists and dictionaries specify, down to the fields of entries.

    Parameters
    ----------
    listed, keyed
        The same block from lists and from dictionaries.
    ours
        What the CaImAn file specifies in it: a user's value has precedence over it.
    unknown : mapping
        The placeholders of fields: every other value has precedence over them.
    depth : int
        How many levels of keys there are above the fields.
    """
    if not isinstance(listed, Mapping) or not isinstance(keyed, Mapping):
        return listed if is_equal(keyed, ours) else keyed  # null leaves out a trace or an image
    own = ours if isinstance(ours, Mapping) else {}
    both = {
        key: merge_formats(value, keyed[key], own.get(key), unknown, depth - 1)
        if depth
        else max(keyed[key], value, key=partial(_precedence, ours=own.get(key), unknown=unknown.get(key)))
        for key, value in listed.items()
        if key in keyed
    }
    return {**listed, **keyed, **both}


def _precedence(value: Any, ours: Any, unknown: Any) -> int:
    """Return the precedence of a value: nothing, a placeholder, the CaImAn file's value, a user's."""
    if value is None:
        return 0
    if is_equal(value, unknown):
        return 1
    return 2 if is_equal(value, ours) else 3


def is_equal(value: Any, other: Any) -> bool:
    """Compare values as JSON has them: NaN equals NaN and null, an array equals the list of its values."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return value.keys() == other.keys() and all(is_equal(value[key], other[key]) for key in value)
    sequences = [isinstance(one, _SEQUENCES) for one in (value, other)]
    if any(sequences):
        return all(sequences) and len(value) == len(other) and all(map(is_equal, value, other))
    unknown = isinstance(other, float) and math.isnan(other)
    return value is None or value != value if unknown else bool(value == other)  # noqa: PLR0124
