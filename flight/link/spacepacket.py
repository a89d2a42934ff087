"""Space packets (CCSDS 133.0-B-2, 4.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from flight.link.errors import Fault, LinkError, require

HEADER_SIZE = 6
SMALLEST = HEADER_SIZE + 1
LARGEST = HEADER_SIZE + 65536
IDLE_APID = 0x7FF
UNSEGMENTED = 3
SEQUENCE_MODULUS = 1 << 14

_HEADER = struct.Struct(">HHH")


@dataclass(frozen=True, slots=True)
class SpacePacket:
    """One packet. ``data`` begins with the secondary header where there is one."""

    apid: int
    telecommand: bool
    sequence: int
    data: bytes
    secondary: bool = True
    flags: int = UNSEGMENTED

    def pack(self) -> bytes:
        """Octets of the packet; the sequence count wraps at 16384. Raises LinkError."""
        if not 0 < len(self.data) <= LARGEST - HEADER_SIZE:
            raise LinkError(Fault.LENGTH, f"packet data of {len(self.data)} octets")
        require(self.apid, 11, "APID")
        require(self.flags, 2, "sequence flags")
        first = self.telecommand << 12 | self.secondary << 11 | self.apid
        second = self.flags << 14 | self.sequence % SEQUENCE_MODULUS
        return _HEADER.pack(first, second, len(self.data) - 1) + self.data

    @classmethod
    def unpack(cls, raw: bytes) -> SpacePacket:
        """The packet that ``raw`` is, from its first octet to its last. Raises LinkError."""
        total = packet_length(raw)
        first, second, _ = _HEADER.unpack_from(raw)
        if first >> 13:
            raise LinkError(Fault.VERSION, f"packet version {first >> 13}")
        if len(raw) != total:
            fault = Fault.TRUNCATED if len(raw) < total else Fault.OVERSIZE
            raise LinkError(fault, f"packet of {len(raw)} octets, header says {total}")
        return cls(
            apid=first & 0x7FF,
            telecommand=bool(first & 0x1000),
            sequence=second & 0x3FFF,
            data=bytes(raw[HEADER_SIZE:]),
            secondary=bool(first & 0x0800),
            flags=second >> 14,
        )


def packet_length(header: bytes) -> int:
    """Octets of the whole packet whose first six are ``header``. Raises LinkError."""
    if len(header) < HEADER_SIZE:
        raise LinkError(Fault.TRUNCATED, f"packet header of {len(header)} octets")
    return HEADER_SIZE + (header[4] << 8 | header[5]) + 1


def idle_packet(length: int) -> bytes:
    """Idle packet of ``length`` octets, at least SMALLEST. Raises LinkError."""
    return SpacePacket(IDLE_APID, False, 0, bytes(length - HEADER_SIZE), secondary=False).pack()
