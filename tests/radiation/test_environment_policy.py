"""Levels, checkpoint interval and rates that the environment asks for."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import Environment, Level
from flight.radiation.policy import checkpoint_interval, failure_rate, raised_level, scrub_factor

QUIET, SAA, STORM = Environment
POSITIVE = st.floats(1e-9, 1e9)


def test_levels_are_never_lowered_and_rise_with_everything() -> None:
    for asked, criticality in itertools.product(Level, range(4)):
        levels = [raised_level(asked, mode, criticality) for mode in (QUIET, SAA, STORM)]
        assert levels == sorted(levels)
        assert levels[0] >= asked
    for asked, mode in itertools.product(Level, Environment):
        levels = [raised_level(asked, mode, criticality) for criticality in range(4)]
        assert levels == sorted(levels)


def test_the_default_task_is_replicated_in_the_anomaly_and_the_expendable_one_is_not() -> None:
    assert raised_level(Level.VERIFY, QUIET, 1) is Level.VERIFY
    assert raised_level(Level.VERIFY, SAA, 1) is Level.DMR
    assert raised_level(Level.VERIFY, STORM, 1) is Level.TMR
    assert raised_level(Level.NONE, QUIET, 3) is Level.DMR
    assert raised_level(Level.NONE, SAA, 2) is Level.TMR
    for mode in Environment:
        assert raised_level(Level.NONE, mode, 0) is Level.NONE


@pytest.mark.parametrize("criticality", [-1, 4])
def test_an_unknown_criticality_is_refused(criticality: int) -> None:
    with pytest.raises(ValueError, match=f"criticality = {criticality}"):
        raised_level(Level.NONE, SAA, criticality)


def test_scrubbing_is_denser_the_worse_the_environment() -> None:
    assert 1 == scrub_factor(QUIET) > scrub_factor(SAA) > scrub_factor(STORM) > 0


def elapsed(interval: float, cost: float, rate: float, segments: int, seed: int) -> float:
    """Simulated time per unit of work: failures strike, the segment is done again."""
    random = np.random.default_rng(seed)
    attempt = interval + cost
    total = done = 0.0
    while done < segments:
        strikes = random.exponential(1 / rate, segments)
        survived = strikes >= attempt
        total += np.where(survived, attempt, strikes).sum()
        done += survived.sum()
    return total / (done * interval)


@pytest.mark.parametrize(("cost", "mean_time"), [(0.3, 3600.0), (0.3, 86400.0), (5.0, 1800.0)])
def test_the_interval_is_near_the_simulated_optimum(cost: float, mean_time: float) -> None:
    """Young's interval costs within 0.5 % of the best one; half and double as much cost more."""
    young = checkpoint_interval(cost, 1 / mean_time, 0, 1e9)
    assert young == pytest.approx(math.sqrt(2 * cost * mean_time))
    factors = np.geomspace(1 / 8, 8, 25)
    curve = [elapsed(young * f, cost, 1 / mean_time, 200_000, 7) for f in factors]
    best = int(np.argmin(curve))
    assert 0.5 < factors[best] < 2
    assert elapsed(young, cost, 1 / mean_time, 200_000, 8) < curve[best] * 1.005
    assert min(curve[0], curve[-1]) - 1 > 3 * (curve[best] - 1)


def test_a_dearer_checkpoint_or_a_longer_life_means_a_longer_interval() -> None:
    assert checkpoint_interval(0.3, 1 / 3600, 0, 1e6) == pytest.approx(46.5, abs=0.1)
    assert checkpoint_interval(0.3, 1 / 86400, 0, 1e6) == pytest.approx(227.7, abs=0.1)


@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE)
def test_the_interval_is_clamped(cost: float, rate: float, latency: float, length: float) -> None:
    interval = checkpoint_interval(cost, rate, latency, length)
    assert min(latency, length) <= interval <= length
    young = math.sqrt(2 * cost / rate)
    if latency <= young <= length:
        assert interval == young


def test_without_a_predicted_failure_the_end_is_soon_enough() -> None:
    assert checkpoint_interval(0.3, 0, 1, 600) == 600
    assert checkpoint_interval(0, 1e-3, 2, 600) == 2


@pytest.mark.parametrize("wrong", [-1e-9, math.nan, math.inf])
@pytest.mark.parametrize("name", ["cost", "rate", "latency", "length"])
def test_negative_input_is_named(name: str, wrong: float) -> None:
    values = {"cost": 1.0, "rate": 1.0, "latency": 1.0, "length": 1.0} | {name: wrong}
    with pytest.raises(ValueError, match=f"^{name} = "):
        checkpoint_interval(**values)


def test_the_failure_rate_is_flux_times_cross_section_and_background() -> None:
    """1.6e-10 cm2 at the mean of 26.8 /cm2/s is one in some seven years."""
    assert 1 / failure_rate(26.8, 1.6e-10) / 86400 / 365 == pytest.approx(7.4, abs=0.1)
    assert failure_rate(0, 1, 3e-5) == 3e-5
    for name in ("flux", "cross_section", "background"):
        with pytest.raises(ValueError, match=f"^{name} = -1"):
            failure_rate(**({"flux": 1.0, "cross_section": 1.0} | {name: -1.0}))
