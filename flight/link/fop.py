"""FOP-1, the sending end of COP-1 on the ground (CCSDS 232.1-B-2, section 5), reduced.

Kept of the standard: AD service with sliding window, go-back-N, T1 and transmission limit;
initialisation with Unlock and Set V(R). The standard's alerts drop the queue; here the data stay:

- Lockout, or an N(R) that no frame explains, means a node that has forgotten V(R): the channel is
  initialised again and what is not acknowledged is sent under new numbers.
- When the transmission limit is reached, nobody may be listening. Sending stops until the next
  CLCW, which tells whether the node still has V(R). So an outage alone duplicates nothing.

Frame numbers come from two ranges by turns, 1..126 and 129..254, one per initialisation, and a
used-up range is left by a new initialisation when all is acknowledged. Thereby N(R) = 0 is seen
only of a node that has restarted, and no CLCW of one range can be taken for one of the next:
otherwise a window that spans the wrap could take a restart for an acknowledgement and lose data.
An initialisation is followed by at least T1 of service, so that late reports cannot upset it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import IntEnum, unique

from flight.link.clcw import Clcw
from flight.link.errors import Fault, LinkError
from flight.link.tc import MAX_DATA, UNLOCK, TcFrame, set_vr

QUEUE = 1000  # data units submitted and not acknowledged
RANGE = 126  # frame numbers per initialisation
_BASES = (1, 129)


@unique
class FopState(IntEnum):
    """What the sender waits for."""

    INITIALISING = 0  # a CLCW that confirms Set V(R); sends Unlock and Set V(R) every T1
    ACTIVE = 1  # acknowledgements
    SUSPENDED = 2  # any CLCW, after the transmission limit; sends nothing


@dataclass(slots=True)
class FopCounters:
    """Frames by what happened to them, and changes of state."""

    sent: int = 0
    retransmitted: int = 0
    acknowledged: int = 0
    reinitialised: int = 0  # node restarted or locked out
    suspended: int = 0
    renewed: int = 0  # number range used up


@dataclass(slots=True)
class _Unit:
    """A data unit under way. ``due``: when T1 of its latest transmission ends."""

    data: bytes
    sequence: int
    transmissions: int = 0
    due: float = math.inf


class Fop:
    """One virtual channel's sequence-controlled uplink, over a link that keeps the order.

    ``timeout`` is T1 in s: round trip plus the transmission of a full window. ``limit`` is the
    number of transmissions of one frame, ``window`` at most the positive window of the FARM.
    """

    def __init__(
        self, spacecraft: int, channel: int, timeout: float, limit: int = 10, window: int = 32
    ) -> None:
        if not 1 <= window <= RANGE:
            raise ValueError(f"FOP window {window} is not within 1..{RANGE}")
        self.state = FopState.INITIALISING
        self.counters = FopCounters()
        self._spacecraft, self._channel = spacecraft, channel
        self._timeout, self._limit, self._window = timeout, limit, window
        self._waiting: deque[bytes] = deque()
        self._sent: deque[_Unit] = deque()
        self._base = _BASES[0]
        self._next = self._base  # V(S)
        self._control_due = -math.inf
        self._commanded = False
        self._settled = -math.inf
        self._resend = False
        self._held = False

    @property
    def idle(self) -> bool:
        """True when everything submitted has been acknowledged."""
        return not self._waiting and not self._sent

    def submit(self, data: bytes) -> bool:
        """Take a data unit for one frame; False when 1000 are not acknowledged.

        Raises LinkError when no frame can carry it.
        """
        if not 0 < len(data) <= MAX_DATA:
            raise LinkError(Fault.LENGTH, f"{len(data)} octets do not make one TC frame")
        if len(self._waiting) + len(self._sent) >= QUEUE:
            return False
        self._waiting.append(data)
        return True

    def initialise(self, now: float) -> None:
        """Start over: Unlock, Set V(R), then the unacknowledged data under new numbers.

        Of these the node may have accepted some already; it will accept them again.
        """
        for unit in reversed(self._sent):
            self._waiting.appendleft(unit.data)
        self._sent.clear()
        self.state = FopState.INITIALISING
        self._base = sum(_BASES) - self._base
        self._next = self._base
        self._control_due = now
        self._commanded = self._resend = self._held = False

    def on_clcw(self, clcw: Clcw, now: float) -> None:
        """Take the FARM's report. Those of other channels are ignored."""
        if clcw.channel != self._channel:
            return
        if self.state is FopState.INITIALISING:
            confirmed = self._commanded and clcw.report_value == self._base
            if confirmed and not clcw.lockout:
                self.state = FopState.ACTIVE
                self._settled = now + self._timeout
            return
        acknowledged = self._acknowledge(clcw.report_value)
        if acknowledged is None or clcw.lockout:
            if now >= self._settled:  # until then a late report from before says nothing
                self.counters.reinitialised += 1
                self.initialise(now)
        elif not self._sent and self._next == self._base + RANGE:
            self.counters.renewed += 1
            self.initialise(now)
        else:
            self._held = clcw.wait
            self._follow(clcw.retransmit, acknowledged)

    def _acknowledge(self, report_value: int) -> int | None:
        """Drop what lies before N(R) and count it; None when N(R) is none of this range."""
        oldest = self._sent[0].sequence if self._sent else self._next
        count = report_value - oldest
        if not 0 <= count <= len(self._sent):
            return None
        for _ in range(count):
            self._sent.popleft()
        self.counters.acknowledged += count
        return count

    def _follow(self, retransmit: bool, acknowledged: int) -> None:
        """Decide whether the node's report calls for a retransmission."""
        if self.state is FopState.SUSPENDED:
            self.state = FopState.ACTIVE
            self._resend = True
            for unit in self._sent:
                unit.transmissions = 0
        elif retransmit and self._sent and (acknowledged or self._sent[0].transmissions == 1):
            # Reports of the same loss go on for a round trip: one answer, then T1.
            self._resend = True

    def tick(self, now: float) -> list[TcFrame]:
        """Frames to transmit now, in this order."""
        if self.state is FopState.INITIALISING:
            return self._control(now)
        if self._held or self.state is FopState.SUSPENDED:
            return []
        expired = bool(self._sent) and now >= self._sent[0].due
        if expired and self._sent[0].transmissions >= self._limit:
            self.state = FopState.SUSPENDED
            self.counters.suspended += 1
            return []
        frames = []
        if expired or self._resend:
            frames = [self._transmit(unit, now) for unit in self._sent]
            self.counters.retransmitted += len(frames)
        self._resend = False
        return frames + self._fresh(now)

    def _control(self, now: float) -> list[TcFrame]:
        if now < self._control_due:
            return []
        self._control_due = now + self._timeout
        self._commanded = True
        return [
            TcFrame(self._spacecraft, self._channel, 0, data, bypass=True, control=True)
            for data in (UNLOCK, set_vr(self._base))
        ]

    def _fresh(self, now: float) -> list[TcFrame]:
        frames = []
        last = self._base + RANGE
        while self._waiting and len(self._sent) < self._window and self._next < last:
            unit = _Unit(self._waiting.popleft(), self._next)
            self._next += 1
            self._sent.append(unit)
            frames.append(self._transmit(unit, now))
        self.counters.sent += len(frames)
        return frames

    def _transmit(self, unit: _Unit, now: float) -> TcFrame:
        unit.transmissions += 1
        unit.due = now + self._timeout
        return TcFrame(self._spacecraft, self._channel, unit.sequence, unit.data)
