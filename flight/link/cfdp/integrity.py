"""SHA-256 of a file as a message to the user in its metadata (727.0-B-5, 5.4.3).

CRC-32C finds errors, not forgeries, and one error in 4e9 not at all. Entities that do not know the
message leave it to their user and are not disturbed.
"""

from __future__ import annotations

import hashlib

from flight.link.cfdp.checksum import Checksum
from flight.link.cfdp.codes import TlvType
from flight.link.cfdp.filestore import Sink
from flight.link.cfdp.tlv import Tlv

STEP = 1 << 20
"""Octets read back at once while a file is verified; about 2 ms."""

_BLOCK = 1 << 16
_MARK = b"SHA-256:"
_LENGTH = 32


def digest_option(digest: bytes) -> Tlv:
    """The message that carries a digest."""
    return Tlv(TlvType.MESSAGE_TO_USER, _MARK + digest)


def digest_of(options: tuple[Tlv, ...]) -> bytes:
    """The digest that metadata carry, empty if they carry none."""
    for option in options:
        if option.kind == TlvType.MESSAGE_TO_USER and option.value.startswith(_MARK):
            return option.value[len(_MARK) :][:_LENGTH]
    return b""


class Verification:
    """Reads a whole file back from its sink, piece by piece, and compares."""

    def __init__(self, sink: Sink, size: int, kind: int, checksum: int, digest: bytes) -> None:
        self._sink = sink
        self._size = size
        self._expected = (checksum, digest)
        self._checksum = Checksum(kind)
        self._sha256 = hashlib.sha256() if digest else None
        self._position = 0

    def step(self) -> bool:
        """Read `STEP` octets more; whether all are read. Raises `OSError` if some are missing."""
        end = min(self._position + STEP, self._size)
        while self._position < end:
            block = self._sink.read(self._position, min(_BLOCK, end - self._position))
            if not block:
                raise OSError("storage lost octets that were written")
            self._checksum.update(block)
            if self._sha256 is not None:
                self._sha256.update(block)
            self._position += len(block)
        return self._position == self._size

    def passed(self) -> bool:
        """Whether the file is the one that was sent, once all is read."""
        digest = self._sha256.digest() if self._sha256 is not None else b""
        return (self._checksum.value(), digest) == self._expected
