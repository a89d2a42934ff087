"""Look-up in the map: against a scalar interpolation, at its seams, widened."""

from __future__ import annotations

import math

import numpy as np
import pytest
from environment_tables import DESCRIPTION, small
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.dictionary.fluxtable import FluxTable
from flight.radiation.fluxmap import FluxMap

TABLE = small()  # 15 deg
MAP = FluxMap(TABLE, 0)
LATITUDE = st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 0.0, 89.999999999999])
LONGITUDE = st.floats(-720, 720) | st.sampled_from([-180.0, 180.0, 179.999999999999, -1e-300])


def value(row: int, column: int) -> float:
    return float(TABLE.flux[row, column % 24])


def interpolated(latitude: float, longitude: float) -> float:
    """Along the two parallels, then between them."""
    y, x = (latitude + 90) / 15, (longitude + 180) / 15
    row, column = min(math.floor(y), 11), math.floor(x)
    south = value(row, column) + (x - column) * (value(row, column + 1) - value(row, column))
    north = value(row + 1, column) + (x - column) * (
        value(row + 1, column + 1) - value(row + 1, column)
    )
    return south + (y - row) * (north - south)


@given(st.lists(st.tuples(LATITUDE, LONGITUDE), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_every_place_is_interpolated_between_its_four_nodes(
    places: list[tuple[float, float]],
) -> None:
    latitudes, longitudes = zip(*places, strict=True)
    expected = [interpolated(*place) for place in places]
    assert MAP.flux(latitudes, longitudes) == pytest.approx(expected, abs=1e-8)


def test_the_nodes_are_the_table() -> None:
    latitudes = np.arange(-90, 91, 15.0)[:, None]
    longitudes = np.arange(-180, 180, 15.0)
    found = MAP.flux(*np.broadcast_arrays(latitudes, longitudes))
    assert np.array_equal(found, TABLE.flux)


def test_there_is_no_seam_at_the_date_line() -> None:
    latitudes = np.linspace(-90, 90, 50)
    east, west = MAP.flux(latitudes, np.full(50, 180.0)), MAP.flux(latitudes, np.full(50, -180.0))
    assert np.array_equal(east, west)
    just_beyond = np.full(50, np.nextafter(-180.0, -181.0))
    assert MAP.flux(latitudes, just_beyond) == pytest.approx(west, abs=1e-9)
    near = MAP.flux(latitudes, np.full(50, 179.99))
    assert np.abs(near - west).max() < 0.1
    halfway = MAP.flux([0.0], [172.5])
    assert halfway[0] == pytest.approx((value(6, 23) + value(6, 0)) / 2)


@pytest.mark.parametrize("drift", [0.0, 1.0, 15.0, 20.0, 179.0])
def test_a_widened_map_covers_an_anomaly_anywhere_within_the_drift(drift: float) -> None:
    random = np.random.default_rng(5)
    latitudes, longitudes = random.uniform(-90, 90, 300), random.uniform(-180, 180, 300)
    wide = FluxMap(TABLE, drift).flux(latitudes, longitudes)
    for moved in np.linspace(0, drift, 7):
        assert (wide >= MAP.flux(latitudes, longitudes + moved) - 1e-9).all()


def test_it_is_widened_to_the_west_only() -> None:
    flux = np.zeros((13, 24), np.float32)
    flux[6, 12] = 9  # equator, 0 deg
    wide = FluxMap(FluxTable(DESCRIPTION, TABLE.radius, flux), 30)
    found = wide.flux(np.zeros(24), np.arange(-180, 180, 15.0))
    assert np.flatnonzero(found).tolist() == [10, 11, 12]


@pytest.mark.parametrize(
    ("latitude", "longitude", "field"),
    [
        (90.001, 0.0, "latitude"),
        (-91.0, 0.0, "latitude"),
        (math.nan, 0.0, "latitude"),
        (0.0, math.nan, "longitude"),
        (0.0, math.inf, "longitude"),
    ],
)
def test_a_place_that_does_not_exist_is_refused(
    latitude: float, longitude: float, field: str
) -> None:
    with pytest.raises(ValueError, match=field):
        MAP.flux([0.0, latitude], [0.0, longitude])


@pytest.mark.parametrize("drift", [-1.0, 180.0, math.nan])
def test_a_wrong_drift_is_refused(drift: float) -> None:
    with pytest.raises(ValueError, match="drift"):
        FluxMap(TABLE, drift)
