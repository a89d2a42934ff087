"""A simulated node with the radiation service and an owner of protected regions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from flight.dictionary.codec import decode
from flight.dictionary.commands import Reply
from flight.dictionary.enums import BudgetLevel, Quality
from flight.dictionary.radiation import EnvironmentStatus, ScrubMap, ScrubStatus
from flight.dictionary.registry import BY_ID, Command
from flight.dictionary.telemetry import BoardReadings, Budget, EventReport, NodeState
from flight.radiation.layout import Layout
from flight.radiation.owned import OwnedRegion
from flight.radiation.secded import Geometry
from flight.runtime.service import Context, Service, subscribes
from flight.runtime.simulation import SimulatedNode, VirtualTime
from flight.runtime.store import MemoryStore
from flight.runtime.table import EXECUTIVE, Row, Table

SIZE = 100_000


class Owner(Service):
    """Owns a region, plays board and governor, and hears what is told."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.heard: dict[type[Any], list[Any]] = {}
        self.duty, self.edac = 1.0, (False, 0)
        self.regions: list[OwnedRegion] = []

    def start(self) -> None:
        self.context.every(0.5, self.speak)

    def speak(self) -> None:
        level = BudgetLevel.FULL if self.duty else BudgetLevel.SURVIVAL
        self.context.publish(Budget(level, 1.0, 1, self.duty, True, True, 3.0, "test"))
        good = Quality.GOOD
        readings = BoardReadings("b", 20, good, 1, good, 1, good, 0, 0, 0, True, *self.edac, 0)
        self.context.publish(readings)

    def own(self, name: str, size: int = SIZE) -> tuple[OwnedRegion, bytes]:
        layout = Layout(Geometry(64, 16), size)
        memory = self.context.region(f"{name}.ecc", layout.size).memory
        region = OwnedRegion.create(memory, layout, name, os.getpid())
        data = np.random.default_rng(1).bytes(size)
        region.begin()[:] = data
        region.seal()
        self.regions.append(region)
        return region, data

    @subscribes(EventReport)
    def _event(self, report: EventReport) -> None:
        event = decode(BY_ID["event", report.event].type, report.body)
        self.heard.setdefault(type(event), []).append(event)

    def _hear(self, message: Any) -> None:
        self.heard.setdefault(type(message), []).append(message)

    for _kind in (EnvironmentStatus, ScrubMap, ScrubStatus):
        _hear = subscribes(_kind)(_hear)


TABLE = Table(
    (
        Row(EXECUTIVE, "", EXECUTIVE, publishes=(NodeState,)),
        Row(
            "radiation",
            "flight.radiation.service:Radiation",
            "radiation",
            (EnvironmentStatus, ScrubStatus, ScrubMap),
            (BoardReadings, Budget, EventReport),
        ),
        Row(
            "owner",
            "radiation_node:Owner",
            "owner",
            (BoardReadings, Budget),
            (EnvironmentStatus, EventReport, ScrubMap, ScrubStatus),
        ),
    )
)


class Rig:
    def __init__(
        self,
        folder: Path,
        begin: float = 0.0,
        store: MemoryStore | None = None,
        **settings: Any,
    ) -> None:
        self.store = store or MemoryStore(folder)
        self.time = VirtualTime()
        self.time.clock.advance_to(begin)
        parameters = {"radiation": {"scrub_shortest": 1.0, "scrub_longest": 1.0, "full_every": 3}}
        given = {"radiation": settings, "parameters": parameters}
        self.node = SimulatedNode(self.time, "radiation_node:TABLE", given, self.store, 1)
        host = next(h for h in self.node.hosts if h.berth.process == "owner")
        self.owner: Owner = host.services[0]  # type: ignore[assignment]

    def run(self, seconds: float, done: Callable[[], object] = lambda: False) -> bool:
        return self.time.run(self.time.clock.now() + seconds, lambda: bool(done()))

    def command(self, command: Command) -> Reply:
        replies: list[Reply] = []
        self.owner.context.request(command, replies.append, 5.0)
        assert self.run(6.0, lambda: replies)
        return replies[0]

    def heard(self, kind: type[Any]) -> list[Any]:
        return self.owner.heard.get(kind, [])

    def newest(self, kind: type[Any]) -> Any:
        return self.heard(kind)[-1]

    def flip(self, name: str, *bits: int) -> None:
        region = next(r for r in self.owner.regions if r.name == name)
        memory = self.node.regions[f"{name}.ecc"].memory
        for bit in bits:
            memory[region.layout.data.start + bit // 8] ^= 1 << bit % 8
