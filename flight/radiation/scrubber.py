"""Passes over all protected regions, in slices: what to look at next, and what was found. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from flight.radiation.period import Depth, depth, scrub_period
from flight.radiation.record import State
from flight.radiation.region import Region


@dataclass(frozen=True, slots=True)
class Pace:
    """How often: upsets per bit and day, double hits accepted per day, bounds in s."""

    rate: float
    wanted: float
    shortest: float
    longest: float
    full_every: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a scrub found in one block: flips corrected, or that it is lost."""

    region: str
    block: int
    corrected: int
    lost: bool


class Scrubber:
    """Owns the attachments. A pass begins when the period since the last one is over."""

    def __init__(self, now: float) -> None:
        self.passes = self.corrected = self.uncorrectable = self.skipped = 0
        self.period = 0.0
        self._regions: dict[str, Region] = {}
        self._since: dict[str, float] = {}  # when a region was first seen
        self._numbers: dict[str, int] = {}
        self._walk: Iterator[tuple[str, int]] | None = None
        self._began = now
        self._full_every = 1

    @property
    def regions(self) -> dict[str, Region]:
        """The regions that are attached, by name of their memory."""
        return self._regions

    def follow(
        self, found: Mapping[str, int], attach: Callable[[str], memoryview], now: float
    ) -> None:
        """Attach what is new or made anew, let go of what is gone; pass over what is no region.

        ``found``: names, each with a number that is another one when the region was made anew. A
        region that is being made when it is found is taken the next time.
        """
        for name in [name for name in self._regions if found.get(name) != self._numbers[name]]:
            del self._regions[name], self._since[name], self._numbers[name]
        for name in sorted(found.keys() - self._regions.keys()):
            with contextlib.suppress(OSError, ValueError):
                self._regions[name] = Region.attach(attach(name))
                self._since[name], self._numbers[name] = now, found[name]

    def pace(self, pace: Pace, factor: float) -> None:
        """Choose the period: what the weakest geometry needs, shortened by the environment."""
        bounds, share = (pace.shortest, pace.longest), pace.wanted / max(1, len(self._regions))
        wanted = [
            scrub_period(region.layout.geometry, region.length, pace.rate, share, bounds)
            for region in self._regions.values()
            if region.length
        ]
        self.period = max(pace.shortest, factor * min(wanted, default=pace.longest))
        self._full_every = pace.full_every

    def slice(self, clock: Callable[[], float], longest: float) -> list[Finding]:
        """Scrub until ``longest`` s are over or the pass is done; at least one block."""
        began = now = clock()
        if self._walk is None:
            if not self._regions or (self.passes and now - self._began < self.period):
                return []
            self._began, self._walk = now, self._blocks()
        kind = depth(self.passes, self._full_every)
        findings: list[Finding] = []
        for name, block in self._walk:
            findings += self._scrub(name, block, kind, now)
            now = clock()
            if now - began >= longest:
                return findings
        self._walk = None
        self.passes += 1
        return findings

    def _blocks(self) -> Iterator[tuple[str, int]]:
        for name in sorted(self._regions):
            block = 0  # a region may go, or change its length, before the walk comes to its end
            while name in self._regions and block < self._regions[name].blocks:
                yield name, block
                block += 1

    def _scrub(self, name: str, block: int, kind: Depth, now: float) -> Iterator[Finding]:
        found = self._regions[name].scrub(kind, now, (block,))
        self.skipped += found.skipped
        self.corrected += found.corrected
        self.uncorrectable += len(found.uncorrectable)
        if found.corrected or found.uncorrectable:
            yield Finding(name, block, found.corrected, bool(found.uncorrectable))

    def size(self) -> int:
        """Octets of sealed data."""
        return sum(region.length for region in self._regions.values())

    def count(self, state: State) -> int:
        """Regions in a state."""
        return sum(region.state is state for region in self._regions.values())

    def suspended(self) -> int:
        """Regions that are being written."""
        return sum(region.suspended for region in self._regions.values())

    def oldest(self, now: float) -> float:
        """Age in s of the block that waits longest for its next scrub."""
        ages = [age for name in self._regions for age in self.ages(name, now)]
        return max(ages, default=0.0)

    def ages(self, name: str, now: float) -> list[float]:
        """Time since the last scrub of each block in s; since it was found when there was none."""
        region, since = self._regions[name], self._since[name]
        return [now - max(region.status(block).scrubbed, since) for block in range(region.blocks)]

    def hits(self, name: str) -> list[int]:
        """Corrections of each block."""
        region = self._regions[name]
        return [region.status(block).corrected for block in range(region.blocks)]
