"""A FOP and a FARM with a delayed, lossy link between them, in virtual time."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from flight.link.clcw import Clcw
from flight.link.farm import Farm, Verdict
from flight.link.fop import FopCounters
from flight.link.tc import TcFrame
from ground.station.commandlink import CommandLink

SPACECRAFT, CHANNEL = 77, 0
STEP = 0.05
LONGEST = 4000.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of one run; times in s."""

    units: int = 40
    up_loss: float = 0.0
    down_loss: float = 0.0
    delay: float = 0.3  # one way
    jitter: float = 0.0  # lets frames overtake each other
    timeout: float = 1.0
    limit: int = 10
    window: int = 32
    report_period: float = 0.1
    submit_period: float = 0.1
    restarts: tuple[float, ...] = ()
    outages: tuple[tuple[float, float], ...] = ()  # start, end; both directions
    lost: tuple[int, ...] = ()  # frames up that are lost in any case, counted from 0
    reports_lost: tuple[int, ...] = ()  # the same for reports
    room: int = 1 << 30  # data units that the node holds until they are taken over
    take_period: float = 0.0  # from one taken over to the next
    forged: tuple[tuple[float, bytes], ...] = ()  # control commands of an attacker, and when
    station_restarts: tuple[float, ...] = ()
    farm_window: int = 254


def drawn(source: random.Random, **fixed: Any) -> Conditions:
    """Conditions at random, the round trip anywhere from well below T1 to twice T1."""
    values: dict[str, Any] = {
        "units": source.randint(1, 160),
        "up_loss": source.choice((0.0, 0.05, 0.3, 0.6)),
        "down_loss": source.choice((0.0, 0.05, 0.3, 0.6)),
        "delay": source.choice((0.0, 0.1, 0.5, 1.0)),
        "limit": source.choice((1, 2, 10)),
        "window": source.choice((1, 4, 32)),
        "report_period": source.choice((0.05, 0.3, 2.0)),
        "submit_period": source.choice((0.0, 0.05, 0.5)),
    }
    return Conditions(**values | fixed)


class Sender(Protocol):
    """What a run needs of a sender."""

    @property
    def idle(self) -> bool: ...
    @property
    def frames(self) -> FopCounters: ...
    def submit(self, data: bytes) -> bool: ...
    def on_clcw(self, clcw: Clcw, now: float) -> None: ...
    def tick(self, now: float) -> list[TcFrame]: ...


class Node:
    """FARM and what is above it: a store of ``room`` data units, emptied at a steady rate."""

    def __init__(self, conditions: Conditions) -> None:
        self.farm = Farm(CHANNEL, conditions.farm_window)
        self._conditions = conditions
        self._held: deque[float] = deque()  # when each is taken over

    def work(self, now: float) -> None:
        while self._held and now >= self._held[0]:
            self._held.popleft()
        if self._room:
            self.farm.release()

    @property
    def _room(self) -> bool:
        return len(self._held) < self._conditions.room

    def accept(self, frame: TcFrame, now: float) -> Verdict:
        verdict = self.farm.accept(frame, self._room)
        if verdict is Verdict.ACCEPTED:
            begin = max(self._held[-1] if self._held else now, now)
            self._held.append(begin + self._conditions.take_period)
        return verdict


@dataclass(slots=True)
class Run:
    """One run. ``lives`` holds what the node accepted in each of its lives."""

    conditions: Conditions
    source: random.Random
    fop: Any = None  # a Sender
    lives: list[list[int]] = field(default_factory=lambda: [[]])
    verdicts: list[Verdict] = field(default_factory=list)
    duration: float = 0.0
    submitted: int = 0
    acknowledged: int = 0  # by senders before the present one

    def __post_init__(self) -> None:
        self.fop = self.fop or self.sender()

    def sender(self) -> CommandLink:
        """A new one."""
        conditions = self.conditions
        return CommandLink(
            SPACECRAFT, CHANNEL, conditions.timeout, conditions.limit, conditions.window
        )

    @property
    def delivered(self) -> list[int]:
        """All that was accepted, in order."""
        return [unit for life in self.lives for unit in life]

    def go(self) -> Run:
        """Run until everything is acknowledged; AssertionError when that takes too long."""
        conditions, node = self.conditions, Node(self.conditions)
        restarts, station_restarts = (
            sorted(conditions.restarts),
            sorted(conditions.station_restarts),
        )
        forged = sorted(conditions.forged)
        up: list[tuple[float, int, bytes]] = []
        down: list[tuple[float, int, bytes]] = []
        report_due, now, sent, reports = 0.0, 0.0, 0, 0
        while self.submitted < conditions.units or not self.fop.idle:
            assert now < LONGEST, f"not done after {LONGEST} s: {conditions} {self.fop.counters}"
            if station_restarts and now >= station_restarts[0]:
                station_restarts.pop(0)
                self._restart_station()
            self._submit(now)
            for frame in self.fop.tick(now):
                loss = 1.0 if sent in conditions.lost else conditions.up_loss
                self._offer(up, now, sent, frame.pack(), loss)
                sent += 1
            if restarts and now >= restarts[0]:
                restarts.pop(0)
                node = Node(conditions)
                self.lives.append([])
            node.work(now)
            while forged and now >= forged[0][0]:
                data = forged.pop(0)[1]
                node.accept(TcFrame(SPACECRAFT, CHANNEL, 0, data, bypass=True, control=True), now)
            for raw in _arrived(up, now):
                self._accept(node, TcFrame.unpack(raw, SPACECRAFT), now)
            if now >= report_due:
                report_due += conditions.report_period
                loss = 1.0 if reports in conditions.reports_lost else conditions.down_loss
                self._offer(down, now, reports, node.farm.clcw().pack(), loss)
                reports += 1
            for raw in _arrived(down, now):
                self.fop.on_clcw(Clcw.unpack(raw), now)
            now += STEP
        self.duration = now
        return self

    def _submit(self, now: float) -> None:
        conditions = self.conditions
        while self.submitted < conditions.units:
            if now < self.submitted * conditions.submit_period:
                return
            assert self.fop.submit(self.submitted.to_bytes(4, "big"))
            self.submitted += 1

    def _restart_station(self) -> None:
        """A new sender, which gets again what the one before did not know to be there."""
        self.acknowledged += self.fop.frames.acknowledged
        self.fop = self.sender()
        for unit in range(self.acknowledged, self.submitted):
            assert self.fop.submit(unit.to_bytes(4, "big"))

    def _accept(self, node: Node, frame: TcFrame, now: float) -> None:
        verdict = node.accept(frame, now)
        self.verdicts.append(verdict)
        if verdict is Verdict.ACCEPTED:
            self.lives[-1].append(int.from_bytes(frame.data, "big"))

    def _offer(
        self, pipe: list[tuple[float, int, bytes]], now: float, count: int, raw: bytes, loss: float
    ) -> None:
        out = any(start <= now < end for start, end in self.conditions.outages)
        if not out and self.source.random() >= loss:
            late = self.source.random() * self.conditions.jitter
            pipe.append((now + self.conditions.delay + late, count, raw))


def _arrived(pipe: list[tuple[float, int, bytes]], now: float) -> list[bytes]:
    due = sorted(entry for entry in pipe if entry[0] <= now)
    pipe[:] = [entry for entry in pipe if entry[0] > now]
    return [raw for _, _, raw in due]
