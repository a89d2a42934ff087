"""The link on the bus: telecommands in, reports and files out."""

from __future__ import annotations

from flight.dictionary.commands import FileDelivered, Reply
from flight.dictionary.enums import Reason, Severity, Stage
from flight.dictionary.events import (
    DownlinkConfirmed,
    DownlinkEnded,
    DownlinkStarted,
    FramesDropped,
)
from flight.dictionary.operations import AuditStatus, ParameterValue, ScheduleStatus
from flight.dictionary.parameters import LinkParameters
from flight.dictionary.radiation import EnvironmentStatus, ScrubMap, ScrubStatus
from flight.dictionary.registry import Telemetry
from flight.dictionary.telemetry import (
    BoardReadings,
    Budget,
    CommandLedger,
    CommandStage,
    DownlinkQueue,
    EventReport,
    Housekeeping,
    LinkStatus,
    NodeState,
    TaskStatus,
    TelecommandReceived,
)
from flight.dictionary.uploads import FileUplinked, ProgramStatus, UplinkRefused
from flight.link import services
from flight.link.cfdp.codes import CfdpError, ConditionCode, Direction
from flight.link.cfdp.filestore import StoredFile
from flight.link.cfdp.pdu import parse
from flight.link.cfdp.receiver import Receiver
from flight.link.cfdp.sender import Sender
from flight.link.cfdp.settings import Settings
from flight.link.channels import Entity, VirtualChannel
from flight.link.downlink import Downlink
from flight.link.staging import Staging
from flight.link.uplink import FilePdu, Uplink
from flight.runtime.service import Context, Port, Service, subscribes

TICK = 0.01  # s between looks at the transmitter
MOST_PINGS = 64
RETRY = 1.0  # s before a file whose transfer ended badly is sent again
UPLINKS = 4  # files that may come up at the same time; each is held in memory
SILENCE = 60.0  # s after which a file of which nothing came may make room for another
REPORTED = (
    AuditStatus,
    BoardReadings,
    Budget,
    CommandLedger,
    EnvironmentStatus,
    Housekeeping,
    LinkStatus,
    NodeState,
    ParameterValue,
    ProgramStatus,
    ScheduleStatus,
    ScrubMap,
    ScrubStatus,
    TaskStatus,
)


class Link(Service):
    """Owns the radio port, the uplink's FARM and the downlink's queues."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        spacecraft = int(context.settings["spacecraft"])
        parameters = context.parameters(LinkParameters)
        self._uplink = Uplink(spacecraft)
        self._downlink = Downlink(
            spacecraft,
            parameters.frame_size,
            parameters.downlink_rate,
            parameters.idle_period,
        )
        self._staging = Staging(context.store)
        self._receiver = Receiver(
            Entity.NODE,
            self._staging,
            Settings(round_trip=parameters.round_trip, inactivity=SILENCE),
            UPLINKS,
        )
        self._port: Port | None = None
        self._file = ""
        self._retry_at = 0.0
        self._queue = DownlinkQueue(0)
        # Transaction numbers must not repeat over restarts, or the ground would answer for an
        # earlier file: milliseconds of UTC, kept to 32 bits, wrap after 49 days.
        self._transaction = context.clock.utc_ns() // 1_000_000 % (1 << 32)
        self._told: dict[str, int] = {}
        self._pings: set[int] = set()  # connection tests that wait for their 17,2

    def start(self) -> None:
        """Open the port and begin to transmit."""
        self._port = self.context.port("space", self._received)
        self.context.every(TICK, self._transmit)
        self.context.every(1.0, self._report)

    # Up.

    def _received(self, datagram: bytes) -> None:
        packet = self._uplink.feed(datagram)
        if isinstance(packet, FilePdu):
            self._file_pdu(packet.data)
        elif packet is not None:
            if packet.service == services.TEST and len(self._pings) < MOST_PINGS:
                self._pings.add(packet.request_id)
            self.context.publish(
                TelecommandReceived(packet.request_id, packet.service, packet.subtype, packet.data)
            )

    def _file_pdu(self, raw: bytes) -> None:
        now = self.context.clock.now()
        try:
            pdu = parse(raw)
        except CfdpError:
            self._uplink.counters["packet"] += 1
            return
        if pdu.direction is Direction.TOWARDS_SENDER:
            self._downlink.answer(pdu, now)
        else:
            self._feed_back(self._receiver.receive(raw, now))

    def _feed_back(self, pdus: list[bytes]) -> None:
        """Send what the receiver has to say, and report what became of files."""
        for pdu in pdus:
            self._downlink.file_pdu(pdu)
        for done in self._receiver.delivered():
            self.context.event(FileUplinked(done.name, done.size))
        for refusal in self._staging.refusals:
            self.context.event(UplinkRefused(refusal.name, refusal.reason, refusal.detail))
        self._staging.refusals.clear()

    # Down.

    def _transmit(self) -> None:
        assert self._port is not None
        now = self.context.clock.now()
        self._follow_file(now)
        self._feed_back(self._receiver.tick(now))
        for frame in self._downlink.due(now, self._uplink.farm.clcw()):
            self._port.send(frame)

    def _send(self, content: services.Content, channel: int, utc_ns: int | None = None) -> None:
        stamp = self.context.clock.utc_ns() if utc_ns is None else utc_ns
        self._downlink.report(content, stamp, channel)

    def _telemetry(self, message: Telemetry) -> None:
        self._send(services.housekeeping(message), VirtualChannel.HOUSEKEEPING)

    for _kind in REPORTED:
        if _kind is not LinkStatus:
            _telemetry = subscribes(_kind)(_telemetry)

    @subscribes(CommandStage)
    def _stage(self, stage: CommandStage) -> None:
        self._send(services.stage(stage), VirtualChannel.COMMANDS)
        if stage.stage.final and stage.request in self._pings:
            self._pings.discard(stage.request)
            if stage.stage is Stage.COMPLETED:
                self._send(services.PONG, VirtualChannel.COMMANDS)

    @subscribes(EventReport)
    def _event(self, report: EventReport) -> None:
        if report.severity >= Severity.ACTIVITY:
            self._send(services.event(report), VirtualChannel.HOUSEKEEPING, report.utc)

    # Files.

    @subscribes(DownlinkQueue)
    def _queued(self, queue: DownlinkQueue) -> None:
        self._queue = queue

    def _follow_file(self, now: float) -> None:
        sender = self._downlink.sender
        if sender is not None and sender.finished and self._file:
            self._file_ended(sender.condition, now)
        if not self._file and self._queue.name and now >= self._retry_at:
            self._send_file()

    def _send_file(self) -> None:
        data = self.context.store.read(self._queue.path)
        if data is None:
            return
        parameters = self.context.parameters(LinkParameters)
        self._transaction = (self._transaction + 1) % (1 << 32)
        settings = Settings(segment=parameters.file_segment, round_trip=parameters.round_trip)
        self._file = self._queue.name
        self._downlink.sender = Sender(
            Entity.NODE, Entity.GROUND, self._transaction, self._file, StoredFile(data), settings
        )
        self.context.event(DownlinkStarted(self._file, len(data)))

    def _file_ended(self, condition: ConditionCode, now: float) -> None:
        name, self._file = self._file, ""
        self._retry_at = now + RETRY
        if condition is not ConditionCode.NO_ERROR:
            self.context.event(DownlinkEnded(name, condition))
            return
        self._queue = DownlinkQueue(0)  # until storage offers the next one
        self._confirm(name)

    def _confirm(self, name: str) -> None:
        def answered(reply: Reply) -> None:
            if reply.reason is Reason.NONE:
                self.context.event(DownlinkConfirmed(name))
            else:
                self.context.after(RETRY, lambda: self._confirm(name))

        self.context.request(FileDelivered(name), answered)

    # Counters.

    def _report(self) -> None:
        counters, sender = self._uplink.counters, self._downlink.sender
        garbage = sum(counters[k] for k in ("garbage", "truncated", "oversize", "length"))
        status = LinkStatus(
            counters["good"],
            garbage + counters["version"] + counters["channel"] + counters["type"],
            counters["crc"],
            counters["spacecraft"],
            counters["sequence"],
            counters["packet"],
            self._downlink.sent,
            bool(self._file),
            sender.sent if sender else 0,
            sender.resent if sender else 0,
        )
        self.context.publish(status)
        self._telemetry(status)
        for kind, count in counters.items():
            if kind not in ("good", "sequence") and count > self._told.get(kind, 0):
                self.context.event(FramesDropped(kind, count - self._told.get(kind, 0)))
                self._told[kind] = count
