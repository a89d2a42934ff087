"""PUS-C packets: space packets with secondary header and CRC (ECSS-E-ST-70-41C, 7.4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from flight.link import cuc, fecf
from flight.link.errors import Fault, LinkError, require
from flight.link.spacepacket import SEQUENCE_MODULUS, UNSEGMENTED, SpacePacket

_VERSION = 2
_TC_HEADER = struct.Struct(">BBBH")  # version and acknowledgement flags, service, subtype, source
_TM_HEADER = struct.Struct(">BBBHH")  # version and time status, service, subtype, counter, dest.
_TM_OVERHEAD = _TM_HEADER.size + cuc.SIZE


def _close(apid: int, telecommand: bool, sequence: int, data: bytes) -> bytes:
    packet = SpacePacket(apid, telecommand, sequence, data + bytes(fecf.SIZE)).pack()
    return fecf.append(packet[: -fecf.SIZE])


def _open(raw: bytes, telecommand: bool, overhead: int) -> SpacePacket:
    """A packet of the right type whose CRC is verified and whose headers are all there."""
    packet = SpacePacket.unpack(raw)
    if not fecf.intact(raw):
        raise LinkError(Fault.CRC, "packet CRC")
    if packet.telecommand is not telecommand or not packet.secondary:
        raise LinkError(Fault.TYPE, "packet type or secondary header flag")
    if packet.flags != UNSEGMENTED:
        raise LinkError(Fault.TYPE, f"sequence flags {packet.flags}")
    if len(packet.data) < overhead + fecf.SIZE:
        raise LinkError(Fault.LENGTH, f"packet data of {len(packet.data)} octets")
    version = packet.data[0] >> 4
    if version != _VERSION:
        raise LinkError(Fault.VERSION, f"PUS version {version}")
    return packet


@dataclass(frozen=True, slots=True)
class Telecommand:
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
        require(self.acknowledge, 4, "acknowledgement flags")
        _require_message(self.service, self.subtype)
        require(self.source, 16, "source")
        first = _VERSION << 4 | self.acknowledge
        head = _TC_HEADER.pack(first, self.service, self.subtype, self.source)
        return _close(self.apid, True, self.sequence, head + self.data)

    @classmethod
    def unpack(cls, raw: bytes) -> Telecommand:
        """The telecommand that ``raw`` is, exactly. Raises LinkError."""
        packet = _open(raw, True, _TC_HEADER.size)
        first, service, subtype, source = _TC_HEADER.unpack_from(packet.data)
        data = packet.data[_TC_HEADER.size : -fecf.SIZE]
        return cls(packet.apid, packet.sequence, service, subtype, data, source, first & 0xF)

    @property
    def request_id(self) -> int:
        """Packet id << 16 | sequence control: the first four octets of the packet (8.1.2.1)."""
        identifier = 1 << 12 | 1 << 11 | self.apid
        return identifier << 16 | UNSEGMENTED << 14 | self.sequence % SEQUENCE_MODULUS


@dataclass(frozen=True, slots=True)
class Report:
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
        _require_message(self.service, self.subtype)
        require(self.destination, 16, "destination")
        head = _TM_HEADER.pack(
            _VERSION << 4, self.service, self.subtype, self.counter & 0xFFFF, self.destination
        )
        return _close(self.apid, False, self.sequence, head + cuc.pack(self.utc_ns) + self.data)

    @classmethod
    def unpack(cls, raw: bytes) -> Report:
        """The report that ``raw`` is, exactly. Raises LinkError."""
        packet = _open(raw, False, _TM_OVERHEAD)
        _, service, subtype, counter, destination = _TM_HEADER.unpack_from(packet.data)
        return cls(
            packet.apid,
            packet.sequence,
            service,
            subtype,
            cuc.unpack(packet.data[_TM_HEADER.size : _TM_OVERHEAD]),
            packet.data[_TM_OVERHEAD : -fecf.SIZE],
            destination,
            counter,
        )


def _require_message(service: int, subtype: int) -> None:
    require(service, 8, "service")
    require(subtype, 8, "subtype")
