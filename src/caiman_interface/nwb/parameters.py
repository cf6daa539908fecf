"""CaImAn's parameters as a table of text, and back."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from pynwb import NWBFile
from pynwb.core import DynamicTable, VectorData

from ..caiman_file import CaimanResults
from ..caiman_file.parameters import is_cut_file_name
from .segmentation import ophys_module

TABLE_NAME = "CaimanParameters"

_DESCRIPTION = (
    "Every parameter of the CaImAn analysis, by group (params/…). Folders are removed from file names. "
    "The method is in the group 'analysis'."
)
_COLUMNS = {
    "group": "Group of the parameter in CaImAn's params, such as 'data' or 'quality'.",
    "name": "Name of the parameter in CaImAn; parts of a nested one are joined with '/'.",
    "value": "Value of the parameter as JSON: null, true, numbers (NaN, Infinity), lists, text.",
}
_ANALYSIS = "analysis"
_CUT_OFF = "(cut off by CaImAn before release 1.8)"
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


def add_parameters(nwbfile: NWBFile, results: CaimanResults, *, ending: str = "") -> None:
    """Add the table ``CaimanParameters`` to ``processing/ophys``.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    results : CaimanResults
        The analysis.
    ending : str
        What distinguishes the name of the table among several.
    """
    rows = list(parameter_rows(results))
    columns = [
        VectorData(name=name, description=description, data=np.array([row[place] for row in rows], dtype=np.str_))
        for place, (name, description) in enumerate(_COLUMNS.items())
    ]
    with warnings.catch_warnings():
        # `table.name` stays the table's own name, as hdmf says; the column is `table["name"]`.
        warnings.filterwarnings("ignore", message="An attribute 'name' already exists")
        table = DynamicTable(
            name=TABLE_NAME + ending, description=_DESCRIPTION, columns=columns, colnames=list(_COLUMNS)
        )
    ophys_module(nwbfile).add(table)


def read_parameters(table: DynamicTable) -> dict[str, dict[str, Any]]:
    """Read a ``CaimanParameters`` table back into a nested dictionary.

    Parameters
    ----------
    table : pynwb.core.DynamicTable
        ``nwbfile.processing["ophys"]["CaimanParameters"]``.

    Returns
    -------
    dict
        group → name → value, with the types that CaImAn saved; arrays are lists.
    """
    groups: dict[str, dict[str, Any]] = {}
    for group, name, value in zip(*(table[column][:] for column in _COLUMNS), strict=True):
        place = groups.setdefault(str(group), {})
        *parents, last = str(name).split("/")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = json.loads(value)
    return groups


def parameter_rows(results: CaimanResults) -> Iterator[tuple[str, str, str]]:
    """Yield group, name and JSON value of every parameter, and of what the analysis was."""
    analysis = {
        "method": results.method,
        "one_photon": results.is_one_photon,
        "evaluation": results.components.acceptance.verdict,
        "mmap_file": results.memory_map,
    }
    groups = {_ANALYSIS: analysis, **results.parameters.stored}
    for group, parameters in groups.items():
        for name, value in _flat(parameters):
            yield group, name, json.dumps(_publishable(value, name))


def _flat(parameters: dict[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in parameters.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{start}{name}/")
        else:
            yield start + name, value


def _publishable(value: Any, name: str) -> Any:
    """Return a value that JSON can hold and a stranger may read."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [_publishable(item, name) for item in value]
    if isinstance(value, str):
        cut_off = name == "fnames" and is_cut_file_name(value)
        return _CUT_OFF if cut_off and not PurePosixPath(value).suffix else without_folders(value)
    return value


def without_folders(text: str) -> str:
    """Return the last part of a path, and any other text as it is.

    Local folders often bear the name of a person, which is not to be published.

    Examples
    --------
    >>> without_folders("/home/jane/movies/mouse1.tif"), without_folders(r"C:\\lab\\mouse1.tif")
    ('mouse1.tif', 'mouse1.tif')
    >>> without_folders("slice(None, None, None)")
    'slice(None, None, None)'
    """
    if _DRIVE.match(text) or ("\\" in text and "/" not in text):
        return PureWindowsPath(text).name
    return PurePosixPath(text).name if "/" in text else text
