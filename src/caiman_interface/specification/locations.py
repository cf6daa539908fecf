"""Where in the files a piece of metadata was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from caiman_interface.metadata import follow, spellings

from .document import Document
from .findings import Finding
from .sessions import MetadataSource


def trace_metadata(
    finding: Finding, merged: Mapping[str, Any], sources: Sequence[MetadataSource], own: Sequence[Mapping[str, Any]]
) -> Finding:
    """Return a finding about merged metadata with the file and the path where the value was given.

    Where it was given several times, that is the one which takes precedence; where it was not given, the path ends with
    what would have to be added.

    Parameters
    ----------
    finding : Finding
        Its path is that in the merged metadata.
    merged : mapping
        The merged metadata.
    sources : sequence of MetadataSource
        What was given, in the order of merging.
    own : sequence of mapping
        What each CaImAn file specifies.
    """
    if not sources:
        return finding
    best, deepest = (sources[-1], finding.path), 0
    for steps in spellings(finding.path, merged, *own):
        for source in reversed(sources):
            reached = follow(source.values, steps)
            if len(reached) > deepest:
                rest = tuple(step for step in steps[len(reached) :] if isinstance(step, str | int))
                best, deepest = (source, (*reached, *rest)), len(reached)
    source, path = best
    return replace(finding, path=(*source.path, *path), file=source.file_name)


class Locator:
    """The documents of a specification, in which findings get their positions.

    Parameters
    ----------
    documents : sequence of Document
        The specification and the files with more metadata.
    """

    def __init__(self, *documents: Document) -> None:
        self._documents = {str(document.path): document for document in documents}

    def locate(self, finding: Finding) -> Finding:
        """Return a finding with the position of its path in its file, and with the text that is written there."""
        document = self._documents.get(finding.file)
        if document is None or finding.line:
            return finding
        line, column = document.position(finding.path)
        source = document.sources.get(finding.path)
        if finding.wants_text and source is not None:
            # YAML reads 010 as 8 and NO as false: the value does not show what has to be quoted.
            found = source if source == finding.found else f"{source} (YAML reads it as {finding.found})"
            finding = replace(finding, found=found, remedy=f'Put it in quotes: "{source}".')
        return replace(finding, line=line, column=column)
