"""Time that can stand still: timers of a suspended transaction, or of all while out of view."""

from __future__ import annotations

from math import inf, nextafter


class Stopwatch:
    """Maps real time to time without the pauses; both in s, monotonic."""

    __slots__ = ("_lost", "_stopped")

    def __init__(self) -> None:
        self._lost = 0.0
        self._stopped: float | None = None

    @property
    def stopped(self) -> bool:
        """Whether the time stands still."""
        return self._stopped is not None

    def read(self, now: float) -> float:
        """Time without the pauses."""
        return (now if self._stopped is None else self._stopped) - self._lost

    def real(self, time: float) -> float:
        """When `time` will be read, while it does not stand still; never a rounding too early."""
        real = time + self._lost
        while real - self._lost < time:
            real = nextafter(real, inf)
        return real

    def stop(self, now: float) -> None:
        """Stand still from now on."""
        if self._stopped is None:
            self._stopped = now

    def go(self, now: float) -> None:
        """Go on where it stopped."""
        if self._stopped is not None:
            self._lost += now - self._stopped
            self._stopped = None
