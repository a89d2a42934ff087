"""Type-length-value fields (727.0-B-5, 5.1.9 and 5.4)."""

from __future__ import annotations

from dataclasses import dataclass

from flight.link.cfdp.codes import CfdpError, Reason, TlvType

_MOST_ENTITY_OCTETS = 8


@dataclass(frozen=True, slots=True)
class Tlv:
    """One field; `kind` is not restricted, since unknown types must be skipped."""

    kind: int
    value: bytes

    def pack(self) -> bytes:
        """Octets of the field; raises `ValueError` beyond 255 octets of value."""
        return bytes((self.kind, len(self.value))) + self.value


def unpack_tlvs(field: bytes) -> tuple[Tlv, ...]:
    """All fields of `field`, which they must fill exactly; raises `CfdpError`."""
    found: list[Tlv] = []
    position = 0
    while position < len(field):
        if position + 2 > len(field):
            raise CfdpError(Reason.TLV)
        end = position + 2 + field[position + 1]
        if end > len(field):
            raise CfdpError(Reason.TLV)
        found.append(Tlv(field[position], field[position + 2 : end]))
        position = end
    return tuple(found)


def pack_fault_location(entity: int | None, width: int) -> bytes:
    """Entity at which a transaction was cancelled, in `width` octets, or nothing (5.4.6)."""
    if entity is None:
        return b""
    return Tlv(TlvType.ENTITY_ID, entity.to_bytes(width, "big")).pack()


def fault_location(tlv: Tlv) -> int:
    """Entity id of a fault location; raises `CfdpError`."""
    if tlv.kind != TlvType.ENTITY_ID or not 1 <= len(tlv.value) <= _MOST_ENTITY_OCTETS:
        raise CfdpError(Reason.TLV)
    return int.from_bytes(tlv.value, "big")
