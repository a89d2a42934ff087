"""The ground end of the link, without sockets, files or clock: frames in, frames out."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable

from flight.dictionary.registry import Command, item
from flight.link import services
from flight.link.cfdp import CfdpError, Filestore, Receiver, Settings, parse, towards_sender
from flight.link.channels import Apid, Entity, VirtualChannel
from flight.link.errors import LinkError
from flight.link.fop import Fop
from flight.link.pus import Telecommand
from flight.link.spacepacket import SpacePacket
from flight.link.tc import TcFrame
from flight.link.tm import TmDeframer
from ground.station.downlink import Reports
from ground.station.happenings import FileDelivered, FileProgress, Happening, LinkChanged
from ground.station.outbox import Outbox
from ground.station.settings import ATTEMPTS, SILENCE, StationSettings
from ground.station.uplink import Uplink
from ground.station.verification import Tracker

QUEUE = 256
PROGRESS_PERIOD = 0.25
NAK_SIZE = 256


class QueueFull(Exception):
    """Too many telecommands wait for the link."""


class LinkSession:
    """Telecommands up through COP-1, files up and down, reports down.

    ``sequence`` gives the next telecommand sequence count, ``first`` is the transaction number of
    the first file that goes up. All times are monotonic seconds of the caller. While no telemetry
    arrives the link is down: telecommands and files wait and nothing times out.
    """

    def __init__(
        self,
        settings: StationSettings,
        filestore: Filestore,
        sequence: Callable[[], int],
        first: int = 1,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.link_up = False
        self.tracker = Tracker(settings.answer_timeout, ATTEMPTS)
        self._settings = settings
        self._sequence = sequence
        self._deframer = TmDeframer(settings.spacecraft, settings.frame_size)
        self._reports = Reports(self.tracker)
        self._fop = Fop(
            settings.spacecraft,
            VirtualChannel.COMMANDS,
            settings.frame_timeout,
            window=settings.window,
        )
        self._receiver = Receiver(
            Entity.GROUND,
            filestore,
            Settings(round_trip=settings.file_round_trip, nak_pdu=NAK_SIZE),
        )
        self._outbox = Outbox(settings.file_round_trip, first)
        self._uplink = Uplink(settings.uplink_rate, self._file_frame)
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._outgoing: list[bytes] = []
        # One list for all parts, so that it keeps the order of events.
        self._happenings = self.tracker.happenings
        self._heard = -math.inf
        self._pdus = 0  # of files, both directions
        self._progress: dict[int, int] = {}
        self._progress_due = -math.inf

    def send_command(self, command: Command) -> int:
        """Queue a telecommand and return its request id.

        Raises QueueFull, LayoutError for values that the dictionary does not allow.
        """
        if len(self._waiting) >= QUEUE:
            raise QueueFull(f"{QUEUE} telecommands wait for the link")
        service, subtype, data = services.telecommand(command)
        packet = Telecommand(Apid.NODE, self._sequence(), service, subtype, data)
        while self.tracker.known_on_board(packet.request_id):
            packet = Telecommand(Apid.NODE, self._sequence(), service, subtype, data)
        raw = packet.pack()
        self.tracker.queued(packet.request_id, item(command).name, raw)
        self._waiting.append((packet.request_id, raw))
        return packet.request_id

    def send_file(self, name: str, data: bytes) -> int:
        """Queue a file for the node and return its transaction number.

        Raises OutboxFull; ValueError for a name or a size that no node takes.
        """
        return self._outbox.add(name, data)

    def on_frame(self, datagram: bytes, now: float) -> None:
        """Take one datagram from the downlink."""
        good = self._deframer.counters["good"]
        packets = self._deframer.feed(datagram)
        if self._deframer.counters["good"] == good:
            return
        self._heard = now
        if not self.link_up:
            self._link(True, now)
        if self._deframer.clcw is not None:
            self._fop.on_clcw(self._deframer.clcw, now)
        for _, packet in packets:
            self._on_packet(packet, now)

    def _on_packet(self, raw: bytes, now: float) -> None:
        try:
            packet = SpacePacket.unpack(raw)
            if packet.apid == Apid.NODE:
                self._reports.take(raw)
            elif packet.apid == Apid.FILES and not packet.telecommand:
                self._on_pdu(packet.data, now)
            else:
                self.counters["packets_other"] += 1
        except (LinkError, CfdpError):
            self.counters["packets_bad"] += 1

    def _on_pdu(self, raw: bytes, now: float) -> None:
        if towards_sender(raw):
            self._outbox.receive(parse(raw), now)
        else:
            self._feed_back(self._receiver.receive(raw, now))

    def tick(self, now: float) -> None:
        """Run everything that time drives; call it at least every 20 ms."""
        if self.link_up and now - self._heard > SILENCE:
            self._link(False, now)
        self._watch_files(now)
        if not self.link_up:
            return
        self._feed_back(self._receiver.tick(now))
        for _, packet in self.tracker.due(now):
            self._fop.submit(packet)
        while self._waiting and self._fop.submit(self._waiting[0][1]):
            self.tracker.released(self._waiting.popleft()[0])
        if not self._uplink.commands_waiting:
            self._uplink.add_commands(self._fop.tick(now))
        for frame in self._uplink.release(now):
            self._outgoing.append(frame.pack())
            if frame.channel == VirtualChannel.COMMANDS and not frame.control:
                self.tracker.sent(int.from_bytes(frame.data[:4]), now)

    def outgoing(self) -> list[bytes]:
        """Return the frames to transmit now."""
        frames, self._outgoing = self._outgoing, []
        return frames

    def happenings(self) -> list[Happening]:
        """Return what has happened since the last call."""
        found = list(self._happenings)
        self._happenings.clear()
        return found

    def statistics(self) -> dict[str, dict[str, int]]:
        """Counters of all parts, for a person."""
        fop = self._fop.counters
        return {
            "downlink": {str(name): count for name, count in self._deframer.counters.items()},
            "packets": dict(self.counters),
            "files": dict(self._receiver.counters),
            "uplink": {
                "frames": self._uplink.sent,
                "commands_retransmitted": fop.retransmitted,
                "commands_acknowledged": fop.acknowledged,
                "reinitialised": fop.reinitialised,
                "feedback_dropped": self._uplink.dropped,
                "waiting": len(self._waiting),
            },
        }

    def _link(self, up: bool, now: float) -> None:
        self.link_up = up
        if up:
            self.tracker.resume(now)
        self._happenings.append(LinkChanged(up))

    def _feed_back(self, pdus: list[bytes]) -> None:
        for pdu in pdus:
            self._uplink.add_feedback(self._frame(pdu))

    def _file_frame(self, now: float) -> TcFrame | None:
        """Next frame of the file that goes up."""
        pdu = self._outbox.next_pdu(now)
        return None if pdu is None else self._frame(pdu)

    def _frame(self, pdu: bytes) -> TcFrame:
        packet = SpacePacket(Apid.FILES, True, self._pdus, pdu, secondary=False)
        self._pdus += 1
        spacecraft, channel = self._settings.spacecraft, VirtualChannel.FILES
        return TcFrame(spacecraft, channel, 0, packet.pack(), bypass=True)

    def _watch_files(self, now: float) -> None:
        delivered = self._receiver.delivered()
        if now >= self._progress_due:
            self._progress_due = now + PROGRESS_PERIOD
            current = {each.transaction: each for each in self._receiver.progress() if each.name}
            for number, each in current.items():
                if self._progress.get(number) != each.received:
                    self._happenings.append(FileProgress(each.name, each.received, each.size))
            self._progress = {number: each.received for number, each in current.items()}
            self._happenings += self._outbox.progress()
        self._happenings += self._outbox.ended()
        for done in delivered:
            self._happenings.append(FileProgress(done.name, done.size, done.size))
            self._happenings.append(FileDelivered(done.name, done.size))
