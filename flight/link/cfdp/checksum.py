"""File checksums (727.0-B-5, 4.2; SANA checksum identifiers)."""

from __future__ import annotations

import struct

import google_crc32c

from flight.link.cfdp.codes import ChecksumType

SUPPORTED: frozenset[int] = frozenset(ChecksumType)

_WORD = 4
_MASK = 0xFFFFFFFF


def accelerated() -> bool:
    """Whether CRC-32C runs in C; the fallback in Python is too slow for flight."""
    return bool(google_crc32c.implementation == "c")


def crc32c(data: bytes, previous: int = 0) -> int:
    """CRC-32C of `data` appended to octets whose CRC is `previous`."""
    return int(google_crc32c.extend(previous, data))


class Checksum:
    """Running checksum of one file; `kind` as in `ChecksumType`, octets in file order."""

    def __init__(self, kind: int) -> None:
        self._kind = ChecksumType(kind)
        self._value = 0
        self._tail = b""

    def update(self, data: bytes) -> None:
        """Append `data`."""
        if self._kind is ChecksumType.CRC_32C:
            self._value = crc32c(data, self._value)
        elif self._kind is ChecksumType.MODULAR:
            data = self._tail + data
            whole = len(data) // _WORD * _WORD
            self._value = (self._value + _sum(data[:whole])) & _MASK
            self._tail = data[whole:]

    def value(self) -> int:
        """Checksum of the octets so far; the modular sum pads the last word with zeros."""
        return (self._value + _sum(self._tail.ljust(_WORD, b"\0"))) & _MASK


def _sum(data: bytes) -> int:
    """Sum of the big-endian words of `data`, whose length is a multiple of 4."""
    return sum(struct.unpack(f">{len(data) // _WORD}I", data))
