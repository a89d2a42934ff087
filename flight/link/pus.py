"""PUS-C packets: space packets with secondary header and CRC (ECSS-E-ST-70-41C, 7.4)."""

from __future__ import annotations

import struct

import msgspec

from flight.link import cuc, fecf
from flight.link.errors import Fault, LinkError, require
from flight.link.spacepacket import (
    HEADER_SIZE,
    LARGEST,
    SEQUENCE_MODULUS,
    UNSEGMENTED,
    header,
    verified,
)

_VERSION = 2
_TC_HEADER = struct.Struct(">BBBH")  # version and acknowledgement flags, service, subtype, source
_TM_HEADER = struct.Struct(">BBBHH")  # version and time status, service, subtype, counter, dest.
_TC_DATA = HEADER_SIZE + _TC_HEADER.size
_TM_TIME = HEADER_SIZE + _TM_HEADER.size
_TM_DATA = _TM_TIME + cuc.SIZE
# The flags of type and secondary header, where they stand in the first word.
_TC, _TM = 0x1800, 0x0800
_KIND = 0x1800


def _close(kind: int, apid: int, sequence: int, head: bytes, data: bytes) -> bytes:
    size = len(head) + len(data) + fecf.SIZE
    if size > LARGEST - HEADER_SIZE:
        raise LinkError(Fault.LENGTH, f"packet data of {size} octets")
    second = UNSEGMENTED << 14 | sequence % SEQUENCE_MODULUS
    return fecf.append(header(kind, apid, second, size) + head + data)


def _open(raw: bytes, kind: int, overhead: int) -> tuple[int, int]:
    """APID and sequence count of a packet of the right type, whose CRC is verified and whose
    headers are all there."""
    first, second = verified(raw)
    if not fecf.intact(raw):
        raise LinkError(Fault.CRC, "packet CRC")
    if first & _KIND != kind:
        raise LinkError(Fault.TYPE, "packet type or secondary header flag")
    if second >> 14 != UNSEGMENTED:
        raise LinkError(Fault.TYPE, f"sequence flags {second >> 14}")
    if len(raw) < overhead + fecf.SIZE:
        raise LinkError(Fault.LENGTH, f"packet of {len(raw)} octets")
    if raw[HEADER_SIZE] >> 4 != _VERSION:
        raise LinkError(Fault.VERSION, f"PUS version {raw[HEADER_SIZE] >> 4}")
    return first & 0x7FF, second & 0x3FFF


class Telecommand(msgspec.Struct, frozen=True):
    """A telecommand packet; ``data`` is the application data."""

    apid: int
    sequence: int
    service: int
    subtype: int
    data: bytes
    source: int = 0
    acknowledge: int = 0b1111

    def pack(self) -> bytes:
        """Octets of the packet with its CRC. Raises LinkError."""
        if (self.service | self.subtype) >> 8 or self.acknowledge >> 4 or self.source >> 16:
            require(self.acknowledge, 4, "acknowledgement flags")
            _require_message(self.service, self.subtype)
            require(self.source, 16, "source")
        first = _VERSION << 4 | self.acknowledge
        head = _TC_HEADER.pack(first, self.service, self.subtype, self.source)
        return _close(_TC, self.apid, self.sequence, head, self.data)

    @classmethod
    def unpack(cls, raw: bytes) -> Telecommand:
        """The telecommand that ``raw`` is, exactly. Raises LinkError."""
        apid, sequence = _open(raw, _TC, _TC_DATA)
        first, service, subtype, source = _TC_HEADER.unpack_from(raw, HEADER_SIZE)
        data = raw[_TC_DATA : -fecf.SIZE]
        return cls(apid, sequence, service, subtype, data, source, first & 0xF)

    @property
    def request_id(self) -> int:
        """Packet id << 16 | sequence control: the first four octets of the packet (8.1.2.1)."""
        return (_TC | self.apid) << 16 | UNSEGMENTED << 14 | self.sequence % SEQUENCE_MODULUS


class Report(msgspec.Struct, frozen=True):
    """A telemetry packet; ``data`` is the source data, ``utc_ns`` is kept to 15.3 us."""

    apid: int
    sequence: int
    service: int
    subtype: int
    utc_ns: int
    data: bytes
    destination: int = 0
    counter: int = 0

    def pack(self) -> bytes:
        """Octets of the packet with its CRC; the counter wraps at 65536. Raises LinkError."""
        if (self.service | self.subtype) >> 8 or self.destination >> 16:
            _require_message(self.service, self.subtype)
            require(self.destination, 16, "destination")
        head = _TM_HEADER.pack(
            _VERSION << 4, self.service, self.subtype, self.counter & 0xFFFF, self.destination
        )
        return _close(_TM, self.apid, self.sequence, head + cuc.pack(self.utc_ns), self.data)

    @classmethod
    def unpack(cls, raw: bytes) -> Report:
        """The report that ``raw`` is, exactly. Raises LinkError."""
        apid, sequence = _open(raw, _TM, _TM_DATA)
        _, service, subtype, counter, destination = _TM_HEADER.unpack_from(raw, HEADER_SIZE)
        return cls(
            apid,
            sequence,
            service,
            subtype,
            cuc.unpack(raw[_TM_TIME:_TM_DATA]),
            raw[_TM_DATA : -fecf.SIZE],
            destination,
            counter,
        )


def _require_message(service: int, subtype: int) -> None:
    require(service, 8, "service")
    require(subtype, 8, "subtype")
