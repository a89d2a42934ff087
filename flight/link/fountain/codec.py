"""Packets of the fountain: symbols, the manifest between them, the receiver's report."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum, unique

from flight.link.errors import Fault, LinkError

MANIFEST_EVERY = 32  # packets at most from one manifest to the next
UNHEARD = 1e-3  # chance that all manifests of a pour are lost
LARGEST = 4 << 20  # octets; a file is encoded at once, and its symbols are held in memory
MOST_SYMBOLS = 56403  # source symbols of a block (RFC 6330, 5.1.2)
SYMBOL_UNIT = 8  # octets; symbols are a multiple of it, and fewer may fill their packet
SPARE = 2  # symbols beyond K with which decoding fails once in a million (RFC 6330, 1)
SIGMAS = 3.0

HEAD = struct.Struct(">BI")  # kind, transfer
_BODY = struct.Struct(">QHB32s")  # size, symbol size, source blocks, SHA-256
_REPORT = struct.Struct(">BI")  # verdict, symbols that the receiver lacks
ID_SIZE = 4  # octets of the payload id before each symbol (RFC 6330, 3.2)
OVERHEAD = HEAD.size + ID_SIZE


@unique
class Kind(IntEnum):
    """What a packet is."""

    MANIFEST = 0
    SYMBOL = 1
    REPORT = 2


@unique
class Verdict(IntEnum):
    """What a receiver says of a file."""

    LACKING = 0  # symbols are missing
    DELIVERED = 1  # it is there, whole
    REJECTED = 2  # it came, and cannot be kept
    UNREADABLE = 3  # the receiver has no fountain


def manifests(loss: float) -> int:
    """Manifests to send so that one arrives all but UNHEARD times."""
    return max(2, math.ceil(math.log(UNHEARD) / math.log(loss))) if loss else 2


def to_send(source: int, loss: float) -> int:
    """Symbols to send so that ``source`` and SPARE arrive, at a frame loss of 0 to below 1."""
    wanted = source + SPARE
    number = math.ceil(wanted / (1 - loss))
    while number * (1 - loss) - SIGMAS * math.sqrt(number * loss * (1 - loss)) < wanted:
        number += max(1, number // 512)
    return number


def source_blocks(size: int, symbol: int) -> int:
    """Blocks into which a file is cut, of symbols of a multiple of 8 octets (RFC 6330, 4.3).

    So it is with the memory that the library allows a decoder, 10 MiB: with sub-symbols of 8
    octets even the largest block fits.
    """
    return -(-size // (symbol * MOST_SYMBOLS))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the symbols of a transfer make up. Sizes in octets."""

    transfer: int
    name: str
    size: int
    symbol: int
    blocks: int
    sha256: bytes

    @property
    def source(self) -> int:
        """Source symbols of the whole file, K."""
        return -(-self.size // self.symbol)

    def pack(self) -> bytes:
        """Octets of the packet."""
        body = _BODY.pack(self.size, self.symbol, self.blocks, self.sha256)
        return HEAD.pack(Kind.MANIFEST, self.transfer) + body + self.name.encode()

    @classmethod
    def unpack(cls, raw: bytes) -> Manifest:
        """The manifest that a packet is. Raises LinkError."""
        _, transfer = HEAD.unpack_from(raw)
        if len(raw) <= HEAD.size + _BODY.size:
            raise LinkError(Fault.LENGTH, f"manifest of {len(raw)} octets")
        size, symbol, blocks, digest = _BODY.unpack_from(raw, HEAD.size)
        try:
            name = raw[HEAD.size + _BODY.size :].rstrip(b"\0").decode()
        except UnicodeDecodeError as error:
            raise LinkError(Fault.TYPE, "name of a file") from error
        if not 0 < size <= LARGEST or symbol % 8 or not symbol >= 8:
            raise LinkError(Fault.TYPE, f"{size} octets in symbols of {symbol}")
        if blocks != source_blocks(size, symbol):
            raise LinkError(Fault.TYPE, f"{size} octets in symbols of {symbol}, {blocks} blocks")
        return cls(transfer, name, size, symbol, blocks, digest)


def parse(raw: bytes) -> tuple[Kind, int]:
    """Kind and transfer of a packet. Raises LinkError."""
    if len(raw) <= HEAD.size:
        raise LinkError(Fault.TRUNCATED, f"fountain packet of {len(raw)} octets")
    kind, transfer = HEAD.unpack_from(raw)
    if kind not in iter(Kind):
        raise LinkError(Fault.TYPE, f"fountain packet of kind {kind}")
    return Kind(kind), transfer


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that a receiver has a part of, in octets that came at least once."""

    transfer: int
    name: str
    received: int
    size: int


@dataclass(frozen=True, slots=True)
class Report:
    """The receiver's word on a transfer; ``lacking`` counts symbols."""

    transfer: int
    verdict: Verdict
    lacking: int = 0

    def pack(self) -> bytes:
        """Octets of the packet."""
        return HEAD.pack(Kind.REPORT, self.transfer) + _REPORT.pack(self.verdict, self.lacking)

    @classmethod
    def unpack(cls, raw: bytes) -> Report:
        """The report that a packet is. Raises LinkError."""
        kind, transfer = parse(raw)
        if kind != Kind.REPORT or len(raw) != HEAD.size + _REPORT.size:
            raise LinkError(Fault.TYPE, "no fountain report")
        verdict, lacking = _REPORT.unpack_from(raw, HEAD.size)
        if verdict not in iter(Verdict):
            raise LinkError(Fault.TYPE, f"verdict {verdict}")
        return cls(transfer, Verdict(verdict), lacking)
