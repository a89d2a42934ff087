"""Communications link control word: the FARM's report in each TM frame (CCSDS 232.0-B-4, 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from flight.link.errors import Fault, LinkError, require

SIZE = 4
_FIXED_BITS = 0xE3  # control word type, version, COP in effect
_COP_1 = 0x01


@dataclass(frozen=True, slots=True)
class Clcw:
    """State of one virtual channel's FARM-1. ``report_value`` is N(R), the next N(S) expected."""

    channel: int
    report_value: int
    lockout: bool = False
    wait: bool = False
    retransmit: bool = False
    farm_b: int = 0
    no_rf: bool = False
    no_bitlock: bool = False

    def pack(self) -> bytes:
        """Four octets; the COP in effect is COP-1. Raises LinkError."""
        require(self.channel, 6, "channel")
        require(self.report_value, 8, "N(R)")
        require(self.farm_b, 2, "FARM-B counter")
        flags = (
            self.no_rf << 7
            | self.no_bitlock << 6
            | self.lockout << 5
            | self.wait << 4
            | self.retransmit << 3
            | self.farm_b << 1
        )
        return bytes((_COP_1, self.channel << 2, flags, self.report_value))

    @classmethod
    def unpack(cls, raw: bytes) -> Clcw:
        """The CLCW in four octets; status field and spares are not looked at. Raises LinkError."""
        if len(raw) != SIZE:
            raise LinkError(Fault.LENGTH, f"CLCW of {len(raw)} octets")
        if raw[0] & _FIXED_BITS != _COP_1:
            raise LinkError(Fault.TYPE, f"control word {raw[0]:#04x} is no CLCW of COP-1")
        flags = raw[2]
        return cls(
            channel=raw[1] >> 2,
            report_value=raw[3],
            lockout=bool(flags & 0x20),
            wait=bool(flags & 0x10),
            retransmit=bool(flags & 0x08),
            farm_b=flags >> 1 & 3,
            no_rf=bool(flags & 0x80),
            no_bitlock=bool(flags & 0x40),
        )
