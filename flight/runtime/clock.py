"""Time. The only module that reads it; everything else is handed a Clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two scales: monotonic seconds for delays, UTC nanoseconds for stamps."""

    def now(self) -> float:
        """Monotonic time in s; the origin is arbitrary."""

    def utc_ns(self) -> int:
        """UTC since 1970 in ns; may step when the clock is corrected."""


class SystemClock:
    """The machine's clocks. The functions themselves, not wrappers: the bus stamps each message."""

    now = staticmethod(time.monotonic)
    utc_ns = staticmethod(time.time_ns)


class SimulatedClock:
    """A clock that moves only when it is told to. The epoch is 2026-01-01T00:00:00Z."""

    EPOCH_NS = 1_767_225_600_000_000_000

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Simulated time since the epoch in s."""
        return self._now

    def utc_ns(self) -> int:
        """Simulated UTC in ns."""
        return self.EPOCH_NS + round(self._now * 1e9)

    def advance_to(self, instant: float) -> None:
        """Move forward. Raises ValueError when ``instant`` lies in the past."""
        if instant < self._now:
            raise ValueError(f"clock cannot go back from {self._now} to {instant}")
        self._now = instant
