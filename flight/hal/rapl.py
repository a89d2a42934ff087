"""CPU package power from the RAPL energy counters of x86 machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flight.hal import sysfs
from flight.hal.reading import Reading, lost, measured

_MICRO = 1e-6
_MOST_JOULES = 1e12
_MOST_WATTS = 1000.0
_SHORTEST = 0.01  # s; the counters step about once per ms


class PackageCounters:
    """Energy counters below ``root``; ``now`` gives monotonic s."""

    def __init__(self, root: Path, now: Callable[[], float]) -> None:
        self._root = root
        self._now = now
        self._counters: dict[str, tuple[float, float]] = {}
        self._instant = 0.0
        self._latest = lost("W", "rapl", "needs two readings")

    def read(self) -> Reading:
        """Mean power in W of all packages since the last reading; LOST at the first one."""
        now = self._now()
        elapsed = now - self._instant
        if self._counters and elapsed < _SHORTEST:
            return self._latest
        previous, self._counters, self._instant = self._counters, self._sample(), now
        self._latest = self._mean(previous, elapsed)
        return self._latest

    def _mean(self, previous: dict[str, tuple[float, float]], elapsed: float) -> Reading:
        if not self._counters:
            return lost("W", "power", "no sensor")
        if self._counters.keys() != previous.keys():
            return lost("W", "rapl", "needs two readings")
        joules = sum(
            (value - previous[name][0]) % span for name, (value, span) in self._counters.items()
        )
        if joules > _MOST_WATTS * elapsed:  # the counter was reset, not wrapped
            return lost("W", "rapl", "implausible step")
        return measured(joules / elapsed, "W", "rapl packages")

    def _sample(self) -> dict[str, tuple[float, float]]:
        """Counter and wrap range in J per package; empty when one of them cannot be read."""
        counters: dict[str, tuple[float, float]] = {}
        for domain in sysfs.entries(self._root / "sys/class/powercap", "intel-rapl:*"):
            name = sysfs.text(domain / "name")
            if not name.startswith("package"):
                continue
            span = sysfs.measure(
                domain / "max_energy_range_uj", "J", _MICRO, _MICRO, _MOST_JOULES, name
            )
            value = sysfs.measure(domain / "energy_uj", "J", _MICRO, 0, _MOST_JOULES, name)
            if not (span.known and value.known):
                return {}
            counters[name] = (value.value, span.value)
        return counters
