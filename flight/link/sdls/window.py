"""Anti-replay window of one security association (CCSDS 355.0-B-2, 2.3.2.3.2 and 4.2.3)."""

from __future__ import annotations

from flight.link.sdls.errors import SecurityError, SecurityFault

FORWARD = 1 << 32
"""Counters a frame may lie ahead: the life of a key. The limit lets garbage be refused before the
cipher runs; it must not be so short that frames lost on the way could use it up, which would end
the link for good."""


class Window:
    """Counters below ``floor`` are used. ``reach`` counters behind the highest may still come."""

    def __init__(self, floor: int = 0, reach: int = 0, forward: int = FORWARD) -> None:
        self.highest = floor - 1
        self._reach, self._forward = reach, forward
        self._all = (1 << reach) - 1
        self._used = self._all  # bit n: the counter n below the highest

    def check(self, counter: int) -> None:
        """Raise SecurityError for a counter that cannot be right. Changes nothing."""
        ahead = counter - self.highest
        if ahead > self._forward:
            raise SecurityError(SecurityFault.AHEAD)
        if ahead <= 0 and (-ahead >= self._reach or self._used >> -ahead & 1):
            raise SecurityError(SecurityFault.REPLAY)

    def accept(self, counter: int) -> None:
        """Book a counter that passed ``check`` and whose frame is genuine."""
        ahead = counter - self.highest
        if ahead <= 0:
            self._used |= 1 << -ahead
        else:
            self._used = (self._used << ahead | 1) & self._all if ahead < self._reach else 1
            self.highest = counter
