"""The receiving side on board, pure: datagram to telecommand or CFDP PDU, everything counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flight.link.channels import Apid, VirtualChannel
from flight.link.errors import Fault, LinkError
from flight.link.farm import Farm, Verdict
from flight.link.pus import Telecommand
from flight.link.spacepacket import SpacePacket
from flight.link.tc import TcFrame


@dataclass(frozen=True, slots=True)
class FilePdu:
    """A CFDP PDU that came up."""

    data: bytes


class Uplink:
    """Framing, FARM-1 and packet checks. Commands come on VC0, CFDP feedback on VC1."""

    def __init__(self, spacecraft: int) -> None:
        self.counters: Counter[str] = Counter()
        self.farm = Farm(VirtualChannel.COMMANDS)
        self._spacecraft = spacecraft

    def feed(self, datagram: bytes) -> Telecommand | FilePdu | None:
        """Take one datagram. Never raises; what is refused is in ``counters``."""
        try:
            return self._accept(TcFrame.unpack(datagram, self._spacecraft))
        except LinkError as error:
            self.counters[error.reason] += 1
            return None

    def _accept(self, frame: TcFrame) -> Telecommand | FilePdu | None:
        if frame.channel == VirtualChannel.FILES and frame.bypass and not frame.control:
            self.counters["good"] += 1
            return self._packet(frame)
        if frame.channel != VirtualChannel.COMMANDS:
            raise LinkError(Fault.CHANNEL, f"no uplink on virtual channel {frame.channel}")
        verdict = self.farm.accept(frame)
        if verdict in (Verdict.ACCEPTED, Verdict.CONTROL):
            self.counters["good"] += 1
        else:
            self.counters["sequence"] += 1
        return self._packet(frame) if verdict is Verdict.ACCEPTED else None

    def _packet(self, frame: TcFrame) -> Telecommand | FilePdu | None:
        """The packet of a good frame; one that does not parse is counted."""
        try:
            return _parse(frame)
        except LinkError:
            self.counters["packet"] += 1
            return None


def _parse(frame: TcFrame) -> Telecommand | FilePdu:
    packet = SpacePacket.unpack(frame.data)
    if not packet.telecommand:
        raise LinkError(Fault.TYPE, "telemetry packet on the uplink")
    if frame.channel == VirtualChannel.FILES and packet.apid == Apid.FILES:
        return FilePdu(packet.data)
    if frame.channel == VirtualChannel.COMMANDS and packet.apid == Apid.NODE:
        return Telecommand.unpack(frame.data)
    raise LinkError(Fault.TYPE, f"APID {packet.apid} on virtual channel {frame.channel}")
