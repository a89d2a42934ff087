"""From a master key to the keys of its security associations, and what may be said of a key."""

from __future__ import annotations

import hashlib
import struct
from enum import IntEnum, unique

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_SIZE = 32
MOST_EPOCH = 4094  # SPI 0 and 65535 are reserved
MOST_CHANNEL = 6  # virtual channel 7 has the idle frames, which stay clear

_LABEL = b"tardigrade link key v1"
_INFO = struct.Struct(">HBBH?")
_FINGERPRINT = b"tardigrade key fingerprint v1"


@unique
class Direction(IntEnum):
    """Which way the frames of an association go."""

    UP = 0
    DOWN = 1


def spi(epoch: int, direction: Direction, channel: int) -> int:
    """Security parameter index: it names the epoch too, so that old and new keys tell apart."""
    return epoch << 4 | direction << 3 | channel


def meaning(index: int) -> tuple[int, Direction, int]:
    """Epoch, direction and virtual channel of a security parameter index."""
    return index >> 4, Direction(index >> 3 & 1), index & 7


def association_key(
    master: bytes, spacecraft: int, epoch: int, direction: Direction, channel: int, clear: bool
) -> bytes:
    """Key of one association, 32 octets (HKDF-SHA-256, RFC 5869)."""
    info = _LABEL + _INFO.pack(spacecraft, channel, direction, epoch, clear)
    return HKDF(SHA256(), KEY_SIZE, None, info).derive(master)


def fingerprint(key: bytes) -> str:
    """What may be shown of a key: 16 hexadecimal digits that tell nothing else about it."""
    return hashlib.sha256(_FINGERPRINT + key).hexdigest()[:16]
