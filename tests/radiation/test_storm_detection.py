"""The storm detector: its probability, its false alarms, its detections; counts are seeded."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.radiation.storm import Expected, StormDetector, poisson_tail

getcontext().prec = 60


def exact_tail(count: int, mean: float) -> float:
    """In 60 digits, from the complement."""
    exact = Decimal(mean)
    term = total = Decimal(1)
    for k in range(1, count):
        term *= exact / k
        total += term
    return float(1 - total * (-exact).exp()) if count else 1.0


@given(st.integers(0, 300), st.floats(1e-3, 200))
@settings(max_examples=300, deadline=None)
def test_the_probability_is_exact(count: int, mean: float) -> None:
    exact = exact_tail(count, mean)
    found = poisson_tail(count, mean)
    assert 0 <= found <= 1
    if exact > 1e-40:  # 60 digits less what the complement cancels
        assert found == pytest.approx(exact, rel=1e-9)


def test_the_probability_at_its_limits() -> None:
    assert poisson_tail(0, 0) == poisson_tail(0, 5) == 1
    assert poisson_tail(1, 0) == 0
    assert poisson_tail(1, 1e-9) == pytest.approx(1e-9)
    assert poisson_tail(10**6, 10**6) == pytest.approx(0.5, abs=1e-3)
    assert poisson_tail(2**32, 1.0) == 0
    assert poisson_tail(1, 1e6) == pytest.approx(1)


@pytest.mark.parametrize(
    ("count", "mean", "field"),
    [(-1, 1.0, "count"), (1, -1.0, "expected"), (1, math.nan, "expected"), (1, math.inf, "exp")],
)
def test_a_count_that_cannot_be_is_refused(count: int, mean: float, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        poisson_tail(count, mean)


@pytest.mark.parametrize("mean", [0.05, 1.0, 12.0, 400.0])
def test_chance_falls_below_a_level_no_more_often_than_the_level(mean: float) -> None:
    counts = np.random.default_rng(11).poisson(mean, 200_000)
    tails = {int(count): poisson_tail(int(count), mean) for count in np.unique(counts)}
    for level in (0.05, 1e-3):
        share = np.mean([tails[int(count)] < level for count in counts])
        assert share <= level + 4 * math.sqrt(level / 200_000)
    if mean > 10:  # counts are fine enough there for the level to be used up
        assert np.mean([tails[int(count)] < 0.05 for count in counts]) > 0.03


PACE = 10.0


def fly(detector: StormDetector, counts: np.ndarray, start: float = 0.0) -> np.ndarray:
    """State after each report of a quiet flight."""
    times = start + PACE * np.arange(len(counts))
    return np.array(
        [detector.update(time, int(n), 0.0) for time, n in zip(times, counts, strict=True)]
    )


def starts(states: np.ndarray) -> int:
    return int((np.diff(states.astype(int)) > 0).sum() + states[0])


def test_false_alarms_stay_below_their_bound() -> None:
    """12 days at 12 corrections per window: a bound of 104 alarms at 1e-3, of 0.1 at 1e-6."""
    counts = np.random.default_rng(5).poisson(0.02 * PACE, 104_000)
    loose = starts(fly(StormDetector(Expected(0.02, 0), enter=1e-3), counts))
    assert 0 < loose < 104 / 4
    assert starts(fly(StormDetector(Expected(0.02, 0)), counts)) == 0


@pytest.mark.parametrize(("factor", "reports"), [(10, 30), (4, 90)])
def test_a_storm_is_seen(factor: int, reports: int) -> None:
    """In 50 of 50 flights: ten times the rate in half a window, four times in one and a half."""
    delays = []
    for seed in range(50):
        random = np.random.default_rng(seed)
        quiet = random.poisson(0.02 * PACE, 120)
        storm = random.poisson(0.02 * PACE * factor, 120)
        states = fly(StormDetector(Expected(0.02, 0)), np.append(quiet, storm))
        assert not states[:120].any()
        delays.append(int(states[120:].argmax()) + 1 if states[120:].any() else 999)
    assert max(delays) <= reports


def test_it_ends_when_the_counts_are_back_and_not_at_every_lull() -> None:
    random = np.random.default_rng(2)
    counts = random.poisson(np.repeat([0.2, 1.2, 0.2], [200, 600, 200]))
    held = fly(StormDetector(Expected(0.02, 0)), counts)
    assert starts(held) == 1
    assert held[300:800].all()
    assert not held[900:].any()
    bare = fly(StormDetector(Expected(0.02, 0), 60, enter=1e-3, leave=1.1e-3), counts)
    assert starts(bare) > 5  # what hysteresis and window are for


def test_it_lasts_until_chance_explains_the_counts_again() -> None:
    """Five expected in the window: 13 are not enough to begin a storm, but 12 keep it up."""
    detector = StormDetector(Expected(0.05, 0), window=100)
    fly(detector, np.zeros(11, int))
    seen = []
    for number, count in enumerate([5, 4, 4, 5, 4, 3, *[0] * 8]):
        detector.update(110 + PACE * number, count, 0.0)
        seen.append((detector.corrections, detector.storm))
    assert seen[:6] == [(5, False), (9, False), (13, False), (18, False), (22, True), (25, True)]
    assert seen[-4:] == [(20, True), (16, True), (12, True), (7, False)]


def test_one_burst_of_upsets_is_no_storm() -> None:
    detector = StormDetector(Expected(1e-4, 0))
    assert not fly(detector, np.array([0, 0, 4096, 0, 0, 1])).any()
    assert detector.probability < 1e-300
    assert detector.update(60.0, 1, 0.0)


def test_the_anomaly_is_expected() -> None:
    """The same corrections: a storm where there are no protons, nothing of note inside."""
    counts = np.random.default_rng(4).poisson(0.5 * PACE, 100)
    states = {}
    for flux in (0.0, 1000.0):
        detector = StormDetector(Expected(0.01, 5e-4))
        states[flux] = [detector.update(PACE * i, int(n), flux) for i, n in enumerate(counts)]
    assert any(states[0.0])
    assert not any(states[1000.0])


def test_the_window_slides_and_the_first_report_only_starts_it() -> None:
    detector = StormDetector(Expected(0.5, 0), window=30)
    detector.update(0.0, 1000, 0.0)
    assert (detector.corrections, detector.mean) == (0, 0)
    for second, count in ((10, 1), (20, 2), (30, 4), (40, 8)):
        detector.update(float(second), count, 0.0)
    assert (detector.corrections, detector.mean) == (14, 15)
    detector.update(200.0, 16, 0.0)
    assert (detector.corrections, detector.mean) == (16, 80)


def test_bad_reports_are_refused_and_change_nothing() -> None:
    detector = StormDetector(Expected(0.5, 0))
    detector.update(10.0, 0, 0.0)
    detector.update(20.0, 3, 0.0)
    for now, corrections, flux, word in (
        (30.0, -1, 0.0, "corrections"),
        (30.0, 1, -1.0, "flux"),
        (30.0, 1, math.nan, "flux"),
        (19.0, 1, 0.0, "time goes back"),
        (math.nan, 1, 0.0, "time goes back"),
    ):
        with pytest.raises(ValueError, match=word):
            detector.update(now, corrections, flux)
    detector.update(20.0, 1, 0.0)
    assert (detector.corrections, detector.mean) == (4, 5)


@pytest.mark.parametrize(
    ("settings_", "word"),
    [
        ({"window": 0.0}, "window"),
        ({"window": math.nan}, "window"),
        ({"enter": 0.0}, "enter"),
        ({"enter": 0.5, "leave": 0.1}, "enter"),
        ({"leave": 1.0}, "leave"),
    ],
)
def test_wrong_settings_are_refused(settings_: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        StormDetector(Expected(1, 1), **settings_)


def test_wrong_rates_are_refused() -> None:
    for name in ("background", "cross_section"):
        with pytest.raises(ValueError, match=f"^{name} = -1"):
            Expected(**({"background": 0.0, "cross_section": 0.0} | {name: -1.0}))
    assert Expected(1.0, 0.5).rate(4.0) == 3
