"""Chip temperature: the hottest plausible thermal zone or hwmon sensor of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flight.dictionary.enums import Quality
from flight.hal import sysfs
from flight.hal.reading import Reading, lost, measured

_PLAUSIBLE = (-55.0, 150.0)
_MILLI = 1e-3


class Thermometers:
    """All temperature sensors below ``root``, known by type and label: numbers move at boot."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[str] = set()

    def read(self) -> Reading:
        """Hottest plausible sensor in degC.

        SUSPECT when a sensor that once gave a value no longer does, because that one may have been
        the hottest; a sensor that says it is powered down (EAGAIN) cannot be. LOST without any.
        """
        values: dict[str, float] = {}
        asleep: set[str] = set()
        for name, path in self._sensors():
            try:
                values[name] = sysfs.number(path, _MILLI, *_PLAUSIBLE)
            except BlockingIOError:
                asleep.add(name)
            except (OSError, ValueError):
                continue
        missing = sorted(self._seen - values.keys() - asleep)
        self._seen |= values.keys()
        if not values:
            return lost("degC", "temperature", "no plausible sensor")
        hottest = max(values, key=lambda name: values[name])
        if missing:
            source = f"{hottest}, lost {missing[0]}"
            return measured(values[hottest], "degC", source, Quality.SUSPECT)
        return measured(values[hottest], "degC", hottest)

    def _sensors(self) -> Iterator[tuple[str, Path]]:
        """Name and attribute of every sensor; equal names are counted, not merged."""
        counts: dict[str, int] = {}
        for name, path in (*self._zones(), *self._monitors()):
            counts[name] = counts.get(name, 0) + 1
            yield (name if counts[name] == 1 else f"{name} {counts[name]}"), path

    def _zones(self) -> Iterator[tuple[str, Path]]:
        for zone in sysfs.entries(self._root / "sys/class/thermal", "thermal_zone*"):
            kind = sysfs.text(zone / "type") or "unnamed"
            # The PMIC zone of Jetson boards reports a constant, not a temperature.
            if "pmic" not in kind.lower():
                yield f"zone {kind}", zone / "temp"

    def _monitors(self) -> Iterator[tuple[str, Path]]:
        for monitor in sysfs.entries(self._root / "sys/class/hwmon", "hwmon*"):
            name = sysfs.text(monitor / "name") or "unnamed"
            for path in sysfs.entries(monitor, "temp*_input"):
                label = sysfs.text(path.with_name(path.name.replace("_input", "_label")))
                yield f"hwmon {name} {label}".rstrip(), path
