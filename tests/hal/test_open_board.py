"""The choice of a board: every refusal names the field, its value and what is allowed."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flight.hal.board import DRIVERS, open_board
from flight.hal.generic import GenericBoard
from flight.hal.simulated import SimulatedBoard

CONFIGS = Path(__file__).parents[2] / "configs/boards"


def _time() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["driver", "None", *DRIVERS]),
        ({"driver": "jetson"}, ["driver", "'jetson'", *DRIVERS]),
        ({"driver": ["generic"]}, ["driver", "['generic']", *DRIVERS]),
        ({"driver": "generic", "root": "/nowhere/at/all"}, ["root", "/nowhere/at/all", "folder"]),
        ({"driver": "generic", "root": 5}, ["root", "5", "folder"]),
        ({"driver": "generic", "expects": ["heat"]}, ["expects", "heat", "temperature"]),
        ({"driver": "generic", "expects": "power"}, ["expects", "'power'", "list"]),
        ({"driver": "generic", "charge": 0.5}, ["board.charge", "0.5", "expects"]),
        ({"driver": "simulated", "charge": 1.5}, ["charge", "1.5", "0 to 1"]),
        ({"driver": "simulated", "charge": "full"}, ["charge", "'full'", "0 to 1"]),
        ({"driver": "simulated", "charge": True}, ["charge", "True"]),
        ({"driver": "simulated", "phase": float("nan")}, ["phase", "nan"]),
        ({"driver": "simulated", "sun_min": 96.0}, ["sun_min", "96", "orbit_min"]),
        ({"driver": "simulated", "orbit": 96.0}, ["board.orbit", "96", "orbit_min"]),
        ({"driver": "simulated", "temperatures": [1.0]}, ["temperatures", "[1.0]", "degC"]),
        ({"driver": "simulated", "temperatures": [1, 2, 500]}, ["temperatures", "500", "150"]),
        ({"driver": "simulated", "plant": 5}, ["plant", "5", "table"]),
        ({"driver": "simulated", "plant": {"mass": 5}}, ["plant.mass", "5", "array"]),
        ({"driver": "simulated", "plant": {"battery": 0}}, ["battery", "0", "1 to 10000"]),
        ({"driver": "auto", "speed": 5}, ["board.speed", "5", "time_factor"]),
    ],
)
def test_refusals(settings: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValueError) as refusal:
        open_board(settings, _time, 1)
    for word in words:
        assert word in str(refusal.value)


def test_auto_takes_the_machine_when_it_has_a_thermometer(
    grow: Callable[[dict[str, str | None]], Path],
) -> None:
    root = grow({"sys/class/thermal/thermal_zone0/type": "cpu-thermal\n"})
    settings = {"driver": "auto", "root": str(root), "charge": 0.4}
    assert isinstance(open_board(settings, _time, 1), SimulatedBoard)
    grow({"sys/class/thermal/thermal_zone0/temp": "40000\n"})
    assert isinstance(open_board(settings, _time, 1), GenericBoard)


def test_the_shipped_generic_settings_open() -> None:
    board = open_board(tomllib.loads((CONFIGS / "generic.toml").read_text()), _time, 1)
    assert isinstance(board, GenericBoard)
    assert board.expects == ("temperature",)
