"""What the environment asks for: redundancy, scrubbing, checkpoints. Pure."""

from __future__ import annotations

import math

from flight.dictionary.enums import Environment, Level

# Least level by criticality 0 to 3. A task of criticality 0 gets what it asked for, whatever
# happens: it is the one to be given up first.
_FLOOR = {
    Environment.QUIET: (Level.NONE, Level.NONE, Level.VERIFY, Level.DMR),
    Environment.SAA: (Level.NONE, Level.DMR, Level.TMR, Level.TMR),
    Environment.STORM: (Level.NONE, Level.TMR, Level.TMR, Level.TMR),
}
# Two upsets meet in one codeword with the square of the rate times the period, so the period falls
# as the rate rises; a scrub competes with work, which sets the floor.
_SCRUB = {Environment.QUIET: 1.0, Environment.SAA: 0.25, Environment.STORM: 0.1}


def raised_level(asked: Level, environment: Environment, criticality: int) -> Level:
    """Level to run a task with: what was asked or what the environment demands, if more.

    ``criticality`` is that of the task, 0 to 3. Raises ValueError outside.
    """
    floors = _FLOOR[environment]
    if not 0 <= criticality < len(floors):
        raise ValueError(f"criticality = {criticality}: 0 to {len(floors) - 1} is allowed")
    return max(asked, floors[criticality])


def scrub_factor(environment: Environment) -> float:
    """Factor on the scrub period of a quiet environment."""
    return _SCRUB[environment]


def failure_rate(flux: float, cross_section: float, background: float = 0.0) -> float:
    """Failures per s of a device of ``cross_section`` cm2 at a flux in cm^-2 s^-1.

    ``background`` are failures per s from all other causes. Raises ValueError when a value is
    negative or not finite.
    """
    _check(flux=flux, cross_section=cross_section, background=background)
    return background + cross_section * flux


def checkpoint_interval(cost: float, rate: float, latency: float, length: float) -> float:
    """Work between checkpoints in s: Young's sqrt(2 C M), from detection latency to task length.

    ``cost`` C is the time of one checkpoint in s and ``rate`` 1/M in failures per s; with none
    predicted the task length is returned. Faults found late may be in a checkpoint younger than
    ``latency``, so shorter intervals are wasted (arXiv 2410.18124). Source: Young 1974, CACM
    17(9). Raises ValueError when a value is negative or not finite.
    """
    _check(cost=cost, rate=rate, latency=latency, length=length)
    young = math.sqrt(2 * cost / rate) if rate else math.inf
    return min(max(young, latency), length)


def _check(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} = {value}: 0 or more is allowed")
