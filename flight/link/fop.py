"""FOP-1, the sending end of COP-1 on the ground (CCSDS 232.1-B-2, section 5).

Events in, frames out; what each event does stands in `foptable`. A service that ends gives back
what was not acknowledged, in order (``returned``): what to do about it is up to the user above.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from flight.link.clcw import Clcw
from flight.link.errors import Fault, LinkError
from flight.link.foptable import TABLE, Action, Alert, Do, FopState, reported
from flight.link.tc import MAX_DATA, UNLOCK, TcFrame, set_vr

_MODULUS = 256
LARGEST_WINDOW = 127
_RESUME = {0: "E30", 1: "E31", 2: "E32", 3: "E33", 4: "E34"}


@dataclass(slots=True)
class FopCounters:
    """Frames by what happened to them."""

    sent: int = 0
    retransmitted: int = 0
    acknowledged: int = 0


@dataclass(slots=True)
class _Sent:
    data: bytes
    sequence: int
    again: bool = False  # to be retransmitted


class Fop:
    """One virtual channel. The owner takes frames from ``tick`` and looks at ``alert``.

    ``timeout`` is T1 in s, ``limit`` the transmissions of one frame, ``window`` the frames that may
    be unacknowledged. ``suspends`` is timeout type 1: at the limit the service is suspended, to be
    resumed, instead of ended.
    """

    def __init__(
        self,
        spacecraft: int,
        channel: int,
        timeout: float,
        limit: int = 10,
        window: int = 32,
        suspends: bool = True,
    ) -> None:
        """Raises ValueError."""
        self.state = FopState.INITIAL
        self.counters = FopCounters()
        self.alert: Alert | None = None  # why the service ended; the owner takes it away
        self.returned: list[bytes] = []  # what was then not acknowledged; the owner takes it out
        self.suspended = 0  # SS: the state that the service is suspended in, 0 is none
        self._spacecraft, self._channel = spacecraft, channel
        self.set_timeout(timeout)
        self.set_limit(limit)
        self.set_window(window)
        self.set_timeout_type(suspends)
        self._next = self._oldest = 0  # V(S), NN(R)
        self._value = 0  # V*(R) or V*(S) of a directive
        self._waiting: bytes | None = None  # the wait queue holds one
        self._offered = b""
        self._refused = False
        self._sent: deque[_Sent] = deque()
        self._bc = b""
        self._out: list[TcFrame] = []
        self._due = math.inf
        self._count = 1  # transmissions of the oldest frame
        self._now = 0.0

    # Data.

    @property
    def held(self) -> int:
        """Data units that wait or are not acknowledged."""
        return len(self._sent) + (self._waiting is not None)

    @property
    def next_sequence(self) -> int:
        """V(S)."""
        return self._next

    def request(self, data: bytes) -> bool:
        """Send a data unit in sequence; False while one waits or there is no service (E19, E20).

        Raises LinkError when no frame can carry it.
        """
        if not 0 < len(data) <= MAX_DATA:
            raise LinkError(Fault.LENGTH, f"{len(data)} octets do not make one TC frame")
        self._offered = data
        return self._run("E19" if self._waiting is None else "E20")

    def bypass(self, data: bytes) -> TcFrame:
        """A BD frame, in any state (E21)."""
        return TcFrame(self._spacecraft, self._channel, 0, data, bypass=True)

    # Directives. Each returns False when it is refused in this state.

    def initiate(self) -> bool:
        """Begin at once (E23)."""
        return self._run("E23")

    def initiate_with_check(self, now: float) -> bool:
        """Begin when a CLCW says that all is well (E24)."""
        return self._run("E24", now)

    def initiate_with_unlock(self, now: float) -> bool:
        """Unlock first (E25); it is confirmed by a CLCW with N(R) = V(S)."""
        return self._run("E25", now)

    def initiate_with_set_vr(self, value: int, now: float) -> bool:
        """Set V(R) first, and V(S) with it (E27)."""
        self._value = value
        return self._run("E27", now)

    def terminate(self) -> bool:
        """End the service (E29)."""
        self.suspended = 0
        return self._run("E29")

    def resume(self, now: float) -> bool:
        """Go on after a suspension (E30 to E34); what is not acknowledged is repeated at once and
        counted anew: a frame at its limit would otherwise never be sent again."""
        return self._run(_RESUME[self.suspended], now)

    def set_vs(self, value: int) -> bool:
        """Set V(S) while there is no service and none is suspended (E35)."""
        self._value = value
        return not self.suspended and self._run("E35")

    def set_window(self, frames: int) -> None:
        """K (E36). Raises ValueError."""
        if not 1 <= frames <= LARGEST_WINDOW:
            raise ValueError(f"FOP window {frames} is not within 1..{LARGEST_WINDOW}")
        self._window = frames

    def set_timeout(self, seconds: float) -> None:
        """T1 (E37). Raises ValueError."""
        if not seconds > 0:
            raise ValueError(f"T1 of {seconds} s")
        self._timeout = seconds

    def set_limit(self, transmissions: int) -> None:
        """Transmission limit (E38). Raises ValueError."""
        if transmissions < 1:
            raise ValueError(f"{transmissions} transmissions")
        self._limit = transmissions

    def set_timeout_type(self, suspends: bool) -> None:
        """Timeout type (E39): 1, True, suspends the service at the limit; 0 ends it."""
        self._suspends = suspends

    # Events.

    def on_clcw(self, clcw: Clcw, now: float) -> None:
        """Take the FARM's report (E1 to E14). Those of other channels are ignored."""
        if clcw.channel == self._channel:
            self._value = clcw.report_value
            fresh = (clcw.report_value - self._oldest) % _MODULUS
            left = self._limit - self._count if self._limit > 1 else None
            self._run(reported(clcw, fresh, self._outstanding, left), now)

    def tick(self, now: float) -> list[TcFrame]:
        """Frames to transmit now, in this order; runs the timer (E16 to E18, E104)."""
        if now >= self._due:
            self._due = math.inf
            below = self._count < self._limit
            kinds = ("E104", "E18") if self._suspends else ("E16", "E17")
            self._run(kinds[not below], now)
        frames, self._out = self._out, []
        return frames

    def explains(self, clcw: Clcw) -> bool:
        """Whether a report fits what was sent: N(R) from NN(R) to V(S)."""
        return (clcw.report_value - self._oldest) % _MODULUS <= self._outstanding

    @property
    def _outstanding(self) -> int:
        return (self._next - self._oldest) % _MODULUS

    def _run(self, event: str, now: float | None = None) -> bool:
        """Do what the table says; False when that is to reject."""
        self._now = self._now if now is None else now
        self._refused = False
        actions, following = TABLE[event][self.state - 1]
        for action in actions:
            self._do(action)
        self.state = following
        return not self._refused

    # Actions (5.3).

    def _do(self, action: Action) -> None:
        if isinstance(action, Alert):
            self._end(action)
            return
        {
            Do.REMOVE: self._remove,
            Do.LOOK: self._look,
            Do.REPEAT: self._repeat,
            Do.REPEAT_BC: self._repeat,
            Do.START: self._start_timer,
            Do.CANCEL: self._cancel_timer,
            Do.CONFIRM: lambda: None,  # the directive's method returns True
            Do.ADD: self._add,
            Do.REJECT: self._reject,
            Do.INITIALISE: self._initialise,
            Do.SET: self._set,
            Do.SET_VS: self._set,
            Do.SEND_UNLOCK: lambda: self._command(UNLOCK),
            Do.SEND_SET_VR: lambda: self._command(set_vr(self._value)),
            Do.SUSPEND: self._suspend,
            Do.RESUME: self._resume,
        }[action]()

    def _start_timer(self) -> None:
        self._due = self._now + self._timeout

    def _cancel_timer(self) -> None:
        self._due = math.inf

    def _reject(self) -> None:
        self._refused = True

    def _add(self) -> None:
        self._waiting = self._offered

    def _set(self) -> None:
        self._next = self._oldest = self._value

    def _command(self, data: bytes) -> None:
        self._bc = data
        self._send_bc()

    def _suspend(self) -> None:
        self.suspended, self._due = int(self.state), math.inf

    def _resume(self) -> None:
        self.suspended, self._count = 0, 1
        self._due = self._now

    def _initialise(self) -> None:
        """Purge the queues, giving back what they held."""
        self.returned += [unit.data for unit in self._sent]
        self.returned += [] if self._waiting is None else [self._waiting]
        self._sent.clear()
        self._waiting = None
        self._oldest, self._count, self.suspended = self._next, 1, 0

    def _end(self, alert: Alert) -> None:
        self.alert, self._due = alert, math.inf
        self._initialise()

    def _remove(self) -> None:
        while self._sent and self._oldest != self._value:
            self._sent.popleft()
            self._oldest = (self._oldest + 1) % _MODULUS
            self.counters.acknowledged += 1
        self._count = 1
        if self._sent and self._due == math.inf:  # S3 lets it run out, and E6 begins no other
            self._start_timer()

    def _look(self) -> None:
        for unit in self._sent:
            if unit.again:
                unit.again = False
                self.counters.retransmitted += 1
                self._transmit(unit)
        if self._waiting is not None and len(self._sent) < self._window:
            unit = _Sent(self._waiting, self._next)
            self._waiting = None
            self._next = (self._next + 1) % _MODULUS
            self._sent.append(unit)
            self.counters.sent += 1
            self._transmit(unit)

    def _transmit(self, unit: _Sent) -> None:
        self._out.append(TcFrame(self._spacecraft, self._channel, unit.sequence, unit.data))
        self._due = self._now + self._timeout

    def _repeat(self) -> None:
        self._count += 1
        if self.state is FopState.COMMANDING:
            self._send_bc()
        for unit in self._sent:
            unit.again = True

    def _send_bc(self) -> None:
        frame = TcFrame(self._spacecraft, self._channel, 0, self._bc, bypass=True, control=True)
        self._out.append(frame)
        self._due = self._now + self._timeout
