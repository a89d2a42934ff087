"""Bit errors: independent ones, and bursts in time."""

from __future__ import annotations

import math
import random

from ground.emulator.stages import Transmission
from ground.emulator.track import Rates
from ground.linkfile import Direction

_FAR = 10_000  # bursts


class Errors:
    """Binary symmetric channel. Draws the gap to the next flip, so the work is O(flips)."""

    def __init__(self, ber: float, source: random.Random) -> None:
        self.counters = {"flipped_frames": 0, "flipped_bits": 0}
        self._source = source
        self._begin(ber)

    def configure(self, settings: Direction) -> None:
        """Another bit error rate. The gap is drawn anew only when the rate is another."""
        if settings.ber != self._ber:
            self._begin(settings.ber)

    def _begin(self, ber: float) -> None:
        self._ber = ber
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
        before = self.counters["flipped_bits"]
        self.counters["flipped_frames"] += 1
        while self._gap < bits:
            position = int(self._gap)
            damaged[position >> 3] ^= 0x80 >> (position & 7)
            self.counters["flipped_bits"] += 1
            self._gap += 1 + self._draw()
        self._gap -= bits
        flips = item.flips + self.counters["flipped_bits"] - before
        return [Transmission(item.time, bytes(damaged), item.fate, flips)]


class Bursts:
    """Gilbert-Elliott channel in time: in a burst bits flip with another chance.

    The state follows the clock, not the frames, so that what a channel does to the air does not
    depend on how frames are cut.
    """

    def __init__(
        self,
        ber: float,
        lengths: tuple[float, float],
        rates: Rates,
        states: random.Random,
        flips: random.Random,
    ) -> None:
        """``lengths`` are the means of burst and calm in s."""
        self.counters = {"burst_frames": 0, "burst_bits": 0}
        self._scale = 1 / math.log1p(-ber)
        self._means = lengths[::-1]
        self._far = _FAR * sum(lengths)
        self._rates, self._states, self._flips = rates, states, flips
        self._bad = False
        self._until = 0.0

    def apply(self, item: Transmission) -> list[Transmission]:
        """Flip bits of what was on the air during bursts; ``item.time`` is that of its last bit."""
        bits = len(item.frame) * 8
        rate = self._rates.at(item.time)
        begin = item.time - bits / rate
        damaged: bytearray | None = None
        before = self.counters["burst_bits"]
        for first, last in self._bursts(begin, item.time):
            position = math.ceil((first - begin) * rate)
            end = min(bits, math.ceil((last - begin) * rate))
            while (position := position + self._draw()) < end:
                damaged = damaged or bytearray(item.frame)
                damaged[position >> 3] ^= 0x80 >> (position & 7)
                self.counters["burst_bits"] += 1
                position += 1
        if damaged is None:
            return [item]
        self.counters["burst_frames"] += 1
        flips = item.flips + self.counters["burst_bits"] - before
        return [Transmission(item.time, bytes(damaged), item.fate, flips)]

    def _draw(self) -> int:
        return math.floor(math.log(1.0 - self._flips.random()) * self._scale)

    def _bursts(self, begin: float, end: float) -> list[tuple[float, float]]:
        """Parts of a time span that lie in bursts."""
        found = []
        if begin - self._until > self._far:
            self._jump(begin)
        while begin < end:
            while self._until <= begin:
                self._bad = not self._bad
                self._until += self._states.expovariate(1 / self._means[self._bad])
            if self._bad:
                found.append((begin, min(end, self._until)))
            begin = self._until
        return found

    def _jump(self, time: float) -> None:
        """Draw the state anew, not burst by burst: what lies so far back has no influence."""
        self._bad = self._states.random() < self._means[True] / sum(self._means)
        self._until = time + self._states.expovariate(1 / self._means[self._bad])
