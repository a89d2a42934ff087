"""What a board is, and the choice of one from the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from flight.hal import settings as checked
from flight.hal.generic import GenericBoard
from flight.hal.reading import Readings
from flight.hal.simulated import SimulatedBoard

__all__ = ["DRIVERS", "SENSORS", "Board", "Readings", "open_board"]

DRIVERS = ("generic", "simulated", "auto")
SENSORS = ("temperature", "power", "charge")
_GENERIC_FIELDS = ("root", "expects")


class Board(Protocol):
    """Sensors and actuators of one machine."""

    name: str
    expects: tuple[str, ...]  # sensors it must have; others may be absent by design

    def read(self) -> Readings:
        """Read all sensors; a lost one is a LOST reading, never an exception."""

    def apply(self, duty: float, cores: int) -> None:
        """Make the hardware obey a grant: share of time and number of cores."""


def _generic(settings: Mapping[str, Any], now: Callable[[], float]) -> GenericBoard:
    root = settings.get("root", "/")
    if not isinstance(root, str) or not Path(root).is_dir():
        raise ValueError(f"root = {root!r}: an existing folder is allowed")
    expects = checked.names(settings, "expects", ("temperature",), SENSORS)
    return GenericBoard(now, Path(root), expects)


def open_board(settings: Mapping[str, Any], now: Callable[[], float], seed: int) -> Board:
    """Board of the driver that the settings name; ``now`` gives monotonic s.

    "auto" is for development machines, never for flight: generic where the machine has a
    temperature sensor, simulated elsewhere. Raises ValueError naming the field, its value and
    what is allowed.
    """
    driver = settings.get("driver")
    if driver not in DRIVERS:
        raise ValueError(f"driver = {driver!r}: allowed are {', '.join(DRIVERS)}")
    generic = {name: settings[name] for name in _GENERIC_FIELDS if name in settings}
    if driver == "simulated":
        return SimulatedBoard(settings, now, seed)
    if driver == "generic":
        checked.only(settings, "board", ("driver", *_GENERIC_FIELDS))
        return _generic(generic, now)
    simulated = {name: value for name, value in settings.items() if name not in generic}
    fallback = SimulatedBoard(simulated, now, seed)
    board = _generic(generic, now)
    return board if board.read().temperature.known else fallback
