"""The energy meter against a closed form, and through gaps."""

from __future__ import annotations

import math

import pytest

from flight.governor.energy import EnergyMeter


def test_a_ramp_is_integrated_exactly() -> None:
    meter = EnergyMeter()
    for second in range(11):
        meter.add(2.0 * second, float(second))
    assert meter.joules == pytest.approx(100.0)
    assert meter.unknown == 0.0


def test_unknown_power_is_a_gap_not_a_zero() -> None:
    meter = EnergyMeter()
    assert math.isnan(meter.joules)
    for now, watts, expected in (
        (0.0, 10.0, math.nan),
        (1.0, 10.0, 10.0),
        (2.0, math.nan, math.nan),
        (4.0, math.inf, math.nan),
        (5.0, 10.0, math.nan),
        (6.0, 20.0, 15.0),
    ):
        assert meter.add(watts, now) == pytest.approx(expected, nan_ok=True)
    assert meter.joules == pytest.approx(25.0)
    assert meter.unknown == pytest.approx(4.0)


def test_never_known_stays_nan() -> None:
    meter = EnergyMeter()
    for second in range(5):
        meter.add(math.nan, float(second))
    assert math.isnan(meter.joules)
    assert meter.unknown == 4.0


def test_time_must_not_go_back() -> None:
    meter = EnergyMeter()
    meter.add(1.0, 10.0)
    with pytest.raises(ValueError):
        meter.add(1.0, 9.0)
