"""Restart policy of one supervised process, pure: back-off, budget in a window, quarantine."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from flight.dictionary.enums import ProcessState

FIRST_DELAY = 0.25  # s
MOST_DELAY = 30.0  # s
LOOK = 1.0  # s; a longer time between two looks says more about the executive than the process


@dataclass(slots=True)
class Supervised:
    """State machine STOPPED -> STARTING -> READY -> BACKOFF -> … -> QUARANTINED."""

    process: str
    restarts: int
    window: float
    hang: float
    seed: int = 0
    state: ProcessState = ProcessState.STOPPED
    starts: int = 0
    reason: str = ""
    due: float = 0.0
    pid: int = 0
    _ends: deque[float] = field(default_factory=deque)
    _beats: int = -1
    _looked: float = 0.0
    _quiet: float = 0.0

    def started(self, now: float, pid: int) -> None:
        """A process was forked."""
        self.state, self.pid = ProcessState.STARTING, pid
        self.starts += 1
        self._beats, self._looked, self._quiet = -1, now, 0.0

    def ready(self) -> None:
        """It passed its start-up."""
        self.state = ProcessState.READY

    def stopped(self) -> None:
        """It ended because it was told to."""
        self.state, self.pid = ProcessState.STOPPED, 0

    def ended(self, now: float, reason: str) -> None:
        """It ended by itself: schedule a restart, or quarantine it when the budget is used up."""
        self.reason, self.pid = reason, 0
        self._ends.append(now)
        while self._ends and self._ends[0] < now - self.window:
            self._ends.popleft()
        if len(self._ends) > self.restarts:
            self.state = ProcessState.QUARANTINED
            return
        self.state = ProcessState.BACKOFF
        self.due = now + self._delay()

    def _delay(self) -> float:
        """Exponential back-off with jitter; the first restart comes at once."""
        failures = len(self._ends)
        if failures <= 1:
            return 0.0
        jitter = random.Random(f"{self.seed} {self.process} {self.starts}").uniform(0.8, 1.2)
        return min(MOST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 2, 10) * jitter)

    def hangs(self, now: float, beats: int) -> bool:
        """True when the beat counter was seen not to move for ``hang`` s."""
        passed, self._looked = min(now - self._looked, LOOK), now
        self._quiet = self._quiet + passed if beats == self._beats else 0.0
        self._beats = beats
        return self._quiet > self.hang
