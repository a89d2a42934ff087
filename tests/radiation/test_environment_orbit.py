"""Propagation and rotation, against published figures, sgp4's own reader and the Sun."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgp4.api import WGS72, Satrec
from sgp4.exporter import export_tle

from flight.dictionary.orbit import DAY, Elements, parse_tle
from flight.radiation.orbit import Orbit, sidereal_angle

EPOCH = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
SSO = Elements.circular(550, 97.6, EPOCH)
VANGUARD = (  # satellite 00005 of the verification set of SGP4 (Vallado et al. 2006)
    "1 00005U 58002B   00179.78495062  .00000023  00000-0  28098-4 0  4753\n"
    "2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667\n"
)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("utc", "degrees"),
    [
        (at(1987, 4, 10), 197.693195),  # Meeus, Astronomical Algorithms, example 12.a
        (at(1987, 4, 10, 19, 21), 128.7378734),  # example 12.b
        (at(1992, 8, 20, 12, 14), 152.578787810),  # Vallado, example 3-5
    ],
)
def test_sidereal_time_is_the_published_one(utc: float, degrees: float) -> None:
    assert math.degrees(float(sidereal_angle(utc))) == pytest.approx(degrees, abs=1e-5)


def test_the_verification_satellite_is_where_it_should_be() -> None:
    """At its epoch 7022.465, -1400.083, 0.040 km in TEME (tcppver.out)."""
    elements = parse_tle(VANGUARD)
    place = Orbit(elements).locate(elements.epoch)
    assert place.radius[0] == pytest.approx(math.hypot(7022.46529266, -1400.08296755), abs=1e-3)
    assert place.latitude[0] == pytest.approx(math.degrees(0.03995155 / 7160.67), abs=1e-4)
    right_ascension = math.atan2(-1400.08296755, 7022.46529266)
    east = math.degrees(right_ascension - float(sidereal_angle(elements.epoch)))
    assert place.longitude[0] == pytest.approx((east + 180) % 360 - 180, abs=1e-4)


ANGLE = st.floats(0, 359.9)


@given(
    epoch=st.floats(at(1975, 1, 1), at(2056, 1, 1)),
    motion=st.floats(1, 16),
    eccentricity=st.floats(0, 0.1),
    inclination=st.floats(0, 179),
    angles=st.tuples(ANGLE, ANGLE, ANGLE),
    drag=st.integers(-100_000, 100_000).map(lambda units: units * 1e-8),
)
@settings(max_examples=150, deadline=None)
def test_two_line_elements_are_read_as_sgp4_reads_them(
    epoch: float,
    motion: float,
    eccentricity: float,
    inclination: float,
    angles: tuple[float, float, float],
    drag: float,
) -> None:
    node, perigee, anomaly = angles
    written = Elements(
        epoch=epoch, mean_motion=motion, eccentricity=eccentricity, inclination=inclination,
        node=node, perigee=perigee, anomaly=anomaly, drag=drag,
    )  # fmt: skip
    source = Satrec()
    source.sgp4init(WGS72, "i", 7, *written.sgp4())
    source.classification, source.intldesg = "U", "26001A"
    lines = export_tle(source)
    read, oracle = parse_tle("TARDIGRADE\n" + "\n".join(lines)), Satrec.twoline2rv(*lines)
    julian = oracle.jdsatepoch - 2440587.5 + oracle.jdsatepochF
    assert read.epoch == pytest.approx(julian * DAY, abs=1e-3)
    ours = np.array(read.sgp4())
    theirs = [
        oracle.bstar, 0, 0, oracle.ecco, oracle.argpo, oracle.inclo, oracle.mo, oracle.no_kozai,
        oracle.nodeo,
    ]  # fmt: skip
    assert ours[1:] == pytest.approx(theirs, abs=1e-12)


def test_every_changed_digit_is_caught() -> None:
    changes = 0
    for position, character in enumerate(VANGUARD):
        if character.isdigit():
            wrong = str((int(character) + 1) % 10)
            with pytest.raises(ValueError, match=r"TLE|satellite number"):
                parse_tle(VANGUARD[:position] + wrong + VANGUARD[position + 1 :])
            changes += 1
    assert changes > 90


def signed(line: str) -> str:
    """A line with a right check digit."""
    digit = sum(int(c) if c.isdigit() else c == "-" for c in line[:68]) % 10
    return line[:68] + str(digit)


@pytest.mark.parametrize(
    ("line", "first", "text", "field"),
    [
        (0, 19, "xx", "epoch year"),
        (0, 21, "400.00000000", "epoch day"),
        (0, 54, " 2x098-4", "drag"),
        (1, 9, "190.0000", "inclination"),
        (1, 18, "3 8.7242", "node"),
        (1, 27, "x859667", "eccentricity"),
        (1, 53, "99.82419157", "mean_motion"),
        (1, 3, "00006", "satellite number"),
    ],
)
def test_a_bad_field_is_named(line: int, first: int, text: str, field: str) -> None:
    lines = VANGUARD.splitlines()
    before, after = lines[line][: first - 1], lines[line][first - 1 + len(text) :]
    lines[line] = signed(before + text + after)
    with pytest.raises(ValueError, match=field):
        parse_tle("\n".join(lines))


@pytest.mark.parametrize(
    ("digits", "year"), [("57", 1957), ("99", 1999), ("00", 2000), ("56", 2056)]
)
def test_two_digits_of_a_year_are_those_since_the_first_satellite(digits: str, year: int) -> None:
    first, second = VANGUARD.splitlines()
    elements = parse_tle(f"{signed(first[:18] + digits + '001.50000000' + first[32:])}\n{second}")
    assert elements.epoch == at(year, 1, 1, 12)


@given(
    st.sampled_from(sorted(Elements.__struct_fields__)), st.sampled_from([1e12, -1e12, math.nan])
)
def test_elements_out_of_range_are_named(name: str, value: float) -> None:
    values = {field: getattr(SSO, field) for field in Elements.__struct_fields__}
    with pytest.raises(ValueError, match=f"^{name} = "):
        Elements(**(values | {name: value}))


def test_a_sun_synchronous_orbit_keeps_its_local_time() -> None:
    """The Sun is the oracle of node, precession and the sense of the Earth's rotation."""
    orbit = Orbit(SSO)
    times = EPOCH + np.arange(0, 30 * DAY, 10.0)
    place = orbit.locate(times)
    rising = np.flatnonzero((place.latitude[:-1] < 0) & (place.latitude[1:] >= 0))
    hours = (place.longitude[rising] / 15 + (times[rising] - EPOCH) / 3600) % 24
    assert len(rising) == pytest.approx(30 * SSO.mean_motion, abs=2)
    assert np.ptp(hours) < 0.1  # 2 h a month if the node stood still
    assert abs(place.latitude).max() == pytest.approx(180 - 97.6, abs=0.05)
    assert 6918 < place.radius.min() < place.radius.max() < 6938
    assert -180 <= place.longitude.min() < place.longitude.max() < 180
    revolution = np.diff(times[rising]).mean()
    westward = [(b - a) % 360 - 360 for a, b in itertools.pairwise(place.longitude[rising])]
    assert np.mean(westward) == pytest.approx(-360 * revolution / DAY, abs=0.01)


def test_altitude_and_period_of_a_circle() -> None:
    assert SSO.altitude == pytest.approx(550)
    assert SSO.period == pytest.approx(2 * math.pi * math.sqrt(6928.135**3 / 398600.8))
    assert Orbit(SSO).age(EPOCH + 5) == 5


def test_places_that_do_not_exist_are_refused() -> None:
    orbit = Orbit(SSO)
    with pytest.raises(ValueError, match="utc"):
        orbit.locate([EPOCH, math.nan])
    values = {field: getattr(SSO, field) for field in Elements.__struct_fields__}
    falling = Orbit(Elements(**(values | {"drag": 0.5})))
    falling.locate(EPOCH)
    with pytest.raises(ValueError, match="off the orbit"):
        Orbit(Elements.circular(15, 97.6, EPOCH)).locate(EPOCH)
    for days in (5, 20, 50, 400):  # SGP4 itself reports the first only; later it is 1e16 km away
        with pytest.raises(ValueError, match="elements"):
            falling.locate([EPOCH, EPOCH + days * DAY])


def test_the_rotation_is_that_of_astropy() -> None:
    """Full TEME to ITRS, polar motion and UT1 included."""
    coordinates = pytest.importorskip(
        "astropy.coordinates", reason="astropy comes with the extra [environment] only"
    )
    from astropy import units
    from astropy.time import Time

    satellite = Satrec()
    satellite.sgp4init(WGS72, "i", 0, *SSO.sgp4())
    for hours in range(0, 48, 5):
        when = Time(EPOCH + hours * 3600, format="unix")
        _, teme, _ = satellite.sgp4(when.utc.jd1, when.utc.jd2)
        place = coordinates.TEME(coordinates.CartesianRepresentation(teme * units.km), obstime=when)
        itrs = place.transform_to(coordinates.ITRS(obstime=when)).spherical
        found = Orbit(SSO).locate(when.unix)
        assert found.latitude[0] == pytest.approx(itrs.lat.deg, abs=0.001)
        assert (found.longitude[0] - itrs.lon.deg + 180) % 360 - 180 == pytest.approx(0, abs=0.005)
