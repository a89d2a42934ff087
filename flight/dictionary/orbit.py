"""Mean orbital elements as SGP4 takes them, and the two-line form in which they are published."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Self

import msgspec

EQUATOR = 6378.135  # km, WGS-72 as in SGP4 (Hoots and Roehrich 1980, Spacetrack report 3)
GRAVITY = 398600.8  # km3/s2, WGS-72
DAY = 86400.0
_EPOCH_DAYS = 7306.0  # from 1949-12-31T00:00 (SGP4) to 1970-01-01T00:00
_RANGES = {  # least, most
    "epoch": (-4.2e8, 4.1e9),
    "mean_motion": (0.5, 17.0),
    "eccentricity": (0.0, 0.9),
    "inclination": (0.0, 180.0),
    "node": (0.0, 360.0),
    "perigee": (0.0, 360.0),
    "anomaly": (0.0, 360.0),
    "drag": (-1.0, 1.0),
}
_LINE = 69
_COLUMNS = {  # line, first and last column of a TLE as its description counts them, from 1
    "satellite number": (1, 3, 7),
    "epoch year": (1, 19, 20),
    "epoch day": (1, 21, 32),
    "drag": (1, 54, 61),
    "inclination": (2, 9, 16),
    "node": (2, 18, 25),
    "eccentricity": (2, 27, 33),
    "perigee": (2, 35, 42),
    "anomaly": (2, 44, 51),
    "mean_motion": (2, 53, 63),
}


class Elements(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Mean elements in TEME. Angles in deg.

    ``epoch`` is UTC since 1970 in s, ``mean_motion`` in rev/day (Kozai), ``drag`` is B* in 1/earth
    radii. Raises ValueError naming the field that is out of range or not finite.
    """

    epoch: float
    mean_motion: float
    eccentricity: float
    inclination: float
    node: float
    perigee: float
    anomaly: float
    drag: float = 0.0

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} = {value}: {least:g} to {most:g} is allowed")

    @classmethod
    def circular(cls, altitude: float, inclination: float, epoch: float) -> Self:
        """Elements of a circle, altitude in km over the equatorial radius, node at 0 deg."""
        if not altitude > 0:
            raise ValueError(f"altitude = {altitude}: more than 0 km is allowed")
        motion = math.sqrt(GRAVITY / (EQUATOR + altitude) ** 3) * DAY / math.tau
        return cls(
            epoch=epoch, mean_motion=motion, eccentricity=0.0, inclination=inclination,
            node=0.0, perigee=0.0, anomaly=0.0,
        )  # fmt: skip

    @property
    def altitude(self) -> float:
        """Semi-major axis less the equatorial radius, in km."""
        return float(math.cbrt(GRAVITY / (self.mean_motion * math.tau / DAY) ** 2) - EQUATOR)

    @property
    def period(self) -> float:
        """Time of one revolution in s."""
        return DAY / self.mean_motion

    def sgp4(self) -> tuple[float, ...]:
        """Arguments of ``Satrec.sgp4init`` from the epoch on: days, 1/earth radii, rad, rad/min."""
        return (
            self.epoch / DAY + _EPOCH_DAYS,
            self.drag,
            0.0,
            0.0,
            self.eccentricity,
            math.radians(self.perigee),
            math.radians(self.inclination),
            math.radians(self.anomaly),
            self.mean_motion * math.tau / 1440,
            math.radians(self.node),
        )


def parse_tle(text: str) -> Elements:
    """Elements of a two-line set, with or without a title line (NORAD TLE).

    Raises ValueError naming the line or the field when a line is missing, has a wrong length or
    check digit, or a field is no number or out of range.
    """
    lines = {1: _line(text, 1), 2: _line(text, 2)}
    numbers = {number: line[2:7] for number, line in lines.items()}
    if numbers[1] != numbers[2]:
        raise ValueError(f"satellite number = {numbers[2]!r} in line 2, {numbers[1]!r} in line 1")
    year = int(_number(lines, "epoch year"))
    january = datetime(year + (1900 if year >= 57 else 2000), 1, 1, tzinfo=UTC).timestamp()
    day = _number(lines, "epoch day")
    if not 1 <= day < 367:
        raise ValueError(f"epoch day = {day}: 1 to 366 is allowed")
    angles = ("inclination", "node", "perigee", "anomaly", "mean_motion")
    return Elements(
        epoch=january + (day - 1) * DAY,
        eccentricity=_number(lines, "eccentricity", "0."),
        drag=_exponent(lines),
        **{name: _number(lines, name) for name in angles},
    )


def _line(text: str, number: int) -> str:
    found = [line.rstrip() for line in text.splitlines() if line.startswith(f"{number} ")]
    if len(found) != 1:
        raise ValueError(f"line {number} of the TLE is there {len(found)} times, once is needed")
    line = found[0]
    if len(line) != _LINE or not line.isascii() or not line[-1].isdigit():
        raise ValueError(f"line {number} of the TLE: {_LINE} characters are needed")
    digit = sum(int(c) if c.isdigit() else c == "-" for c in line[:-1]) % 10
    if digit != int(line[-1]):
        raise ValueError(f"line {number} of the TLE: check digit {line[-1]}, computed {digit}")
    return line


def _field(lines: dict[int, str], name: str) -> str:
    line, first, last = _COLUMNS[name]
    return lines[line][first - 1 : last]


def _number(lines: dict[int, str], name: str, prefix: str = "") -> float:
    field = prefix + _field(lines, name).strip()
    try:
        return float(field)
    except ValueError as error:
        raise ValueError(f"{name} = {field!r} is no number") from error


def _exponent(lines: dict[int, str]) -> float:
    """The B* field, whose decimal point and E are left out: `` 12345-4`` is 0.12345e-4."""
    field = _field(lines, "drag")
    try:
        return float(f"{field[0].strip()}0.{field[1:6].strip()}e{field[6:]}")
    except ValueError as error:
        raise ValueError(f"drag = {field!r} is no number") from error
