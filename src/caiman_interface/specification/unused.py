"""Entries of the metadata that no interface takes up: planes, devices, tables, traces and images of other names.

NeuroConv passes over them without a word, and so does a conversion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from caiman_interface.interface import CaimanSegmentationInterface
from caiman_interface.metadata.placeholders import DEVICE_PLACEHOLDER
from caiman_interface.metadata.vocabulary import IMAGES, ROI_TABLES, TRACES

from .document import KeyPath, get_value
from .findings import Finding
from .places import Places
from .problems import Problem, near_matches
from .sessions import Session, suppress_list_format_warning

Names = Mapping[str, "frozenset[str] | None"]
"""Names or keys that are in use, each with those of its traces or images; None where any may be."""

InUse = Mapping[KeyPath, Names]
"""The names in use, by block of the metadata; nothing is known of a block that is not there."""

_LISTED_PLANES: KeyPath = ("Ophys", "ImagingPlane")
_PLANES: KeyPath = ("Ophys", "ImagingPlanes")
_LISTED_DEVICES: tuple[KeyPath, ...] = (("Ophys", "Device"), ("Ophys", "Devices"))
_DEVICES: KeyPath = ("Devices",)
_KEYED: tuple[KeyPath, ...] = (
    ("Ophys", "PlaneSegmentations"),
    ("Ophys", "RoiResponses"),
    ("Ophys", "SegmentationImages"),
)
_LISTED_TABLES: KeyPath = ("Ophys", "ImageSegmentation", "plane_segmentations")
_WITHOUT_PLANE = "no interface uses an imaging plane '{}': the entry is ignored"
_WITHOUT_DEVICE = "no imaging plane is on a device '{}': the entry is ignored"
_WITHOUT_KEY = "no interface has the metadata key '{}': the entry is ignored"
_MESSAGES: dict[KeyPath, str] = {
    _LISTED_PLANES: _WITHOUT_PLANE,
    _PLANES: _WITHOUT_PLANE,
    **dict.fromkeys((*_LISTED_DEVICES, _DEVICES), _WITHOUT_DEVICE),
    **dict.fromkeys(_KEYED, _WITHOUT_KEY),
}
_PARTS: dict[KeyPath, str] = {("Ophys", "RoiResponses"): "trace", ("Ophys", "SegmentationImages"): "image"}
# In NeuroConv's list format, a plane that names no device lies on the device of this name.
_DEFAULT_DEVICE = "Microscope"
_NAMES_BY_DEFAULT = {_DEFAULT_DEVICE, DEVICE_PLACEHOLDER["name"]}
_LIKENESS = 0.5  # as of "Plane" and "ImagingPlane"


def names_in_use(converter: Any, metadata: Mapping[str, Any]) -> InUse:
    """Return the names by which the interfaces of a session know the entries of its metadata.

    Parameters
    ----------
    converter : NWBConverter
        NeuroConv's converter with the interfaces of the session.
    metadata : mapping
        The merged metadata.
    """
    interfaces = list(converter.data_interface_objects.values())
    ours = [interface for interface in interfaces if isinstance(interface, CaimanSegmentationInterface)]
    if not ours:
        return {}  # how other interfaces take up their metadata is theirs to say
    with suppress_list_format_warning():
        stated = [converter.get_metadata(), *(one.get_metadata(use_new_metadata_format=True) for one in ours)]
    keys = {str(key) for one in interfaces if (key := getattr(one, "metadata_key", None)) is not None}
    planes = {*keys, *_values_of("imaging_plane", metadata), *_values_of("imaging_plane_metadata_key", metadata)}
    devices = {*_values_of("device", metadata), *_values_of("device_metadata_key", metadata)}
    in_use: dict[KeyPath, Names] = {
        _PLANES: _any({*planes, *(key for one in stated for key in _mapping(one, _PLANES))}),
        _LISTED_PLANES: _any(
            {
                *_values_of("imaging_plane", metadata),
                *(name for one in stated for block in (_PLANES, _LISTED_PLANES) for name in _names(one, block)),
                *_names(metadata, _PLANES, only=planes),
            }
        ),
    }
    for block in _KEYED:
        in_use[block] = _keyed_names(block, stated, keys, metadata)
    if len(ours) == len(interfaces):  # others may add every device that is stated
        named = {*_names(metadata, _DEVICES, only=devices), *devices, _DEFAULT_DEVICE}
        in_use |= {_DEVICES: _any(devices), **dict.fromkeys(_LISTED_DEVICES, _any(named))}
    return in_use


def find_unused(sessions: Sequence[Session], in_use: Sequence[InUse | None], places: Places) -> Iterator[Finding]:
    """Yield what was stated, and is taken up in none of the sessions for which it was stated.

    Parameters
    ----------
    sessions : sequence of Session
        The sessions.
    in_use : sequence
        Of each session what `names_in_use` returned, or None where its interfaces could not be made.
    places : Places
        Where everything was stated.
    """
    stated: dict[tuple[Any, KeyPath], tuple[Mapping[str, Any], list[InUse | None]]] = {}
    for session, used in zip(sessions, in_use, strict=True):
        for source in session.metadata_sources:
            stated.setdefault((source.file, source.path), (source.values, []))[1].append(used)
    for (file, path), (values, used_by_each) in stated.items():
        known = [used for used in used_by_each if used is not None]
        if len(known) == len(used_by_each):
            for problem in _unused(values, _together(known)):
                placed = replace(problem, path=(*path, *problem.path))
                yield places.finding(placed, file, severity="warning")


def _together(of_sessions: Sequence[InUse]) -> InUse:
    """Return what any of several sessions uses, of the blocks of which something is known in all of them."""
    blocks = [block for block in _MESSAGES if all(block in used for used in of_sessions)]
    together: dict[KeyPath, dict[str, frozenset[str] | None]] = {block: {} for block in blocks}
    for used in of_sessions:
        for block in blocks:
            for name, inner in used[block].items():
                other = together[block].get(name, frozenset())
                together[block][name] = None if inner is None or other is None else inner | other
    return together


def _unused(values: Mapping[str, Any], in_use: InUse) -> Iterator[Problem]:
    for block, names in in_use.items():
        accepted = {*names, *in_use[_PLANES]} if block == _LISTED_PLANES else names
        for path, name, entry in _entries(values, block):
            if name not in accepted:
                yield _unused_entry(path, name, names, block)
            elif block in _PARTS and isinstance(entry, Mapping) and (known := names[name]) is not None:
                yield from _unused_parts(path, entry, known, _PARTS[block])


def _unused_entry(path: KeyPath, name: str, names: Iterable[str], block: KeyPath) -> Problem:
    known = sorted({*names} - _NAMES_BY_DEFAULT)
    near = near_matches(name, known, likeness=_LIKENESS)
    if any(str(name) == key + table.key_ending for key in known for table in ROI_TABLES[1:]):
        remedy = "Take it out: the CaImAn file has nothing that is described there."
    elif near:
        remedy = _guess(near)
    elif _MESSAGES[block] == _WITHOUT_DEVICE:
        link = "device_metadata_key" if block == _DEVICES else "device"
        remedy = f"Write `{link}: {name}` in the imaging plane, or take the device out."
    else:
        remedy = "Correct it, or take it out."
    expected = f"one of {', '.join(known)}" if known else ""
    return Problem(path, _MESSAGES[block].format(name), "", expected, remedy)


def _unused_parts(path: KeyPath, entry: Mapping[str, Any], known: frozenset[str], word: str) -> Iterator[Problem]:
    words_of_caiman = {*TRACES, *IMAGES}
    for name, part in entry.items():
        left_out_anyway = part is None and name in words_of_caiman
        if name not in known and not left_out_anyway:
            near = near_matches(str(name), known)
            expected = f"one of {', '.join(sorted(known))}" if known else f"no {word}: the file has none"
            remedy = _guess(near) if near else "Correct it, or take it out."
            message = f"the CaImAn file has no {word} '{name}': the entry is ignored"
            yield Problem((*path, name), message, "", expected, remedy)


def _guess(near: Iterable[str]) -> str:
    return f"Did you mean {' or '.join(map(repr, near))}?"


def _entries(values: Mapping[str, Any], block: KeyPath) -> Iterator[tuple[KeyPath, str, Any]]:
    """Yield path, name and content of each entry of a block."""
    stated = get_value(values, block)
    if block in (_LISTED_PLANES, *_LISTED_DEVICES):
        for index, entry in enumerate(stated if isinstance(stated, list) else ()):
            name = get_value(entry, ("name",))
            if isinstance(name, str):
                yield (*block, index), name, entry
    elif isinstance(stated, Mapping):
        # In lists, the container of images has a name and a description of its own beside its entries.
        yield from (((*block, key), key, entry) for key, entry in stated.items() if not isinstance(entry, str))


def _keyed_names(
    block: KeyPath, stated: Sequence[Mapping[str, Any]], keys: Iterable[str], metadata: Mapping[str, Any]
) -> Names:
    """Return the keys of a block; what stands below them is known of the entries of CaImAn files only."""
    of_everyone, *of_ours = stated
    names: dict[str, frozenset[str] | None] = dict.fromkeys([*keys, *_mapping(of_everyone, block)])
    for one in of_ours:
        own = _mapping(one, block)
        main = next(iter(_mapping(one, ("Ophys", "PlaneSegmentations"))))
        names |= {key: frozenset(own.get(key, ())) for key in (main, *own)}
    if block == ("Ophys", "SegmentationImages"):  # the one block that bears the same name in lists, by table
        tables = (*_names(of_everyone, _LISTED_TABLES), *_names(metadata, _LISTED_TABLES))
        names |= dict.fromkeys(tables)
    return names


def _any(names: Iterable[str]) -> Names:
    return dict.fromkeys(names)


def _mapping(metadata: Mapping[str, Any], block: KeyPath) -> Mapping[str, Any]:
    value = get_value(metadata, block)
    return value if isinstance(value, Mapping) else {}


def _names(metadata: Mapping[str, Any], block: KeyPath, *, only: Iterable[str] | None = None) -> Iterator[str]:
    """Yield the names of the entries of a list, or of a mapping, of which `only` those of some keys."""
    value = get_value(metadata, block)
    if isinstance(value, Mapping):
        value = [entry for key, entry in value.items() if only is None or key in only]
    for entry in value if isinstance(value, list | tuple) else ():
        name = get_value(entry, ("name",))
        if isinstance(name, str):
            yield name


def _values_of(key: str, value: Any) -> Iterator[str]:
    """Yield each text that stands under a key, however deep."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for name, item in inner:
        if name == key and isinstance(item, str):
            yield item
        else:
            yield from _values_of(key, item)
