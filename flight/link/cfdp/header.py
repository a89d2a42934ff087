"""Fixed PDU header with entity ids of 2 and sequence numbers of 4 octets (727.0-B-5, 5.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from flight.link.cfdp.codes import CfdpError, Direction, PduType, Reason
from flight.link.fecf import crc16

LENGTH = 12
CRC_LENGTH = 2
MAX_DATA_FIELD = 0xFFFF

_FIXED = struct.Struct(">BHBHIH")
_VERSION = 1
_WIDTHS = 0x13
_WIDTH_BITS = 0x77
_SEGMENT_METADATA = 0x08
_TOWARDS_SENDER = 0x08
_UNACKNOWLEDGED = 0x04
_CRC = 0x02
_LARGE = 0x01
_SMALL_FSS = struct.Struct(">I")
_LARGE_FSS = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Header:
    """What all PDUs of one transaction have in common."""

    source: int
    destination: int
    transaction: int
    large: bool = False
    crc: bool = True

    @property
    def fss(self) -> struct.Struct:
        """Codec of one file size sensitive field: 4 octets, or 8 with the large file flag."""
        return _LARGE_FSS if self.large else _SMALL_FSS

    def pack(self, kind: PduType, direction: Direction, field: bytes) -> bytes:
        """The PDU with data field `field`, CRC appended when the CRC flag is on (4.1.3.2)."""
        flags = _VERSION << 5 | kind << 4 | direction << 3 | self.crc << 1 | self.large
        length = len(field) + CRC_LENGTH * self.crc
        pdu = (
            _FIXED.pack(flags, length, _WIDTHS, self.source, self.transaction, self.destination)
            + field
        )
        return pdu + crc16(pdu).to_bytes(CRC_LENGTH, "big") if self.crc else pdu


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A PDU whose header, length and CRC are verified and whose data field is not yet read."""

    header: Header
    kind: PduType
    direction: Direction
    field: bytes


def unpack(raw: bytes, require_crc: bool) -> Unpacked:
    """Header and data field of `raw`; octets missing or left over are refused as bad length.

    Raises `CfdpError`.
    """
    if len(raw) < LENGTH:
        raise CfdpError(Reason.LENGTH)
    flags, length, widths, source, transaction, destination = _FIXED.unpack_from(raw)
    if flags >> 5 != _VERSION:
        raise CfdpError(Reason.VERSION)
    if widths & _WIDTH_BITS != _WIDTHS:
        raise CfdpError(Reason.WIDTH)
    if len(raw) != LENGTH + length:
        raise CfdpError(Reason.LENGTH)
    crc = bool(flags & _CRC)
    _verify(raw, length, crc, require_crc)
    if flags & _UNACKNOWLEDGED:
        raise CfdpError(Reason.MODE)
    kind = PduType.FILE_DATA if flags & 0x10 else PduType.FILE_DIRECTIVE
    if kind is PduType.FILE_DATA and widths & _SEGMENT_METADATA:
        raise CfdpError(Reason.SEGMENT_METADATA)
    return Unpacked(
        Header(source, destination, transaction, bool(flags & _LARGE), crc),
        kind,
        Direction.TOWARDS_SENDER if flags & _TOWARDS_SENDER else Direction.TOWARDS_RECEIVER,
        raw[LENGTH:-CRC_LENGTH] if crc else raw[LENGTH:],
    )


def _verify(raw: bytes, length: int, crc: bool, require_crc: bool) -> None:
    """Refuse a PDU whose CRC is wrong, or absent although it is required."""
    if not crc:
        if require_crc:
            raise CfdpError(Reason.CRC_ABSENT)
    elif length < CRC_LENGTH:
        raise CfdpError(Reason.LENGTH)
    elif crc16(raw) != 0:
        raise CfdpError(Reason.CRC)


def towards_sender(raw: bytes) -> bool:
    """Direction bit of an unverified PDU, to route it without parsing it twice."""
    return len(raw) > 0 and bool(raw[0] & _TOWARDS_SENDER)
