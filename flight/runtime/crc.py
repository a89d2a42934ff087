"""CRC-32C (Castagnoli), on the processor's own instruction where there is one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import google_crc32c

if TYPE_CHECKING:
    from mmap import mmap

    from numpy.typing import NDArray

    Octets = bytes | bytearray | memoryview | mmap | NDArray[Any]


def crc32c(data: Octets) -> int:
    """CRC-32C of a C-contiguous buffer, not copied. Raises BufferError or ValueError if strided."""
    return extend(0, data)


def extend(crc: int, data: Octets) -> int:
    """CRC-32C of what ``crc`` covers followed by ``data``."""
    if type(data) is bytes:
        return int(google_crc32c.extend(crc, data))
    # The extension takes bytes and ndarrays but refuses bytearray, memoryview and mmap, so those
    # go through an array over the same memory. Imported here: it costs 0.15 s at start-up.
    import numpy as np

    octets = np.frombuffer(data, np.uint8)
    return int(google_crc32c.extend(crc, octets))


def joined(crc: int, other: int, length: int) -> int:
    """CRC-32C of A followed by B, from those of A and of B and the length of B in octets."""
    # The CRC is linear: what B's octets do to that of A is the sum of what they do to its bits.
    for bit, moved in enumerate(_moved(length)):
        if crc >> bit & 1:
            other ^= moved
    return other


@lru_cache(maxsize=8)
def _moved(length: int) -> tuple[int, ...]:
    """What each bit of a CRC has become when so many octets followed."""
    zeros = bytes(length)
    return tuple(extend(1 << bit, zeros) ^ extend(0, zeros) for bit in range(32))


def accelerated() -> bool:
    """False when only the fallback in Python, hundreds of times slower, could be loaded."""
    return bool(google_crc32c.implementation == "c")
