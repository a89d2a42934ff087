"""How often a peer is asked that has fallen silent."""

from __future__ import annotations

from math import inf

from flight.link.cfdp.settings import TIMER_MARGIN

LONGEST = 30.0
"""Seconds between questions to a peer of which nothing has come for long."""

_GRACE = 2.0
"""Round trips of silence that are no sign of anything."""

_SHARE = 1 / 8
"""Of the silence: an absence that nobody was told of is noticed an eighth of it late at most."""


class Patience:
    """Pauses that grow with the time since the first question without an answer.

    Timers repeat a NAK or a Finished PDU each round trip, without end. Its peer may be gone for
    good: without pauses 64 receptions like that would fill a slow link.
    """

    def __init__(self, round_trip: float) -> None:
        self.until = -inf
        self._grace = _GRACE * TIMER_MARGIN * round_trip
        self._since = inf

    def renew(self) -> None:
        """Something came, or the peer can be expected to answer: what is due need not wait."""
        self.until, self._since = -inf, inf

    def spoke(self, now: float) -> None:
        """Something was sent: nothing more before `until`."""
        self._since = min(self._since, now)
        silence = max(0.0, now - self._since - self._grace)
        self.until = now + min(_SHARE * silence, LONGEST)
