"""Commanding in a simulated node, with a service that plays the link and hears what is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flight.dictionary.codec import decode
from flight.dictionary.enums import Reason, Stage
from flight.dictionary.operations import AuditStatus, ParameterValue, ScheduleStatus
from flight.dictionary.registry import BY_ID, Command
from flight.dictionary.telemetry import (
    CommandLedger,
    CommandStage,
    EventReport,
    NodeState,
    ParameterTable,
    TaskStatus,
    TelecommandReceived,
)
from flight.link.pus import Telecommand
from flight.link.services import telecommand
from flight.runtime.service import Context, Service, subscribes
from flight.runtime.simulation import SimulatedNode, VirtualTime
from flight.runtime.store import FileStore, MemoryStore
from flight.runtime.table import EXECUTIVE, Row, Table


class Radio(Service):
    """Plays the link."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.heard: dict[type[Any], list[Any]] = {}

    @subscribes(EventReport)
    def _event(self, report: EventReport) -> None:
        self.hear(decode(BY_ID["event", report.event].type, report.body))

    def hear(self, message: Any) -> None:
        self.heard.setdefault(type(message), []).append(message)

    for _kind in (AuditStatus, CommandStage, ParameterValue, ScheduleStatus):
        hear = subscribes(_kind)(hear)


TOLD = (AuditStatus, CommandLedger, CommandStage, ParameterTable, ParameterValue, ScheduleStatus)
HEARD = (AuditStatus, CommandStage, EventReport, ParameterValue, ScheduleStatus)
TABLE = Table(
    (
        Row(EXECUTIVE, "", EXECUTIVE, publishes=(NodeState,)),
        Row(
            "commanding",
            "flight.commanding.service:Commanding",
            "core",
            TOLD,
            (TelecommandReceived, TaskStatus, NodeState),
        ),
        Row("radio", "commanding_node:Radio", "radio", (TelecommandReceived, TaskStatus), HEARD),
    )
)


class Node:
    """One life; the same ``store`` in a second one is a restart."""

    def __init__(self, store: FileStore | MemoryStore, begin: float = 0.0) -> None:
        self.time = VirtualTime()
        self.time.clock.advance_to(begin)
        self.node = SimulatedNode(self.time, "commanding_node:TABLE", {"parameters": {}}, store, 1)
        host = next(h for h in self.node.hosts if h.berth.process == "radio")
        self.radio: Radio = host.services[0]  # type: ignore[assignment]
        self.sequence = int(begin * 10)
        self.run(0.5)

    def run(self, seconds: float, done: Callable[[], object] = lambda: False) -> bool:
        return self.time.run(self.time.clock.now() + seconds, lambda: bool(done()))

    def packet(self, command: Command) -> Telecommand:
        self.sequence += 1
        return Telecommand(100, self.sequence, *telecommand(command))

    def receive(self, packet: Telecommand, bypass: bool = False) -> int:
        received = TelecommandReceived(
            packet.request_id, packet.service, packet.subtype, packet.data, bypass
        )
        self.radio.context.publish(received)
        self.run(0.3)
        return packet.request_id

    def send(self, command: Command, bypass: bool = False) -> list[tuple[Stage, Reason]]:
        return self.stages(self.receive(self.packet(command), bypass))

    def heard(self, kind: type[Any]) -> list[Any]:
        return self.radio.heard.get(kind, [])

    def stages(self, request: int) -> list[tuple[Stage, Reason]]:
        told = [stage for stage in self.heard(CommandStage) if stage.request == request]
        return [(stage.stage, stage.reason) for stage in told]

    def utc(self, ahead: float) -> int:
        return self.time.clock.utc_ns() + int(ahead * 1e9)
