"""End-of-file PDU (727.0-B-5, 5.2.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from flight.link.cfdp.codes import (
    CfdpError,
    ConditionCode,
    Direction,
    Directive,
    PduType,
    Reason,
)
from flight.link.cfdp.header import Header
from flight.link.cfdp.tlv import fault_location, pack_fault_location, unpack_tlvs

_FIXED = struct.Struct(">BI")


@dataclass(frozen=True, slots=True)
class Eof:
    """End of the file, or its cancellation: `size` and `checksum` then cover what was sent.

    `fault_location` is the entity that cancelled, absent with `NO_ERROR`.
    """

    direction: ClassVar[Direction] = Direction.TOWARDS_RECEIVER

    header: Header
    condition: ConditionCode
    checksum: int
    size: int
    fault_location: int | None = None

    def pack(self) -> bytes:
        """Octets of the PDU."""
        field = (
            bytes((Directive.EOF,))
            + _FIXED.pack(self.condition << 4, self.checksum)
            + self.header.fss.pack(self.size)
            + pack_fault_location(self.fault_location, self.header.entity_width)
        )
        return self.header.pack(PduType.FILE_DIRECTIVE, self.direction, field)

    @classmethod
    def unpack(cls, header: Header, field: bytes) -> Eof:
        """From the data field after the directive code; raises `CfdpError`."""
        fss = header.fss
        end = _FIXED.size + fss.size
        if len(field) < end:
            raise CfdpError(Reason.LENGTH)
        condition, checksum = _FIXED.unpack_from(field)
        (size,) = fss.unpack_from(field, _FIXED.size)
        tlvs = unpack_tlvs(field[end:])
        if len(tlvs) > 1:
            raise CfdpError(Reason.TLV)
        location = fault_location(tlvs[0]) if tlvs else None
        try:
            code = ConditionCode(condition >> 4)
        except ValueError:
            raise CfdpError(Reason.CODE) from None
        return cls(header, code, checksum, size, location)
