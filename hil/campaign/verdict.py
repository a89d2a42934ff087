"""What became of a task that was disturbed, decided outside of the node."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class Outcome(StrEnum):
    """Outcome of one trial, worst first but for the two that say nothing of protection."""

    SDC = "SDC"  # a product that verifies came, and is wrong
    HANG = "HANG"  # the task had not ended at the deadline
    CRASH = "CRASH"  # the replica was lost; the task may have completed all the same
    DETECTED = "DETECTED"  # the task failed with a reason, or its product does not verify
    CORRECTED = "CORRECTED"  # right product, and the node tells of something masked or repaired
    MASKED = "MASKED"  # right product, nothing told
    NOT_INJECTED = "NOT_INJECTED"  # the replica was gone: this trial shows nothing


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the campaign saw of one trial. Nothing in it was computed by the replica that was hit.

    ``digest`` is the SHA-256 that the campaign took of the unpacked product, empty without one
    that verifies; ``golden`` the one of an undisturbed run in other processes before.
    """

    injected: bool
    ended: bool
    completed: bool
    digest: str
    golden: str
    lost: bool  # a replica ended without having been told to
    repaired: int  # answers masked, memory corrected, replicas replaced


def judge(seen: Evidence) -> Outcome:
    """The outcome. A wrong product is an SDC whatever else happened or was logged."""
    if seen.completed and seen.digest and seen.digest != seen.golden:
        return Outcome.SDC
    if not seen.injected:
        return Outcome.NOT_INJECTED
    if not seen.ended:
        return Outcome.HANG
    if seen.lost:
        return Outcome.CRASH
    if not (seen.completed and seen.digest):
        return Outcome.DETECTED
    return Outcome.CORRECTED if seen.repaired else Outcome.MASKED
