"""Environment of the node, from the flux expected and the corrections observed. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flight.dictionary.enums import Environment
from flight.radiation.storm import StormDetector


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Fluxes in cm^-2 s^-1 (protons above 30 MeV) at which the anomaly begins and ends.

    The defaults are chosen at 550 km, 97.6 deg, with the map widened by 20 deg: 6.8 % of the time
    is inside, with over 99.5 % of the fluence wherever within those 20 deg the anomaly lies, so
    that TMR inside costs less than 1.25 on average (hil/measure/environment.py). Raises ValueError
    unless 0 < leave <= enter.
    """

    enter: float = 30.0
    leave: float = 15.0

    def __post_init__(self) -> None:
        if not 0 < self.leave <= self.enter:
            raise ValueError(
                f"enter = {self.enter}, leave = {self.leave}: 0 < leave <= enter is needed"
            )

    def inside(self, flux: ArrayLike, before: bool = False) -> NDArray[np.bool_]:
        """Whether each of a sequence of fluxes [n] is inside, ``before`` being the state ahead."""
        values = np.asarray(flux, np.float64)
        decided = (values >= self.enter) | (values < self.leave)
        index = np.maximum.accumulate(np.where(decided, np.arange(len(values)), -1))
        return np.where(index < 0, before, values[index] >= self.enter)


@dataclass(frozen=True, slots=True)
class Assessment:
    """The environment, and why; ``changed`` when it was another one before."""

    mode: Environment
    why: str
    changed: bool


class EnvironmentWatch:
    """Follows the environment. A storm outranks the anomaly.

    Without a position the node counts as inside the anomaly: it may be there.
    """

    def __init__(self, storm: StormDetector, thresholds: Thresholds | None = None) -> None:
        self.storm = storm
        self.mode = Environment.QUIET
        self._thresholds = thresholds or Thresholds()
        self._saa = False

    def update(self, now: float, flux: float | None, corrections: int) -> Assessment:
        """Assess at a monotonic time in s.

        ``flux`` is the one expected here in cm^-2 s^-1, None when the position is not known;
        ``corrections`` are those since the update before. Raises ValueError as
        ``StormDetector.update`` does.
        """
        storm = self.storm.update(now, corrections, flux or 0.0)
        if flux is not None:
            self._saa = bool(self._thresholds.inside([flux], self._saa)[0])
        mode, why = self._mode(storm, flux)
        changed, self.mode = mode is not self.mode, mode
        return Assessment(mode, why, changed)

    def _mode(self, storm: bool, flux: float | None) -> tuple[Environment, str]:
        if storm:
            seen = self.storm
            return Environment.STORM, (
                f"{seen.corrections} corrections, {seen.mean:.3g} expected,"
                f" p {seen.probability:.1e}"
            )
        if flux is None:
            return Environment.SAA, "position unknown"
        mode = Environment.SAA if self._saa else Environment.QUIET
        return mode, f"flux {flux:.3g} of {self._thresholds.enter:g} /cm2/s"
