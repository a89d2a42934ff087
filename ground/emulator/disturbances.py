"""What else may happen to frames on the air, by chance or by somebody's will."""

from __future__ import annotations

import itertools
import random
from collections import deque

from ground.emulator.stages import Transmission
from ground.linkfile import Direction

NOISE = 200  # octets at most
_KEPT = 1000  # frames that wait to be replayed


class Truncate:
    """Frames lose their end."""

    def __init__(self, chance: float, source: random.Random) -> None:
        self.counters = {"truncated": 0}
        self._chance, self._source = chance, source

    def apply(self, item: Transmission) -> list[Transmission]:
        """Cut the frame, or do not."""
        if self._source.random() >= self._chance or not item.frame:
            return [item]
        self.counters["truncated"] += 1
        short = item.frame[: self._source.randrange(len(item.frame))]
        return [Transmission(item.time, short, "truncated", item.flips)]


class Merge:
    """Frames come in one datagram with the next. One that nothing follows never comes."""

    def __init__(self, chance: float, source: random.Random) -> None:
        self.counters = {"merged": 0}
        self._chance, self._source = chance, source
        self._kept: Transmission | None = None

    def apply(self, item: Transmission) -> list[Transmission]:
        """Keep the frame, or give it with the one that was kept. Never more than two in one."""
        if self._kept is not None:
            first, self._kept = self._kept, None
            flips = first.flips + item.flips
            return [Transmission(item.time, first.frame + item.frame, "joined", flips)]
        if self._source.random() >= self._chance:
            return [item]
        self.counters["merged"] += 1
        self._kept = item
        return []


class Garble:
    """A part of the frame is overwritten with noise."""

    def __init__(self, chance: float, source: random.Random) -> None:
        self.counters = {"garbled": 0}
        self._chance, self._source = chance, source

    def apply(self, item: Transmission) -> list[Transmission]:
        """Overwrite, or do not."""
        if self._source.random() >= self._chance or not item.frame:
            return [item]
        self.counters["garbled"] += 1
        start = self._source.randrange(len(item.frame))
        end = self._source.randint(start + 1, len(item.frame))
        noise = self._source.randbytes(end - start)
        frame = item.frame[:start] + noise + item.frame[end:]
        return [Transmission(item.time, frame, "garbled", item.flips)]

    def configure(self, settings: Direction) -> None:
        """Another chance."""
        self._chance = settings.garble


class Noise:
    """Octets of noise in a datagram of their own, before the frame."""

    def __init__(self, chance: float, source: random.Random) -> None:
        self.counters = {"noise": 0}
        self._chance, self._source = chance, source

    def apply(self, item: Transmission) -> list[Transmission]:
        """Add noise, or do not."""
        if self._source.random() >= self._chance:
            return [item]
        self.counters["noise"] += 1
        noise = self._source.randbytes(self._source.randint(1, NOISE))
        return [Transmission(item.time, noise, "noise"), item]


class Duplicate:
    """The frame comes twice."""

    def __init__(self, chance: float, source: random.Random) -> None:
        self.counters = {"duplicated": 0}
        self._chance, self._source = chance, source

    def apply(self, item: Transmission) -> list[Transmission]:
        """Once or twice."""
        if self._source.random() >= self._chance:
            return [item]
        self.counters["duplicated"] += 1
        return [item, Transmission(item.time, item.frame, "duplicated", item.flips)]


class Replay:
    """Somebody keeps frames and sends them again later."""

    def __init__(self, chance: float, after: float, source: random.Random) -> None:
        self.counters = {"replayed": 0}
        self._chance, self._after, self._source = chance, after, source
        self._kept: deque[Transmission] = deque(maxlen=_KEPT)

    def apply(self, item: Transmission) -> list[Transmission]:
        """The frame, and those whose time has come."""
        found = [item]
        while self._kept and self._kept[0].time <= item.time:
            found.append(Transmission(item.time, self._kept.popleft().frame, "replayed"))
            self.counters["replayed"] += 1
        if self._source.random() < self._chance:
            self._kept.append(Transmission(item.time + self._after, item.frame))
        return found

    def configure(self, settings: Direction) -> None:
        """Another chance; frames kept so far are still sent again."""
        self._chance, self._after = settings.replay, settings.replay_after


class Inject:
    """Frames from elsewhere: those given, in turn, or noise as long as the frame it follows."""

    def __init__(self, rate: float, frames: tuple[str, ...], source: random.Random) -> None:
        """``frames`` are in hex."""
        self.counters = {"injected": 0}
        self._rate, self._source = rate, source
        self._given = itertools.cycle([bytes.fromhex(frame) for frame in frames])
        self._next: float | None = None

    def apply(self, item: Transmission) -> list[Transmission]:
        """The frame, and what was injected since the one before."""
        found = [item]
        if not self._rate:
            return found
        if self._next is None:
            self._next = item.time + self._source.expovariate(self._rate)
        while self._next <= item.time:
            frame = next(self._given, None) or self._source.randbytes(len(item.frame))
            found.append(Transmission(item.time, frame, "injected"))
            self.counters["injected"] += 1
            self._next += self._source.expovariate(self._rate)
        return found

    def configure(self, settings: Direction) -> None:
        """Another rate. The time of the next is drawn anew only when the rate is another."""
        if settings.inject != self._rate:
            self._rate, self._next = settings.inject, None
