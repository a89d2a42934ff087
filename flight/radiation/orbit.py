"""Where the node is: SGP4 from mean elements, turned into the rotating Earth. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sgp4.api import SGP4_ERRORS, WGS72, Satrec

from flight.dictionary.orbit import DAY, EQUATOR, Elements

Floats = NDArray[np.float64]
_J2000 = 946_728_000.0  # 2000-01-01T12:00 in s since 1970
_JULIAN_1970 = 2_440_587.5
_LEAST_RADIUS = 6400.0  # km; nothing stays in orbit below


class Track(NamedTuple):
    """Places over the Earth: geocentric latitude and east longitude in deg, radius in km."""

    latitude: Floats
    longitude: Floats
    radius: Floats


def sidereal_angle(utc: ArrayLike) -> Floats:
    """Greenwich mean sidereal time 1982 in rad, UTC since 1970 in s taken for UT1.

    Source: IAU 1982 (Aoki et al. 1982, A&A 105). UTC differs from UT1 by 0.9 s at most: 0.004 deg.
    """
    t = (np.asarray(utc, np.float64) - _J2000) / DAY / 36525
    seconds = 67310.54841 + t * (876600 * 3600 + 8640184.812866 + t * (0.093104 - 6.2e-6 * t))
    return np.asarray(np.remainder(seconds, DAY) / DAY * 2 * np.pi)


class Orbit:
    """Propagation of one set of elements.

    Accuracy: the rotation to the Earth is good to 0.004 deg (sidereal_angle). Elements fitted to
    a tracked object place it within about 1 km at their epoch and 1 to 3 km worse per day, so
    0.1 deg after some days: a twentieth of a cell of 2 deg. Stale elements are the user's risk;
    see ``age``.
    """

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self._most_radius = 1.02 * (elements.altitude + EQUATOR) * (1 + elements.eccentricity)
        self._satellite = Satrec()
        self._satellite.sgp4init(WGS72, "i", 0, *elements.sgp4())

    def age(self, utc: float) -> float:
        """Time from the epoch of the elements to ``utc``, in s."""
        return utc - self.elements.epoch

    def locate(self, utc: ArrayLike) -> Track:
        """Places [n] at UTC since 1970 [n] in s.

        Raises ValueError when a time is not finite or the elements lead nowhere (decayed).
        """
        times = np.atleast_1d(np.asarray(utc, np.float64))
        if not np.isfinite(times).all():
            raise ValueError("utc: a time is not finite")
        days, rest = np.divmod(times, DAY)
        errors, teme, _ = self._satellite.sgp4_array(days + _JULIAN_1970, rest / DAY)
        if errors.any():
            code = int(errors[errors != 0][0])
            raise ValueError(f"elements: {SGP4_ERRORS.get(code, code)}")
        radius = np.linalg.norm(teme, axis=1)
        # Long after a decay SGP4 reports no error but distances without end.
        if radius.min() < _LEAST_RADIUS or radius.max() > self._most_radius:
            raise ValueError(
                f"elements: radius {radius.min():.4g} to {radius.max():.4g} km is off the orbit"
            )
        latitude = np.degrees(np.arcsin(teme[:, 2] / radius))
        angle = np.arctan2(teme[:, 1], teme[:, 0]) - sidereal_angle(times)
        return Track(latitude, np.remainder(np.degrees(angle) + 180, 360) - 180, radius)
