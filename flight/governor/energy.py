"""Energy of the node from its power readings. Pure."""

from __future__ import annotations

import math


class EnergyMeter:
    """Trapezoidal integral of power over the times when it was known."""

    def __init__(self) -> None:
        self.unknown = 0.0  # s without two known readings around them
        self._joules = 0.0
        self._covered = False
        self._watts = math.nan
        self._instant: float | None = None

    @property
    def joules(self) -> float:
        """Energy in J over the known intervals; NaN until there is one."""
        return self._joules if self._covered else math.nan

    def add(self, watts: float, now: float) -> float:
        """Take a power reading in W (NaN when lost) at a monotonic time in s.

        Returns the energy in J since the reading before; NaN when it is unknown. Raises ValueError
        when time goes backwards.
        """
        previous, self._watts = self._watts, watts
        instant, self._instant = self._instant, now
        if instant is None:
            return math.nan
        if now < instant:
            raise ValueError(f"time goes back from {instant} to {now}")
        joules = (previous + watts) / 2 * (now - instant)
        if math.isfinite(joules):
            self._joules += joules
            self._covered = True
            return joules
        self.unknown += now - instant
        return math.nan
