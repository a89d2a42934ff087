"""The transmitter of a direction, and when it may send."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from ground.emulator.track import Rates
from ground.linkfile import Direction, Window


class Gate:
    """Contacts and outages. Without ``contacts`` there always is a contact."""

    def __init__(self, contacts: tuple[Window, ...], hold: bool) -> None:
        self._outages: list[Window] = []
        self._contacts, self._hold = contacts, hold
        self._begins = [begin for begin, _ in contacts]

    def outage(self, start: float, duration: float) -> None:
        """Lose what begins to be sent from ``start`` for ``duration`` s."""
        self._outages.append((start, start + duration))

    def opens(self, time: float) -> float | None:
        """When a frame may begin to be sent that could at ``time``; None for never."""
        index = bisect_right(self._begins, time)
        if not self._contacts or (index and time < self._contacts[index - 1][1]):
            return time
        if self._hold and index < len(self._begins):
            return self._begins[index]
        return None

    def holds(self, offer: float, start: float) -> bool:
        """True for a frame that waits for a contact: one begins between offer and sending."""
        return bisect_right(self._begins, offer) < bisect_right(self._begins, start)

    def interrupted(self, start: float) -> bool:
        """True when a frame that begins to be sent at ``start`` is lost; never called for an
        earlier one than before."""
        if not self._outages:
            return False
        self._outages = [outage for outage in self._outages if outage[1] > start]
        return any(begin <= start for begin, _ in self._outages)


class Serialiser:
    """A bit rate and a FIFO bounded in octets, with tail drop.

    A frame that does not begin to be sent within a contact waits in the FIFO for the next, or is
    dropped. The transmitter does not know of outages: it sends all the same.
    """

    def __init__(self, rates: Rates, queue: int, gate: Gate) -> None:
        self.counters = {"dropped_outage": 0, "dropped_contact": 0, "held": 0, "dropped_queue": 0}
        self.gate = gate
        self._rates = rates
        self._queue = queue
        self._busy: deque[Window] = deque()  # times of sending that are not over, apart

    def configure(self, settings: Direction) -> None:
        """Another rate; frames that have been given their times keep them."""
        self._rates.configure(settings)

    def send(self, octets: int, now: float) -> Window | None:
        """When the first bit of a frame offered at ``now`` s leaves, and when the last one has
        left; None when it is lost."""
        busy = self._busy
        while busy and busy[0][1] <= now:
            busy.popleft()
        start = self.gate.opens(busy[-1][1] if busy else now)
        if start is None:
            self.counters["dropped_contact"] += 1
            return None
        if start > now and self.gate.holds(now, start):
            self.counters["held"] += 1
        waiting = self.waiting(now) if busy else 0.0
        # A frame that finds the transmitter idle is sent, however long it is.
        if waiting and waiting + octets > self._queue:
            self.counters["dropped_queue"] += 1
            return None
        end = self._rates.end(start, octets * 8)
        begin = busy.pop()[0] if busy and busy[-1][1] == start else start
        busy.append((begin, end))
        if self.gate.interrupted(start):
            self.counters["dropped_outage"] += 1
            return None
        return start, end

    def waiting(self, now: float) -> float:
        """Octets in the FIFO at ``now`` s."""
        spans = [(max(now, begin), end) for begin, end in self._busy if end > now]
        return sum(self._rates.bits(begin, end) for begin, end in spans) / 8
