"""What tasks will take: time and energy per step as seen on this node, kept over restarts."""

from __future__ import annotations

import contextlib
import math

import msgspec

from flight.dictionary.codec import ENCODER
from flight.dictionary.enums import Level
from flight.executor.record import TaskRecord
from flight.runtime.service import Store, kept

NAME = "executor/estimates"
WEIGHT = 0.25  # of the newest task; the rest is what was known before


class Figure(msgspec.Struct, array_like=True):
    """Smoothed cost of one program at one level."""

    steps: float  # of a whole task
    seconds: float  # of one step
    joules: float


class Estimate:
    """Learns from tasks that ended well. Unknown programs cost nothing: they are tried."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._figures: dict[tuple[str, int], Figure] = {}
        for data in kept(store, NAME):
            with contextlib.suppress(ValueError):  # msgspec's DecodeError, or text not in UTF-8
                rows = msgspec.msgpack.decode(data, type=list[tuple[str, int, Figure]])
                self._figures = {(program, level): figure for program, level, figure in rows}
                break

    def learn(self, record: TaskRecord) -> None:
        """Take in a task that completed. Raises OSError when that cannot be kept."""
        if not record.step or not record.counters.busy:
            return
        steps, counters = record.step, record.counters
        key = record.program, record.level
        known = self._figures.get(key)
        joules = counters.energy / steps
        if not math.isfinite(joules):  # a sensor was lost
            joules = 0.0 if known is None else known.joules
        new = Figure(steps, counters.busy / steps, joules)
        old = known or new
        self._figures[key] = Figure(
            _smooth(old.steps, new.steps),
            _smooth(old.seconds, new.seconds),
            _smooth(old.joules, new.joules),
        )
        rows = [(*name, figure) for name, figure in sorted(self._figures.items())]
        self._store.write(NAME, ENCODER.encode(rows))

    def energy(self, program: str, level: Level) -> float:
        """Energy of a whole task in J, 0 when unknown."""
        found = self._figures.get((program, level))
        return 0.0 if found is None else found.joules * found.steps

    def remaining(self, record: TaskRecord) -> float:
        """Seconds that a task still needs, 0 when unknown."""
        found = self._figures.get((record.program, record.level))
        if found is None:
            return 0.0
        return found.seconds * max(0.0, (record.steps or found.steps) - record.step)


def _smooth(old: float, new: float) -> float:
    return old + WEIGHT * (new - old)
