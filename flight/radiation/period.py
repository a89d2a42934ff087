"""How often to scrub: from the wanted probability that two flips meet in one codeword. Pure."""

from __future__ import annotations

import math
from enum import IntEnum

from flight.radiation.secded import Geometry

DAY = 86_400.0  # s


class Depth(IntEnum):
    """How a block is scrubbed."""

    LIGHT = 0  # parity of all rows: sees an odd number of flips in a codeword
    FULL = 1  # syndrome: sees two as well


def double_hits(geometry: Geometry, size: int, rate: float, period: float) -> float:
    """Expected codewords hit twice between two scrubs, per day, in ``size`` octets.

    ``rate`` in flips per bit and day, ``period`` in s. To first order, per period,
    n_cw (rate b T)^2 / 2 with codewords of b bits; the rate counts independent flips, so that a
    burst, which hits a codeword once, is one. Raises ValueError for values that are negative or
    no numbers.
    """
    _check(size=size, rate=rate, period=period)
    return _per_square_and_day(geometry, size, rate) * period / DAY


def scrub_period(
    geometry: Geometry, size: int, rate: float, wanted: float, bounds: tuple[float, float]
) -> float:
    """Longest period in s that keeps ``double_hits`` at ``wanted`` per day, within ``bounds``.

    Where even the shortest period does not, the shortest is returned. Raises ValueError.
    """
    shortest, longest = bounds
    _check(size=size, rate=rate, wanted=wanted, shortest=shortest, longest=longest)
    if not 0 < shortest <= longest:
        raise ValueError(f"bounds = {bounds}: the first may not be 0 or above the second")
    per_second = _per_square_and_day(geometry, size, rate) / DAY
    period = longest if per_second == 0 else wanted / per_second
    return min(max(period, shortest), longest)


def full_every(period: float, latency: float) -> int:
    """Every which scrub has to be full, so that an even number of flips is seen in ``latency`` s.

    Raises ValueError for values that are not positive.
    """
    _check(period=period, latency=latency)
    if period == 0 or latency == 0:
        raise ValueError(f"period, latency = {period, latency}: above 0")
    return max(1, math.floor(latency / period))


def depth(number: int, every: int) -> Depth:
    """Depth of a scrub by its number from 0: the first is full, then each ``every``-th."""
    if number < 0 or every < 1:
        raise ValueError(f"number, every = {number, every}: from 0, from 1")
    return Depth.LIGHT if number % every else Depth.FULL


def _per_square_and_day(geometry: Geometry, size: int, rate: float) -> float:
    """Expected double hits in a period of one day."""
    codewords = 8 * size / geometry.rows
    bits = geometry.rows + geometry.check_rows
    return codewords * (rate * bits) ** 2 / 2


def _check(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} = {value}: a number from 0")
