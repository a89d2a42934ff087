"""One trial of an upset campaign, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from flight.dictionary.enums import Level
from hil.campaign.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Setting:
    """What all trials of an arm have in common."""

    level: Level
    target: str  # of hil.inject.faults.TARGETS
    fault: str  # of hil.inject.faults.FAULTS
    program: str = ""  # empty: all that ship, in turn

    @property
    def name(self) -> str:
        """As it stands in file names and tables."""
        parts = (self.level.name.lower(), self.target, self.fault, self.program)
        return "-".join(part for part in parts if part)


class Trial(msgspec.Struct):
    """Where and when the upset fell, and what became of the task."""

    seed: int
    arm: str
    program: str
    replica: int
    task: int = 0
    at: float = 0.0  # s after the replica was first seen
    region: str = ""
    address: int = 0
    mask: str = ""  # of the bits flipped, hexadecimal, from ``address``
    outcome: Outcome = Outcome.NOT_INJECTED
    detail: str = ""
    masked: int = 0
    corrected: int = 0
    replaced: int = 0
