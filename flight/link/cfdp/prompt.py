"""Prompt PDU (727.0-B-5, 5.2.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flight.link.cfdp.codes import CfdpError, Direction, Directive, PduType, Reason
from flight.link.cfdp.header import Header

_KEEP_ALIVE = 0x80


@dataclass(frozen=True, slots=True)
class Prompt:
    """Asks the receiver for a Keep Alive, or for a NAK."""

    direction: ClassVar[Direction] = Direction.TOWARDS_RECEIVER

    header: Header
    keep_alive: bool

    def pack(self) -> bytes:
        """Octets of the PDU."""
        field = bytes((Directive.PROMPT, _KEEP_ALIVE * self.keep_alive))
        return self.header.pack(PduType.FILE_DIRECTIVE, self.direction, field)

    @classmethod
    def unpack(cls, header: Header, field: bytes) -> Prompt:
        """From the data field after the directive code; raises `CfdpError`."""
        if len(field) != 1:
            raise CfdpError(Reason.LENGTH)
        return cls(header, bool(field[0] & _KEEP_ALIVE))
