"""File Data PDU without segment metadata (727.0-B-5, 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flight.link.cfdp.codes import CfdpError, Direction, PduType, Reason
from flight.link.cfdp.header import Header


@dataclass(slots=True)
class FileData:
    """Octets of the file from `offset` on.

    Not frozen like the other PDUs, since those are slower to make and there are many of these.
    """

    direction: ClassVar[Direction] = Direction.TOWARDS_RECEIVER

    header: Header
    offset: int
    data: bytes

    def pack(self) -> bytes:
        """Octets of the PDU."""
        field = self.header.fss.pack(self.offset) + self.data
        return self.header.pack(PduType.FILE_DATA, self.direction, field)

    @classmethod
    def unpack(cls, header: Header, field: bytes) -> FileData:
        """From the data field; raises `CfdpError`."""
        fss = header.fss
        if len(field) < fss.size:
            raise CfdpError(Reason.LENGTH)
        return cls(header, fss.unpack_from(field)[0], field[fss.size :])
