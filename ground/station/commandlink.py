"""Telecommands over COP-1 that are kept until the node has them: the user above FOP-1.

FOP-1 ends its service with an alert and gives back what was not acknowledged. Here those data stay
in line and the service is begun anew, so that nothing is lost and nothing changes places:

- Lockout, or an N(R) that no frame explains, means a node that has forgotten V(R): Unlock if it is
  locked, then Set V(R), and what is not acknowledged, by a lockout's N(R) too, is sent under new
  numbers. Of these the node may have accepted some already; it will accept them again. A CLCW
  check does not do: the new numbers are such that no node is at them.
- At the transmission limit FOP-1 is suspended, for perhaps nobody is listening. It resumes with the
  next CLCW that fits, so an outage alone duplicates nothing.

Frame numbers come from two ranges by turns, 1..126 and 129..254, one per initialisation, and a
used-up range is left by a new initialisation when all is acknowledged. Thereby N(R) = 0 is seen
only of a node that has restarted, and no CLCW of one range can be taken for one of the next:
otherwise a window that spans the wrap could take a restart for an acknowledgement and lose data.
A Set V(R) of somebody else, which the standard leaves in clear, can pass for an acknowledgement;
so what matters has to be answered by the node, and is sent again when no answer comes. An
initialisation is followed by at least T1 of service, so that late reports cannot upset it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import IntEnum, unique

from flight.link.clcw import Clcw
from flight.link.errors import Fault, LinkError
from flight.link.fop import Fop, FopCounters
from flight.link.foptable import FopState
from flight.link.tc import MAX_DATA, TcFrame

QUEUE = 1000  # data units submitted and not acknowledged
RANGE = 126  # frame numbers per initialisation
_BASES = (1, 129)
_LEAST_LIMIT = 2  # FOP-1 with a limit of one ends at the first loss, and data come twice


@unique
class LinkState(IntEnum):
    """What the link waits for."""

    INITIALISING = 0  # a CLCW that confirms Unlock or Set V(R)
    ACTIVE = 1  # acknowledgements
    SUSPENDED = 2  # any CLCW, after the transmission limit; sends nothing


@dataclass(slots=True)
class LinkCounters:
    """Changes of state."""

    reinitialised: int = 0  # node restarted or locked out
    suspended: int = 0
    renewed: int = 0  # number range used up


class CommandLink:
    """One virtual channel's sequence-controlled uplink.

    ``timeout`` is T1 in s: round trip plus the transmission of a full window. ``limit`` is the
    number of transmissions of one frame, ``window`` at most the positive window of the FARM.
    """

    def __init__(
        self, spacecraft: int, channel: int, timeout: float, limit: int = 10, window: int = 32
    ) -> None:
        """Raises ValueError."""
        if not 1 <= window <= RANGE:
            raise ValueError(f"FOP window {window} is not within 1..{RANGE}")
        self.counters = LinkCounters()
        self._fop = Fop(spacecraft, channel, timeout, max(limit, _LEAST_LIMIT), window)
        self._channel, self._timeout = channel, timeout
        self._waiting: deque[bytes] = deque()
        self._base = _BASES[0]
        self._last = self._base + RANGE
        self._unlocking = self._commanded = False
        self._suspended = False
        self._settled = -math.inf

    @property
    def state(self) -> LinkState:
        """What it waits for."""
        if self._fop.suspended:
            return LinkState.SUSPENDED
        idle = self._fop.state in (FopState.INITIAL, FopState.COMMANDING)
        return LinkState.INITIALISING if idle else LinkState.ACTIVE

    @property
    def frames(self) -> FopCounters:
        """What became of frames."""
        return self._fop.counters

    @property
    def idle(self) -> bool:
        """True when everything submitted has been acknowledged."""
        return not self._waiting and not self._fop.held

    def submit(self, data: bytes) -> bool:
        """Take a data unit for one frame; False when 1000 are not acknowledged.

        Raises LinkError when no frame can carry it.
        """
        if not 0 < len(data) <= MAX_DATA:
            raise LinkError(Fault.LENGTH, f"{len(data)} octets do not make one TC frame")
        if len(self._waiting) + self._fop.held >= QUEUE:
            return False
        self._waiting.append(data)
        return True

    def bypass(self, data: bytes) -> TcFrame:
        """A frame outside the sequence, for the telecommands that may come so."""
        return self._fop.bypass(data)

    def initialise(self) -> None:
        """Start over: Set V(R), then the unacknowledged data under new numbers."""
        self._fop.terminate()
        self._take_back()
        self._base = sum(_BASES) - self._base
        self._last = self._base + RANGE
        self._unlocking = False

    def _take_back(self) -> None:
        """What FOP-1 gave back goes to the front of the line."""
        self._waiting.extendleft(reversed(self._fop.returned))
        self._fop.returned.clear()
        self._fop.alert = None

    def on_clcw(self, clcw: Clcw, now: float) -> None:
        """Take the FARM's report. Those of other channels are ignored."""
        if clcw.channel != self._channel:
            return
        if self.state is LinkState.INITIALISING:
            self._initialising(clcw, now)
            return
        known = self._fop.explains(clcw)
        if known:
            self._follow(clcw, now)
        lost = clcw.lockout or not known
        # Until it has settled a late report from before says nothing.
        if self._fop.alert is not None or (lost and now >= self._settled):
            self._restart(clcw, now)
        elif known:
            self._renew()

    def _follow(self, clcw: Clcw, now: float) -> None:
        """Have FOP-1 take a report that fits; one with lockout still acknowledges."""
        if self._fop.suspended:
            self._fop.resume(now)
        if clcw.lockout:
            clcw = Clcw(clcw.channel, clcw.report_value)
        self._fop.on_clcw(clcw, now)

    def _renew(self) -> None:
        """Leave a range of numbers that is used up."""
        if self._fop.next_sequence == self._last and not self._fop.held:
            self.counters.renewed += 1
            self.initialise()

    def _restart(self, clcw: Clcw, now: float) -> None:
        self.counters.reinitialised += 1
        self.initialise()
        if clcw.lockout:
            self._unlock(clcw, now)

    def _initialising(self, clcw: Clcw, now: float) -> None:
        """Unlock where that is needed; otherwise wait for what was commanded."""
        if clcw.lockout and not self._unlocking and self._commanded:
            self._unlock(clcw, now)
            return
        if self._fop.state is not FopState.COMMANDING:
            return
        if self._unlocking:
            if not clcw.lockout:  # unlocked, or restarted: whatever its N(R), Set V(R) comes next
                self._unlocking = False
                self._fop.terminate()
                self._take_back()
            return
        self._fop.on_clcw(clcw, now)
        if self.state is LinkState.ACTIVE:
            self._settled = now + self._timeout

    def _unlock(self, clcw: Clcw, now: float) -> None:
        self._unlocking = True
        self._fop.terminate()
        self._fop.set_vs(clcw.report_value)
        self._fop.initiate_with_unlock(now)
        self._take_back()

    def tick(self, now: float) -> list[TcFrame]:
        """Frames to transmit now, in this order."""
        self._begin(now)
        frames = self._fop.tick(now)
        if self._fop.suspended and not self._suspended:
            self.counters.suspended += 1
        self._suspended = bool(self._fop.suspended)
        if self._fop.alert is not None:  # nobody confirmed the initialisation: again
            self._take_back()
            self._unlocking = False
            self._begin(now)
            frames += self._fop.tick(now)
        if self.state is LinkState.ACTIVE:
            frames += self._fresh(now)
        return frames

    def _begin(self, now: float) -> None:
        if self._fop.state is FopState.INITIAL and not self._fop.suspended:
            self._commanded = True
            self._fop.initiate_with_set_vr(self._base, now)
            self._take_back()

    def _fresh(self, now: float) -> list[TcFrame]:
        """Data that the window and the range of numbers allow."""
        frames: list[TcFrame] = []
        while self._waiting and self._fop.next_sequence < self._last:
            if not self._fop.request(self._waiting[0]):
                return frames
            self._waiting.popleft()
            frames += self._fop.tick(now)
        return frames
