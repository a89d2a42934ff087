"""Stages of a channel. Each maps one transmission to those that leave it, and counts its work.
Here: contact, transmitter, propagation.

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

from ground.emulator.track import Rates, Track
from ground.linkfile import Direction, Window


@dataclass(frozen=True, slots=True)
class Transmission:
    """A frame, the time in s at which it reaches the next stage, and what became of it so far."""

    time: float
    frame: bytes
    fate: str = "delivered"
    flips: int = 0


def ends(name: str) -> bool:
    """True for the fate, and the counter, of a frame that does not leave the channel itself."""
    return name == "merged" or name.startswith("dropped")


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
    """Contact: frames offered in an outage are dropped, and those out of contact, unless they are
    held for the next one; those in flight still arrive. Without ``contacts`` there always is one.
    """

    def __init__(self, contacts: tuple[Window, ...], hold: bool) -> None:
        self.counters = {"dropped_outage": 0, "dropped_contact": 0}
        if hold:
            self.counters["held"] = 0
        self._outages: list[Window] = []
        self._contacts, self._hold = contacts, hold
        self._begins = [begin for begin, _ in contacts]

    def outage(self, start: float, duration: float) -> None:
        """Close the gate from ``start`` for ``duration`` s."""
        self._outages.append((start, start + duration))

    def apply(self, item: Transmission) -> list[Transmission]:
        """Pass, hold or drop by the time of the offer."""
        time = self._contact(item.time)
        if time is None:
            self.counters["dropped_contact"] += 1
            return []
        self._outages = [outage for outage in self._outages if outage[1] > time]
        if any(start <= time for start, _ in self._outages):
            self.counters["dropped_outage"] += 1
            return []
        if time == item.time:
            return [item]
        self.counters["held"] += 1
        return [Transmission(time, item.frame)]

    def _contact(self, time: float) -> float | None:
        """When a frame offered at ``time`` may leave; None for never."""
        index = bisect_right(self._begins, time)
        if not self._contacts or (index and time < self._contacts[index - 1][1]):
            return time
        if self._hold and index < len(self._begins):
            return self._begins[index]
        return None


class Serialiser:
    """Transmitter: a bit rate and a FIFO bounded in octets, with tail drop.

    Frames that were held wait in the FIFO, so that its bound is also that of the gate.
    """

    def __init__(self, rates: Rates, queue: int) -> None:
        self.counters = {"dropped_queue": 0}
        self._rates = rates
        self._queue = queue
        self._free = -math.inf
        self._first = -math.inf

    def configure(self, settings: Direction) -> None:
        """Another rate; frames that have been given their times keep them."""
        self._rates.configure(settings)

    def apply(self, item: Transmission) -> list[Transmission]:
        """Return the frame at the time its last bit leaves."""
        start = max(item.time, self._free)
        waiting = self._rates.bits(item.time, start) / 8
        # A frame that finds the transmitter idle is sent, however long it is.
        if waiting and waiting + len(item.frame) > self._queue:
            self.counters["dropped_queue"] += 1
            return []
        if not waiting:
            self._first = item.time
        self._free = self._rates.end(start, len(item.frame) * 8)
        return [Transmission(self._free, item.frame, item.fate, item.flips)]

    def waiting(self, now: float) -> float:
        """Octets in the FIFO at ``now`` s."""
        return self._rates.bits(max(now, self._first), max(now, self._free)) / 8


class Delay:
    """Propagation, with jitter. Order is kept but for frames that are overtaken by chance.

    With a track it takes range over c, and ``delay`` on top for processing at both ends.
    """

    def __init__(self, settings: Direction, track: Track | None, source: random.Random) -> None:
        self.counters = {"reordered": 0}
        self._delay, self._jitter = settings.delay, settings.jitter
        self._reorder, self._displace = settings.reorder, settings.displace
        self._track, self._source = track, source
        self._latest = -math.inf

    def configure(self, settings: Direction) -> None:
        """Another delay; when it falls, frames still do not overtake those on their way."""
        self._delay = settings.delay

    def apply(self, item: Transmission) -> list[Transmission]:
        """Return the frame at its arrival."""
        arrival = item.time + self.propagation(item.time)
        if self._jitter:
            arrival += self._source.random() * self._jitter
        arrival = self._latest = max(self._latest, arrival)
        if self._reorder and self._source.random() < self._reorder:
            self.counters["reordered"] += 1
            arrival += self._source.random() * self._displace
        return [Transmission(arrival, item.frame, item.fate, item.flips)]

    def propagation(self, time: float) -> float:
        """Time in s that a bit takes which leaves at ``time`` s, without jitter."""
        if self._track is None:
            return self._delay
        return self._delay + self._track.light_time(time)
