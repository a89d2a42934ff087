"""The sending side on board, pure: what goes into the next TM frame, and when."""

from __future__ import annotations

import math
from collections.abc import Callable

from flight.link.channels import Apid, VirtualChannel
from flight.link.clcw import Clcw
from flight.link.pus import Report
from flight.link.sdls.linkend import LinkEnd
from flight.link.services import Content
from flight.link.spacepacket import SpacePacket
from flight.link.tm import TmFramer

BURST = 0.05  # s of link time that may be sent at once after a pause
HOLD = 0.25  # s that housekeeping waits to fill a frame while files go down


class Downlink:
    """Reports on telecommands first, then files, then idle frames that carry the CLCW.

    Housekeeping and events take at most every second frame from files: neither waits for the end
    of the other, however slow the link. ``files(now)`` gives the next packet data of files and
    their APID, None when there are none now.
    """

    def __init__(
        self,
        spacecraft: int,
        frame_size: int,
        rate: float,
        idle_period: float,
        files: Callable[[float], tuple[Apid, bytes] | None],
        security: LinkEnd | None = None,
    ) -> None:
        self.sent = 0
        self._files = files
        self._framer = TmFramer(spacecraft, frame_size, security=security)
        self._rate = rate
        self._frame_time = 8 * frame_size / rate  # s
        self._idle_period = idle_period
        self._free_at = 0.0  # when the transmitter has sent all that it was given
        self._idle_due = 0.0
        self._held_since = math.inf  # since when housekeeping waits
        self._files_turn = False
        self._sequence: dict[int, int] = {}

    @property
    def space(self) -> int:
        """Octets of packets in a frame."""
        return self._framer.space

    def resize(self, frame_size: int) -> None:
        """Make frames of another length from now on. Raises ValueError."""
        self._framer.resize(frame_size)
        self._frame_time = 8 * frame_size / self._rate

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

    def due(self, now: float, clcw: Clcw) -> list[bytes]:
        """Frames that the transmitter can take now, at its rate."""
        self._free_at = max(self._free_at, now - BURST)
        frames = []
        while self._free_at <= now and self._feed(now):
            frames.append(self._framer.frame(clcw, self._first(now)))
            self._free_at += self._frame_time
        if not frames and now >= max(self._idle_due, self._free_at):
            frames.append(self._framer.frame(clcw))
            self._free_at += self._frame_time
        if frames:
            self._idle_due = now + self._idle_period
        self.sent += len(frames)
        return frames

    def _feed(self, now: float) -> bool:
        """Top the file channel up to one frame; True when there is anything to send."""
        while self._framer.pending(VirtualChannel.FILES) < self._framer.space:
            found = self._files(now)
            if found is None:
                break
            apid, data = found
            packet = SpacePacket(apid, False, self._count(apid), data, secondary=False)
            self._framer.add(VirtualChannel.FILES, packet.pack())
        return self._framer.has_data

    def _first(self, now: float) -> int:
        """The channel that is served next, if it has data; else they go in their order."""
        waiting = self._framer.pending(VirtualChannel.HOUSEKEEPING)
        if not waiting:
            self._held_since = math.inf
        elif self._held_since == math.inf:
            self._held_since = now
        ripe = waiting >= self._framer.space or now - self._held_since >= HOLD
        if self._files_turn or not ripe or self._framer.pending(VirtualChannel.COMMANDS):
            self._files_turn = False
            return VirtualChannel.COMMANDS
        self._files_turn, self._held_since = True, math.inf
        return VirtualChannel.HOUSEKEEPING
