"""An attacker with a transmitter of its own."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

from ground.emulator.disturbances import NOISE
from ground.linkfile import Direction

_MOST = 1000  # frames, on average, that are made up for while nobody asked


class Injector:
    """Frames at random times: those given, in turn, or noise as long as the last real frame.

    A Poisson process from the first time on that is asked for. ``next`` is the time of its next
    frame in s; inf while it is off, -inf before it begins.
    """

    def __init__(self, rate: float, frames: tuple[str, ...], source: random.Random) -> None:
        """``rate`` is per s; ``frames`` are in hex."""
        self.counters = {"injected": 0}
        self.length = NOISE
        self.next = -math.inf if rate else math.inf
        self._rate, self._source = rate, source
        self._given = itertools.cycle([bytes.fromhex(frame) for frame in frames])

    def begins(self, now: float) -> bool:
        """Begin at ``now`` s when it has not, or when too much would have to be made up for."""
        if now - self.next <= _MOST / self._rate:
            return False
        self.next = now + self._source.expovariate(self._rate)
        return True

    def until(self, now: float) -> Iterator[tuple[float, bytes]]:
        """Time and content of the frames up to ``now`` s that have not been given yet."""
        while self.next <= now:
            time = self.next
            frame = next(self._given, None) or self._source.randbytes(self.length)
            self.next = time + self._source.expovariate(self._rate)
            yield time, frame

    def configure(self, settings: Direction, now: float) -> None:
        """Another rate from ``now`` s on. The next time is drawn anew only when it is another."""
        if settings.inject == self._rate:
            return
        self._rate = settings.inject
        self.next = now + self._source.expovariate(self._rate) if self._rate else math.inf
