"""FARM-1, the receiving end of COP-1 on board: the state table of CCSDS 232.1-B-2, 6.1."""

from __future__ import annotations

from enum import Enum, IntEnum, unique

from flight.link.clcw import Clcw
from flight.link.errors import LinkError
from flight.link.tc import TcFrame, parse_control

_MODULUS = 256


@unique
class FarmState(IntEnum):
    """States of table 6-1."""

    OPEN = 1
    WAIT = 2  # the last frame found no room
    LOCKOUT = 3


@unique
class Verdict(IntEnum):
    """What became of a frame."""

    ACCEPTED = 0  # the data are to be used
    DUPLICATE = 1
    RETRANSMIT = 2  # one before it is missing
    LOCKOUT = 3  # outside both windows, or any AD frame until Unlock
    CONTROL = 4  # Unlock or Set V(R), carried out
    CONTROL_REFUSED = 5  # unknown control command, or Set V(R) during lockout
    WAIT = 6  # there is no room for it


@unique
class FarmEvent(Enum):
    """Events of table 6-1, in its order."""

    IN_SEQUENCE = "E1"  # AD, N(S) = V(R), and there is room
    NO_ROOM = "E2"  # the same without room
    AHEAD = "E3"  # AD within the positive window
    BEHIND = "E4"  # AD within the negative window
    OUTSIDE = "E5"  # AD in neither
    BYPASS = "E6"  # BD
    UNLOCK = "E7"
    SET_VR = "E8"
    INVALID = "E9"  # a control command that there is not
    RELEASE = "E10"  # there is room again


@unique
class _Do(Enum):
    ADVANCE = "V(R) := V(R) + 1"
    ASK = "Retransmit := 1"
    HOLD = "Wait := 1"
    LOCK = "Lockout := 1"
    COUNT = "FARM-B counter + 1"
    SATISFY = "Retransmit := 0"
    GO = "Wait := 0"
    UNLOCK = "Lockout := 0"
    SET = "V(R) := V*(R)"


Entry = tuple[tuple[_Do, ...], Verdict, FarmState]
_OPEN, _WAIT, _LOCKOUT = FarmState.OPEN, FarmState.WAIT, FarmState.LOCKOUT
_LOCKED: Entry = ((), Verdict.LOCKOUT, _LOCKOUT)

# One row for each event: what to do, what became of the frame, the next state; for OPEN, WAIT,
# LOCKOUT. E1 does not occur in WAIT: E10 comes first.
TABLE: dict[FarmEvent, tuple[Entry, Entry, Entry]] = {
    FarmEvent.IN_SEQUENCE: (
        ((_Do.ADVANCE, _Do.SATISFY), Verdict.ACCEPTED, _OPEN),
        ((), Verdict.WAIT, _WAIT),
        _LOCKED,
    ),
    FarmEvent.NO_ROOM: (
        ((_Do.ASK, _Do.HOLD), Verdict.WAIT, _WAIT),
        ((), Verdict.WAIT, _WAIT),
        _LOCKED,
    ),
    FarmEvent.AHEAD: (
        ((_Do.ASK,), Verdict.RETRANSMIT, _OPEN),
        ((), Verdict.RETRANSMIT, _WAIT),
        _LOCKED,
    ),
    FarmEvent.BEHIND: (
        ((), Verdict.DUPLICATE, _OPEN),
        ((), Verdict.DUPLICATE, _WAIT),
        _LOCKED,
    ),
    FarmEvent.OUTSIDE: (
        ((_Do.LOCK,), Verdict.LOCKOUT, _LOCKOUT),
        ((_Do.LOCK,), Verdict.LOCKOUT, _LOCKOUT),
        _LOCKED,
    ),
    FarmEvent.BYPASS: (
        ((_Do.COUNT,), Verdict.ACCEPTED, _OPEN),
        ((_Do.COUNT,), Verdict.ACCEPTED, _WAIT),
        ((_Do.COUNT,), Verdict.ACCEPTED, _LOCKOUT),
    ),
    FarmEvent.UNLOCK: (
        ((_Do.COUNT, _Do.SATISFY), Verdict.CONTROL, _OPEN),
        ((_Do.COUNT, _Do.SATISFY, _Do.GO), Verdict.CONTROL, _OPEN),
        ((_Do.COUNT, _Do.SATISFY, _Do.GO, _Do.UNLOCK), Verdict.CONTROL, _OPEN),
    ),
    FarmEvent.SET_VR: (
        ((_Do.COUNT, _Do.SATISFY, _Do.SET), Verdict.CONTROL, _OPEN),
        ((_Do.COUNT, _Do.SATISFY, _Do.GO, _Do.SET), Verdict.CONTROL, _OPEN),
        ((_Do.COUNT,), Verdict.CONTROL_REFUSED, _LOCKOUT),
    ),
    FarmEvent.INVALID: (
        ((), Verdict.CONTROL_REFUSED, _OPEN),
        ((), Verdict.CONTROL_REFUSED, _WAIT),
        ((), Verdict.CONTROL_REFUSED, _LOCKOUT),
    ),
    FarmEvent.RELEASE: (
        ((), Verdict.ACCEPTED, _OPEN),
        ((_Do.GO,), Verdict.ACCEPTED, _OPEN),
        ((_Do.GO,), Verdict.LOCKOUT, _LOCKOUT),
    ),
}


class Farm:
    """Accepts AD frames in order, BD frames as they come, and the two control commands."""

    def __init__(self, channel: int, window: int = 64) -> None:
        """``window`` frames in all, half of them ahead of V(R). Raises ValueError."""
        if window % 2 or not 2 <= window <= 254:
            raise ValueError(f"FARM window {window} is not even and within 2..254")
        self.state = FarmState.OPEN
        self._channel = channel
        self._half = window // 2
        self._expected = 0  # V(R)
        self._lockout = self._wait = self._retransmit = False
        self._farm_b = 0

    def accept(self, frame: TcFrame, room: bool = True) -> Verdict:
        """Take a frame of this channel that passed the checks of framing and security; ``room``
        says whether the higher layer takes one more."""
        if room:
            self.release()
        if frame.control:
            try:
                value = parse_control(frame.data)
            except LinkError:
                return self._run(FarmEvent.INVALID)
            return self._run(FarmEvent.UNLOCK if value is None else FarmEvent.SET_VR, value or 0)
        if frame.bypass:
            return self._run(FarmEvent.BYPASS)
        return self._run(self._place(frame.sequence, room))

    def release(self) -> None:
        """The higher layer takes frames again (E10)."""
        self._run(FarmEvent.RELEASE)

    def _place(self, sequence: int, room: bool) -> FarmEvent:
        ahead = (sequence - self._expected) % _MODULUS
        if ahead == 0:
            return FarmEvent.IN_SEQUENCE if room else FarmEvent.NO_ROOM
        if ahead < self._half:
            return FarmEvent.AHEAD
        return FarmEvent.BEHIND if ahead >= _MODULUS - self._half else FarmEvent.OUTSIDE

    def _run(self, event: FarmEvent, value: int = 0) -> Verdict:
        actions, verdict, self.state = TABLE[event][self.state - 1]
        for action in actions:
            self._do(action, value)
        return verdict

    def _do(self, action: _Do, value: int) -> None:
        match action:
            case _Do.ADVANCE:
                self._expected = (self._expected + 1) % _MODULUS
            case _Do.SET:
                self._expected = value
            case _Do.COUNT:
                self._farm_b = (self._farm_b + 1) % 4
            case _Do.ASK | _Do.SATISFY:
                self._retransmit = action is _Do.ASK
            case _Do.HOLD | _Do.GO:
                self._wait = action is _Do.HOLD
            case _Do.LOCK | _Do.UNLOCK:
                self._lockout = action is _Do.LOCK

    def clcw(self) -> Clcw:
        """The report for the next TM frame (E11)."""
        return Clcw(
            self._channel,
            self._expected,
            lockout=self._lockout,
            wait=self._wait,
            retransmit=self._retransmit,
            farm_b=self._farm_b,
        )
