"""Fingerprints of everything that determines an output: sources, settings and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_BLOCK_BYTES = 2**22


def fingerprint(sources: Iterable[str | Path], settings: Any) -> str:
    """Return a fingerprint of everything that determines an output.

    Parameters
    ----------
    sources : iterable of str or Path
        Source files and folders. Bytes and names within a folder are included; locations and modification times are
        not.
    settings : Any
        Metadata, options and versions: nested mappings, lists and plain values. The order of keys is irrelevant.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256).

    Raises
    ------
    OSError
        If a source cannot be read.
    """
    digest = hashlib.sha256()
    for number, source in enumerate(sources):
        for name, file in _files(Path(source)):
            digest.update(f"{number}:{name}:{file.stat().st_size}:".encode())
            _add_bytes(digest, file)
    digest.update(json.dumps(settings, sort_keys=True, default=_as_text, separators=(",", ":")).encode())
    return digest.hexdigest()


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    if source.is_dir():
        inside = (path for path in source.rglob("*") if path.is_file())
        yield from sorted((path.relative_to(source).as_posix(), path) for path in inside)
    else:
        yield "", source


def _add_bytes(digest: Any, file: Path) -> None:
    block = bytearray(_BLOCK_BYTES)
    view = memoryview(block)
    with file.open("rb", buffering=0) as stream:
        while count := stream.readinto(block):
            digest.update(view[:count])


def _as_text(value: Any) -> Any:
    """Return a value that JSON can store: arrays as lists, everything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
