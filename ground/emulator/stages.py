"""Stages of a channel. Each maps one transmission to those that leave it, and counts its work.
Here: propagation.

All stages are feed-forward: what happens to a frame is known when it is offered, but for an outage
that comes while it waits. So the same code serves virtual and real time, and a new stage is one
more entry in the list of ``chain.py``.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ground.emulator.track import Track
from ground.linkfile import Direction


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
