"""A board that is a plant model: orbit, heat and battery follow from the work granted."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from flight.hal import plant as model
from flight.hal import settings as checked
from flight.hal.reading import Readings, measured

FIELDS = {  # field: lo, hi, default
    "orbit_min": (1.0, 10_000.0, 95.0),
    "sun_min": (0.0, 10_000.0, 60.0),
    "phase": (0.0, 1.0, 0.0),
    "charge": (0.0, 1.0, 0.95),
    "time_factor": (0.0, 10_000.0, 1.0),
    "memory": (0.0, 1.0, 0.25),
    "disk": (0.0, 1.0, 0.10),
    "noise_temperature": (0.0, 50.0, 0.5),
    "noise_power": (0.0, 1.0, 0.02),
    "noise_charge": (0.0, 1.0, 0.002),
}
_TEMPERATURES = (42.0, 40.0, 36.0)


def _temperatures(settings: Mapping[str, Any]) -> tuple[float, float, float]:
    value = settings.get("temperatures", _TEMPERATURES)
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError(f"temperatures = {value!r}: chip, board, radiator in degC are allowed")
    chip, board, radiator = (
        checked.number({"temperatures": entry}, "temperatures", 0.0, -100.0, 150.0)
        for entry in value
    )
    return chip, board, radiator


class SimulatedBoard:
    """Plant model behind sensors with seeded noise; ``now`` gives monotonic s.

    Raises ValueError naming the field, its value and what is allowed.
    """

    name = "simulated"
    expects: tuple[str, ...] = ("temperature", "power", "charge")

    def __init__(self, settings: Mapping[str, Any], now: Callable[[], float], seed: int) -> None:
        checked.only(settings, "board", {"driver", "temperatures", "plant", *FIELDS})
        values = {
            name: checked.number(settings, name, default, lo, hi)
            for name, (lo, hi, default) in FIELDS.items()
        }
        if values["sun_min"] > values["orbit_min"]:
            allowed = f"0 to orbit_min = {values['orbit_min']:g} is allowed"
            raise ValueError(f"sun_min = {values['sun_min']:g}: {allowed}")
        overrides = checked.table(settings, "plant")
        checked.only(overrides, "plant", model.BOUNDS)
        self.plant = model.Plant(
            **{
                name: checked.number(overrides, name, default, lo, hi)
                for name, (lo, hi, default) in model.BOUNDS.items()
            }
        )
        self.state = model.State(*_temperatures(settings), values["charge"])
        self._values = values
        self._now = now
        self._start = now()
        self._elapsed = 0.0
        self._duty = 0.0
        self._cores = 0
        # One stream per sensor: noise added to one does not shift another.
        self._noise = {name: random.Random(f"{seed}/{name}") for name in self.expects}

    @property
    def sunlit(self) -> bool:
        """True while the array is in sunlight; sunrise is at phase 0."""
        orbit = self._values["orbit_min"] * 60.0
        phase = (self._values["phase"] * orbit + self._elapsed) % orbit
        return phase < self._values["sun_min"] * 60.0

    def read(self) -> Readings:
        """Advance the plant to now and read its sensors."""
        self._advance()
        power = model.node_power(self.plant, self.state, self._work())
        values, gauss = self._values, {name: self._noise[name].gauss for name in self.expects}
        temperature = self.state.chip + gauss["temperature"](0.0, values["noise_temperature"])
        charge = self.state.charge + gauss["charge"](0.0, values["noise_charge"])
        power = max(0.0, power * (1.0 + gauss["power"](0.0, values["noise_power"])))
        return Readings(
            temperature=measured(temperature, "degC", "simulated chip"),
            power=measured(power, "W", "simulated input"),
            charge=measured(min(1.0, max(0.0, charge)), "", "simulated battery"),
            load=measured(self._duty * min(self._cores, model.CORES) / model.CORES, "", "granted"),
            memory=measured(values["memory"], "", "constant"),
            disk=measured(values["disk"], "", "constant"),
            sunlit=self.sunlit,
        )

    def apply(self, duty: float, cores: int) -> None:
        """Work on so many cores for this share of the time, from now on."""
        self._advance()
        self._duty, self._cores = duty, cores

    def _work(self) -> float:
        return model.work_power(self._duty, self._cores)

    def _advance(self) -> None:
        target = (self._now() - self._start) * self._values["time_factor"]
        work = self._work()
        while self._elapsed < target:
            seconds = min(model.STEP, target - self._elapsed)
            self.state = model.step(self.plant, self.state, self.sunlit, work, seconds)
            self._elapsed = min(self._elapsed + model.STEP, target)
