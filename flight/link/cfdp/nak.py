"""NAK PDU (727.0-B-5, 5.2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

from flight.link.cfdp.codes import CfdpError, Direction, Directive, PduType, Reason
from flight.link.cfdp.header import CRC_LENGTH, Header

METADATA = (0, 0)


@dataclass(frozen=True, slots=True)
class Nak:
    """Requests of [start, end) octet ranges; the range (0, 0) requests the metadata."""

    direction: ClassVar[Direction] = Direction.TOWARDS_SENDER

    header: Header
    start_of_scope: int
    end_of_scope: int
    requests: tuple[tuple[int, int], ...]

    def pack(self) -> bytes:
        """Octets of the PDU."""
        pack = self.header.fss.pack
        numbers = chain((self.start_of_scope, self.end_of_scope), *self.requests)
        field = bytes((Directive.NAK,)) + b"".join(map(pack, numbers))
        return self.header.pack(PduType.FILE_DIRECTIVE, self.direction, field)

    @classmethod
    def unpack(cls, header: Header, field: bytes) -> Nak:
        """From the data field after the directive code; raises `CfdpError`."""
        fss = header.fss
        if not field or len(field) % (2 * fss.size):
            raise CfdpError(Reason.LENGTH)
        numbers = [number for (number,) in fss.iter_unpack(field)]
        pairs = tuple(zip(numbers[2::2], numbers[3::2], strict=True))
        return cls(header, numbers[0], numbers[1], pairs)


def capacity(octets: int, header: Header) -> int:
    """Requests that fit into one PDU of at most `octets` octets, at least one."""
    width = 2 * header.fss.size
    fixed = header.length + 1 + width + (CRC_LENGTH if header.crc else 0)
    return max(1, (octets - fixed) // width)


def pack_request(header: Header, requests: tuple[tuple[int, int], ...]) -> bytes:
    """NAK PDU of `requests` in order, whose scope is what they span."""
    data = [request for request in requests if request != METADATA]
    scope = (data[0][0], data[-1][1]) if data else METADATA
    return Nak(header, *scope, requests).pack()
