"""Node input power: INA monitors (hwmon or the older iio layout), else the RAPL counters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flight.hal import sysfs
from flight.hal.rapl import PackageCounters
from flight.hal.reading import Reading, measured

# Rails that already carry their children: adding them to the others would count twice.
_TOTALS = ("VDD_IN", "POM_5V_IN")
_MOST = 1000.0  # W, a bound for plausibility
_CHANNELS = (1, 2, 3)


class PowerMeter:
    """Power sensors below ``root``; ``now`` gives monotonic s for the RAPL energy counters."""

    def __init__(self, root: Path, now: Callable[[], float]) -> None:
        self._root = root
        self._packages = PackageCounters(root, now)

    def read(self) -> Reading:
        """Power in W of the input rail, else the sum of all rails, else of the CPU packages."""
        rails = self._hwmon() or self._iio()
        if not rails:
            return self._packages.read()
        for total in _TOTALS:
            if total in rails:
                return rails[total]
        for rail in rails.values():
            if not rail.known:  # a partial sum would understate
                return rail
        return measured(sum(rail.value for rail in rails.values()), "W", "sum of rails")

    def _hwmon(self) -> dict[str, Reading]:
        """Rails of INA monitors: ina3221 gives mV and mA per channel, ina2xx also µW."""
        rails: dict[str, Reading] = {}
        for monitor in sysfs.entries(self._root / "sys/class/hwmon", "hwmon*"):
            name = sysfs.text(monitor / "name")
            if not name.startswith("ina"):
                continue
            if sysfs.entries(monitor, "power1_input"):
                watts = sysfs.measure(monitor / "power1_input", "W", 1e-6, 0, _MOST, name)
                rails[f"{name} {len(rails)}"] = watts
                continue
            for channel in _CHANNELS:
                label = sysfs.text(monitor / f"in{channel}_label")
                if label not in ("", "NC"):
                    rails[label] = self._channel(monitor, channel, label)
        return rails

    @staticmethod
    def _channel(monitor: Path, channel: int, label: str) -> Reading:
        volts = sysfs.measure(monitor / f"in{channel}_input", "V", 1e-3, 0, 100, label)
        amperes = sysfs.measure(monitor / f"curr{channel}_input", "A", 1e-3, -1, 100, label)
        for part in (volts, amperes):
            if not part.known:
                return Reading(part.value, "W", part.quality, part.source)
        return measured(volts.value * amperes.value, "W", label)

    def _iio(self) -> dict[str, Reading]:
        """Rails of the ina3221x driver of JetPack 4, in mW."""
        rails: dict[str, Reading] = {}
        for device in sysfs.entries(self._root / "sys/bus/i2c/devices", "*/iio:device*"):
            for path in sysfs.entries(device, "rail_name_*"):
                label = sysfs.text(path)
                if label not in ("", "NC"):
                    source = device / f"in_power{path.name.removeprefix('rail_name_')}_input"
                    rails[label] = sysfs.measure(source, "W", 1e-3, 0, _MOST, label)
        return rails
