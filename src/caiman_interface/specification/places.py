"""Where in the files a piece of merged metadata was stated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .document import Document, KeyPath, Place, get_value, write_path
from .findings import Finding, Severity
from .problems import Problem
from .sessions import MetadataSource

_FILE_OF_COMMAND_LINE = ""


class _Named(NamedTuple):
    """A step to the entry of a list that bears this name: merging moves entries to other indices."""

    name: str


_Step = "str | int | _Named"


class Places:
    """The documents of a specification, in which problems are given their places.

    Parameters
    ----------
    documents : sequence of Document
        The specification and the files with more metadata.
    """

    def __init__(self, *documents: Document) -> None:
        self._documents = {document.path: document for document in documents}

    def finding(self, problem: Problem, file: Path | None, *, severity: Severity = "error") -> Finding:
        """Return the finding of a problem whose path is that in a file."""
        document = self._documents.get(file) if file is not None else None
        place = Place(0, 0) if document is None else document.place(problem.path)
        return Finding(
            severity=severity,
            file=_FILE_OF_COMMAND_LINE if document is None else str(document.path),
            line=place.line,
            column=place.column,
            key=write_path(problem.path),
            message=problem.message,
            found=problem.found,
            expected=problem.expected,
            remedy=problem.remedy,
        )

    def find_metadata(
        self,
        path: KeyPath,
        merged: Mapping[str, Any],
        sources: Sequence[MetadataSource],
        names: Mapping[tuple[str, str], str],
    ) -> tuple[Path | None, KeyPath]:
        """Return the file, and the path in it, where a piece of merged metadata was stated.

        Where it was stated several times, it is the one that won. Where it was not stated, the path ends with what
        would have to be added.

        Parameters
        ----------
        path : tuple of str and int
            Path in the merged metadata, whichever format NeuroConv or this package translated it to.
        merged : mapping
            The metadata before that.
        sources : sequence of MetadataSource
            What was stated, in the order of merging.
        names : mapping
            The names that the interfaces give to entries of ``Ophys``, by block and key.
        """
        if not sources:
            return None, path
        best, deepest = (sources[-1].file, (*sources[-1].path, *path)), 0
        for steps in _writings(path, merged, names):
            for source in reversed(sources):
                reached = _follow(source.values, steps)
                if len(reached) > deepest:
                    rest = tuple(step for step in steps[len(reached) :] if isinstance(step, str | int))
                    best, deepest = (source.file, (*source.path, *reached, *rest)), len(reached)
        return best


def _follow(values: Any, steps: Sequence[Any]) -> KeyPath:
    """Return the path as far as it leads."""
    reached: list[str | int] = []
    for step in steps:
        if isinstance(step, _Named):
            found = _index_of(values, step.name)
        elif isinstance(values, dict):
            found = step if step in values else None
        else:
            found = step if isinstance(values, list) and isinstance(step, int) and step < len(values) else None
        if found is None:
            break
        reached.append(found)
        values = values[found]
    return tuple(reached)


def _index_of(values: Any, name: str) -> int | None:
    entries = values if isinstance(values, list) else []
    return next((i for i, entry in enumerate(entries) if isinstance(entry, dict) and entry.get("name") == name), None)


def _writings(path: KeyPath, merged: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> Iterator[list[Any]]:
    """Yield the ways to write a path: with entries of lists by their name, and in NeuroConv's list format."""
    yield _with_names(path, merged)
    translated = _in_lists(path, merged, names)
    if translated is not None:
        yield translated


def _with_names(path: KeyPath, merged: Mapping[str, Any]) -> list[Any]:
    steps: list[Any] = []
    value: Any = merged
    for key in path:
        value = get_value(value, (key,))
        name = value.get("name") if isinstance(value, dict) else None
        steps.append(_Named(name) if isinstance(key, int) and isinstance(name, str) else key)
    return steps


_LISTS = {"ImagingPlanes": ("ImagingPlane",), "PlaneSegmentations": ("ImageSegmentation", "plane_segmentations")}
_LIST_FIELDS = {"device_metadata_key": "device", "imaging_plane_metadata_key": "imaging_plane"}


def _in_lists(path: KeyPath, merged: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> list[Any] | None:
    """Write a path of the dictionary format in the list format, where it may have been stated."""
    block_depth = 2
    if len(path) <= block_depth or path[0] != "Ophys" or path[1] not in _LISTS:
        return None
    block, key = str(path[1]), str(path[2])
    name = get_value(merged, (*path[:3], "name")) or names.get((block, key), key)
    rest = [_LIST_FIELDS.get(str(key), key) for key in path[3:]]
    return ["Ophys", *_LISTS[block], _Named(str(name)), *rest]
