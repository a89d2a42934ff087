"""Acquisition and loss of signal, found by stepping and bisection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ground.passes.geometry import DAY, STALE, PassError, Sky

STEP = 20.0  # s; a pass that is shorter may be overlooked
_EXACT = 0.001  # s


@dataclass(frozen=True, slots=True)
class Pass:
    """Times in UTC s since 1970, angles in deg."""

    aos: float
    los: float
    culmination: float
    elevation: float  # the highest
    azimuth_aos: float
    azimuth_los: float

    @property
    def duration(self) -> float:
        """In s."""
        return self.los - self.aos


def check_age(sky: Sky, utc: float) -> None:
    """Raises PassError for elements that are too old, or from too far ahead, for a time."""
    age = utc - sky.epoch
    if abs(age) > STALE:
        raise PassError(f"the elements are {abs(age) / DAY:.0f} days off; 14 at most are usable")


def passes(sky: Sky, begin: float, end: float, mask: float) -> Iterator[Pass]:
    """Passes above ``mask`` deg that are not over at ``begin`` and begin before ``end``.

    One that lasts at ``begin`` is given from its own beginning. Raises PassError.
    """

    def above(utc: float) -> bool:
        return sky.look(utc).elevation > mask

    time = begin
    while above(time):  # back to where the pass that is on began
        time -= STEP
        if begin - time > DAY:
            raise PassError("it never sets")
    while time < end:
        if not above(time + STEP):
            time += STEP
            continue
        aos = _edge(lambda t: above(t), time, time + STEP)
        time += STEP
        while above(time):
            time += STEP
            if time - aos > DAY:
                raise PassError("it never sets")
        los = _edge(lambda t: not above(t), time - STEP, time)
        if los > begin and aos < end:
            yield _described(sky, aos, los)


def _edge(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds at ``high`` and not at ``low`` begins to."""
    while high - low > _EXACT:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _described(sky: Sky, aos: float, los: float) -> Pass:
    low, high = aos, los
    while high - low > _EXACT:  # the elevation has one maximum: golden section would be faster
        third = (high - low) / 3
        if sky.look(low + third).elevation < sky.look(high - third).elevation:
            low += third
        else:
            high -= third
    top = sky.look(low)
    return Pass(aos, los, low, top.elevation, sky.look(aos).azimuth, sky.look(los).azimuth)
