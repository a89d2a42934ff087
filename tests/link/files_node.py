"""Link and storage in a simulated node, a service that plays the operator, and the ground's end."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cfdp_files import MemoryStore, Records
from endings import end_with_module

from flight.dictionary.codec import decode
from flight.dictionary.commands import Reply
from flight.dictionary.enums import Reason
from flight.dictionary.registry import BY_ID, Command, Event
from flight.dictionary.telemetry import DownlinkQueue, EventReport, NodeState
from flight.link.cfdp import Ended, Engine, Settings
from flight.link.channels import HAIL, Apid, Entity, VirtualChannel
from flight.link.spacepacket import IDLE_APID, SpacePacket
from flight.link.tc import TcFrame
from flight.link.tm import TmDeframer
from flight.runtime.service import Context, Service, subscribes
from flight.runtime.simulation import SimulatedNode, VirtualTime
from flight.runtime.store import MemoryStore as Store
from flight.runtime.table import EXECUTIVE, Row, Table
from flight.topology import TABLE as FLOWN

SPACECRAFT, SIZE, TICK = 0xA5, 640, 0.01
RATE = 200_000.0  # bit/s down


class Operator(Service):
    """Asks storage and link for what the ground would ask, and hears events."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.events: list[Event] = []
        self.queue = DownlinkQueue(0)

    @subscribes(EventReport)
    def _event(self, report: EventReport) -> None:
        self.events.append(decode(BY_ID["event", report.event].type, report.body))

    @subscribes(DownlinkQueue)
    def _queue(self, queue: DownlinkQueue) -> None:
        self.queue = queue


_LINK, _STORAGE = (row for row in FLOWN.rows if row.name in ("link", "storage"))
TABLE = Table(
    (
        Row(EXECUTIVE, "", EXECUTIVE, publishes=(NodeState,)),
        _LINK,
        _STORAGE,
        Row("operator", "files_node:Operator", "operator", (), (EventReport, DownlinkQueue)),
    )
)


class Site:
    """Node and ground on one clock, 10 ms apart."""

    def __init__(self, root: Path, **parameters: Any) -> None:
        self.time = VirtualTime()
        settings = {
            "link": {"spacecraft": SPACECRAFT, "insecure": True, "space": {}},
            "storage": {},
            "parameters": {"link": {"downlink_rate": RATE, **parameters}},
        }
        self.store = Store(root)
        self.inbox, self.ended, self.sent = MemoryStore(), list[Ended](), 0
        self.order: list[str] = []
        self.node = SimulatedNode(self.time, "files_node:TABLE", settings, self.store, 1)
        end_with_module(self.node)
        host = next(each for each in self.node.hosts if each.berth.process == "operator")
        self.operator: Operator = host.services[0]  # type: ignore[assignment]
        timers = Settings(round_trip=0.1)
        self.engine = Engine(Entity.GROUND, self.inbox, Records(), timers)
        self.deaf = self.mute = self.hails = False
        self.node.transmit = self._down
        self._deframer = TmDeframer(SPACECRAFT, SIZE)
        self.time.timers.add(self.time.clock.now(), TICK, self._tick)

    def _down(self, frame: bytes) -> None:
        self.sent += 1
        if self.deaf:
            return
        for _, raw in self._deframer.feed(frame):
            packet = SpacePacket.unpack(raw)
            if packet.apid == Apid.FILES:
                self.time.timers.add(
                    self.time.clock.now() + TICK,
                    None,
                    lambda data=packet.data: self.engine.receive(data, self.time.clock.now()),
                )

    def _tick(self) -> None:
        now = self.time.clock.now()
        for ended in self.engine.ended():
            self.ended.append(ended)
            self.order.append(ended.name)
        while (pdu := self.engine.next_pdu(now)) is not None:
            self.up(Apid.FILES, pdu)
        if self.hails and round(now / TICK) % round(HAIL / TICK) == 0:
            self.up(IDLE_APID, bytes(1))

    def up(self, apid: int, data: bytes) -> None:
        """A frame of the ground."""
        if not self.mute:
            packet = SpacePacket(apid, True, 0, data, secondary=False).pack()
            frame = TcFrame(SPACECRAFT, VirtualChannel.FILES, 0, packet, bypass=True)
            self.node.receive(frame.pack())

    def run(self, seconds: float, done: Callable[[], object] = lambda: False) -> bool:
        return self.time.run(self.time.clock.now() + seconds, lambda: bool(done()))

    def ask(self, command: Command) -> Reason:
        """What the node answers to a command."""
        replies: list[Reply] = []
        self.operator.context.request(command, replies.append)
        assert self.run(5.0, lambda: replies)
        return replies[0].reason

    def uplinked(self, name: str, octets: int) -> bytes:
        """A file as if it had come up."""
        data = random.Random(name).randbytes(octets)
        (self.store.path("uplink/x").parent / name).write_bytes(data)
        return data

    def events(self, kind: type[Event]) -> list[Any]:
        return [each for each in self.operator.events if isinstance(each, kind)]
