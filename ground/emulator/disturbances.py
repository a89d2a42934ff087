"""What else may happen to frames on the air, by chance or by somebody's will."""

from __future__ import annotations

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
    """Somebody keeps frames that arrive and sends them again later, at the same place."""

    def __init__(self, chance: float, after: float, source: random.Random) -> None:
        self.counters = {"replayed": 0}
        self._chance, self._after, self._source = chance, after, source
        self._kept: deque[float] = deque()  # when those are sent again that are kept

    def apply(self, item: Transmission) -> list[Transmission]:
        """The frame, and itself again when it is kept."""
        if self._source.random() >= self._chance:
            return [item]
        while self._kept and self._kept[0] <= item.time:
            self._kept.popleft()
        if len(self._kept) == _KEPT:
            return [item]
        self._kept.append(item.time + self._after)
        self.counters["replayed"] += 1
        return [item, Transmission(self._kept[-1], item.frame, "replayed")]

    def configure(self, settings: Direction) -> None:
        """Another chance; frames kept so far are still sent again."""
        self._chance, self._after = settings.replay, settings.replay_after
