"""FARM-1, the receiving end of COP-1 on board (CCSDS 232.1-B-2, section 6).

Frames are handed on as soon as they are accepted, so the wait state (buffer full) does not occur.
"""

from __future__ import annotations

from enum import IntEnum, unique

from flight.link.clcw import Clcw
from flight.link.errors import LinkError
from flight.link.tc import TcFrame, parse_control

_MODULUS = 256


@unique
class Verdict(IntEnum):
    """What became of a frame; events of table 6-1 in brackets."""

    ACCEPTED = 0  # AD in sequence (E1) or BD (E6): the data are to be used
    DUPLICATE = 1  # AD within the negative window (E4)
    RETRANSMIT = 2  # AD ahead of V(R) within the positive window (E3): one before it is missing
    LOCKOUT = 3  # AD outside both windows (E5), or any AD until Unlock
    CONTROL = 4  # Unlock (E7) or Set V(R) (E8), carried out
    CONTROL_REFUSED = 5  # unknown control command (E9), or Set V(R) during lockout (E8 in S3)


class Farm:
    """Accepts AD frames in order, BD frames as they come, and the two control commands."""

    def __init__(self, channel: int, window: int = 64) -> None:
        """``window`` frames in all, half of them ahead of V(R). Raises ValueError."""
        if window % 2 or not 2 <= window <= 254:
            raise ValueError(f"FARM window {window} is not even and within 2..254")
        self._channel = channel
        self._half = window // 2
        self._expected = 0  # V(R)
        self._lockout = False
        self._retransmit = False
        self._farm_b = 0

    def accept(self, frame: TcFrame) -> Verdict:
        """Take a frame of this channel that passed the checks of framing."""
        if frame.control:
            return self._control(frame.data)
        if frame.bypass:
            self._count_b()
            return Verdict.ACCEPTED
        return self._sequenced(frame.sequence)

    def _sequenced(self, sequence: int) -> Verdict:
        ahead = (sequence - self._expected) % _MODULUS
        if self._lockout or self._half <= ahead < _MODULUS - self._half:
            self._lockout = True
            return Verdict.LOCKOUT
        if ahead == 0:
            self._expected = (self._expected + 1) % _MODULUS
            self._retransmit = False
            return Verdict.ACCEPTED
        if ahead < self._half:
            self._retransmit = True
            return Verdict.RETRANSMIT
        return Verdict.DUPLICATE

    def _control(self, data: bytes) -> Verdict:
        try:
            value = parse_control(data)
        except LinkError:
            return Verdict.CONTROL_REFUSED
        self._count_b()
        if value is None:
            self._lockout = self._retransmit = False
        elif self._lockout:
            return Verdict.CONTROL_REFUSED
        else:
            self._expected, self._retransmit = value, False
        return Verdict.CONTROL

    def _count_b(self) -> None:
        self._farm_b = (self._farm_b + 1) % 4

    def clcw(self) -> Clcw:
        """The report for the next TM frame (E11)."""
        return Clcw(
            self._channel,
            self._expected,
            lockout=self._lockout,
            retransmit=self._retransmit,
            farm_b=self._farm_b,
        )
