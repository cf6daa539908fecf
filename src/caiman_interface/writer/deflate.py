"""zlib streams of shuffled values: byte planes that do not compress are stored, the others are compressed.

After the shuffle filter, the bytes of a chunk lie in planes: all first bytes of the values, then all second bytes, and
so on. The low mantissa bytes of floating-point measurements are noise, on which a compressor spends most of its
time without gain, and a reader again. DEFLATE (RFC 1951) has "stored" blocks for this case. Both kinds of blocks
follow each other in one zlib stream (RFC 1950), which every gzip decoder of HDF5 reads.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

# zlib levels up to HDF5's default of 4 are served by ISA-L, which is about ten times faster: its level 2 compresses
# as well as zlib's level 4. A higher level asks for small files rather than speed and is served by zlib itself.
_HIGHEST_ISAL_LEVEL = 4
_ISAL_LEVEL = 2

# A plane is judged by this many pieces of this many bytes, spread evenly over it.
_SAMPLE_PIECES = 16
_SAMPLE_PIECE_BYTES = 1024
# Planes whose sample keeps at least this part of its size are stored: files grow by 0.3 % at most.
_INCOMPRESSIBLE_RATIO = 0.98

_ZLIB_HEADER = b"\x78\x01"
_FINAL_BLOCK = b"\x03\x00"  # an empty block with the "final" bit
_LONGEST_STORED_BLOCK = 0xFFFF


def deflated(planes: NDArray[np.uint8], level: int) -> bytes:
    """Return one zlib stream of all bytes.

    Parameters
    ----------
    planes : array of uint8
        The bytes, of shape (planes, bytes of each plane), C-contiguous.
    level : int
        Level of HDF5's deflate filter, 0 to 9.
    """
    if not 0 < level <= _HIGHEST_ISAL_LEVEL:
        return zlib.compress(planes.data, level)
    parts: list[Any] = [_ZLIB_HEADER]
    for plane in planes:
        parts += _stored_blocks(plane) if _is_incompressible(plane) else _compressed_blocks(plane)
    checksum = isal_zlib.adler32(planes.reshape(-1))
    return b"".join([*parts, _FINAL_BLOCK, struct.pack(">I", checksum)])


def _is_incompressible(plane: NDArray[np.uint8]) -> bool:
    """Return whether compression would hardly shrink a plane, judged by a sample."""
    size = len(plane)
    if size > 2 * _SAMPLE_PIECES * _SAMPLE_PIECE_BYTES:
        starts = np.linspace(0, size - _SAMPLE_PIECE_BYTES, _SAMPLE_PIECES).astype(np.intp)
        sample = np.concatenate([plane[start : start + _SAMPLE_PIECE_BYTES] for start in starts])
    else:
        sample = plane
    return len(isal_zlib.compress(sample, _ISAL_LEVEL)) >= _INCOMPRESSIBLE_RATIO * len(sample)


def _compressed_blocks(plane: NDArray[np.uint8]) -> list[bytes]:
    """Return compressed blocks that end at a whole byte and refer to nothing before them.

    ISA-L uses one Huffman table for a long stretch; a table for each plane makes the stream up to 5 % smaller.
    """
    stream = isal_zlib.compressobj(_ISAL_LEVEL, wbits=-15)
    return [stream.compress(plane), stream.flush(isal_zlib.Z_FULL_FLUSH)]


def _stored_blocks(plane: NDArray[np.uint8]) -> list[Any]:
    """Return stored blocks: a header byte, the length, its complement, and the bytes as they are."""
    parts: list[Any] = []
    for start in range(0, len(plane), _LONGEST_STORED_BLOCK):
        piece = plane[start : start + _LONGEST_STORED_BLOCK]
        parts += [struct.pack("<BHH", 0, len(piece), len(piece) ^ 0xFFFF), piece.data]
    return parts
