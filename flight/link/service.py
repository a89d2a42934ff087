"""The link on the bus: telecommands in, reports and files out."""

from __future__ import annotations

from flight.dictionary.enums import Severity, Stage
from flight.dictionary.events import FramesDropped
from flight.dictionary.files import ResumeFile, SuspendFile
from flight.dictionary.operations import AuditStatus, ParameterValue, ScheduleStatus
from flight.dictionary.parameters import LinkParameters
from flight.dictionary.radiation import EnvironmentStatus, ScrubMap, ScrubStatus
from flight.dictionary.registry import Telemetry
from flight.dictionary.security import ActivateKey, LoadKey, RevokeKey
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
from flight.dictionary.uploads import ProgramStatus
from flight.link import services
from flight.link.channels import VirtualChannel
from flight.link.coding.ends import Coding, NodeCoding
from flight.link.downlink import Downlink
from flight.link.files import NodeFiles
from flight.link.security import NodeSecurity
from flight.link.uplink import FilePdu, FountainReport, Uplink
from flight.runtime.service import Context, Port, Service, handles, subscribes

TICK = 0.01  # s between looks at the transmitter
MOST_PINGS = 64
ROOM = 64  # telecommands that may wait for commanding; more are held back by COP-1
ANSWER = 5.0  # s
TOLD = 4  # files on their way that are reported each second, in turn
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
        self._security = NodeSecurity(context.settings, context.store)
        self._uplink = Uplink(spacecraft, self._security.end, self._room)
        coding = Coding.parse(str(context.settings.get("coding", "")))
        size = coding.fitting(parameters.frame_size)
        self._coding = NodeCoding(coding, size)
        self._frame_size, self._fixed = size, bool(coding.depth)
        self._downlink = Downlink(
            spacecraft,
            size,
            parameters.downlink_rate,
            parameters.idle_period,
            lambda now: self._files.next_packet(now),
            self._security.end,
        )
        self._files = NodeFiles(context, self._downlink.space)
        self._port: Port | None = None
        self._told: dict[str, int] = {}
        self._turn = 0  # of the file that is reported next
        self._pings: set[int] = set()  # connection tests that wait for their 17,2
        self._unanswered: dict[int, float] = {}  # telecommands that commanding said nothing of yet

    def start(self) -> None:
        """Open the port and begin to transmit."""
        self._port = self.context.port("space", self._received)
        self.context.every(TICK, self._transmit)
        self.context.every(1.0, self._report)

    def stop(self) -> None:
        """Keep the counters of the security layer where they are."""
        self._security.close()

    # Up.

    def _received(self, datagram: bytes) -> None:
        for raw in self._coding.received(datagram):
            self._take(raw)

    def _take(self, raw: bytes) -> None:
        genuine, now = self._uplink.genuine, self.context.clock.now()
        packet = self._uplink.feed(raw)
        if self._uplink.genuine > genuine:
            self._files.heard(now)
        if isinstance(packet, FilePdu):
            self._files.engine.receive(packet.data, now)
        elif isinstance(packet, FountainReport):
            self._files.reported(packet.data)
        elif packet is not None:
            if packet.service == services.TEST and len(self._pings) < MOST_PINGS:
                self._pings.add(packet.request_id)
            self._unanswered[packet.request_id] = now
            bypass = self._uplink.bypassed
            self.context.publish(
                TelecommandReceived(
                    packet.request_id, packet.service, packet.subtype, packet.data, bypass
                )
            )

    def _room(self) -> bool:
        """Whether commanding keeps up; what it says nothing of for ANSWER s is lost with it."""
        since = self.context.clock.now() - ANSWER
        self._unanswered = {r: at for r, at in self._unanswered.items() if at > since}
        return len(self._unanswered) < ROOM

    # Down.

    def _transmit(self) -> None:
        assert self._port is not None
        now = self.context.clock.now()
        self._files.work(now)
        for frame in self._downlink.due(now, self._uplink.farm.clcw()):
            self._port.send(self._coding.sent(frame))

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
        self._unanswered.pop(stage.request, None)
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
        self._files.offer(queue)

    @handles(SuspendFile)
    def _suspend_file(self, command: SuspendFile) -> None:
        self._files.suspend(command.name)

    @handles(ResumeFile)
    def _resume_file(self, command: ResumeFile) -> None:
        self._files.resume(command.name)

    # Keys.

    @handles(LoadKey)
    def _load_key(self, command: LoadKey) -> None:
        self._security.load(command)

    @handles(ActivateKey)
    def _activate_key(self, command: ActivateKey) -> None:
        self._security.activate(command)

    @handles(RevokeKey)
    def _revoke_key(self, command: RevokeKey) -> None:
        self._security.revoke(command)

    # Counters.

    def _resize(self) -> None:
        """Follow the frame length that was asked for; code blocks keep theirs until a restart."""
        size = self.context.parameters(LinkParameters).frame_size
        if size != self._frame_size and not self._fixed:
            self._frame_size = size
            self._downlink.resize(size)
            self._files.fit(self._downlink.space)

    def _report(self) -> None:
        self._uplink.second()
        self._resize()
        counters, transfers = self._uplink.counters, self._files.transfers()
        sending = [each for each in transfers if each.down]
        garbage = sum(
            counters[k] for k in ("garbage", "truncated", "oversize", "length", "control")
        )
        garbage += self._coding.counters["truncated"]
        status = LinkStatus(
            counters["good"],
            garbage + counters["version"] + counters["channel"] + counters["type"],
            counters["crc"],
            counters["spacecraft"],
            counters["sequence"],
            counters["packet"] + sum(self._files.refused().values()),
            self._downlink.sent,
            bool(sending),
            sum(each.done for each in sending),
            sum(each.resent for each in sending),
        )
        security = self._security.status(counters)
        first = self._turn % max(len(transfers), 1)
        self._turn = first + TOLD
        for message in (status, security, *(transfers[first:] + transfers[:first])[:TOLD]):
            self.context.publish(message)
            self._telemetry(message)
        for event in self._security.second(counters, self.context.clock.now()):
            self.context.event(event)
        for kind, count in self._dropped().items():
            if count > self._told.get(kind, 0):
                self.context.event(FramesDropped(kind, count - self._told.get(kind, 0)))
                self._told[kind] = count

    def _dropped(self) -> dict[str, int]:
        """Bad input by kind."""
        found = self._files.refused() | {"coded": self._coding.counters["truncated"]}
        return found | {
            str(kind): n
            for kind, n in self._uplink.counters.items()
            if kind not in ("good", "sequence")
        }
