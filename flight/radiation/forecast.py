"""When the node will cross the anomaly: its orbit ahead, through map and thresholds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flight.radiation.environment import Thresholds
from flight.radiation.fluxmap import FluxMap
from flight.radiation.orbit import Orbit

STEP = 30.0  # s: 2 deg of orbit, the width of a cell
_HALVINGS = 10  # of a step: 0.03 s

Floats = NDArray[np.float64]


class Crossing(NamedTuple):
    """Entry and exit, UTC since 1970 in s."""

    entry: float
    exit: float


class Forecast:
    """Crossings of one orbit. A crossing shorter than a step may be missed."""

    def __init__(
        self, orbit: Orbit, flux_map: FluxMap, thresholds: Thresholds | None = None
    ) -> None:
        self._orbit = orbit
        self._map = flux_map
        self._thresholds = thresholds or Thresholds()

    def flux(self, utc: Floats) -> Floats:
        """Flux [n] on the orbit at UTC [n] in s. Raises ValueError when the orbit has decayed."""
        track = self._orbit.locate(utc)
        return self._map.flux(track.latitude, track.longitude)

    def crossings(self, start: float, horizon: float, most: int) -> list[Crossing]:
        """The first ``most`` crossings with an entry in [start, start + horizon], in order.

        One that is under way at ``start`` comes first, with ``start`` as its entry. An exit is
        sought for one revolution beyond the horizon. Raises ValueError when ``horizon`` is not
        positive, ``most`` below 1 or the orbit has decayed.
        """
        if most < 1:
            raise ValueError(f"most = {most}: 1 or more is allowed")
        if not 0 < horizon <= 31 * 86400:
            raise ValueError(f"horizon = {horizon}: more than 0 s, at most 31 days are allowed")
        end = start + horizon + self._orbit.elements.period
        times = np.append(np.arange(start, end, STEP), end)
        inside = self._thresholds.inside(self.flux(times))
        turns = np.diff(inside.astype(np.int8))
        entries = self._refine(times, np.flatnonzero(turns > 0), self._thresholds.enter)
        exits = self._refine(times, np.flatnonzero(turns < 0), self._thresholds.leave)
        if inside[0]:
            entries = np.append(start, entries)
        if inside[-1]:
            exits = np.append(exits, end)
        found = zip(entries.tolist(), exits.tolist(), strict=True)
        return [Crossing(*each) for each in found if each[0] <= start + horizon][:most]

    def _refine(self, times: Floats, before: NDArray[np.intp], level: float) -> Floats:
        """Where the flux passes the level between each ``times[before]`` and the next, halving."""
        low, high = times[before], times[before + 1]
        if not len(before):
            return low
        below = self.flux(low) < level
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            same = (self.flux(middle) < level) == below
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return high


def next_entry(crossings: Sequence[Crossing], utc: float) -> tuple[float, float]:
    """Time to the next entry after ``utc`` and length of that crossing in s; -1 and 0 when none."""
    for crossing in crossings:
        if crossing.entry > utc:
            return crossing.entry - utc, crossing.exit - crossing.entry
    return -1.0, 0.0
