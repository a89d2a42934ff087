"""Where a satellite stands in the sky of a station (SGP4, WGS-84).

SGP4 gives TEME; the rotation by Greenwich mean sidereal time brings it to the Earth. Polar motion
and the equation of the equinoxes, below 2 arc seconds, are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sgp4.api import Satrec

from flight.dictionary.orbit import parse_tle

EQUATOR, FLATTENING = 6378.137, 1 / 298.257223563  # km, WGS-84
_UNIX_EPOCH = 2440587.5  # Julian date of 1970-01-01
_J2000 = 2451545.0
DAY = 86400.0
STALE = 14 * DAY  # s; elements that old say nothing of a pass to the second


class PassError(ValueError):
    """Elements or a station that no pass can be computed from."""


@dataclass(frozen=True, slots=True)
class Site:
    """A station: geodetic latitude and longitude in deg, height in m above the ellipsoid."""

    latitude: float
    longitude: float
    height: float = 0.0

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 360):
            raise PassError(f"no place on Earth: {self.latitude}, {self.longitude}")

    @property
    def position(self) -> tuple[float, float, float]:
        """Earth-fixed, in km."""
        latitude, longitude = math.radians(self.latitude), math.radians(self.longitude)
        squash = FLATTENING * (2 - FLATTENING)
        radius = EQUATOR / math.sqrt(1 - squash * math.sin(latitude) ** 2)
        height = self.height / 1000
        across = (radius + height) * math.cos(latitude)
        up = (radius * (1 - squash) + height) * math.sin(latitude)
        return across * math.cos(longitude), across * math.sin(longitude), up


@dataclass(frozen=True, slots=True)
class Look:
    """Azimuth from north over east and elevation in deg, range in km."""

    azimuth: float
    elevation: float
    range: float


def sidereal(julian: float) -> float:
    """Greenwich mean sidereal time in rad (IAU 1982), of a Julian date of UT1."""
    days = julian - _J2000
    centuries = days / 36525
    degrees = 280.46061837 + 360.98564736629 * days + 0.000387933 * centuries**2
    return math.radians(degrees % 360)


class Sky:
    """One satellite over one station. Times are UTC in s since 1970."""

    def __init__(self, first: str, second: str, site: Site) -> None:
        """Two-line elements. Raises PassError."""
        try:
            parse_tle(f"{first}\n{second}")
        except ValueError as error:
            raise PassError(f"elements: {error}") from error
        self._satellite = Satrec.twoline2rv(first, second)
        self._site, self._position = site, site.position

    @property
    def epoch(self) -> float:
        """UTC of the elements."""
        whole, part = self._satellite.jdsatepoch, self._satellite.jdsatepochF
        return float((whole - _UNIX_EPOCH + part) * DAY)

    def look(self, utc: float) -> Look:
        """Where it stands. Raises PassError when the elements have no place for it."""
        whole, part = divmod(utc, DAY)
        julian, fraction = _UNIX_EPOCH + whole, part / DAY
        code, place, _ = self._satellite.sgp4(julian, fraction)
        if code:
            raise PassError(f"SGP4 gives no place (error {code}): the elements are no orbit now")
        angle = sidereal(julian + fraction)
        x = place[0] * math.cos(angle) + place[1] * math.sin(angle) - self._position[0]
        y = place[1] * math.cos(angle) - place[0] * math.sin(angle) - self._position[1]
        return self._horizontal(x, y, place[2] - self._position[2])

    def _horizontal(self, x: float, y: float, z: float) -> Look:
        latitude, longitude = math.radians(self._site.latitude), math.radians(self._site.longitude)
        east = y * math.cos(longitude) - x * math.sin(longitude)
        outward = x * math.cos(longitude) + y * math.sin(longitude)
        north = z * math.cos(latitude) - outward * math.sin(latitude)
        up = outward * math.cos(latitude) + z * math.sin(latitude)
        distance = math.sqrt(x * x + y * y + z * z)
        azimuth = math.degrees(math.atan2(east, north)) % 360
        return Look(azimuth, math.degrees(math.asin(up / distance)), distance)
