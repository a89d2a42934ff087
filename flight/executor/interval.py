"""How long to work between checkpoints, from what one has cost so far and how often nodes fail."""

from __future__ import annotations

from flight.radiation.policy import checkpoint_interval

SMOOTHING = 0.3  # weight of the newest cost


class Interval:
    """Young's interval for the running task. All times in s on one monotonic scale."""

    def __init__(self) -> None:
        self.cost = 0.0
        self._rate: float | None = None
        self._began = self._last = 0.0
        self._first_step: int | None = None
        self._hurry = False

    def begin(self, now: float) -> None:
        """A task begins to run."""
        self._began = self._last = now
        self._first_step = None
        self._hurry = False

    def hurry(self) -> None:
        """A checkpoint was lost: the next one is due after the least interval."""
        self._hurry = True

    def failed(self, now: float) -> None:
        """A checkpoint could not be written: once more after the least interval."""
        self._last, self._hurry = now, True

    def expect(self, rate: float) -> None:
        """Failures per s that are predicted from now on."""
        self._rate = rate

    def wrote(self, began: float, now: float) -> None:
        """A checkpoint was written."""
        self._hurry = False
        cost = now - began
        self.cost += (SMOOTHING if self.cost else 1.0) * (cost - self.cost)
        self._last = now

    def due(self, now: float, step: int, steps: int, least: float) -> bool:
        """True when it is time for the next one, at ``step`` of ``steps``.

        ``least`` is the interval while no rate is predicted, and the shortest ever: it stands for
        the time that a fault may take to be seen.
        """
        if self._first_step is None:
            self._first_step = step
        return now - self._last >= self._interval(now, step, steps, least)

    def _interval(self, now: float, step: int, steps: int, least: float) -> float:
        if self._rate is None or self._hurry:
            return least
        done = step - (step if self._first_step is None else self._first_step)
        length = (now - self._began) / done * steps if done > 0 else 0.0
        return checkpoint_interval(self.cost, self._rate, least, max(least, length))
