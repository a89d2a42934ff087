"""The plant model against an independent integration, and the sensors in front of it."""

from __future__ import annotations

import math
import statistics
import tomllib
from pathlib import Path
from typing import Any

import pytest

from flight.hal import plant as model
from flight.hal.board import Board, open_board
from flight.hal.simulated import SimulatedBoard

SETTINGS: dict[str, Any] = {"driver": "simulated", "charge": 0.9}
CONFIGS = Path(__file__).parents[2] / "configs/boards"


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _fine(work: list[tuple[float, float]], h: float) -> tuple[list[float], float]:
    """Euler integration in kelvin with a tiny step, written from the equations alone.

    ``work`` is a list of (until s, W); starts at 315.15, 313.15, 309.15 K, charge 0.9, sunrise.
    Returns [chip, board, radiator in degC, charge] and the node energy in J.
    """
    tj, tb, tr, soc, joules, t = 315.15, 313.15, 309.15, 0.9, 0.0, 0.0
    for until, watts in work:
        while t < until - h / 2:
            sun = t < 3600
            p = 1.5 + watts + 0.6 * math.exp(0.02 * (tj - 313.15))
            to_board, to_radiator = (tj - tb) / 1.0, (tb - tr) / 0.6
            net = 40.0 * sun - 9.0 - p
            radiated = 0.85 * 0.04 * 5.670374419e-8 * (tr**4 - 81.0)
            tj += h * (p - to_board) / 10
            tb += h * (to_board - to_radiator) / 150
            tr += h * (to_radiator + (9.0 if sun else 3.0) - radiated) / 800
            soc = min(1.0, soc + h * (net * 0.95 if net > 0 else net / 0.95) / 180_000)
            joules += h * p
            t += h
    return [tj - 273.15, tb - 273.15, tr - 273.15, soc], joules


@pytest.mark.parametrize("interval", [0.5, 7.3, 4300.0])
def test_the_plant_follows_a_fine_integration(interval: float) -> None:
    schedule = [(600.0, (1.0, 4)), (1500.0, (0.5, 1)), (3000.0, (1.0, 4)), (4300.0, (0.75, 2))]
    work = [(until, model.work_power(*grant)) for until, grant in schedule]
    expected, joules = _fine(work, 0.02)
    time = Time()
    board = SimulatedBoard(SETTINGS | {"noise_power": 0.0}, time, seed=1)
    measured = 0.0
    for until, grant in schedule:
        board.apply(*grant)
        while time.now < until:
            step = min(interval, until - time.now)
            time.now += step
            measured += board.read().power.value * step
    for name, value, reference in zip(board.state._fields, board.state, expected, strict=True):
        assert value == pytest.approx(reference, rel=0.005), name
    if interval == 0.5:
        assert measured / joules == pytest.approx(1.0, abs=0.01)


def test_heat_is_conserved() -> None:
    plant, state = model.Plant(), model.State(42.0, 40.0, 36.0, 0.9)
    absorbed = 0.0
    for _ in range(3600):
        radiated = 0.85 * 0.04 * model.STEFAN_BOLTZMANN * ((state.radiator + 273.15) ** 4 - 81.0)
        absorbed += model.node_power(plant, state, 10.0) + 9.0 - radiated
        state = model.step(plant, state, True, 10.0, 1.0)
    stored = 10 * (state.chip - 42) + 150 * (state.board - 40) + 800 * (state.radiator - 36)
    assert stored / absorbed == pytest.approx(1.0, abs=0.01)


def test_the_battery_loses_on_both_ways_and_stays_in_bounds() -> None:
    plant = model.Plant(leakage=0.0)
    state = model.State(40.0, 40.0, 40.0, 0.5)
    up = model.step(plant, state, True, 0.0, 1.0).charge - 0.5
    down = model.step(plant, state, False, 0.0, 1.0).charge - 0.5
    assert up == pytest.approx(29.5 * 0.95 / 180_000)
    assert down == pytest.approx(-10.5 / 0.95 / 180_000)
    for sunlit, end in ((True, 1.0), (False, 0.0)):
        charge = state._replace(charge=end)
        assert model.step(plant, charge, sunlit, 0.0, 1.0).charge == end


@pytest.mark.parametrize("corner", ["lo", "hi"])
def test_the_integration_is_stable_at_the_bounds(corner: str) -> None:
    edges = {name: bounds[0 if corner == "lo" else 1] for name, bounds in model.BOUNDS.items()}
    for light in ("chip_capacity", "board_capacity", "radiator_capacity"):
        edges[light] = model.BOUNDS[light][0]
    for name in ("chip_resistance", "board_resistance"):
        edges[name] = model.BOUNDS[name][0]
    edges["idle"] = min(edges["idle"], 20.0)
    state = model.State(42.0, 40.0, 36.0, 0.9)
    for _ in range(20_000):
        state = model.step(model.Plant(**edges), state, True, 10.0, 1.0)
    later = model.step(model.Plant(**edges), state, True, 10.0, 1.0)
    assert all(math.isfinite(value) for value in state)
    assert later.chip == pytest.approx(state.chip, abs=0.5)


def test_work_warms_and_drains() -> None:
    ends = {}
    for duty in (0.0, 0.5, 1.0):
        time = Time()
        board = SimulatedBoard(SETTINGS | {"charge": 0.5}, time, seed=1)
        board.apply(duty, 4)
        time.now = 1200.0
        board.read()
        ends[duty] = board.state
    assert ends[0.0].chip < ends[0.5].chip < ends[1.0].chip
    assert ends[0.0].charge > ends[0.5].charge > ends[1.0].charge
    assert model.work_power(1.0, 0) == 0.0
    assert model.work_power(1.0, 4) == pytest.approx(18.48)
    assert model.work_power(1.0, 64) == model.work_power(1.0, 4)


def test_a_grant_counts_only_from_its_own_instant() -> None:
    states = []
    for reads_before in (True, False):
        time = Time()
        board = SimulatedBoard(SETTINGS, time, seed=1)
        board.apply(1.0, 4)
        time.now = 600.0
        if reads_before:
            board.read()
        board.apply(0.0, 0)
        time.now = 900.0
        board.read()
        states.append(board.state)
    assert states[0] == states[1]


def test_the_step_error_falls_with_its_square() -> None:
    def chip(steps: int) -> float:
        state = model.State(42.0, 40.0, 36.0, 0.9)
        for _ in range(steps):
            state = model.step(model.Plant(), state, True, 18.0, 5.0 / steps)
        return state.chip

    exact = chip(2000)
    assert abs(chip(5) - exact) > 3.0 * abs(chip(10) - exact)
    assert chip(5) == pytest.approx(exact, abs=0.02)


def test_sunlight_follows_the_orbit_phase() -> None:
    time = Time()
    board = SimulatedBoard(SETTINGS | {"phase": 0.5, "time_factor": 60.0}, time, seed=1)
    seen = []
    for minute in range(95):
        time.now = float(minute)
        seen.append(board.read().sunlit)
    # Phase 0.5 is 47.5 min after sunrise: 12.5 min of sun, 35 min of eclipse, then sun again.
    assert seen == [True] * 13 + [False] * 35 + [True] * 47


def test_a_seed_fixes_every_reading_and_seeds_differ() -> None:
    def run(seed: int, **settings: float) -> list[tuple[float, float, float]]:
        time = Time()
        board = SimulatedBoard(SETTINGS | settings, time, seed)
        taken = []
        for step in range(50):
            time.now = step * 0.5
            readings = board.read()
            board.apply((step % 5) / 4, step % 4)
            sensors = (readings.temperature, readings.power, readings.charge)
            taken.append((sensors[0].value, sensors[1].value, sensors[2].value))
        return taken

    assert run(7) == run(7)
    assert run(7) != run(8)
    quiet, noisy = run(7, noise_power=0.0), run(7)
    assert [row[0] for row in quiet] == [row[0] for row in noisy]
    assert [row[1] for row in quiet] != [row[1] for row in noisy]


def test_the_noise_has_the_stated_width() -> None:
    board = SimulatedBoard(SETTINGS | {"charge": 0.5}, Time(), seed=3)
    readings = [board.read() for _ in range(4000)]
    assert statistics.stdev(r.temperature.value for r in readings) == pytest.approx(0.5, rel=0.1)
    assert statistics.stdev(r.charge.value for r in readings) == pytest.approx(0.002, rel=0.1)
    assert statistics.mean(r.temperature.value for r in readings) == pytest.approx(42.0, abs=0.05)


def test_time_that_stands_still_or_goes_back_changes_nothing() -> None:
    time = Time()
    board = SimulatedBoard(SETTINGS, time, seed=1)
    time.now = 10.0
    board.read()
    state = board.state
    time.now = 5.0
    board.read()
    assert board.state == state


def test_the_shipped_settings_are_the_nominal_plant() -> None:
    settings = tomllib.loads((CONFIGS / "simulated.toml").read_text())
    board = open_board(settings, Time(), 1)
    assert isinstance(board, SimulatedBoard)
    assert board.plant == model.Plant()
    assert settings["plant"].keys() == model.BOUNDS.keys()
    default: Board = SimulatedBoard({"driver": "simulated"}, Time(), 1)
    assert default.read() == board.read()
