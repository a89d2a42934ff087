"""Thresholds with hysteresis, the environment that follows, and the forecast of crossings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from environment_tables import PATH
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary import layout
from flight.dictionary.enums import Environment
from flight.dictionary.fluxtable import decode_table
from flight.dictionary.radiation import EnvironmentChanged, EnvironmentStatus
from flight.radiation.environment import EnvironmentWatch, Thresholds
from flight.radiation.fluxmap import FluxMap
from flight.radiation.forecast import Crossing, Forecast, next_entry
from flight.radiation.orbit import Orbit
from flight.radiation.storm import Expected, StormDetector

QUIET, SAA, STORM = Environment
DEFAULT = Thresholds()
TABLE = decode_table(PATH.read_bytes())
ORBIT = Orbit(TABLE.description.elements)
MAP = FluxMap(TABLE)
FORECAST = Forecast(ORBIT, MAP)
START = TABLE.description.elements.epoch
DAY = 86400.0


@given(st.lists(st.sampled_from([0.0, 1.9, 2.0, 3.0, 4.9, 5.0, 9.0]), min_size=1), st.booleans())
def test_hysteresis_is_that_of_a_switch(fluxes: list[float], before: bool) -> None:
    state, expected = before, []
    for flux in fluxes:
        if flux >= 5:
            state = True
        elif flux < 2:
            state = False
        expected.append(state)
    assert Thresholds(5, 2).inside(fluxes, before).tolist() == expected


@pytest.mark.parametrize(("enter", "leave"), [(1, 2), (1, 0), (0, 0), (-1, -2), (float("nan"), 1)])
def test_thresholds_that_make_no_switch_are_refused(enter: float, leave: float) -> None:
    with pytest.raises(ValueError, match="enter"):
        Thresholds(enter, leave)


def watch() -> EnvironmentWatch:
    return EnvironmentWatch(StormDetector(Expected(1e-4, 1e-5), window=60), Thresholds(5, 2))


def test_the_environment_follows_flux_then_corrections() -> None:
    seen = watch()
    steps: list[tuple[float | None, int, Environment]] = [
        (0.0, 0, QUIET), (4.0, 0, QUIET), (5.0, 0, SAA), (3.0, 0, SAA), (1.0, 0, QUIET),
        (1.0, 9, QUIET), (1.0, 9, QUIET), (1.0, 9, STORM), (9.0, 9, STORM), (9.0, 0, STORM),
    ]  # fmt: skip
    before = QUIET
    for number, (flux, corrections, mode) in enumerate(steps):
        found = seen.update(10.0 * number, flux, corrections)
        assert (found.mode, seen.mode, found.changed) == (mode, mode, mode is not before), number
        before = mode
    assert seen.update(1000.0, 9.0, 0).mode is SAA  # the window is empty again
    assert seen.update(1001.0, 1.0, 0).mode is QUIET


def test_a_lost_position_counts_as_inside() -> None:
    seen = watch()
    assert seen.update(0.0, 0.0, 0).mode is QUIET
    lost = seen.update(1.0, None, 0)
    assert (lost.mode, lost.changed, lost.why) == (SAA, True, "position unknown")
    assert seen.update(2.0, 3.0, 0).mode is QUIET  # between the thresholds, as before the loss


@pytest.mark.parametrize(("flux", "mode"), [(1e5, SAA), (10.0, STORM), (None, STORM)])
def test_corrections_that_the_flux_explains_are_no_storm(
    flux: float | None, mode: Environment
) -> None:
    seen = watch()
    for step in range(6):
        found = seen.update(10.0 * step, flux, 10)
    assert found.mode is mode


@given(
    st.floats(0, 1e7) | st.none(),
    st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4),
)
def test_every_reason_fits_the_event(flux: float | None, corrections: list[int]) -> None:
    seen = watch()
    for second, count in enumerate(corrections):
        found = seen.update(float(second), flux, count)
        layout.pack(EnvironmentChanged(found.mode, found.why))


def test_the_packet_takes_what_the_modules_give() -> None:
    place = ORBIT.locate(START + 14800)
    flux = MAP.flux(place.latitude, place.longitude)
    wait, length = next_entry(FORECAST.crossings(START, DAY, 3), START)
    packet = EnvironmentStatus(
        SAA, True, float(flux[0]), 3, float(place.latitude[0]), float(place.longitude[0]),
        wait, length,
    )  # fmt: skip
    assert len(layout.pack(packet)) == 1 + 1 + 4 + 4 + 4 * 4
    layout.pack(EnvironmentStatus(SAA, False, 0.0, 0, 0.0, 0.0, *next_entry([], START)))


def walked(start: float, seconds: int) -> list[Crossing]:
    """Crossings in steps of 1 s with a switch."""
    times = start + np.arange(seconds, dtype=float)
    place = ORBIT.locate(times)
    inside, entry, found = False, 0.0, []
    for time, flux in zip(times, MAP.flux(place.latitude, place.longitude), strict=True):
        if not inside and flux >= DEFAULT.enter:
            inside, entry = True, time
        elif inside and flux < DEFAULT.leave:
            inside = False
            found.append(Crossing(entry, time))
    return found


def test_crossings_are_those_of_a_walk_along_the_orbit() -> None:
    expected = [each for each in walked(START, 2 * 86400) if each.entry < START + 2 * DAY - 6000]
    found = FORECAST.crossings(START, 2 * DAY - 6000, 99)
    assert 15 < len(found) == len(expected)
    assert np.abs(np.array(found) - np.array(expected)).max() <= 1.0
    for one, other in itertools.pairwise(found):
        assert one.entry < one.exit < other.entry
    assert FORECAST.crossings(START, 2 * DAY - 6000, 4) == found[:4]


def test_a_crossing_under_way_begins_now_and_one_at_the_end_is_whole() -> None:
    first, second = FORECAST.crossings(START, DAY, 2)
    middle = (first.entry + first.exit) / 2
    under_way, after = FORECAST.crossings(middle, second.entry - middle + 1, 9)
    assert under_way.entry == middle
    assert under_way.exit == pytest.approx(first.exit, abs=0.1)
    assert after == pytest.approx(second, abs=0.1)
    assert FORECAST.crossings(first.exit + 60, second.entry - first.exit - 120, 9) == []


def test_the_next_entry_skips_the_crossing_that_is_under_way() -> None:
    known = [Crossing(10, 20), Crossing(50, 80)]
    assert next_entry(known, 5) == (5, 10)
    assert next_entry(known, 10) == (40, 30)
    assert next_entry(known, 15) == (35, 30)
    assert next_entry(known, 50) == next_entry([], 5) == (-1, 0)


@pytest.mark.parametrize(
    ("horizon", "most", "field"),
    [(0.0, 1, "horizon"), (-5.0, 1, "horizon"), (float("nan"), 1, "horizon"), (4e6, 1, "horizon"),
     (100.0, 0, "most")],
)  # fmt: skip
def test_a_wrong_forecast_is_refused(horizon: float, most: int, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        FORECAST.crossings(START, horizon, most)
