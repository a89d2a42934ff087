"""Model of a node in orbit: three thermal masses, a solar array and a battery. Pure.

Chip, board and radiator exchange heat through two resistances; the radiator radiates to deep
space and absorbs sun, albedo and Earth infrared. Nominal values: a 20 W node in low Earth orbit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

STEFAN_BOLTZMANN = 5.670374419e-8  # W m-2 K-4
KELVIN = 273.15
SPACE = 3.0  # K
STEP = 1.0  # s, the longest integration step
CORES = 4
_CORE_WATTS = 2.4 * 1.8  # one core at 1.8 GHz and full voltage
_UNCORE_WATTS = 1.2


def _nominal(value: float, lo: float, hi: float) -> Any:
    return field(default=value, metadata={"lo": lo, "hi": hi})


@dataclass(frozen=True, slots=True)
class Plant:
    """Physical parameters. The bounds keep the integration stable at the longest step."""

    chip_capacity: float = _nominal(10.0, 5.0, 1e3)  # J/K
    board_capacity: float = _nominal(150.0, 20.0, 1e4)  # J/K
    radiator_capacity: float = _nominal(800.0, 50.0, 1e5)  # J/K
    chip_resistance: float = _nominal(1.0, 0.3, 10.0)  # K/W, chip to board
    board_resistance: float = _nominal(0.6, 0.1, 10.0)  # K/W, board to radiator
    radiator_area: float = _nominal(0.040, 0.0, 1.0)  # m2
    emissivity: float = _nominal(0.85, 0.0, 1.0)
    absorbed_sun: float = _nominal(9.0, 0.0, 200.0)  # W
    absorbed_eclipse: float = _nominal(3.0, 0.0, 200.0)  # W
    idle: float = _nominal(1.5, 0.0, 100.0)  # W
    leakage: float = _nominal(0.6, 0.0, 10.0)  # W at 40 degC
    power_scale: float = _nominal(1.0, 0.0, 4.0)  # true over book power of work
    array: float = _nominal(40.0, 0.0, 1000.0)  # W in sunlight
    bus: float = _nominal(9.0, 0.0, 500.0)  # W of the rest of the spacecraft
    battery: float = _nominal(50.0, 1.0, 1e4)  # Wh
    efficiency: float = _nominal(0.95, 0.5, 1.0)  # of the battery, each way


BOUNDS: dict[str, tuple[float, float, float]] = {  # field: lo, hi, nominal
    entry.name: (entry.metadata["lo"], entry.metadata["hi"], getattr(Plant(), entry.name))
    for entry in fields(Plant)
}


class State(NamedTuple):
    """Temperatures in degC and the state of charge, 0 to 1."""

    chip: float
    board: float
    radiator: float
    charge: float


def work_power(duty: float, cores: int) -> float:
    """Book power in W of work on so many cores (at most 4) for a share of the time."""
    active = min(cores, CORES)
    return duty * (_UNCORE_WATTS + _CORE_WATTS * active) if active > 0 else 0.0


def node_power(plant: Plant, state: State, work: float) -> float:
    """Input power of the node in W at a work power: idle, work and leakage of the warm chip."""
    leakage = plant.leakage * math.exp(0.02 * (min(state.chip, 200.0) - 40.0))
    return plant.idle + plant.power_scale * work + leakage


def _rates(plant: Plant, state: State, sunlit: bool, work: float) -> State:
    """Time derivatives of the state, per second."""
    power = node_power(plant, state, work)
    chip_flow = (state.chip - state.board) / plant.chip_resistance
    board_flow = (state.board - state.radiator) / plant.board_resistance
    radiated = (
        plant.emissivity
        * plant.radiator_area
        * STEFAN_BOLTZMANN
        * ((state.radiator + KELVIN) ** 4 - SPACE**4)
    )
    absorbed = plant.absorbed_sun if sunlit else plant.absorbed_eclipse
    net = (plant.array if sunlit else 0.0) - plant.bus - power
    stored = net * plant.efficiency if net > 0 else net / plant.efficiency
    return State(
        (power - chip_flow) / plant.chip_capacity,
        (chip_flow - board_flow) / plant.board_capacity,
        (board_flow + absorbed - radiated) / plant.radiator_capacity,
        stored / (plant.battery * 3600.0),
    )


def _moved(state: State, rates: State, seconds: float) -> State:
    return State(
        state.chip + rates.chip * seconds,
        state.board + rates.board * seconds,
        state.radiator + rates.radiator * seconds,
        min(1.0, max(0.0, state.charge + rates.charge * seconds)),
    )


def step(plant: Plant, state: State, sunlit: bool, work: float, seconds: float) -> State:
    """State after at most ``STEP`` s, by the midpoint rule (second order)."""
    half = _moved(state, _rates(plant, state, sunlit, work), seconds / 2)
    return _moved(state, _rates(plant, half, sunlit, work), seconds)
