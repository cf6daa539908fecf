"""Metadata that no interface uses, in sessions whose interfaces all read CaImAn files; NeuroConv ignores them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from caiman_interface.metadata import KnownEntries, UnusedEntry
from caiman_interface.text import near_matches

from .findings import Finding
from .sessions import MetadataSource, Session, caiman_interfaces

_MESSAGES = {
    "imaging plane": "no interface uses an imaging plane '{}': the entry is ignored",
    "device": "no imaging plane uses a device '{}': the entry is ignored",
    "metadata key": "no interface has the metadata key '{}': the entry is ignored",
    "trace": "the CaImAn file has no trace '{}': the entry is ignored",
    "image": "the CaImAn file has no image '{}': the entry is ignored",
}
_LIKENESS = 0.5  # as of "Plane" and "ImagingPlane"


def known_entries(interfaces: Mapping[str, Any], merged: Mapping[str, Any]) -> KnownEntries | None:
    """Return the names that the interfaces of a session use; None if not all of them read CaImAn files."""
    ours = caiman_interfaces(interfaces)
    if not ours or len(ours) < len(interfaces):
        return None
    return KnownEntries.of_session(merged, [interface.file_metadata for interface in ours.values()])


def find_unused(sessions: Sequence[Session], known: Sequence[KnownEntries | None]) -> Iterator[Finding]:
    """Yield the entries of the metadata that none of their sessions uses.

    Parameters
    ----------
    sessions : sequence of Session
        The sessions.
    known : sequence of KnownEntries or None
        For each session, the names in use; None if they are not known.
    """
    given: dict[tuple[Any, ...], tuple[MetadataSource, list[KnownEntries | None]]] = {}
    for session, names in zip(sessions, known, strict=True):
        for source in session.metadata_sources:
            given.setdefault((source.file, source.path), (source, []))[1].append(names)
    for source, of_sessions in given.values():
        complete = [names for names in of_sessions if names is not None]
        if len(complete) == len(of_sessions):
            for entry in reduce(or_, complete).unused(source.values):
                yield _finding(entry, source)


def _finding(entry: UnusedEntry, source: MetadataSource) -> Finding:
    near = near_matches(entry.name, entry.known, likeness=_LIKENESS)
    if near:
        remedy = f"Did you mean {' or '.join(map(repr, near))}?"
    elif entry.link is not None:
        remedy = f"Write `{entry.link}: {entry.name}` in the imaging plane, or remove the device."
    else:
        remedy = "Correct the name, or remove it."
    expected = f"one of {', '.join(entry.known)}" if entry.known else ""
    return Finding(
        severity="warning",
        path=(*source.path, *entry.path),
        message=_MESSAGES[entry.kind].format(entry.name),
        expected=expected,
        remedy=remedy,
        file=source.file_name,
    )
