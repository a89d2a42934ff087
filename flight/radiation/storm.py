"""Storms from what memory shows: more corrections in a window than chance explains. Pure.

The flux table knows no solar events, so they are seen by their effect: a Poisson test of the
corrections in a sliding window against the number expected at the places where the node was.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

# One particle may upset many bits at once; a storm shows at several separate times.
LEAST_REPORTS = 3
_NEGLIGIBLE = 1e-17


def poisson_tail(count: int, expected: float) -> float:
    """Probability that a Poisson variable of mean ``expected`` reaches ``count``.

    Raises ValueError when either is negative or not finite.
    """
    if count < 0:
        raise ValueError(f"count = {count}: 0 or more is allowed")
    if not 0 <= expected < math.inf:
        raise ValueError(f"expected = {expected}: 0 or more is allowed")
    if count == 0 or expected == 0:
        return float(count == 0)
    if count > expected:
        return _upward(count, expected)
    return 1 - _downward(count - 1, expected)


def _mass(count: int, expected: float) -> float:
    return math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))


def _upward(count: int, expected: float) -> float:
    """Sum of the masses from ``count``, which lies above the mean, to infinity."""
    mass = _mass(count, expected)
    term = total = 1.0
    while term > total * _NEGLIGIBLE:
        count += 1
        term *= expected / count
        total += term
    return mass * total


def _downward(count: int, expected: float) -> float:
    """Sum of the masses from ``count`` down to 0."""
    mass = _mass(count, expected)
    term = total = 1.0
    while count > 0 and term > total * _NEGLIGIBLE:
        term *= count / expected
        total += term
        count -= 1
    return mass * total


@dataclass(frozen=True, slots=True)
class Expected:
    """Corrections to expect, in 1/s: ``background`` everywhere plus ``cross_section`` times flux.

    ``cross_section`` is that of all protected memory together, in cm2. The trapped-proton model is
    uncertain by a factor of two or so: give it with that margin, or passes through the anomaly look
    like storms.
    """

    background: float
    cross_section: float

    def __post_init__(self) -> None:
        for name in ("background", "cross_section"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} = {value}: 0 or more is allowed")

    def rate(self, flux: float) -> float:
        """Corrections per s at a flux in cm^-2 s^-1."""
        return self.background + self.cross_section * flux


class StormDetector:
    """Sliding-window test with hysteresis: a storm begins below ``enter`` and ends above ``leave``.

    Both are probabilities that chance alone gives as many corrections in ``window`` s. Windows of
    successive reports overlap, so false alarms are at most ``enter`` per report, and far fewer.
    The window must hold several reports (LEAST_REPORTS). Raises ValueError naming the argument.
    """

    def __init__(
        self, expected: Expected, window: float = 600.0, enter: float = 1e-6, leave: float = 0.01
    ) -> None:
        if not 0 < window < math.inf:
            raise ValueError(f"window = {window}: more than 0 s is allowed")
        if not 0 < enter < leave < 1:
            raise ValueError(f"enter = {enter}, leave = {leave}: 0 < enter < leave < 1 is needed")
        self.storm = False
        self.corrections = 0  # in the window
        self.mean = 0.0  # expected in the window
        self.probability = 1.0
        self._expected = expected
        self._window, self._enter, self._leave = window, enter, leave
        self._last: float | None = None
        self._reports: deque[tuple[float, int, float]] = deque()  # time, corrections, mean

    def update(self, now: float, corrections: int, flux: float) -> bool:
        """Take the corrections since the report before; return whether there is a storm.

        ``now`` is monotonic in s, ``flux`` the one expected since the report before, in
        cm^-2 s^-1. The first report only starts the count: what time its corrections cover is not
        known. Raises ValueError when time goes back or corrections or flux are negative.
        """
        if corrections < 0:
            raise ValueError(f"corrections = {corrections}: 0 or more is allowed")
        if not 0 <= flux < math.inf:
            raise ValueError(f"flux = {flux}: 0 or more is allowed")
        if self._last is not None and not now >= self._last:
            raise ValueError(f"time goes back from {self._last} to {now}")
        last, self._last = self._last, now
        if last is None:
            return False
        self._reports.append((now, corrections, self._expected.rate(flux) * (now - last)))
        while self._reports[0][0] <= now - self._window:
            self._reports.popleft()
        self._judge()
        return self.storm

    def _judge(self) -> None:
        counts = [count for _, count, _ in self._reports if count]
        self.corrections = sum(counts)
        self.mean = math.fsum(mean for _, _, mean in self._reports)
        self.probability = poisson_tail(self.corrections, self.mean)
        if self.storm:
            self.storm = self.probability <= self._leave
        else:
            self.storm = len(counts) >= LEAST_REPORTS and self.probability < self._enter
