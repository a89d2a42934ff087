"""When to ask for which missing octets (727.0-B-5, 4.6.4, immediate NAK mode)."""

from __future__ import annotations

import heapq
from collections import deque
from math import inf

from flight.link.cfdp import nak
from flight.link.cfdp.header import Header
from flight.link.cfdp.segments import Range, Segments
from flight.link.cfdp.settings import TIMER_MARGIN, Settings

Batch = tuple[Range, ...]

_PDUS_PER_BATCH = 8
_FRAMES_IN_QUEUES = 4
_GAIN = 0.25


class ArrivalRate:
    """File octets per second while the sender has data to send.

    Measured over half round trips; after a pause of two round trips the link was not in use.
    """

    def __init__(self, round_trip: float) -> None:
        self._window = round_trip / 2
        self._pause = 2 * round_trip
        self._since = inf
        self._octets = 0
        self._rate = 0.0

    def observe(self, octets: int, now: float) -> None:
        """Count octets that arrived at `now`."""
        self._since = min(self._since, now)
        self._octets += octets
        elapsed = now - self._since
        if elapsed <= self._window:
            return
        if elapsed < self._pause:
            measured = self._octets / elapsed
            self._rate += _GAIN * (measured - self._rate) if self._rate else measured
        self._since = now
        self._octets = 0

    def seconds(self, octets: int) -> float:
        """Time that `octets` take; none while the rate is unknown."""
        return octets / self._rate if self._rate else 0.0


class Missing:
    """NAK scheduler of one transaction.

    A gap passes a guard against reordering (`nak_delay`), is asked for, and asked for again when
    it is still open after a round trip plus the time the sender needs for all repairs asked for.
    Before the EOF batches keep a distance of `nak_delay`, unless a whole PDU of gaps waits.
    `rounds` counts round trips in which repetitions were needed and nothing arrived.
    """

    def __init__(self, header: Header, settings: Settings) -> None:
        self.rounds = 0
        self._rate = ArrivalRate(settings.round_trip)
        self._guard = settings.nak_delay
        self._timeout = TIMER_MARGIN * settings.round_trip
        self._in_queues = _FRAMES_IN_QUEUES * settings.segment
        self._capacity = nak.capacity(settings.nak_pdu, header)
        self._fresh: deque[tuple[float, int, int]] = deque()
        self._asked: list[tuple[float, int, int]] = []
        self._waiting = Segments()
        self._due = Segments()
        self._metadata_at = inf
        self._metadata_asked = False
        self._round_end = -inf
        self._last = -inf
        self._eager = False
        self._left_over = False

    def lost(self, start: int, end: int, now: float) -> None:
        """A gap opened at `now`."""
        self._waiting.add(start, end)
        self._fresh.append((now + self._guard, start, end))

    def lost_metadata(self, now: float) -> None:
        """The transaction opened at `now` without its metadata."""
        self._metadata_at = now + self._guard

    def found_metadata(self) -> None:
        """The metadata arrived."""
        self._metadata_at = inf
        self.rounds = 0

    def observe(self, octets: int, now: float) -> None:
        """File octets arrived, repeated ones included; after the EOF few come, at no rate."""
        if not self._eager:
            self._rate.observe(octets, now)

    def arrived(self, start: int, end: int) -> None:
        """Octets [start, end) arrived for the first time."""
        self.rounds = 0
        if self._due.total:
            self._due.remove(start, end)
        if self._waiting.total:
            self._waiting.remove(start, end)

    def hurry(self) -> None:
        """The EOF arrived: what is missing now is asked for without guard and distance."""
        self._eager = True
        if self._metadata_at < inf and not self._metadata_asked:
            self._metadata_at = -inf
        while self._fresh:
            self._ripen(*self._fresh.popleft()[1:])

    def prompt(self) -> None:
        """The sender asks for a NAK: all that is missing is due, also what was asked for."""
        self._fresh.clear()
        self._asked.clear()
        for start, end in self._waiting.take(len(self._waiting)):
            self._due.add(start, end)
        if self._metadata_at < inf:
            self._metadata_at = -inf
        self._left_over, self._last = False, -inf

    def requests(self, now: float) -> list[Batch]:
        """Requests to send at `now`, one tuple per NAK PDU."""
        if self._metadata_at == inf and not (self._asked or self._fresh or self._due.total):
            return []
        self._expire(now)
        metadata = now >= self._metadata_at
        ranges: list[Range] = []
        if self._due and (metadata or now >= self._open_at()):
            ranges = self._due.take(_PDUS_PER_BATCH * self._capacity)
            self._left_over = len(self._due) > 0
            self._last = now
            self._wait_for(ranges, now)
        if metadata:
            self._metadata_asked = True
            self._metadata_at = now + self._timeout + self._rate.seconds(self._in_queues)
            ranges.insert(0, nak.METADATA)
        step = self._capacity
        return [tuple(ranges[index : index + step]) for index in range(0, len(ranges), step)]

    def next_time(self) -> float:
        """When `requests` must be asked next; infinite if nothing is missing."""
        return min(
            self._metadata_at,
            self._open_at() if self._due else inf,
            self._fresh[0][0] if self._fresh else inf,
            self._asked[0][0] if self._asked else inf,
        )

    def _open_at(self) -> float:
        """When the next batch may leave; what a full batch left over always keeps the distance."""
        crowded = len(self._due) >= self._capacity
        if not self._left_over and (self._eager or crowded):
            return -inf
        return self._last + self._guard

    def _expire(self, now: float) -> None:
        """Move what waited long enough to what is due."""
        while self._fresh and self._fresh[0][0] <= now:
            self._ripen(*self._fresh.popleft()[1:])
        repeated = self._metadata_asked and now >= self._metadata_at
        while self._asked and self._asked[0][0] <= now:
            repeated |= self._ripen(*heapq.heappop(self._asked)[1:])
        if repeated and now >= self._round_end:
            self.rounds += 1
            self._round_end = now + self._timeout

    def _ripen(self, start: int, end: int) -> bool:
        """Make due what still waits of a range; whether there was any."""
        still = self._waiting.remove(start, end)
        for begin, stop in still:
            self._due.add(begin, stop)
        return bool(still)

    def _wait_for(self, ranges: list[Range], now: float) -> None:
        """Start one timer for `ranges`, long enough for all repairs the sender has to make."""
        for start, end in ranges:
            self._waiting.add(start, end)
        queue = self._waiting.total + self._in_queues
        deadline = now + self._timeout + self._rate.seconds(queue)
        for start, end in ranges:
            heapq.heappush(self._asked, (deadline, start, end))
