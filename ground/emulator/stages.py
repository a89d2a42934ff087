"""Stages of a channel. Each maps one transmission to those that leave it, and counts its work.

All stages are feed-forward: what happens to a frame is known when it is offered. So the same code
serves virtual and real time, and a new stage is one more entry in the list of ``channel.py``.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from typing import Protocol

from ground.linkfile import Direction


@dataclass(frozen=True, slots=True)
class Transmission:
    """A frame and the time in s at which it reaches the next stage."""

    time: float
    frame: bytes


class Stage(Protocol):
    """One step on the way of a frame."""

    counters: dict[str, int]

    def apply(self, item: Transmission) -> list[Transmission]:
        """Return what leaves the stage: nothing when the frame is lost, else one or more."""


def generator(seed: int, direction: str, stage: str) -> random.Random:
    """Random stream of one stage: independent of what other stages and directions draw."""
    digest = hashlib.sha256(f"{seed}/{direction}/{stage}".encode()).digest()
    return random.Random(int.from_bytes(digest))


class Gate:
    """Contact: frames offered in an outage are dropped; those in flight still arrive."""

    def __init__(self) -> None:
        self.counters = {"dropped_outage": 0}
        self._outages: list[tuple[float, float]] = []

    def outage(self, start: float, duration: float) -> None:
        """Close the gate from ``start`` for ``duration`` s."""
        self._outages.append((start, start + duration))

    def apply(self, item: Transmission) -> list[Transmission]:
        """Pass or drop by the time of the offer."""
        self._outages = [outage for outage in self._outages if outage[1] > item.time]
        if any(start <= item.time for start, _ in self._outages):
            self.counters["dropped_outage"] += 1
            return []
        return [item]


class Serialiser:
    """Transmitter: a bit rate and a FIFO bounded in octets, with tail drop."""

    def __init__(self, rate: float, queue: int) -> None:
        self.counters = {"dropped_queue": 0}
        self._rate = rate
        self._queue = queue
        self._free = -math.inf

    def apply(self, item: Transmission) -> list[Transmission]:
        """Return the frame at the time its last bit leaves."""
        start = max(item.time, self._free)
        waiting = (start - item.time) * self._rate / 8
        # A frame that finds the transmitter idle is sent, however long it is.
        if waiting and waiting + len(item.frame) > self._queue:
            self.counters["dropped_queue"] += 1
            return []
        self._free = start + len(item.frame) * 8 / self._rate
        return [Transmission(self._free, item.frame)]


class Errors:
    """Binary symmetric channel. Draws the gap to the next flip, so the work is O(flips)."""

    def __init__(self, ber: float, source: random.Random) -> None:
        self.counters = {"flipped_frames": 0, "flipped_bits": 0}
        self._source = source
        self._scale = 1 / math.log1p(-ber) if ber else 0.0
        self._gap = self._draw()

    def _draw(self) -> float:
        """Good bits before the next flip; geometric."""
        if not self._scale:
            return math.inf
        return math.floor(math.log(1.0 - self._source.random()) * self._scale)

    def apply(self, item: Transmission) -> list[Transmission]:
        """Flip the bits that the stream hits."""
        bits = len(item.frame) * 8
        if self._gap >= bits:
            self._gap -= bits
            return [item]
        damaged = bytearray(item.frame)
        self.counters["flipped_frames"] += 1
        while self._gap < bits:
            position = int(self._gap)
            damaged[position >> 3] ^= 0x80 >> (position & 7)
            self.counters["flipped_bits"] += 1
            self._gap += 1 + self._draw()
        self._gap -= bits
        return [Transmission(item.time, bytes(damaged))]


class Delay:
    """Propagation."""

    def __init__(self, delay: float) -> None:
        self.counters: dict[str, int] = {}
        self._delay = delay

    def apply(self, item: Transmission) -> list[Transmission]:
        """Return the frame at its arrival."""
        return [Transmission(item.time + self._delay, item.frame)]


def build(settings: Direction, seed: int, direction: str) -> list[Stage]:
    """Return the stages of a direction in the order in which frames pass them."""
    return [
        Gate(),
        Serialiser(settings.rate, settings.queue),
        Errors(settings.ber, generator(seed, direction, "errors")),
        Delay(settings.delay),
    ]
