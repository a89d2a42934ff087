"""The frame length that carries most over a channel whose frame error rate is measured.

A frame of L octets with H octets of overhead arrives with (1-b)^(8L) at a bit error rate b, so that
the share of the channel that carries payload is (1-b)^(8L) (1 - H/L). It is largest where
8 L^2 ln(1-b) - 8 H L ln(1-b) + H = 0; for small b that is about sqrt(H / 8b).
"""

from __future__ import annotations

import math

WINDOW = 256  # frames between two looks, so that the length does not follow every burst
_GAIN = 0.25  # of a new measurement
_STEP = 1.2  # the length is changed only by more than this factor
_CLEAN = 0.5  # errors taken for none in a window, so that a clean one still says something


def best(overhead: int, ber: float, shortest: int, longest: int) -> int:
    """Octets of the best frame, within bounds; ``overhead`` in octets of each."""
    if ber <= 0:
        return longest
    if ber >= 1:
        return shortest
    slope = -8 * math.log1p(-ber)
    length = (overhead + math.sqrt(overhead * overhead + 4 * overhead / slope)) / 2
    return round(min(max(length, shortest), longest))


def bit_errors(frame_errors: float, length: int) -> float:
    """Bit error rate that gives a frame error rate to frames of ``length`` octets."""
    if frame_errors >= 1:
        return 1.0
    return -math.expm1(math.log1p(-frame_errors) / (8 * length))


class FrameLength:
    """Follows what is told of frames sent and lost. ``octets`` is the length to use.

    Bursts make fewer and worse frames bad than independent errors; the length that suits the
    errors taken as independent is then too short by little, for the curve is flat.
    """

    def __init__(self, octets: int, overhead: int, shortest: int, longest: int) -> None:
        self.octets = octets
        self._overhead, self._shortest, self._longest = overhead, shortest, longest
        self._frames = self._lost = 0
        self._ber = -1.0

    def observe(self, frames: int, lost: int) -> bool:
        """Take counts since the last call, of frames of the current length; whether it changed."""
        self._frames += frames
        self._lost += lost
        if self._frames < WINDOW:
            return False
        rate = min(max(self._lost, _CLEAN) / self._frames, 1.0)
        measured = bit_errors(rate, self.octets)
        self._frames = self._lost = 0
        self._ber = measured if self._ber < 0 else self._ber + _GAIN * (measured - self._ber)
        wanted = best(self._overhead, self._ber, self._shortest, self._longest)
        if max(wanted, self.octets) < _STEP * min(wanted, self.octets):
            return False
        self.octets = wanted
        return True
