"""Keep Alive PDU (727.0-B-5, 5.2.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flight.link.cfdp.codes import CfdpError, Direction, Directive, PduType, Reason
from flight.link.cfdp.header import Header


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """How far the receiver is: offset in octets from the start of the file."""

    direction: ClassVar[Direction] = Direction.TOWARDS_SENDER

    header: Header
    progress: int

    def pack(self) -> bytes:
        """Octets of the PDU; data may claim to end one octet beyond what the field can say."""
        most = (1 << 8 * self.header.fss.size) - 1
        progress = self.header.fss.pack(min(self.progress, most))
        field = bytes((Directive.KEEP_ALIVE,)) + progress
        return self.header.pack(PduType.FILE_DIRECTIVE, self.direction, field)

    @classmethod
    def unpack(cls, header: Header, field: bytes) -> KeepAlive:
        """From the data field after the directive code; raises `CfdpError`."""
        fss = header.fss
        if len(field) != fss.size:
            raise CfdpError(Reason.LENGTH)
        return cls(header, fss.unpack(field)[0])
