"""One sensor value with its trust, and the set of them that a board delivers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flight.dictionary.enums import Quality


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, where it came from and how far it can be trusted. LOST carries NaN."""

    value: float
    unit: str
    quality: Quality
    source: str

    @property
    def known(self) -> bool:
        """True when the value is a finite number and not LOST."""
        return self.quality is not Quality.LOST and math.isfinite(self.value)


@dataclass(frozen=True, slots=True)
class EdacCounts:
    """Errors since this process began to read. ``covered``: main memory has hardware ECC."""

    covered: bool
    corrected: int
    uncorrected: int


NO_EDAC = EdacCounts(False, 0, 0)


@dataclass(frozen=True, slots=True)
class Readings:
    """All sensors of a board at one instant. Shares (charge, load, memory, disk) run 0 to 1."""

    temperature: Reading
    power: Reading
    charge: Reading
    load: Reading
    memory: Reading
    disk: Reading
    sunlit: bool
    edac: EdacCounts = NO_EDAC


def lost(unit: str, source: str, why: str) -> Reading:
    """Reading of a sensor that gives no trustworthy value: NaN, with the reason in ``source``."""
    return Reading(math.nan, unit, Quality.LOST, f"{source}: {why}")


def measured(value: float, unit: str, source: str, quality: Quality = Quality.GOOD) -> Reading:
    """Reading of a value; LOST when it is not a finite number."""
    if not math.isfinite(value):
        return lost(unit, source, "not a finite number")
    return Reading(value, unit, quality, source)
