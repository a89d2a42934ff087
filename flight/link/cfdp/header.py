"""Fixed PDU header with ids of 1 to 8 octets (727.0-B-5, 5.1)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from flight.link.cfdp.codes import CfdpError, Direction, PduType, Reason
from flight.link.fecf import crc16

CRC_LENGTH = 2
MAX_DATA_FIELD = 0xFFFF
WIDEST = 8

_FIXED = 4
_LENGTH_FIELD = struct.Struct(">H")
_VERSION = 1
_SEGMENT_METADATA = 0x08
_DATA = 0x10
_TOWARDS_SENDER = 0x08
_UNACKNOWLEDGED = 0x04
_CRC = 0x02
_LARGE = 0x01
_SMALL_FSS = struct.Struct(">I")
_LARGE_FSS = struct.Struct(">Q")
_HEADERS = 1024
"""Parsed headers kept: PDUs of one kind and transaction have the same but for the length."""


@dataclass(frozen=True, slots=True)
class Header:
    """What all PDUs of one transaction have in common; widths in octets."""

    source: int
    destination: int
    transaction: int
    large: bool = False
    crc: bool = True
    acknowledged: bool = True
    entity_width: int = 2
    sequence_width: int = 4

    @property
    def fss(self) -> struct.Struct:
        """Codec of one file size sensitive field: 4 octets, or 8 with the large file flag."""
        return _LARGE_FSS if self.large else _SMALL_FSS

    @property
    def length(self) -> int:
        """Octets of the packed header."""
        return _FIXED + 2 * self.entity_width + self.sequence_width

    def agree(self, other: Header) -> None:
        """Refuse a PDU of the same transaction whose large file flag is `other`'s: its numbers may
        not fit this one's PDUs (5.1, table 5-1). Raises `CfdpError`."""
        if other.large is not self.large:
            raise CfdpError(Reason.LARGE_FILE)

    def packer(self, kind: PduType, direction: Direction) -> Callable[[bytes], bytes]:
        """Function that makes PDUs of data fields, CRC appended when the CRC flag is on (4.1.3.2).

        Raises `OverflowError` for ids wider than their fields.
        """
        flags = _VERSION << 5 | kind << 4 | direction << 3
        flags |= (not self.acknowledged) << 2 | self.crc << 1 | self.large
        first = bytes((flags,))
        ids = (
            bytes(((self.entity_width - 1) << 4 | (self.sequence_width - 1),))
            + self.source.to_bytes(self.entity_width, "big")
            + self.transaction.to_bytes(self.sequence_width, "big")
            + self.destination.to_bytes(self.entity_width, "big")
        )
        length, crc = _LENGTH_FIELD.pack, self.crc

        def pack(field: bytes) -> bytes:
            if not crc:
                return first + length(len(field)) + ids + field
            pdu = first + length(len(field) + CRC_LENGTH) + ids + field
            return pdu + length(crc16(pdu))

        return pack

    def pack(self, kind: PduType, direction: Direction, field: bytes) -> bytes:
        """The PDU with data field `field`."""
        return self.packer(kind, direction)(field)


class Kind(NamedTuple):
    """What the header says: whether file data or a directive follow, and the direction."""

    header: Header
    data: bool
    direction: Direction


def unpack(raw: bytes, require_crc: bool) -> tuple[Kind, bytes]:
    """Header and data field of `raw`; octets missing or left over are refused as bad length.

    Raises `CfdpError`.
    """
    if len(raw) < _FIXED:
        raise CfdpError(Reason.LENGTH)
    flags, widths = raw[0], raw[3]
    if flags >> 5 != _VERSION:
        raise CfdpError(Reason.VERSION)
    start = _FIXED + 2 * ((widths >> 4 & 7) + 1) + (widths & 7) + 1
    length = raw[1] << 8 | raw[2]
    if len(raw) != start + length:
        raise CfdpError(Reason.LENGTH)
    if flags & _CRC:
        if length < CRC_LENGTH:
            raise CfdpError(Reason.LENGTH)
        if crc16(raw) != 0:
            raise CfdpError(Reason.CRC)
    elif require_crc:
        raise CfdpError(Reason.CRC_ABSENT)
    if flags & _DATA and widths & _SEGMENT_METADATA:
        raise CfdpError(Reason.SEGMENT_METADATA)
    return _kind(flags, raw[3:start]), raw[start:-CRC_LENGTH] if flags & _CRC else raw[start:]


@lru_cache(_HEADERS)
def _kind(flags: int, ids: bytes) -> Kind:
    """Header of its flags and of its octets from the widths on."""
    entity, sequence = (ids[0] >> 4 & 7) + 1, (ids[0] & 7) + 1
    direction = Direction.TOWARDS_SENDER if flags & _TOWARDS_SENDER else Direction.TOWARDS_RECEIVER
    header = Header(
        int.from_bytes(ids[1 : 1 + entity], "big"),
        int.from_bytes(ids[1 + entity + sequence :], "big"),
        int.from_bytes(ids[1 + entity : 1 + entity + sequence], "big"),
        bool(flags & _LARGE),
        bool(flags & _CRC),
        not flags & _UNACKNOWLEDGED,
        entity,
        sequence,
    )
    return Kind(header, bool(flags & _DATA), direction)


def towards_sender(raw: bytes) -> bool:
    """Direction bit of an unverified PDU, to route it without parsing it twice."""
    return len(raw) > 0 and bool(raw[0] & _TOWARDS_SENDER)
