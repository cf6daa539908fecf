"""Metadata that only the experimenter knows: meaning of each field, and an example."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from caiman_interface.metadata.models import ImagingPlaneEntry, OpticalChannelEntry, PlaneSegmentationEntry

from .text import KeyPath


class FieldHelp(NamedTuple):
    """Meaning of a field.

    Attributes
    ----------
    meaning : str
        In words, with the unit.
    example : object
        A value.
    """

    meaning: str
    example: Any

    def __str__(self) -> str:
        return f"{self.meaning}, e.g. {write_example(self.example)}"


def write_example(value: Any) -> str:
    """Write a value on one line of YAML.

    Examples
    --------
    >>> write_example("Mus musculus"), write_example(["Doe, Jane"]), write_example("20240503"), write_example([1e-6])
    ('Mus musculus', '["Doe, Jane"]', '"20240503"', '[1.0e-06]')
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(_in_quotes(item) if isinstance(item, str) else write_example(item) for item in value)}]"
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))  # without a dot, YAML reads 1e-06 as text
    return value if isinstance(value, str) and _is_plain(value) else _in_quotes(value)


def _in_quotes(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    """Return whether YAML reads the text without quotes as this text."""
    try:
        return bool(yaml.safe_load(text) == text)
    except yaml.YAMLError:
        return False


_NWBFILE = {
    "session_start_time": FieldHelp("date, time and time zone of the first frame", "2024-05-03T14:30:00+02:00"),
    "session_description": FieldHelp("what was done in this session", "Drifting gratings; the mouse runs on a wheel."),
    "session_id": FieldHelp("your name for the session", "day3"),
    "experiment_description": FieldHelp(
        "what the experiment is about", "Activity in visual cortex while mice watch drifting gratings."
    ),
    "experimenter": FieldHelp("who recorded, last name first", ["Doe, Jane"]),
    "lab": FieldHelp("the lab", "Doe Lab"),
    "institution": FieldHelp("the institution", "Example University"),
    "keywords": FieldHelp("words to search for", ["two-photon calcium imaging", "visual cortex"]),
    "protocol": FieldHelp("number of the approved protocol", "Protocol 2024-01"),
    "related_publications": FieldHelp("DOI of each publication", ["doi:10.1000/xyz123"]),
}
_SUBJECT = {
    "subject_id": FieldHelp("your name for the animal", "mouse12"),
    "species": FieldHelp("Latin name of the species", "Mus musculus"),
    "sex": FieldHelp("F, M, U (unknown) or O (other)", "F"),
    "age": FieldHelp("age at the session in ISO 8601: P90D is 90 days, P12W 12 weeks", "P90D"),
    "date_of_birth": FieldHelp("date of birth, instead of the age", "2024-02-01T00:00:00+01:00"),
    "strain": FieldHelp("strain", "C57BL/6J"),
    "genotype": FieldHelp("genotype", "Slc17a7-IRES2-Cre;Ai93"),
    "weight": FieldHelp("weight with its unit", "24 g"),
    "description": FieldHelp("anything else about the animal", "Cranial window above V1."),
}
_DEVICE = {
    "name": FieldHelp("name of the microscope", "Microscope"),
    "description": FieldHelp("what kind of microscope", "Two-photon microscope with a resonant scanner."),
    "manufacturer": FieldHelp("who made it", "Example Optics"),
}


def _of_model(model: type[Any]) -> dict[str, FieldHelp]:
    """Return meaning and example of each field of the model that checks it."""
    described = ((name, field.description, field.examples) for name, field in model.model_fields.items())
    return {
        name: FieldHelp(text[:1].lower() + text[1:].rstrip("."), examples[0])
        for name, text, examples in described
        if text and examples
    }


_OF_BLOCK: dict[tuple[str, ...], Mapping[str, FieldHelp]] = {
    ("NWBFile",): _NWBFILE,
    ("Subject",): _SUBJECT,
    ("Ophys", "Device"): _DEVICE,
    ("Ophys", "ImagingPlane"): _of_model(ImagingPlaneEntry),
    ("Ophys", "ImagingPlane", "optical_channel"): _of_model(OpticalChannelEntry),
    ("Ophys", "PlaneSegmentations"): _of_model(PlaneSegmentationEntry),
}


def help_for(path: KeyPath) -> FieldHelp | None:
    """Return the meaning of the field at a path of the metadata; None if this package does not describe it."""
    names = tuple(key for key in path if isinstance(key, str))
    return _OF_BLOCK.get(names[:-1], {}).get(names[-1]) if names else None


def with_help(schema: Mapping[str, Any], block: str) -> dict[str, Any]:
    """Return the JSON schema of a block with examples of the fields described here."""
    described = {
        name: {**field, "examples": [_OF_BLOCK[block,][name].example]} if name in _OF_BLOCK[block,] else field
        for name, field in schema.get("properties", {}).items()
    }
    return {**schema, "properties": described}
