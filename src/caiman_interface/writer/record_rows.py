"""Columns of numbers, such as pixel masks, that NeuroConv configures without iterating over their rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caiman_interface._compat.neuroconv import is_searching_for_containers


class RecordRows(np.ndarray[Any, np.dtype[Any]]):
    """An array of numbers, or of records of numbers, as the data of a table column.

    Before NeuroConv configures a column, it looks at every row in Python for objects of the NWB file, twice. There are
    none among numbers, so this search is given the first row only.
    """

    @classmethod
    def of(cls, rows: NDArray[Any]) -> RecordRows:
        """Return a view of an array."""
        return rows.view(cls)

    def __iter__(self) -> Iterator[Any]:
        rows = self.view(np.ndarray)
        return iter(rows[:1] if is_searching_for_containers() else rows)
