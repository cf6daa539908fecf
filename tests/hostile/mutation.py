"""Changes of the bytes of a file, mostly of those that describe its structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIGNATURES = (b"\x89HDF", b"TREE", b"HEAP", b"SNOD", b"GCOL", b"OHDR", b"FRHP", b"BTHD")


def mutate_bytes(path: Path, rng: np.random.Generator) -> None:
    """Flip, overwrite, cut, insert or swap bytes at one to eight places."""
    content = bytearray(path.read_bytes())
    structure = places_of_structure(content)
    for _ in range(int(rng.integers(1, 9))):
        near = int(rng.choice(structure)) + int(rng.integers(0, 96))
        place = near if rng.random() < 0.85 else int(rng.integers(len(content)))
        change_at(content, min(place, len(content) - 1), rng)
    path.write_bytes(content)


def places_of_structure(content: bytearray) -> list[int]:
    places = []
    for signature in SIGNATURES:
        start = content.find(signature)
        while start >= 0 and len(places) < 5000:
            places.append(start)
            start = content.find(signature, start + 1)
    return places


def change_at(content: bytearray, place: int, rng: np.random.Generator) -> None:
    kind, length = int(rng.integers(12)), int(rng.integers(1, 9))
    if kind < 5:
        content[place] ^= 1 << int(rng.integers(8))
    elif kind < 8:
        content[place : place + length] = rng.bytes(len(content[place : place + length]))
    elif kind == 8:
        content[place : place + length] = b"\xff" * len(content[place : place + length])
    elif kind == 9:
        content[place : place + 64 * length] = bytes(len(content[place : place + 64 * length]))
    elif kind == 10:
        other = int(rng.integers(len(content)))
        content[place : place + length] = content[other : other + length].ljust(length, b"\0")
    elif rng.random() < 0.3 and place > 2000:
        del content[place:]
