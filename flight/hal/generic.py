"""Any Linux machine: what its sysfs, its power supplies and psutil tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil

from flight.hal import sysfs
from flight.hal.edac import Edac
from flight.hal.rails import PowerMeter
from flight.hal.reading import Reading, Readings, lost, measured
from flight.hal.thermal import Thermometers


class GenericBoard:
    """Board of sensors found by name below ``root``; a fixture root replaces the machine.

    ``expects`` names the sensors without which work is derated even when they were never seen.
    """

    name = "generic"

    def __init__(
        self,
        now: Callable[[], float],
        root: Path = Path("/"),
        expects: tuple[str, ...] = ("temperature",),
    ) -> None:
        self.expects = expects
        self._root = root
        self._live = root.resolve() == Path("/")
        self._thermometers = Thermometers(root)
        self._power = PowerMeter(root, now)
        self._edac = Edac(root)
        if self._live:
            psutil.cpu_percent()  # the first call only sets the reference of the next one

    def read(self) -> Readings:
        """All sensors now. Under a fixture root load, memory and disk are LOST, not the host's."""
        return Readings(
            temperature=self._thermometers.read(),
            power=self._power.read(),
            charge=self._charge(),
            load=self._share("load", psutil.cpu_percent),
            memory=self._share("memory", lambda: psutil.virtual_memory().percent),
            disk=self._share("disk", lambda: psutil.disk_usage("/").percent),
            sunlit=self._supplied(),
            edac=self._edac.read(),
        )

    def apply(self, duty: float, cores: int) -> None:
        """No actuator of its own: the executor that obeys the budget is the actuator."""

    def _share(self, name: str, percent: Callable[[], float]) -> Reading:
        if not self._live:
            return lost("", name, "not the live machine")
        try:
            return measured(min(1.0, max(0.0, percent() / 100)), "", f"psutil {name}")
        except (OSError, psutil.Error) as error:
            return lost("", name, type(error).__name__)

    def _supplies(self, kinds: tuple[str, ...]) -> list[Path]:
        """Power supplies of some types; batteries of peripherals have the scope Device."""
        return [
            supply
            for supply in sysfs.entries(self._root / "sys/class/power_supply", "*")
            if sysfs.text(supply / "type") in kinds and sysfs.text(supply / "scope") != "Device"
        ]

    def _charge(self) -> Reading:
        """Least state of charge of all batteries; LOST when one of them cannot be read."""
        batteries = [
            sysfs.measure(supply / "capacity", "", 0.01, 0, 1, "battery")
            for supply in self._supplies(("Battery",))
        ]
        if not batteries:
            return lost("", "charge", "no battery")
        unknown = [battery for battery in batteries if not battery.known]
        return unknown[0] if unknown else min(batteries, key=lambda battery: battery.value)

    def _supplied(self) -> bool:
        """True when an external supply is on line: the nearest thing to an array in sunlight."""
        supplies = self._supplies(("Mains", "USB"))
        return any(sysfs.text(supply / "online") == "1" for supply in supplies)
