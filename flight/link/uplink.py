"""The receiving side on board, pure: datagram to telecommand or CFDP PDU, everything counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from flight.link.channels import Apid, VirtualChannel
from flight.link.errors import Fault, LinkError
from flight.link.farm import Farm, Verdict
from flight.link.pus import Telecommand
from flight.link.sdls.linkend import LinkEnd
from flight.link.spacepacket import IDLE_APID, SpacePacket
from flight.link.tc import TcFrame

CHANNELS = (VirtualChannel.COMMANDS, VirtualChannel.FILES)
CONTROLS = 20  # control commands of COP-1 that may come at once


@dataclass(frozen=True, slots=True)
class FilePdu:
    """A CFDP PDU that came up."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FountainReport:
    """What the ground has, or lacks, of a file that goes down through the fountain."""

    data: bytes


Packet = Telecommand | FilePdu | FountainReport


class Uplink:
    """Framing, security, FARM-1 and packet checks. Commands come on VC0, files on VC1.

    No state changes before a frame is known to be genuine, the control commands of COP-1 aside:
    the standard sends them in clear, so of these a few are taken at a time, then one a second.
    ``room`` says whether one more telecommand is taken; ``bypassed`` whether the last one came in
    a frame outside the sequence.
    """

    def __init__(
        self,
        spacecraft: int,
        security: LinkEnd | None = None,
        room: Callable[[], bool] = lambda: True,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.farm = Farm(VirtualChannel.COMMANDS)
        self.bypassed = False
        self.genuine = (
            0  # frames of which it is known, as far as it can be, that the ground sent them
        )
        self._spacecraft, self._security, self._room = spacecraft, security, room
        self._controls = CONTROLS

    def second(self) -> None:
        """A second has passed."""
        self._controls = min(CONTROLS, self._controls + 1)
        if self._room():
            self.farm.release()

    def feed(self, datagram: bytes) -> Packet | None:
        """Take one datagram. Never raises; what is refused is in ``counters``."""
        try:
            frame = TcFrame.unpack(datagram, self._spacecraft, self._security, CHANNELS)
            self.genuine += self._security is None or not frame.control
            return self._accept(frame)
        except LinkError as error:
            self.counters[error.reason] += 1
            return None

    def _accept(self, frame: TcFrame) -> Packet | None:
        if frame.channel == VirtualChannel.FILES and frame.bypass and not frame.control:
            self.counters["good"] += 1
            return self._packet(frame)
        if frame.channel == VirtualChannel.FILES:
            raise LinkError(Fault.CHANNEL, "files come in BD frames only")
        if frame.control:
            if not self._controls:
                raise LinkError(Fault.CONTROL, "control commands come too fast")
            self._controls -= 1
        self.bypassed = frame.bypass
        verdict = self.farm.accept(frame, self._room())
        if verdict in (Verdict.ACCEPTED, Verdict.CONTROL):
            self.counters["good"] += 1
        else:
            self.counters["sequence"] += 1
        return self._packet(frame) if verdict is Verdict.ACCEPTED else None

    def _packet(self, frame: TcFrame) -> Packet | None:
        """The packet of a good frame; one that does not parse is counted. None for an idle one,
        with which a ground that has nothing to say shows that it is there."""
        try:
            return _parse(frame)
        except LinkError:
            self.counters["packet"] += 1
            return None


def _parse(frame: TcFrame) -> Packet | None:
    packet = SpacePacket.unpack(frame.data)
    if not packet.telecommand:
        raise LinkError(Fault.TYPE, "telemetry packet on the uplink")
    if frame.channel == VirtualChannel.FILES and packet.apid == IDLE_APID:
        return None
    if frame.channel == VirtualChannel.FILES and packet.apid == Apid.FILES:
        return FilePdu(packet.data)
    if frame.channel == VirtualChannel.FILES and packet.apid == Apid.FOUNTAIN:
        return FountainReport(packet.data)
    if frame.channel == VirtualChannel.COMMANDS and packet.apid == Apid.NODE:
        return Telecommand.unpack(frame.data)
    raise LinkError(Fault.TYPE, f"APID {packet.apid} on virtual channel {frame.channel}")
