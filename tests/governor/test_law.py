"""The control law: decision table, hysteresis, dwell, and sensors that are lost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import BudgetLevel, Quality
from flight.dictionary.parameters import GovernorParameters
from flight.governor.law import REASON_SIZE, Grant, Law
from flight.governor.levels import DEFAULT
from flight.hal.reading import Reading, Readings, lost

# Edges of temperature: 79 survival, 78 nothing new, 76 conservative, 72 reduced. Of charge:
# 0.80625, 0.8125, 0.825, 0.85.
P = GovernorParameters()
ALL = ("temperature", "power", "charge")
SURVIVAL, CONSERVATIVE, REDUCED, FULL = BudgetLevel


def sense(
    temperature: float = 40.0,
    charge: float = 0.95,
    power: float = 10.0,
    quality: Quality = Quality.GOOD,
) -> Readings:
    """Readings with NaN meaning LOST; ``quality`` is that of the temperature."""

    def reading(value: float, unit: str, trust: Quality = Quality.GOOD) -> Reading:
        return lost(unit, "test", "gone") if math.isnan(value) else Reading(value, unit, trust, "")

    dark = lost("", "test", "absent")
    heat = reading(temperature, "degC", quality)
    return Readings(heat, reading(power, "W"), reading(charge, ""), dark, dark, dark, True)


def full(expects: tuple[str, ...] = ALL) -> Law:
    """A law that has climbed to FULL."""
    law = Law(P, expects=expects)
    for second in range(-30, 0):
        law.decide(sense(), float(second))
    return law


@pytest.mark.parametrize(
    ("temperature", "charge", "level", "may_start"),
    [
        (40.0, 0.95, FULL, True),
        (71.9, 0.851, FULL, True),
        (72.0, 0.95, REDUCED, True),
        (75.9, 0.95, REDUCED, True),
        (76.0, 0.95, CONSERVATIVE, True),
        (78.0, 0.95, CONSERVATIVE, False),
        (79.0, 0.95, SURVIVAL, False),
        (300.0, 0.95, SURVIVAL, False),
        (40.0, 0.85, REDUCED, True),
        (40.0, 0.824, CONSERVATIVE, True),
        (40.0, 0.812, CONSERVATIVE, False),
        (40.0, 0.806, SURVIVAL, False),
        (40.0, 0.0, SURVIVAL, False),
        (73.0, 0.82, CONSERVATIVE, True),
        (79.5, 0.84, SURVIVAL, False),
    ],
)
def test_decisions_from_full(
    temperature: float, charge: float, level: BudgetLevel, may_start: bool
) -> None:
    grant = full().decide(sense(temperature, charge), 0.0)
    allowance = DEFAULT[level]
    assert (grant.level, grant.may_start) == (level, may_start)
    assert grant.may_continue == (level is not SURVIVAL)
    assert (grant.cores, grant.duty) == (allowance.cores, allowance.duty)
    assert grant.watts == allowance.watts
    assert (grant.reason == "within limits") == (level is FULL)


@pytest.mark.parametrize(
    ("readings", "level", "reason"),
    [
        (sense(temperature=math.nan), CONSERVATIVE, "temperature lost"),
        (sense(charge=math.nan), CONSERVATIVE, "charge lost"),
        (sense(power=math.nan), REDUCED, "power lost"),
        (sense(math.nan, math.nan, math.nan), CONSERVATIVE, "temperature, charge, power lost"),
        (sense(quality=Quality.SUSPECT), REDUCED, "temperature suspect"),
        (sense(77.0, quality=Quality.SUSPECT), CONSERVATIVE, "temperature 77 of 80"),
        (sense(math.nan, charge=0.80), SURVIVAL, "charge 0.8 of 0.8; temperature lost"),
        (sense(math.inf), CONSERVATIVE, "temperature lost"),
        (sense(-math.inf), CONSERVATIVE, "temperature lost"),
        (sense(76.25), CONSERVATIVE, "temperature 76.25 of 80"),
        (sense(charge=0.84), REDUCED, "charge 0.84 of 0.8"),
    ],
)
def test_reasons_name_what_binds(readings: Readings, level: BudgetLevel, reason: str) -> None:
    grant = full().decide(readings, 0.0)
    assert (grant.level, grant.reason) == (level, reason)


def test_a_number_of_lost_quality_is_not_believed() -> None:
    liar = Reading(20.0, "degC", Quality.LOST, "stuck")
    readings = sense()
    blind = Readings(liar, readings.power, readings.charge, liar, liar, liar, True)
    assert full().decide(blind, 0.0).level is CONSERVATIVE


def test_sensors_absent_by_design_do_not_derate_but_lost_ones_do() -> None:
    law = Law(P, expects=("temperature",))
    bare = sense(charge=math.nan, power=math.nan)
    for second in range(30):
        grant = law.decide(bare, float(second))
    assert grant.level is FULL
    assert law.decide(sense(), 31.0).level is FULL
    grant = law.decide(bare, 32.0)
    assert (grant.level, grant.reason) == (CONSERVATIVE, "charge, power lost")
    assert Law(P, expects=()).expected == set()


def test_a_machine_without_any_sensor_may_be_let_run() -> None:
    law = Law(P, expects=())
    for second in range(30):
        grant = law.decide(sense(math.nan, math.nan, math.nan), float(second))
    assert grant.level is FULL


def test_boot_is_conservative_and_climbs_one_level_per_dwell() -> None:
    law = Law(P, expects=ALL)
    levels = [law.decide(sense(), t / 2).level for t in range(24)]
    assert levels == [CONSERVATIVE] * 10 + [REDUCED] * 10 + [FULL] * 4
    assert Law(P).decide(sense(), 0.0).reason == "recovering"


def test_survival_is_left_rung_by_rung() -> None:
    law = full()
    law.decide(sense(90.0), 0.0)
    grants = [law.decide(sense(), 1.0 + second) for second in range(21)]
    changes = [(n, g.level, g.may_start) for n, g in enumerate(grants) if g != grants[n - 1]]
    assert [(n, level, start) for n, level, start in changes if n] == [
        (5, CONSERVATIVE, False),
        (10, CONSERVATIVE, True),
        (15, REDUCED, True),
        (20, FULL, True),
    ]


def test_a_dip_below_the_edge_without_the_hysteresis_gives_nothing_back() -> None:
    law = full()
    law.decide(sense(72.5), 0.0)
    for second in range(1, 100):
        grant = law.decide(sense(68.5), float(second))
        assert (grant.level, grant.reason) == (REDUCED, "temperature 68.5 of 80")
    # The dwell counts only uninterrupted time.
    for second in range(100, 200):
        warm = second % 4 == 0
        assert law.decide(sense(71.0 if warm else 60.0), float(second)).level is REDUCED
    assert law.decide(sense(60.0), 201.9).level is REDUCED
    assert law.decide(sense(60.0), 202.0).level is FULL


def test_a_sweep_up_and_down_shows_the_hysteresis() -> None:
    def crossings(temperatures: list[float], law: Law, start: float) -> dict[BudgetLevel, float]:
        first: dict[BudgetLevel, float] = {}
        for n, value in enumerate(temperatures):
            first.setdefault(law.decide(sense(value), start + 10.0 * n).level, value)
        return first

    law = full()
    rise = [40.0 + n / 10 for n in range(450)]
    up = crossings(rise, law, 0.0)
    down = crossings(rise[::-1], law, 10_000.0)
    assert (up[REDUCED], up[CONSERVATIVE], up[SURVIVAL]) == (72.0, 76.0, 79.0)
    for level, edge in ((CONSERVATIVE, 79.0), (REDUCED, 76.0), (FULL, 72.0)):
        gap = edge - down[level]
        # The dwell of 5 s is one sample of 0.1 K here, per rung.
        assert P.temperature_hysteresis <= gap <= P.temperature_hysteresis + 0.4, level


def test_parameters_may_change_in_flight() -> None:
    law = full()
    assert law.decide(sense(60.0), 0.0).level is FULL
    law.parameters = GovernorParameters(temperature_limit=60.0)
    assert law.decide(sense(60.0), 1.0).level is SURVIVAL


def test_a_zero_margin_and_hysteresis_still_protect() -> None:
    law = Law(GovernorParameters(charge_margin=0.0, charge_hysteresis=0.0, dwell=0.0), expects=ALL)
    for second in range(5):
        assert law.decide(sense(charge=0.81), float(second)).may_continue
    assert law.decide(sense(charge=0.81), 6.0).level is FULL
    assert law.decide(sense(charge=0.80), 7.0).level is SURVIVAL


number = st.one_of(st.floats(20.0, 100.0), st.just(math.nan), st.floats())
share = st.one_of(st.floats(0.75, 1.0), st.just(math.nan))
sample = st.tuples(
    st.builds(sense, number, share, st.sampled_from([5.0, math.nan]), st.sampled_from(Quality)),
    st.floats(0.0, 4.0),
)
boards = st.sampled_from([(), ("temperature",), ALL])


def _ceiling(readings: Readings) -> BudgetLevel:
    """Level that the known values allow at most, computed from the edges as plain numbers."""
    level = FULL
    if readings.temperature.known:
        for edge, allowed in ((72.0, REDUCED), (76.0, CONSERVATIVE), (79.0, SURVIVAL)):
            level = min(level, allowed) if readings.temperature.value >= edge else level
    if readings.charge.known:
        for edge, allowed in ((0.85, REDUCED), (0.825, CONSERVATIVE), (0.80625, SURVIVAL)):
            below = readings.charge.value < edge - 1e-9
            level = min(level, allowed) if below else level
    return level


@given(st.lists(sample, max_size=40), boards)
def test_down_at_once_up_only_after_the_dwell(
    samples: list[tuple[Readings, float]], expects: tuple[str, ...]
) -> None:
    law, now, changed = Law(P, expects=expects), 0.0, 0.0
    before: Grant | None = None
    for readings, delay in samples:
        now += delay
        grant = law.decide(readings, now)
        assert grant.level <= _ceiling(readings)
        if before is not None and grant.level > before.level:
            assert grant.level == before.level + 1
            assert now - changed >= P.dwell
        if before is None or grant.level != before.level:
            changed = now
        before = grant


@given(st.lists(sample, max_size=30), boards, st.sampled_from(["temperature", "charge"]))
def test_losing_a_sensor_never_grants_more(
    samples: list[tuple[Readings, float]], expects: tuple[str, ...], name: str
) -> None:
    law, now = Law(P, expects=expects), 0.0
    grant = law.decide(sense(), now)  # now every sensor has been seen
    for readings, delay in samples:
        now += delay
        grant = law.decide(readings, now)
    blind = sense(temperature=math.nan) if name == "temperature" else sense(charge=math.nan)
    for _ in range(20):
        after = law.decide(blind, now)
        assert after.level <= min(grant.level, CONSERVATIVE)
        assert after.may_start <= grant.may_start or grant.level > CONSERVATIVE
        assert after.may_continue <= grant.may_continue
        assert name in after.reason
        now += 10.0


@given(st.lists(sample, min_size=1, max_size=30), boards)
def test_every_grant_is_well_formed(
    samples: list[tuple[Readings, float]], expects: tuple[str, ...]
) -> None:
    law, now = Law(P, expects=expects), 0.0
    for readings, delay in samples:
        now += delay
        grant = law.decide(readings, now)
        assert grant.may_continue or not grant.may_start
        assert 0 < len(grant.reason) <= REASON_SIZE
        assert grant.reason.isascii()
        assert grant.reason.isprintable()
        assert (grant.reason == "within limits") == (grant.level is FULL)
        assert 0.0 <= grant.duty <= 1.0
