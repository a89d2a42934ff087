"""Settings of a link session, and the timers that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flight.dictionary.parameters import LinkParameters
from ground.linkfile import Link

ATTEMPTS = 7
SILENCE = 3.0
# Longest pause between two CLCWs on a live link, and the time both ends take to react.
_CLCW_PERIOD = LinkParameters().idle_period
_REACTION = 0.05
_SHORT_FRAME = 32 * 8
_LONG_FRAME = 128 * 8
_LARGEST_WINDOW = 32


@dataclass(frozen=True, slots=True)
class StationSettings:
    """``uplink_rate`` in bit/s, ``round_trip`` propagation both ways in s, ``frame_size`` of
    telemetry frames in octets; with ``adapts`` the node is asked for other lengths as errors ask
    for them."""

    spacecraft: int
    uplink_rate: float = 1e6
    round_trip: float = 0.05
    frame_size: int = LinkParameters().frame_size
    adapts: bool = False

    @classmethod
    def of(cls, link: Link, spacecraft: int) -> StationSettings:
        """Settings for a described link."""
        return cls(spacecraft, link.up.rate, link.round_trip)

    @property
    def window(self) -> int:
        """COP-1 window in frames: the short ones that the link holds, at most 32."""
        span = self.round_trip + _CLCW_PERIOD + _REACTION
        return max(1, min(_LARGEST_WINDOW, math.ceil(span * self.uplink_rate / _SHORT_FRAME)))

    @property
    def frame_timeout(self) -> float:
        """T1 of COP-1 in s: 1.5 round trips, the pause between CLCWs, one window's transmission."""
        transmission = self.window * _LONG_FRAME / self.uplink_rate
        return 1.5 * self.round_trip + _CLCW_PERIOD + _REACTION + transmission

    @property
    def answer_timeout(self) -> float:
        """Time in s from SENT within which ACCEPTED must come; the ledger repeats each second."""
        return 2.5 + 2 * self.round_trip

    @property
    def file_round_trip(self) -> float:
        """Time in s from a file PDU to the answer to its NAK."""
        return self.round_trip + 2 * _REACTION
