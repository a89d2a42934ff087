"""Scrub periods against the figures of the reference and a simulated memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.radiation.period import Depth, depth, double_hits, full_every, scrub_period
from flight.radiation.secded import Geometry

GIB, HOUR, DAY = 1 << 30, 3600.0, 86_400.0
ALSAT = 4.04e-7  # upsets per bit and day
BOUNDS = (1.0, DAY)
RATES = st.floats(1e-12, 1e-4)
SIZES = st.integers(1, 1 << 34)


@pytest.mark.parametrize(("period", "expected"), [(10, 6.6e-6), (HOUR, 2.4e-3), (DAY, 5.7e-2)])
def test_double_hits_are_those_of_the_reference(period: float, expected: float) -> None:
    assert double_hits(Geometry(64), GIB, ALSAT, period) == pytest.approx(expected, rel=0.02)


def test_longer_codewords_are_hit_more_often() -> None:
    few, many = (double_hits(Geometry(rows), GIB, ALSAT, HOUR) for rows in (64, 256))
    assert many / few == pytest.approx(3.4, rel=0.02)


def test_double_hits_are_those_of_a_simulated_memory() -> None:
    geometry, size, rate = Geometry(64, 1), 4096, 5e-3  # 512 codewords; per bit and day
    periods, codewords = 8000, 8 * size // 64
    flips = np.random.default_rng(1).poisson(rate * 72 / 24, (periods, codewords))
    seen = (flips >= 2).sum() / periods * 24  # per day, scrubbed every hour
    assert double_hits(geometry, size, rate, HOUR) == pytest.approx(seen, rel=0.15)


@given(SIZES, RATES, st.floats(1e-12, 1.0))
def test_the_period_keeps_the_wanted_probability(size: int, rate: float, wanted: float) -> None:
    period = scrub_period(Geometry(), size, rate, wanted, BOUNDS)
    assert BOUNDS[0] <= period <= BOUNDS[1]
    found = double_hits(Geometry(), size, rate, period)
    if BOUNDS[0] < period < BOUNDS[1]:
        assert found == pytest.approx(wanted)
    elif period == BOUNDS[1]:
        assert found <= wanted * 1.000001
    else:
        assert found >= wanted * 0.999999


def test_without_upsets_the_longest_period_will_do() -> None:
    assert scrub_period(Geometry(), GIB, 0.0, 1e-9, BOUNDS) == DAY
    assert scrub_period(Geometry(), GIB, ALSAT, 0.0, BOUNDS) == BOUNDS[0]


@given(st.floats(0.1, 1e5), st.floats(0.1, 1e7), st.integers(0, 5))
def test_a_full_scrub_comes_in_time(period: float, latency: float, offset: int) -> None:
    every = full_every(period, latency)
    assert every == 1 or every * period <= latency * 1.000001
    assert (every + 1) * period > latency * 0.999999
    passes = [depth(offset * every + number, every) for number in range(every % 5000)]
    assert passes[:1] == [Depth.FULL][: len(passes)]
    assert set(passes[1:]) <= {Depth.LIGHT}


@pytest.mark.parametrize(
    ("values", "field"),
    [({"size": -1}, "size = -1"), ({"rate": -1e-9}, "rate"), ({"rate": float("nan")}, "rate"),
     ({"wanted": float("inf")}, "wanted"), ({"bounds": (0.0, 1.0)}, "bounds"),
     ({"bounds": (2.0, 1.0)}, "bounds"), ({"bounds": (1.0, float("inf"))}, "longest")],
)  # fmt: skip
def test_values_that_cannot_be_are_refused_by_name(values: dict[str, object], field: str) -> None:
    good = {"size": GIB, "rate": ALSAT, "wanted": 1e-3, "bounds": BOUNDS}
    with pytest.raises(ValueError, match=field):
        scrub_period(Geometry(), **(good | values))  # type: ignore[arg-type]


def test_periods_and_numbers_that_cannot_be_are_refused() -> None:
    for period, latency in ((0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (1.0, float("nan"))):
        with pytest.raises(ValueError, match=r"period|latency"):
            full_every(period, latency)
    for number, every in ((-1, 1), (0, 0)):
        with pytest.raises(ValueError, match="number, every"):
            depth(number, every)
    with pytest.raises(ValueError, match="period"):
        double_hits(Geometry(), GIB, ALSAT, -1.0)
