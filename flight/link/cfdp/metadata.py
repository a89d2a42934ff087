"""Metadata PDU (727.0-B-5, 5.2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flight.link.cfdp.codes import CfdpError, ChecksumType, Direction, Directive, PduType, Reason
from flight.link.cfdp.header import Header
from flight.link.cfdp.tlv import Tlv, unpack_tlvs

_CLOSURE = 0x40
_CHECKSUM = 0x0F


@dataclass(frozen=True, slots=True)
class Metadata:
    """Name, size and checksum type of the file; `size` in octets.

    Octets of a name that are not UTF-8 are kept as lone surrogates, so that a bad name is
    refused by the filestore procedures and not lost as a malformed PDU.
    """

    direction: ClassVar[Direction] = Direction.TOWARDS_RECEIVER

    header: Header
    size: int
    source_name: str
    destination_name: str
    checksum_type: int = ChecksumType.CRC_32C
    closure_requested: bool = False
    options: tuple[Tlv, ...] = ()

    def pack(self) -> bytes:
        """Octets of the PDU; raises `ValueError` for a name beyond 255 octets."""
        field = (
            bytes((Directive.METADATA, self.closure_requested << 6 | self.checksum_type))
            + self.header.fss.pack(self.size)
            + _pack_name(self.source_name)
            + _pack_name(self.destination_name)
            + b"".join(option.pack() for option in self.options)
        )
        return self.header.pack(PduType.FILE_DIRECTIVE, self.direction, field)

    @classmethod
    def unpack(cls, header: Header, field: bytes) -> Metadata:
        """From the data field after the directive code; raises `CfdpError`."""
        fss = header.fss
        position = 1 + fss.size
        if len(field) < position:
            raise CfdpError(Reason.LENGTH)
        (size,) = fss.unpack_from(field, 1)
        source_name, position = _unpack_name(field, position)
        destination_name, position = _unpack_name(field, position)
        return cls(
            header,
            size,
            source_name,
            destination_name,
            field[0] & _CHECKSUM,
            bool(field[0] & _CLOSURE),
            unpack_tlvs(field[position:]),
        )


def _pack_name(name: str) -> bytes:
    octets = name.encode("utf-8", "surrogateescape")
    return bytes((len(octets),)) + octets


def _unpack_name(field: bytes, position: int) -> tuple[str, int]:
    if position >= len(field):
        raise CfdpError(Reason.LENGTH)
    end = position + 1 + field[position]
    if end > len(field):
        raise CfdpError(Reason.LENGTH)
    return field[position + 1 : end].decode("utf-8", "surrogateescape"), end
