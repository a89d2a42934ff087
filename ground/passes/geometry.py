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
_TURN = 7.292115e-5  # rad/s, of the Earth (WGS-84)
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
    """Azimuth from north over east and elevation in deg, range in km, its rate in km/s."""

    azimuth: float
    elevation: float
    range: float
    range_rate: float


def sidereal(julian: float) -> float:
    """Greenwich mean sidereal time in rad (IAU 1982), of a Julian date of UT1."""
    days = julian - _J2000
    centuries = days / 36525
    degrees = 280.46061837 + 360.98564736629 * days + 0.000387933 * centuries**2
    return math.radians(degrees % 360)


class Sky:
    """One satellite over one station. Times are UTC in s since 1970."""

    def __init__(self, first: str, second: str, site: Site, name: str = "") -> None:
        """Two-line elements; without a name it is the catalogue number. Raises PassError."""
        try:
            parse_tle(f"{first}\n{second}")
        except ValueError as error:
            raise PassError(f"elements: {error}") from error
        self._satellite = Satrec.twoline2rv(first, second)
        self._site, self._position = site, site.position
        self.name = name or first[2:7].strip()

    @classmethod
    def of(cls, text: str, site: Site) -> Sky:
        """Of a file with two-line elements, the last in it, and the line before them as name.
        Raises PassError."""
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        ends = [number for number, line in enumerate(lines) if line.startswith("2 ")]
        if not ends or not ends[-1] or not lines[ends[-1] - 1].startswith("1 "):
            raise PassError("no two-line elements")
        *before, first, second = lines[: ends[-1] + 1]
        title = before[-1] if before and not before[-1].startswith("2 ") else ""
        return cls(first, second, site, title.removeprefix("0 ").strip())

    @property
    def epoch(self) -> float:
        """UTC of the elements."""
        whole, part = self._satellite.jdsatepoch, self._satellite.jdsatepochF
        return float((whole - _UNIX_EPOCH + part) * DAY)

    def look(self, utc: float) -> Look:
        """Where it stands. Raises PassError when the elements have no place for it."""
        whole, part = divmod(utc, DAY)
        julian, fraction = _UNIX_EPOCH + whole, part / DAY
        code, place, speed = self._satellite.sgp4(julian, fraction)
        if code:
            raise PassError(f"SGP4 gives no place (error {code}): the elements are no orbit now")
        angle = sidereal(julian + fraction)
        cosine, sine = math.cos(angle), math.sin(angle)
        x = place[0] * cosine + place[1] * sine
        y = place[1] * cosine - place[0] * sine
        velocity = (
            speed[0] * cosine + speed[1] * sine + _TURN * y,
            speed[1] * cosine - speed[0] * sine - _TURN * x,
            speed[2],
        )
        at = self._position
        return self._horizontal((x - at[0], y - at[1], place[2] - at[2]), velocity)

    def _horizontal(self, way: tuple[float, ...], velocity: tuple[float, ...]) -> Look:
        """From what lies between station and satellite, in km and km/s, Earth-fixed."""
        x, y, z = way
        latitude, longitude = math.radians(self._site.latitude), math.radians(self._site.longitude)
        east = y * math.cos(longitude) - x * math.sin(longitude)
        outward = x * math.cos(longitude) + y * math.sin(longitude)
        north = z * math.cos(latitude) - outward * math.sin(latitude)
        up = outward * math.cos(latitude) + z * math.sin(latitude)
        distance = math.sqrt(x * x + y * y + z * z)
        azimuth = math.degrees(math.atan2(east, north)) % 360
        rate = (x * velocity[0] + y * velocity[1] + z * velocity[2]) / distance
        return Look(azimuth, math.degrees(math.asin(up / distance)), distance, rate)
