"""A FOP and a FARM with a delayed, lossy link between them, in virtual time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from flight.link.clcw import Clcw
from flight.link.farm import Farm, Verdict
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


@dataclass(slots=True)
class Run:
    """One run. ``lives`` holds what the node accepted in each of its lives."""

    conditions: Conditions
    source: random.Random
    fop: Any = None
    lives: list[list[int]] = field(default_factory=lambda: [[]])
    verdicts: list[Verdict] = field(default_factory=list)
    duration: float = 0.0

    def __post_init__(self) -> None:
        self.fop = self.fop or CommandLink(
            SPACECRAFT,
            CHANNEL,
            self.conditions.timeout,
            limit=self.conditions.limit,
            window=self.conditions.window,
        )

    @property
    def delivered(self) -> list[int]:
        """All that was accepted, in order."""
        return [unit for life in self.lives for unit in life]

    def go(self) -> Run:
        """Run until everything is acknowledged; AssertionError when that takes too long."""
        conditions, farm = self.conditions, Farm(CHANNEL)
        restarts = sorted(conditions.restarts)
        up: list[tuple[float, int, bytes]] = []
        down: list[tuple[float, int, bytes]] = []
        submitted, report_due, now, sent, reports = 0, 0.0, 0.0, 0, 0
        while submitted < conditions.units or not self.fop.idle:
            assert now < LONGEST, f"not done after {LONGEST} s: {conditions} {self.fop.counters}"
            while submitted < conditions.units and now >= submitted * conditions.submit_period:
                assert self.fop.submit(submitted.to_bytes(4, "big"))
                submitted += 1
            for frame in self.fop.tick(now):
                loss = 1.0 if sent in conditions.lost else conditions.up_loss
                self._offer(up, now, sent, frame.pack(), loss)
                sent += 1
            if restarts and now >= restarts[0]:
                restarts.pop(0)
                farm = Farm(CHANNEL)
                self.lives.append([])
            for raw in _arrived(up, now):
                self._accept(farm, TcFrame.unpack(raw, SPACECRAFT))
            if now >= report_due:
                report_due += conditions.report_period
                self._offer(down, now, reports, farm.clcw().pack(), conditions.down_loss)
                reports += 1
            for raw in _arrived(down, now):
                self.fop.on_clcw(Clcw.unpack(raw), now)
            now += STEP
        self.duration = now
        return self

    def _accept(self, farm: Farm, frame: TcFrame) -> None:
        verdict = farm.accept(frame)
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
