"""CaImAn's parameters as a table of text, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from pynwb import NWBFile
from pynwb.core import DynamicTable, VectorData

from caiman_interface.caiman_file import CaimanResults
from caiman_interface.caiman_file.encoding import json_value
from caiman_interface.caiman_file.file_names import published_value

from .containers import ophys_module
from .names import ObjectName

_DESCRIPTION = (
    "Every parameter of the CaImAn analysis, by group (params/…). Directories are removed from file "
    "names. The group 'analysis' describes the analysis and its conversion."
)
_COLUMNS = {
    "group": "Group of the parameter in CaImAn's params, such as 'data' or 'quality'.",
    "parameter": "Name of the parameter in CaImAn; the names of nested parameters are joined with '/'.",
    "value": "Value of the parameter as JSON: null, true, numbers (NaN, Infinity), lists, text.",
}
_COLUMNS_OF_VERSION_0_1 = ("group", "name", "value")
ANALYSIS_GROUP = "analysis"
_MAPPING_MARK = "mapping"


class ParameterRow(NamedTuple):
    """One row of the table ``CaimanParameters``.

    Attributes
    ----------
    group, parameter : str
        The group and name of the parameter.
    value : str
        The value as JSON.
    shortened : bool
        Whether directories were removed from the value.
    """

    group: str
    parameter: str
    value: str
    shortened: bool


def parameters_name(ending: str) -> ObjectName:
    """Return the location of the table of one analysis."""
    return ObjectName("", f"CaimanParameters{ending}")


def add_parameters(
    nwbfile: NWBFile, *, results: CaimanResults, ending: str, conversion: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Add the table ``CaimanParameters`` to ``processing/ophys``.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        The file, in memory or open for appending.
    results : CaimanResults
        The open CaImAn file.
    ending : str
        Ending of the names of this analysis.
    conversion : mapping
        Additional values of the group ``analysis``, one row each, which describe the conversion.
    """
    described = (
        ParameterRow(ANALYSIS_GROUP, name, json.dumps(value), shortened=False) for name, value in conversion.items()
    )
    rows = [*described, *parameter_rows(results)]
    columns = [
        VectorData(
            name=name, description=description, data=np.array([getattr(row, name) for row in rows], dtype=np.str_)
        )
        for name, description in _COLUMNS.items()
    ]
    table = DynamicTable(
        name=parameters_name(ending).name, description=_DESCRIPTION, columns=columns, colnames=list(_COLUMNS)
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
        group → parameter → value, with the types that CaImAn saved; arrays are lists.
    """
    groups: dict[str, dict[str, Any]] = {}
    for (group, name), value in read_rows(table).items():
        place = groups.setdefault(group, {})
        *parents, last = name.split("/")
        for parent in parents:
            place = place.setdefault(parent, {})
        decoded = _decoded(value)
        place[last] = from_pairs(decoded) if group == ANALYSIS_GROUP else decoded
    return groups


def to_pairs(value: Any) -> Any:
    """Return a nested value without mappings, because nwbinspector discourages mappings in table cells.

    A mapping becomes a list of a mark and [key, value] pairs.
    """
    if isinstance(value, Mapping):
        return [_MAPPING_MARK, *([key, to_pairs(item)] for key, item in value.items())]
    return [to_pairs(item) for item in value] if isinstance(value, list | tuple) else value


def from_pairs(value: Any) -> Any:
    """Return a nested value with its mappings: the inverse of `to_pairs`."""
    if not isinstance(value, list):
        return value
    if value[:1] == [_MAPPING_MARK]:
        return {str(key): from_pairs(item) for key, item in value[1:]}
    return [from_pairs(item) for item in value]


def _decoded(value: str) -> Any:
    """Return the value of a JSON text, or the text itself if it was edited and is no longer JSON."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def read_rows(table: DynamicTable) -> dict[tuple[str, str], str]:
    """Return the JSON values of a ``CaimanParameters`` table by group and name."""
    names = _COLUMNS if "parameter" in table.colnames else _COLUMNS_OF_VERSION_0_1
    group, parameter, value = ([str(text) for text in table[column][:]] for column in names)
    return dict(zip(zip(group, parameter, strict=True), value, strict=True))


def parameter_rows(results: CaimanResults) -> Iterator[ParameterRow]:
    """Yield every parameter, and the description of the analysis."""
    analysis = {
        "method": results.method,
        "one_photon": results.is_one_photon,
        "evaluation": results.components.acceptance.verdict,
        "frame_shape": list(results.frame_shape),
        **results.settings,
    }
    groups = {ANALYSIS_GROUP: analysis, **results.parameters.stored}
    for group, parameters in groups.items():
        for name, value in flat_items(parameters):
            stored, published = (json.dumps(form) for form in (json_value(value), published_value(value)))
            yield ParameterRow(group, name, published, shortened=published != stored)


def flat_items(parameters: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of every parameter, with nested ones in place of the mapping that contains them."""
    for name, value in parameters.items():
        if isinstance(value, dict):
            yield from flat_items(value, f"{start}{name}/")
        else:
            yield start + name, value
