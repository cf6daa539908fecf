"""Damaged heaps of texts, on which the HDF5 library hangs.

HDF5 keeps texts of variable length in global heaps (HDF5 File Format Specification 3.0, section III.E). Its library, up
to 2.0 at least, never returns from reading a heap in which an object has the index 0 and the size 0, as in a file of
which a block is filled with zeros. No exception or signal ends that call, so the heaps are checked before.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from .errors import CaimanFileError
from .groups import DAMAGE
from .walk import Member

_SIGNATURE = b"GCOL"
_HEADER = struct.Struct("<4sB3xQ")  # signature, version, bytes of the heap
_OBJECT = struct.Struct("<H6xQ")  # index, bytes of the object
_FREE_SPACE = 0  # the index of what is not used
# Smaller datasets are not skipped, nor is more read at once.
_PART_BYTES = 2**18


def check_string_heaps(path: Path, members: Iterable[Member]) -> None:
    """Check that the texts in a file can be read.

    Parameters
    ----------
    path : Path
        The file.
    members : iterable of Member
        Its datasets; the large ones are not searched for heaps.

    Raises
    ------
    CaimanFileError
        If reading a text would never end.
    """
    with path.open("rb") as raw:
        for heap in _heaps(raw, path.stat().st_size, sorted(_extents(members))):
            if (place := _endless_object(raw, heap)) is not None:
                raise CaimanFileError(
                    path,
                    f"the heap of texts at byte {heap} is damaged",
                    found=f"an object without a size at byte {place}, on which the HDF5 library hangs",
                    expected="the file as CaImAn saved it",
                    remedy="Copy the file again, or save the results again with CaImAn",
                )


def _extents(members: Iterable[Member]) -> Iterator[tuple[int, int]]:
    """Yield the first byte of each large dataset that is in one piece, and the byte after its last."""
    for member in members:
        if member.dataset is not None:
            with suppress(*DAMAGE):
                start, nbytes = member.dataset.get_offset(), member.dataset.get_storage_size()
                if start is not None and nbytes > _PART_BYTES:
                    yield start, start + nbytes


def _heaps(raw: BinaryIO, size: int, datasets: list[tuple[int, int]]) -> Iterator[int]:
    """Yield the first byte of each heap in the parts of a file that are not in large datasets."""
    position = 0
    for start, stop in [*datasets, (size, size)]:
        while position < start:
            raw.seek(position)
            part = raw.read(min(_PART_BYTES, start - position) + len(_SIGNATURE) - 1)
            found = part.find(_SIGNATURE)
            while found >= 0:
                yield position + found
                found = part.find(_SIGNATURE, found + 1)
            position += _PART_BYTES
        position = max(stop, min(position, start))


def _endless_object(raw: BinaryIO, heap: int) -> int | None:
    """Return the byte of an object in a heap on which the HDF5 library hangs; None if there is none."""
    raw.seek(heap)
    head = raw.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return None
    _, version, nbytes = _HEADER.unpack(head)
    if version != 1 or nbytes > 2**32:
        return None  # not a heap, or one that HDF5 refuses
    content, place = raw.read(nbytes - _HEADER.size), 0
    while place + _OBJECT.size <= len(content):
        index, size = _OBJECT.unpack_from(content, place)
        if index == _FREE_SPACE and size == 0:
            return heap + _HEADER.size + place
        place += size if index == _FREE_SPACE else _OBJECT.size + (size + 7) // 8 * 8
    return None
