"""What the thresholds cost and cover on the shipped table, and how it compares with AP8 itself."""

from __future__ import annotations

import numpy as np
import pytest

from flight.radiation.environment import Thresholds
from flight.radiation.fluxmap import DRIFT, FluxMap
from hil.measure.environment import DRIFTS, coverage, load_table, mean_cost, track

TABLE = load_table()
PLACES = track(TABLE)
DEFAULT = Thresholds()


def test_replication_inside_is_affordable_and_covers_the_anomaly_where_it_may_be() -> None:
    found = coverage(TABLE, PLACES, DEFAULT, DRIFT)
    assert mean_cost(found.time) <= 1.25
    assert min(found.fluence) >= 0.99
    assert mean_cost(1) == 3
    assert mean_cost(0, verify=1.05) == 1.05


def test_without_the_margin_an_anomaly_that_has_drifted_is_missed() -> None:
    bare = coverage(TABLE, PLACES, DEFAULT, 0)
    assert bare.fluence[0] >= 0.99
    assert min(bare.fluence) < 0.9
    assert bare.time < coverage(TABLE, PLACES, DEFAULT, DRIFT).time


def test_thresholds_trade_time_for_fluence() -> None:
    found = [coverage(TABLE, PLACES, Thresholds(f, f / 2), DRIFT) for f in (1, 10, 100, 1000)]
    times, shares = [each.time for each in found], [min(each.fluence) for each in found]
    assert times == sorted(times, reverse=True)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.9


def test_the_table_is_ap8_on_the_orbit() -> None:
    """Five days, every 30 s: fluence within 0.5 %, and what lies inside agrees."""
    pytest.importorskip("aep8", reason="aep8 comes with the extra [environment] only")
    from ground.environment import ap8

    energy = TABLE.description.energy
    near = FluxMap(TABLE, 30).flux(PLACES.latitude, PLACES.longitude) > 0.01
    afar = (each[~near][::20] for each in PLACES)
    assert ap8.flux(*afar, energy).max() < 0.1
    north, east, radius = (each[near] for each in PLACES)
    exact, found = ap8.flux(north, east, radius, energy), FluxMap(TABLE, 0).flux(north, east)
    assert found.sum() / exact.sum() == pytest.approx(1, abs=0.005)
    assert np.corrcoef(found, exact)[0, 1] > 0.995
    differ = np.count_nonzero(DEFAULT.inside(found) != DEFAULT.inside(exact))
    assert differ / len(near) < 0.002
    inside = DEFAULT.inside(FluxMap(TABLE).flux(north, east))
    for drift in DRIFTS:
        moved = ap8.flux(north, east + drift, radius, energy)
        assert moved[inside].sum() / moved.sum() >= 0.99
