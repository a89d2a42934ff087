"""Finished PDU (727.0-B-5, 5.2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flight.link.cfdp.codes import (
    CfdpError,
    ConditionCode,
    DeliveryCode,
    Direction,
    Directive,
    FileStatus,
    PduType,
    Reason,
    TlvType,
)
from flight.link.cfdp.header import Header
from flight.link.cfdp.tlv import Tlv, fault_location, pack_fault_location, unpack_tlvs


@dataclass(frozen=True, slots=True)
class Finished:
    """Outcome at the receiver.

    `fault_location` is absent with `NO_ERROR` and `UNSUPPORTED_CHECKSUM_TYPE`; `responses` are
    filestore responses, uninterpreted.
    """

    direction: ClassVar[Direction] = Direction.TOWARDS_SENDER

    header: Header
    condition: ConditionCode
    delivery: DeliveryCode
    status: FileStatus
    fault_location: int | None = None
    responses: tuple[Tlv, ...] = ()

    def pack(self) -> bytes:
        """Octets of the PDU."""
        field = (
            bytes((Directive.FINISHED, self.condition << 4 | self.delivery << 2 | self.status))
            + b"".join(response.pack() for response in self.responses)
            + pack_fault_location(self.fault_location, self.header.entity_width)
        )
        return self.header.pack(PduType.FILE_DIRECTIVE, self.direction, field)

    @classmethod
    def unpack(cls, header: Header, field: bytes) -> Finished:
        """From the data field after the directive code; raises `CfdpError`."""
        if not field:
            raise CfdpError(Reason.LENGTH)
        tlvs = unpack_tlvs(field[1:])
        location = None
        if tlvs and tlvs[-1].kind == TlvType.ENTITY_ID:
            location = fault_location(tlvs[-1])
            tlvs = tlvs[:-1]
        if any(tlv.kind != TlvType.FILESTORE_RESPONSE for tlv in tlvs):
            raise CfdpError(Reason.TLV)
        try:
            condition = ConditionCode(field[0] >> 4)
        except ValueError:
            raise CfdpError(Reason.CODE) from None
        delivery = DeliveryCode(field[0] >> 2 & 1)
        return cls(header, condition, delivery, FileStatus(field[0] & 3), location, tlvs)
