"""Space packets (CCSDS 133.0-B-2, 4.1)."""

from __future__ import annotations

import struct

import msgspec

from flight.link.errors import Fault, LinkError, require

HEADER_SIZE = 6
SMALLEST = HEADER_SIZE + 1
LARGEST = HEADER_SIZE + 65536
IDLE_APID = 0x7FF
UNSEGMENTED = 3
SEQUENCE_MODULUS = 1 << 14

_HEADER = struct.Struct(">HHH")


class SpacePacket(msgspec.Struct, frozen=True):
    """One packet. ``data`` begins with the secondary header where there is one."""

    apid: int
    telecommand: bool
    sequence: int
    data: bytes
    secondary: bool = True
    flags: int = UNSEGMENTED

    def pack(self) -> bytes:
        """Octets of the packet; the sequence count wraps at 16384. Raises LinkError."""
        size = len(self.data)
        if not 0 < size <= LARGEST - HEADER_SIZE:
            raise LinkError(Fault.LENGTH, f"packet data of {size} octets")
        if self.flags >> 2:
            require(self.flags, 2, "sequence flags")
        first = self.telecommand << 12 | self.secondary << 11
        second = self.flags << 14 | self.sequence % SEQUENCE_MODULUS
        return header(first, self.apid, second, size) + self.data

    @classmethod
    def unpack(cls, raw: bytes) -> SpacePacket:
        """The packet that ``raw`` is, from its first octet to its last. Raises LinkError."""
        first, second = verified(raw)
        return cls(
            first & 0x7FF,
            first & 0x1000 != 0,
            second & 0x3FFF,
            raw[HEADER_SIZE:],
            first & 0x0800 != 0,
            second >> 14,
        )


def header(kind: int, apid: int, second: int, size: int) -> bytes:
    """Six octets: ``kind`` has type and secondary header flag in place, ``second`` is the sequence
    control word, ``size`` counts the octets behind. Raises LinkError for an APID beyond 11 bits."""
    if apid >> 11:
        require(apid, 11, "APID")
    return _HEADER.pack(kind | apid, second, size - 1)


def verified(raw: bytes) -> tuple[int, int]:
    """First word and sequence control word of the packet that ``raw`` is. Raises LinkError."""
    if len(raw) < HEADER_SIZE:
        raise LinkError(Fault.TRUNCATED, f"packet header of {len(raw)} octets")
    first, second, last = _HEADER.unpack_from(raw)
    if first >> 13:
        raise LinkError(Fault.VERSION, f"packet version {first >> 13}")
    if len(raw) != HEADER_SIZE + last + 1:
        fault = Fault.TRUNCATED if len(raw) <= HEADER_SIZE + last else Fault.OVERSIZE
        raise LinkError(fault, f"packet of {len(raw)} octets, header says {HEADER_SIZE + last + 1}")
    return first, second


def packet_length(header: bytes) -> int:
    """Octets of the whole packet whose first six are ``header``. Raises LinkError."""
    if len(header) < HEADER_SIZE:
        raise LinkError(Fault.TRUNCATED, f"packet header of {len(header)} octets")
    return HEADER_SIZE + (header[4] << 8 | header[5]) + 1


def idle_packet(length: int) -> bytes:
    """Idle packet of ``length`` octets, at least SMALLEST. Raises LinkError."""
    return SpacePacket(IDLE_APID, False, 0, bytes(length - HEADER_SIZE), secondary=False).pack()
