"""When refused frames are more than accidents."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from flight.link.sdls.errors import ATTACKS

THRESHOLD = 10  # refused frames
PERIOD = 10.0  # s within which they come, and between two alarms


class Alarm:
    """Looks at the counters from time to time."""

    def __init__(self, threshold: int = THRESHOLD, period: float = PERIOD) -> None:
        self._threshold, self._period = threshold, period
        self._told: dict[str, int] = {}
        self._began = inf
        self._silent_until = -inf

    def due(self, counters: Mapping[str, int], now: float) -> dict[str, int]:
        """Frames refused since the last look that mattered, by fault, when they are an alarm at
        ``now`` s; empty otherwise."""
        self._began = min(self._began, now)
        fresh = {str(fault): counters.get(fault, 0) for fault in ATTACKS}
        more = {fault: count - self._told.get(fault, 0) for fault, count in fresh.items()}
        if sum(more.values()) >= self._threshold and now >= self._silent_until:
            self._told, self._began = fresh, now
            self._silent_until = now + self._period
            return more
        if now - self._began >= self._period and now >= self._silent_until:
            self._told, self._began = fresh, now
        return {}
