"""Entries of ophys metadata that no interface uses: NeuroConv ignores them without a warning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .blocks import (
    DEFAULT_DEVICE,
    DEVICE_LINK,
    DEVICE_LISTS,
    LISTED_DEVICE_LINK,
    LISTED_PLANE_LINK,
    PLANE_LINK,
    PLANE_LIST,
    TABLE_LIST,
)
from .paths import FieldPath, value_at
from .vocabulary import IMAGES, TRACES

EntryKind = Literal["imaging plane", "device", "metadata key", "trace", "image"]
Block = tuple[str, ...]

_PLANES: Block = ("Ophys", "ImagingPlanes")
_LISTED_PLANES: Block = ("Ophys", PLANE_LIST)
_DEVICES: Block = ("Devices",)
_LISTED_DEVICES: tuple[Block, ...] = tuple(("Ophys", name) for name in DEVICE_LISTS)
_TABLES: Block = ("Ophys", "PlaneSegmentations")
_RESPONSES: Block = ("Ophys", "RoiResponses")
_IMAGES: Block = ("Ophys", "SegmentationImages")
_KINDS: dict[Block, EntryKind] = {
    _PLANES: "imaging plane",
    _LISTED_PLANES: "imaging plane",
    **dict.fromkeys((_DEVICES, *_LISTED_DEVICES), "device"),
    **dict.fromkeys((_TABLES, _RESPONSES, _IMAGES), "metadata key"),
}
_PARTS: dict[Block, EntryKind] = {_RESPONSES: "trace", _IMAGES: "image"}


@dataclass(frozen=True, kw_only=True)
class UnusedEntry:
    """An entry that no interface uses.

    Attributes
    ----------
    path : tuple of str and int
        Its path in the metadata that was checked.
    kind : {"imaging plane", "device", "metadata key", "trace", "image"}
        What its name identifies.
    name : str
        Its name or key.
    known : tuple of str
        The names or keys that interfaces use there.
    link : str or None
        The field of an imaging plane that would use it, for a device.
    """

    path: FieldPath
    kind: EntryKind
    name: str
    known: tuple[str, ...]
    link: str | None = None


@dataclass(frozen=True)
class KnownEntries:
    """The names and keys of ophys metadata that the interfaces of a session use.

    Attributes
    ----------
    names : mapping
        By block; nothing is known of a block that is missing.
    parts : mapping
        The names of the traces or images of a CaImAn file, by block and key.
    """

    names: Mapping[Block, frozenset[str]]
    parts: Mapping[tuple[Block, str], frozenset[str]]

    @classmethod
    def of_session(cls, merged: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> KnownEntries:
        """Return what the interfaces of a session use, all of which read CaImAn files.

        Parameters
        ----------
        merged : mapping
            The merged metadata.
        own : sequence of mapping
            What each CaImAn file specifies (``CaimanSegmentationInterface.file_metadata``).
        """
        linked_planes = {*values_of(PLANE_LINK, merged), *values_of(LISTED_PLANE_LINK, merged)}
        planes = {*linked_planes, *(key for one in own for key in _mapping(one, _PLANES))}
        named = [{"Ophys": {"ImagingPlanes": _chosen(_mapping(one, _PLANES), planes)}} for one in (merged, *own)]
        devices = {*values_of(DEVICE_LINK, merged), *values_of(LISTED_DEVICE_LINK, merged)}
        of_devices = _names({"Devices": _chosen(_mapping(merged, _DEVICES), devices)}, _DEVICES)
        names = {
            _PLANES: frozenset(planes),
            _LISTED_PLANES: frozenset({*planes, *(name for one in named for name in _names(one, _PLANES))}),
            _DEVICES: frozenset(devices),
            **dict.fromkeys(_LISTED_DEVICES, frozenset({*devices, *of_devices, DEFAULT_DEVICE})),
        }
        tables = _names(merged, ("Ophys", *TABLE_LIST))
        for block in (_TABLES, _RESPONSES, _IMAGES):
            keys = {key for one in own for key in (_main_key(one), *_mapping(one, block))}
            names[block] = frozenset({*keys, *(tables if block == _IMAGES else ())})
        return cls(names, _own_parts(own))

    def __or__(self, other: KnownEntries) -> KnownEntries:
        """Return what either of two sessions uses."""
        blocks = self.names.keys() & other.names.keys()
        parts = {
            place: self.parts.get(place, frozenset()) | other.parts.get(place, frozenset())
            for place in {**self.parts, **other.parts}
        }
        return KnownEntries({block: self.names[block] | other.names[block] for block in blocks}, parts)

    def unused(self, values: Mapping[str, Any]) -> Iterator[UnusedEntry]:
        """Yield the entries of metadata, in either format, that are not used."""
        for block, known in self.names.items():
            for path, name, entry in _entries(values, block):
                if name not in known:
                    link = {_DEVICES: DEVICE_LINK}.get(block, LISTED_DEVICE_LINK) if _KINDS[block] == "device" else None
                    yield UnusedEntry(path=path, kind=_KINDS[block], name=name, known=tuple(sorted(known)), link=link)
                elif (block, name) in self.parts and isinstance(entry, Mapping):
                    yield from self._unused_parts(path, block, name, entry)

    def _unused_parts(self, path: FieldPath, block: Block, key: str, entry: Mapping[str, Any]) -> Iterator[UnusedEntry]:
        known = self.parts[block, key]
        for name, part in entry.items():
            is_left_out_anyway = part is None and name in {*TRACES, *IMAGES}
            if name not in known and not is_left_out_anyway:
                yield UnusedEntry(path=(*path, name), kind=_PARTS[block], name=str(name), known=tuple(sorted(known)))


def _main_key(own: Mapping[str, Any]) -> str:
    """Return the metadata key of a CaImAn file, also if it has no traces or images."""
    return next(iter(_mapping(own, _TABLES)))


def _own_parts(own: Sequence[Mapping[str, Any]]) -> dict[tuple[Block, str], frozenset[str]]:
    return {
        (block, key): frozenset(_mapping(one, block).get(key, ()))
        for one in own
        for block in _PARTS
        for key in {_main_key(one), *_mapping(one, block)}
    }


def _entries(values: Mapping[str, Any], block: Block) -> Iterator[tuple[FieldPath, str, Any]]:
    """Yield path, name and content of each entry of a block."""
    entries = value_at(values, block)
    if isinstance(entries, Mapping):
        # In lists, the container of images has its own name and description in addition to its entries.
        yield from (((*block, key), key, entry) for key, entry in entries.items() if not isinstance(entry, str))
    elif block in (_LISTED_PLANES, *_LISTED_DEVICES):
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            name = value_at(entry, ("name",))
            if isinstance(name, str):
                yield (*block, index), name, entry


def _mapping(metadata: Mapping[str, Any], block: Block) -> Mapping[str, Any]:
    value = value_at(metadata, block)
    return value if isinstance(value, Mapping) else {}


def _chosen(entries: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: entries[key] for key in keys if key in entries}


def _names(metadata: Mapping[str, Any], block: Block) -> Iterator[str]:
    """Yield the names of the entries of a list or a mapping."""
    value = value_at(metadata, block)
    for entry in value.values() if isinstance(value, Mapping) else value or ():
        name = value_at(entry, ("name",))
        if isinstance(name, str):
            yield name


def values_of(key: str, value: Any) -> Iterator[str]:
    """Yield each string under a key, at any depth."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for name, item in inner:
        if name == key and isinstance(item, str):
            yield item
        else:
            yield from values_of(key, item)
