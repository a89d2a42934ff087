"""How far and how high a satellite stands while frames pass, and the bit rate that follows."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise

from ground.linkfile import LIGHT, Direction, Sample


class Track:
    """Range over time from samples, linear between them, constant outside."""

    def __init__(self, samples: tuple[Sample, ...]) -> None:
        """``(time in s, range in km, elevation in deg)``, one at least, in the order of time."""
        self.samples = samples
        self._times = [sample[0] for sample in samples]

    def range(self, time: float) -> float:
        """In km."""
        index = bisect_right(self._times, time)
        if index in (0, len(self._times)):
            return self.samples[max(0, index - 1)][1]
        (begin, near, _), (end, far, _) = self.samples[index - 1 : index + 1]
        return near + (far - near) * (time - begin) / (end - begin)

    def light_time(self, time: float) -> float:
        """Range over c in s."""
        return self.range(time) / LIGHT


class Rates:
    """Bit rate over time: constant, or in steps by elevation."""

    def __init__(self, settings: Direction, track: Track | None) -> None:
        self._track = track
        self.configure(settings)

    def configure(self, settings: Direction) -> None:
        """Another rate, or other steps."""
        self._begins, self._rates = [-math.inf], [settings.rate]
        if self._track is None or not settings.rate_steps:
            return
        steps = settings.rate_steps
        samples = self._track.samples
        self._begin(-math.inf, _by(samples[0][2], settings))
        for (begin, _, low), (end, _, high) in pairwise(samples):
            crossed = [angle for angle, _ in steps if min(low, high) < angle <= max(low, high)]
            for angle in crossed if high > low else reversed(crossed):
                time = begin + (end - begin) * (angle - low) / (high - low)
                below = math.nextafter(angle, -math.inf)
                self._begin(time, _by(angle if high > low else below, settings))

    def _begin(self, time: float, rate: float) -> None:
        if self._begins[-1] == time:
            self._rates[-1] = rate
        else:
            self._begins.append(time)
            self._rates.append(rate)

    def at(self, time: float) -> float:
        """In bit/s."""
        return self._rates[bisect_right(self._begins, time) - 1]

    def end(self, begin: float, bits: int) -> float:
        """When the last of ``bits`` leaves whose first begins to leave at ``begin`` s."""
        index = bisect_right(self._begins, begin) - 1
        left: float = bits
        while index + 1 < len(self._begins):
            following = self._begins[index + 1]
            sent = (following - begin) * self._rates[index]
            if sent >= left:
                break
            left, begin, index = left - sent, following, index + 1
        return begin + left / self._rates[index]

    def bits(self, begin: float, end: float) -> float:
        """How many leave from ``begin`` to ``end`` s."""
        index = bisect_right(self._begins, begin) - 1
        found = 0.0
        while index + 1 < len(self._begins) and self._begins[index + 1] < end:
            following = self._begins[index + 1]
            found += (following - begin) * self._rates[index]
            begin, index = following, index + 1
        return found + (end - begin) * self._rates[index]


def _by(elevation: float, settings: Direction) -> float:
    """The rate of the highest step that is reached; ``rate`` below the first."""
    reached = [rate for angle, rate in settings.rate_steps if elevation >= angle]
    return reached[-1] if reached else settings.rate
