"""Repair requests of one transmitted file, each served once per round trip."""

from __future__ import annotations

from collections import deque

from flight.link.cfdp.segments import Range, Segments


class Repairs:
    """Ranges to send again, lowest offset first.

    A range requested again within `round_trip` seconds of its repetition is on its way; sending
    it once more per request would let NAK timers shorter than the repair queue multiply traffic.
    """

    def __init__(self, round_trip: float, segment: int) -> None:
        self._round_trip = round_trip
        self.segment = segment
        self._pending = Segments()
        self._in_flight = Segments()
        self._arrivals: deque[tuple[float, int, int]] = deque()

    def __bool__(self) -> bool:
        return len(self._pending) > 0

    def request(self, start: int, end: int, now: float) -> None:
        """Queue [start, end) except for what is in flight."""
        while self._arrivals and self._arrivals[0][0] <= now:
            _, begin, stop = self._arrivals.popleft()
            self._in_flight.remove(begin, stop)
        for begin, stop in self._in_flight.gaps(start, end):
            self._pending.add(begin, stop)

    def take(self, now: float) -> Range | None:
        """Next range to send, one segment at most.

        A range that was lost begins where a PDU began: the cuts are those of the first time, as
        long as the segment is what it was.
        """
        first = self._pending.first()
        if first is None:
            return None
        start = first[0]
        end = min(first[1], start + self.segment)
        self._pending.remove(start, end)
        self._in_flight.add(start, end)
        self._arrivals.append((now + self._round_trip, start, end))
        return start, end
