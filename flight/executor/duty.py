"""Rest after work, so that a run is busy for no more than the share of time that it is granted."""

from __future__ import annotations

from flight.runtime.clock import Clock

LEAST = 1e-3  # s; shorter ones are none


class Duty:
    """The work of one run and the rest that it owes for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._ended = clock.now()

    def begin(self) -> None:
        """Work begins."""
        self._began = self._clock.now()

    def end(self) -> float:
        """Work ended; return how long it took in s."""
        self._ended = self._clock.now()
        return self._ended - self._began

    def rest(self, duty: float) -> float:
        """Time in s that is still to be rested at a duty of 0 to 1, as it is granted now."""
        owed = (self._ended - self._began) * (1 / max(0.01, duty) - 1)
        left = owed - (self._clock.now() - self._ended)
        return left if left >= LEAST else 0.0
