"""Stages of a channel. Each maps one transmission to those that leave it, and counts its work.

All stages are feed-forward: what happens to a frame is known when it is offered. So the same code
serves virtual and real time, and a new stage is one more entry in the list of ``chain.py``.
"""

from __future__ import annotations

import hashlib
import math
import random
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ground.linkfile import Direction


@dataclass(frozen=True, slots=True)
class Transmission:
    """A frame, the time in s at which it reaches the next stage, and what became of it so far."""

    time: float
    frame: bytes
    fate: str = "delivered"
    flips: int = 0


class Stage(Protocol):
    """One step on the way of a frame."""

    counters: dict[str, int]

    def apply(self, item: Transmission) -> list[Transmission]:
        """Return what leaves the stage: nothing when the frame is lost, else one or more."""


@runtime_checkable
class Live(Protocol):
    """A stage whose settings may change while frames pass."""

    def configure(self, settings: Direction) -> None:
        """Work by other settings from now on."""


def generator(seed: int, direction: str, stage: str) -> random.Random:
    """Random stream of one stage: independent of what other stages and directions draw."""
    digest = hashlib.sha256(f"{seed}/{direction}/{stage}".encode()).digest()
    return random.Random(int.from_bytes(digest))


class Gate:
    """Contact: frames offered out of contact or in an outage are dropped; those in flight still
    arrive. Without ``contacts`` there always is one."""

    def __init__(self, contacts: tuple[tuple[float, float], ...] = ()) -> None:
        self.counters = {"dropped_outage": 0, "dropped_contact": 0}
        self._outages: list[tuple[float, float]] = []
        self._contacts = contacts
        self._begins = [begin for begin, _ in contacts]

    def outage(self, start: float, duration: float) -> None:
        """Close the gate from ``start`` for ``duration`` s."""
        self._outages.append((start, start + duration))

    def apply(self, item: Transmission) -> list[Transmission]:
        """Pass or drop by the time of the offer."""
        if self._contacts:
            index = bisect_right(self._begins, item.time) - 1
            if index < 0 or item.time >= self._contacts[index][1]:
                self.counters["dropped_contact"] += 1
                return []
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

    def configure(self, settings: Direction) -> None:
        """Another rate; frames that have been given their times keep them."""
        self._rate = settings.rate

    def apply(self, item: Transmission) -> list[Transmission]:
        """Return the frame at the time its last bit leaves."""
        start = max(item.time, self._free)
        waiting = (start - item.time) * self._rate / 8
        # A frame that finds the transmitter idle is sent, however long it is.
        if waiting and waiting + len(item.frame) > self._queue:
            self.counters["dropped_queue"] += 1
            return []
        self._free = start + len(item.frame) * 8 / self._rate
        return [Transmission(self._free, item.frame, item.fate, item.flips)]


class Delay:
    """Propagation, with jitter. Order is kept but for frames that are overtaken by chance."""

    def __init__(
        self, delay: float, jitter: float, reorder: float, displace: float, source: random.Random
    ) -> None:
        self.counters = {"reordered": 0}
        self._delay, self._jitter = delay, jitter
        self._reorder, self._displace, self._source = reorder, displace, source
        self._latest = -math.inf

    def configure(self, settings: Direction) -> None:
        """Another delay; when it falls, frames still do not overtake those on their way."""
        self._delay = settings.delay

    def apply(self, item: Transmission) -> list[Transmission]:
        """Return the frame at its arrival."""
        arrival = item.time + self._delay
        if self._jitter:
            arrival += self._source.random() * self._jitter
        arrival = self._latest = max(self._latest, arrival)
        if self._reorder and self._source.random() < self._reorder:
            self.counters["reordered"] += 1
            arrival += self._source.random() * self._displace
        return [Transmission(arrival, item.frame, item.fate, item.flips)]
