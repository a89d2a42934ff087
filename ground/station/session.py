"""The ground end of the link, without sockets, files or clock: frames in, frames out."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable

from flight.dictionary.enums import CommandClass, Stage
from flight.dictionary.operations import Schedule
from flight.dictionary.registry import Command, item
from flight.link import services
from flight.link.cfdp import Engine
from flight.link.channels import HAIL, Apid, VirtualChannel
from flight.link.coding.ends import Coding, GroundCoding
from flight.link.errors import LinkError
from flight.link.pus import Telecommand
from flight.link.sdls import LinkEnd, NotProtected
from flight.link.spacepacket import IDLE_APID, SEQUENCE_MODULUS, SpacePacket
from flight.link.tc import TcFrame
from flight.link.tm import TmDeframer
from ground.station.commandlink import CommandLink
from ground.station.downlink import Reports
from ground.station.filewatch import FileWatch
from ground.station.fountain import FountainDesk
from ground.station.happenings import Happening, LinkChanged
from ground.station.settings import ATTEMPTS, SILENCE, StationSettings
from ground.station.uplink import Uplink
from ground.station.verification import Tracker

QUEUE = 256
PLAIN = Coding()


class QueueFull(Exception):
    """Too many telecommands wait for the link."""


class LinkSession:
    """Telecommands up through COP-1, files up and down, reports down.

    ``sequence`` gives the next telecommand sequence count, ``files`` runs the transfers. All times
    are monotonic seconds of the caller. While no telemetry arrives the link is down: telecommands
    and files wait and nothing times out. Only telecommands that bypass the sequence go all the
    same, for a node that cannot be heard.
    """

    def __init__(
        self,
        settings: StationSettings,
        files: Engine,
        sequence: Callable[[], int],
        security: LinkEnd | None = None,
        coding: Coding = PLAIN,
        fountain: FountainDesk | None = None,
    ) -> None:
        """Raises ValueError for a coding that the frames do not fit."""
        self.counters: Counter[str] = Counter()
        self.link_up = False
        self.tracker = Tracker(settings.answer_timeout, ATTEMPTS)
        self._settings, self._security = settings, security
        self._sequence = sequence
        self._coding = GroundCoding(coding, settings.frame_size)
        # A datagram says how long its frame is; a code block does not.
        size = settings.frame_size if coding.depth else None
        self._deframer = TmDeframer(settings.spacecraft, size, security)
        self._reports = Reports(self.tracker, security)
        self._fop = CommandLink(
            settings.spacecraft,
            VirtualChannel.COMMANDS,
            settings.frame_timeout,
            window=settings.window,
        )
        self._files, self.watch = files, FileWatch(files)
        self._fountain = fountain
        self._uplink = Uplink(settings.uplink_rate, self._file_frame, security)
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._bypassing: deque[tuple[int, bytes]] = deque(maxlen=QUEUE)
        self._bypassed: deque[int] = deque(maxlen=QUEUE)  # request ids
        self._outgoing: list[bytes] = []
        # One list for all parts, so that it keeps the order of events.
        self._happenings = self.tracker.happenings
        self._heard = self._second_due = self._spoke = -math.inf
        self._pdus = 0  # of files, both directions

    def send_command(self, command: Command, bypass: bool = False) -> int:
        """Queue a telecommand and return its request id. With ``bypass`` it goes outside the
        sequence (BD), at once and whatever state COP-1 is in.

        Raises QueueFull, LayoutError for values that the dictionary does not allow, ValueError for
        a telecommand that the node takes in sequence only.
        """
        name, category = item(command).name, item(command).category
        if bypass and category is not CommandClass.SAFE:
            raise ValueError(f"{name} must go in sequence: only safe telecommands bypass it")
        packet = self._packet(command)
        self._queue(packet, name, bypass)
        return packet.request_id

    def schedule(self, command: Command, release: int) -> tuple[int, int]:
        """Queue a telecommand that the node is to keep until a UTC in ns.

        Returns the request ids of what is sent and of what is released. Raises as ``send_command``
        does; LinkError for a time that no packet can carry.
        """
        inner = self._packet(command)
        outer = self._packet(Schedule(release, inner.pack()))
        self._queue(outer, "schedule.insert")
        self.tracker.kept(inner.request_id, item(command).name)
        return outer.request_id, inner.request_id

    def withdraw(self, request: int) -> bool:
        """Give up a telecommand that waits for the link; False when it does not."""
        left = deque(each for each in self._waiting if each[0] != request)
        if len(left) == len(self._waiting):
            return False
        self._waiting = left
        self.tracker.withdrawn(request)
        return True

    def adopt(self, request: int, name: str, stage: Stage, command: Command | None) -> None:
        """Go on with a telecommand of an earlier run: what was not sent is sent, what was is
        followed, and sent again as the same packet when no answer comes. Without ``command`` it is
        only followed."""
        raw = b""
        if command is not None:
            content = services.telecommand(command)
            packet = Telecommand(Apid.NODE, request % SEQUENCE_MODULUS, *content)
            raw = packet.pack() if packet.request_id == request else b""
        self.tracker.adopt(request, name, raw, stage)
        if raw and stage < Stage.SENT:
            self._waiting.append((request, raw))

    def _packet(self, command: Command) -> Telecommand:
        content = services.telecommand(command)
        packet = Telecommand(Apid.NODE, self._sequence(), *content)
        while self.tracker.known_on_board(packet.request_id):
            packet = Telecommand(Apid.NODE, self._sequence(), *content)
        return packet

    def _queue(self, packet: Telecommand, name: str, bypass: bool = False) -> None:
        line = self._bypassing if bypass else self._waiting
        if len(line) >= QUEUE:
            raise QueueFull(f"{QUEUE} telecommands wait for the link")
        if packet.request_id in self._bypassed:  # of an older telecommand
            self._bypassed.remove(packet.request_id)
        raw = packet.pack()
        self.tracker.queued(packet.request_id, name, raw)
        line.append((packet.request_id, raw))

    def on_frame(self, datagram: bytes, now: float) -> None:
        """Take one datagram from the downlink."""
        for frame in self._coding.received(datagram):
            self._on_frame(frame, now)

    def _on_frame(self, datagram: bytes, now: float) -> None:
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
                self._files.receive(packet.data, now)
            elif packet.apid == Apid.FOUNTAIN and self._fountain is not None:
                self._fountain.take(packet.data, now)
            else:
                self.counters["packets_other"] += 1
        except LinkError:
            self.counters["packets_bad"] += 1

    def tick(self, now: float) -> None:
        """Run everything that time drives; call it at least every 20 ms."""
        if self._security is not None and now >= self._second_due:
            self._second_due = now + 1.0
            self.counters["counters_unsaved"] += bool(self._security.second())
        if self.link_up and now - self._heard > SILENCE:
            self._link(False, now)
        self._happenings += self.watch.changed(now)
        if self._fountain is not None:
            self._happenings += self._fountain.changed(now)
        self._bypass()
        if self.link_up:
            self._in_sequence(now)
        self._transmit(now)

    def _bypass(self) -> None:
        while self._bypassing:
            request, packet = self._bypassing.popleft()
            self._bypassed.append(request)
            self._uplink.add_urgent(self._fop.bypass(packet))
            self.tracker.released(request)

    def _in_sequence(self, now: float) -> None:
        for request, packet in self.tracker.due(now):
            if request in self._bypassed:
                self._bypassing.append((request, packet))
            else:
                self._fop.submit(packet)
        while self._waiting and self._fop.submit(self._waiting[0][1]):
            self.tracker.released(self._waiting.popleft()[0])
        if not self._uplink.commands_waiting:
            self._uplink.add_commands(self._fop.tick(now))

    def _transmit(self, now: float) -> None:
        for frame in self._uplink.release(now, self.link_up):
            self._spoke = now
            try:
                self._outgoing.append(self._coding.sent(frame.pack(self._security)))
            except NotProtected:
                self.counters["not_protected"] += 1
                continue
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

    @property
    def downlink(self) -> dict[str, int]:
        """Counters of telemetry frames."""
        return {str(name): count for name, count in self._deframer.counters.items()}

    def statistics(self) -> dict[str, dict[str, int]]:
        """Counters of all parts, for a person."""
        frames = self._fop.frames
        return {
            "downlink": self.downlink,
            "packets": dict(self.counters),
            "coding": dict(self._coding.counters),
            "files": dict(self._files.counters),
            "fountain": dict(self._fountain.counters) if self._fountain else {},
            "uplink": {
                "frames": self._uplink.sent,
                "commands_retransmitted": frames.retransmitted,
                "commands_acknowledged": frames.acknowledged,
                "reinitialised": self._fop.counters.reinitialised,
                "waiting": len(self._waiting),
            },
        }

    def _link(self, up: bool, now: float) -> None:
        self.link_up = up
        if up:
            self.tracker.resume(now)
            self._files.thaw(now)
        else:
            self._files.freeze(now)
        self._happenings.append(LinkChanged(up))

    def _file_frame(self, now: float) -> TcFrame | None:
        """Next frame that files have to send, or an idle one after a silence: a node that hears
        nothing takes itself to be out of view."""
        if not self.link_up:
            return None
        apid: int = Apid.FILES
        pdu = None
        if self._fountain is not None and (pdu := self._fountain.next_report()) is not None:
            apid = Apid.FOUNTAIN
        if pdu is None:
            pdu = self._files.next_pdu(now)
        if pdu is None:
            if now - self._spoke < HAIL:
                return None
            apid, pdu, self._spoke = IDLE_APID, bytes(1), now
        packet = SpacePacket(apid, True, self._pdus, pdu, secondary=False)
        self._pdus += 1
        spacecraft, channel = self._settings.spacecraft, VirtualChannel.FILES
        return TcFrame(spacecraft, channel, 0, packet.pack(), bypass=True)
