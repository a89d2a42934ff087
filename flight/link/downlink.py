"""The sending side on board, pure: what goes into the next TM frame, and when."""

from __future__ import annotations

from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.sender import Sender
from flight.link.channels import Apid, VirtualChannel
from flight.link.clcw import Clcw
from flight.link.pus import Report
from flight.link.services import Content
from flight.link.spacepacket import SpacePacket
from flight.link.tm import TmFramer

BURST = 0.05  # s of link time that may be sent at once after a pause


class Downlink:
    """Reports first, then the file in transmission, then idle frames that carry the CLCW."""

    def __init__(self, spacecraft: int, frame_size: int, rate: float, idle_period: float) -> None:
        self.sent = 0
        self.sender: Sender | None = None
        self._framer = TmFramer(spacecraft, frame_size)
        self._frame_time = 8 * frame_size / rate  # s
        self._idle_period = idle_period
        self._free_at = 0.0  # when the transmitter has sent all that it was given
        self._idle_due = 0.0
        self._sequence: dict[int, int] = {}

    def report(self, content: Content, utc_ns: int, channel: int) -> None:
        """Queue a PUS report."""
        service, subtype, data = content
        number = self._count(Apid.NODE)
        report = Report(Apid.NODE, number, service, subtype, utc_ns, data, counter=number)
        self._framer.add(channel, report.pack())

    def _count(self, apid: int) -> int:
        number = self._sequence.get(apid, 0)
        self._sequence[apid] = (number + 1) % (1 << 14)
        return number

    def answer(self, pdu: Pdu, now: float) -> None:
        """Hand a PDU of the receiver to the file in transmission."""
        if self.sender is not None:
            self.sender.receive(pdu, now)

    def file_pdu(self, pdu: bytes) -> None:
        """Queue a CFDP PDU; one that finds no room is lost, and the peer asks again."""
        packet = SpacePacket(Apid.FILES, False, self._count(Apid.FILES), pdu, secondary=False)
        self._framer.add(VirtualChannel.FILES, packet.pack())

    def due(self, now: float, clcw: Clcw) -> list[bytes]:
        """Frames that the transmitter can take now, at its rate."""
        self._free_at = max(self._free_at, now - BURST)
        frames = []
        while self._free_at <= now and self._feed(now):
            frames.append(self._framer.frame(clcw))
            self._free_at += self._frame_time
        if not frames and now >= self._idle_due:
            frames.append(self._framer.frame(clcw))
        if frames:
            self._idle_due = now + self._idle_period
        self.sent += len(frames)
        return frames

    def _feed(self, now: float) -> bool:
        """Top the file channel up to one frame; True when there is anything to send."""
        while self.sender is not None and self._framer.pending(VirtualChannel.FILES) == 0:
            pdu = self.sender.next_pdu(now)
            if pdu is None:
                break
            self.file_pdu(pdu)
        return self._framer.has_data
