"""CRC-32C (Castagnoli), on the processor's own instruction where there is one."""

from __future__ import annotations

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


def accelerated() -> bool:
    """False when only the fallback in Python, hundreds of times slower, could be loaded."""
    return bool(google_crc32c.implementation == "c")
