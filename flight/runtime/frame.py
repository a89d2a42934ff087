"""The bus frame: topic key, header, MessagePack body and CRC-32C, in one ZeroMQ frame.

The CRC stands last, little-endian, so that the CRC over a whole good frame is a constant: one call
verifies a frame without slicing it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import google_crc32c

VERSION = 1
REQUEST = 1
REPLY = 2
JOIN = 3  # no message: what a new subscriber is entitled to begins after this sequence

_PREFIX = struct.Struct("<16sBBHII")
_REST = struct.Struct("<QdqI")
_HEADER = struct.Struct("<16sBBHIIQdqI")
RESIDUE = 0x48674BC7  # CRC-32C over any message followed by its own CRC-32C
PREFIX_SIZE = _PREFIX.size
HEADER_SIZE = _HEADER.size
OVERHEAD = HEADER_SIZE + 4

crc = google_crc32c.value
unpack = _HEADER.unpack_from
unpack_sequence = struct.Struct(f"<{PREFIX_SIZE}xQ").unpack_from
_rest = _REST.pack
_trailer = struct.Struct("<I").pack


class Header(NamedTuple):
    """Who said what, when. ``monotonic`` in s, ``utc`` in ns; ``boot`` tells restarts apart.

    In a request ``monotonic`` is when it expires: nobody waits for its answer any more.
    """

    key: bytes
    version: int
    flags: int
    source: int
    boot: int
    dictionary: int
    sequence: int
    monotonic: float
    utc: int
    length: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who stamps frames: source number from the topology, boot of the process, dictionary."""

    source: int
    boot: int
    dictionary: int

    def prefix(self, key: bytes, flags: int = 0) -> bytes:
        """What all our frames of one topic begin with, up to the sequence."""
        return _PREFIX.pack(key, VERSION, flags, self.source, self.boot, self.dictionary)


def pack(prefix: bytes, sequence: int, monotonic: float, utc: int, body: bytes) -> bytes:
    """Return one frame."""
    head = prefix + _rest(sequence, monotonic, utc, len(body)) + body
    return head + _trailer(crc(head))


def verify(frame: bytes) -> bool:
    """True when the frame is whole and its CRC is right."""
    return len(frame) >= OVERHEAD and crc(frame) == RESIDUE


def header(frame: bytes) -> Header:
    """Header of a verified frame."""
    return Header._make(unpack(frame))


def body(frame: bytes) -> memoryview:
    """Body of a verified frame, without a copy."""
    return memoryview(frame)[HEADER_SIZE:-4]
