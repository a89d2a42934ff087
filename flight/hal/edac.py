"""Hardware error counters of the memory controllers: what Linux EDAC tells, as deltas.

Linux kernel, Documentation/driver-api/edac.rst: ``mc/mc*/ce_count`` and ``ue_count`` count since
the driver was loaded, and go back to 0 when it is loaded again or ``reset_counters`` is written.
"""

from __future__ import annotations

from pathlib import Path

from flight.hal import sysfs
from flight.hal.reading import EdacCounts

_FOLDER = "sys/devices/system/edac/mc"
_MOST = 1e15


class Edac:
    """All memory controllers below ``root``. A counter that went back counts from 0."""

    def __init__(self, root: Path) -> None:
        self._folder = root / _FOLDER
        self._last: dict[Path, int] = {}
        self._sums = {"ce_count": 0, "ue_count": 0}

    def read(self) -> EdacCounts:
        """Counts now; what cannot be read adds nothing."""
        controllers = sysfs.entries(self._folder, "mc[0-9]*")
        covered = [self._advance(each) for each in controllers]
        return EdacCounts(any(covered), self._sums["ce_count"], self._sums["ue_count"])

    def _advance(self, controller: Path) -> bool:
        """Add what one controller counted since the last look; False when it cannot be read."""
        known = True
        for name in self._sums:
            path = controller / name
            try:
                count = int(sysfs.number(path, 1.0, 0.0, _MOST))
            except (OSError, ValueError):
                known = False
                continue
            before = self._last.get(path, count)
            self._sums[name] += count - before if count >= before else count
            self._last[path] = count
        return known
