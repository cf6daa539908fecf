"""Rectangular regions of arrays, and how to cut an array into them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Region: TypeAlias = tuple[slice, ...]
Shape: TypeAlias = tuple[int, ...]


def blocks(shape: Iterable[int], block_shape: Shape) -> Iterator[Region]:
    """Cut an array into blocks, in C order; those at the edges are smaller."""
    axes = [
        [slice(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(shape, block_shape, strict=True)
    ]
    return itertools.product(*axes)


def grown(unit: Shape, shape: Shape, size: int) -> Shape:
    """Multiply a shape, its last axis first, up to `size` values or the whole array."""
    block = list(unit)
    for axis in reversed(range(len(block))):
        room = size // max(1, math.prod(block))
        needed = -(-shape[axis] // unit[axis])
        block[axis] = unit[axis] * max(1, min(room, needed))
        if room < needed:
            break
    return tuple(block)


def shrunk(block_shape: Shape, unit: Shape, size: int, *, axes: Iterable[int]) -> Shape:
    """Divide a shape along `axes`, in this order, down to `size` values or one unit of each axis."""
    block = list(block_shape)
    for axis in axes:
        excess = -(-math.prod(block) // max(1, size))
        if excess <= 1:
            break
        units = -(-block[axis] // unit[axis])
        block[axis] = unit[axis] * max(1, units // excess)
    return tuple(block)


def region_size(region: Region) -> int:
    """Return the number of values in a region."""
    return math.prod(axis.stop - axis.start for axis in region)


def region_shape(region: Region) -> Shape:
    """Return the shape of a region."""
    return tuple(axis.stop - axis.start for axis in region)


def describe_region(region: Region) -> str:
    """Return a region as in ``array[0:5, 2:3]``, without the brackets."""
    return ", ".join(f"{axis.start}:{axis.stop}" for axis in region)
