"""CaImAn's parameters (``params``), from the table of an NWB file to HDF5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from caiman_interface.caiman_file.storage import is_texts, text_array, usual_storage
from caiman_interface.nwb.parameters import flat_items

from .dialect import DialectWriter
from .reasons import reason_for
from .report import Difference

_NOT_CAIMAN = "analysis"
_MEMORY_MAP = ".mmap"
_ASSUMED_TYPE = "values of the type that CaImAn usually has; the type is not recorded"


class ParameterWriter:
    """Writes the group ``params``.

    Parameters
    ----------
    parameters : mapping
        Group → parameter → value.
    stored : mapping
        How the file stored those that are not stored in the usual way, by their path.
    movie : str or None
        The new place of the movie.
    is_recorded : bool
        Whether `stored` is known; otherwise the types of arrays are assumed.

    Attributes
    ----------
    exact : list of str
        Paths of the parameters that were restored exactly.
    differences : list of Difference
        The others.
    """

    def __init__(
        self, parameters: Mapping[str, Any], stored: Mapping[str, Any], movie: str | None, *, is_recorded: bool
    ) -> None:
        self._parameters = {name: group for name, group in parameters.items() if name != _NOT_CAIMAN}
        self._stored = stored
        self._is_recorded = is_recorded
        self._movie = None if movie is None or movie.endswith(_MEMORY_MAP) else movie
        self.exact: list[str] = []
        self.differences: list[Difference] = []

    def write(self, writer: DialectWriter) -> None:
        """Write every parameter."""
        for path, value in flat_items(self._parameters, "params/"):
            if path == "params/data/fnames" and self._movie is not None:
                writer.array(path, text_array([self._movie]), f"S{len(self._movie.encode())}")
                self.differences.append(Difference(path, "the given movie", is_written=True))
                continue
            self._write(writer, path, value)
            if _may_be_shortened(path, value):
                self.differences.append(Difference(path, reason_for("fnames"), is_written=True))
            elif isinstance(value, list) and not self._is_recorded:
                self.differences.append(Difference(path, _ASSUMED_TYPE, is_written=True))
            else:
                self.exact.append(path)

    def _write(self, writer: DialectWriter, path: str, value: Any) -> None:
        entry = self._stored.get(path, usual_storage(value))
        if entry is None or value is None:
            writer.none(path)
        elif entry[0] in {"attribute", "text"}:
            writer.text(path, str(value), as_attribute=entry[0] == "attribute")
        elif is_texts(value):
            texts = text_array(value)
            given = int(entry[0][1:]) if entry[0].startswith("S") else 1
            writer.array(path, texts, entry[0] if entry[0] == "str" else f"S{max(given, texts.dtype.itemsize)}")
        else:
            writer.array(path, np.array(value).reshape(entry[1]), entry[0])


def _may_be_shortened(path: str, value: Any) -> bool:
    """Return whether a text may be a file name that lost its directory."""
    texts = value if is_texts(value) else [value] if isinstance(value, str) else []
    name = path.rpartition("/")[2]
    return bool(texts) and (name in {"fnames", "path_to_model", "movie_name_online"} or "file" in name)
