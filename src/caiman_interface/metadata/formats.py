"""The format of metadata that the installed NeuroConv uses: what the interface returns in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from neuroconv.utils import DeepDict, fill_defaults

from caiman_interface._compat.neuroconv import uses_dict_metadata

from .blocks import uses_lists
from .list_schema import list_metadata_schema
from .schema import mergeable_schema, ophys_metadata_schema
from .source import CaimanSourceData
from .to_lists import to_lists


def in_format(base: Mapping[str, Any], file_metadata: Mapping[str, Any], *, use_dictionaries: bool | None) -> DeepDict:
    """Return the metadata of the interface.

    Parameters
    ----------
    base : mapping
        That of NeuroConv's base class, whose list-based placeholders do not describe the file and are left out.
    file_metadata : mapping
        What the CaImAn file specifies, dictionary-based.
    use_dictionaries : bool or None
        Whether to return dictionaries or lists; None for the format of the installed NeuroConv.
    """
    metadata = DeepDict({name: block for name, block in base.items() if name != "Ophys" or not uses_lists(base)})
    use_dictionaries = uses_dict_metadata() if use_dictionaries is None else use_dictionaries
    metadata.deep_update(file_metadata if use_dictionaries else to_lists(file_metadata))
    return metadata


def source_schema() -> dict[str, Any]:
    """Return the JSON schema of the interface's arguments."""
    # The forms of NWB GUIDE, whose NeuroConv uses lists, show no field that may be null.
    return CaimanSourceData.model_json_schema() if uses_dict_metadata() else mergeable_schema(CaimanSourceData)


def full_metadata_schema(
    schema: dict[str, Any], file_metadata: Mapping[str, Any], defaults: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return the JSON schema of the interface's metadata.

    Parameters
    ----------
    schema : dict
        That of NeuroConv's base class.
    file_metadata : mapping
        What the CaImAn file specifies, dictionary-based.
    defaults : callable
        Returns the metadata of the interface, for the defaults of the list-based schema.
    """
    if uses_dict_metadata():
        properties, definitions = ophys_metadata_schema()
        ophys = schema["properties"]["Ophys"]
        ophys["properties"] = {**ophys["properties"], **properties}
        ophys["definitions"] = {**ophys.get("definitions", {}), **definitions}
        return schema
    tables = [entry["name"] for entry in file_metadata["Ophys"]["PlaneSegmentations"].values()]
    schema["properties"]["Ophys"] = list_metadata_schema(tables)
    schema["required"] = ["NWBFile"]  # NeuroConv's own requires lists
    fill_defaults(schema, defaults())
    return schema
