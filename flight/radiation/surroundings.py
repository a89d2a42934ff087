"""The environment of this node: its orbit, the flux there, what was corrected, what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flight.dictionary.enums import Environment
from flight.dictionary.fluxtable import decode_table
from flight.dictionary.orbit import parse_tle
from flight.dictionary.radiation import EnvironmentStatus
from flight.radiation.environment import Assessment, EnvironmentWatch
from flight.radiation.fluxmap import FluxMap
from flight.radiation.forecast import Crossing, Forecast, next_entry
from flight.radiation.orbit import Orbit
from flight.radiation.storm import Expected, StormDetector

HORIZON = 12 * 3600.0  # s; the anomaly is crossed several times in it
CROSSINGS = 8


class Surroundings:
    """Follows the environment. Without orbit and flux in the settings the node is on ground.

    ``fault`` says why a file cannot be used: the position is unknown then, which counts as inside
    the anomaly, and the node flies on.
    """

    def __init__(self, settings: Mapping[str, Any], expected: Expected) -> None:
        """``settings``: paths ``tle`` and ``flux``, or neither."""
        self.watch = EnvironmentWatch(StormDetector(expected))
        self.fault = ""
        self._in_orbit = bool(settings.get("flux"))
        self._orbit: Orbit | None = None
        self._map: FluxMap | None = None
        self._crossings: list[Crossing] = []
        self._known_until = 0.0
        if self._in_orbit:
            try:
                self._map = FluxMap(decode_table(Path(settings["flux"]).read_bytes()))
                self.take(Path(settings["tle"]).read_text("ascii"))
            except (OSError, ValueError) as error:
                self.fault = str(error)

    def take(self, elements: str) -> None:
        """Fly on these two-line elements from now on. Raises ValueError."""
        if self._map is None:
            raise ValueError("no flux table is configured, or it is damaged")
        self._orbit = Orbit(parse_tle(elements))
        self._forecast = Forecast(self._orbit, self._map)
        self._crossings, self._known_until, self.fault = [], 0.0, ""

    def update(
        self, now: float, utc: float, corrections: int
    ) -> tuple[EnvironmentStatus, Assessment]:
        """Assess; ``corrections`` since the last time. ``now`` monotonic, ``utc`` since 1970, s."""
        latitude = longitude = flux = 0.0
        known, ahead = False, (-1.0, 0.0)
        if self._orbit is not None and self._map is not None:
            try:
                track = self._orbit.locate(utc)
                latitude, longitude = float(track.latitude[0]), float(track.longitude[0])
                flux = float(self._map.flux(latitude, longitude)[()])
                known, ahead = True, self._next(utc)
            except ValueError:  # the elements lead nowhere at this time
                latitude = longitude = flux = 0.0
        expected = flux if known or not self._in_orbit else None
        found = self.watch.update(now, expected, corrections)
        seen = self.watch.storm.corrections
        status = EnvironmentStatus(found.mode, known, flux, seen, latitude, longitude, *ahead)
        return status, found

    def _next(self, utc: float) -> tuple[float, float]:
        """The next crossing; the forecast is made anew when half of its horizon is over."""
        if not self._known_until - HORIZON <= utc < self._known_until - HORIZON / 2:
            self._crossings = self._forecast.crossings(utc, HORIZON, CROSSINGS)
            self._known_until = utc + HORIZON
        return next_entry(self._crossings, utc)

    @property
    def mode(self) -> Environment:
        """The environment now."""
        return self.watch.mode
