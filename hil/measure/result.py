"""The record of one measured figure, and the ratio of interleaved rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import msgspec


class Result(msgspec.Struct, frozen=True):
    """One row of build/bench/results.json."""

    name: str
    value: float
    unit: str
    target: float
    met: bool
    anchor: str
    how: str


def at_least(
    name: str, value: float, target: float, anchor: str, how: str, unit: str = "ratio"
) -> Result:
    """A figure that should reach its target."""
    return Result(name, round(value, 4), unit, target, value >= target, anchor, how)


def at_most(
    name: str, value: float, target: float, anchor: str, how: str, unit: str = "ratio"
) -> Result:
    """A figure that should stay below its target."""
    return Result(name, round(value, 4), unit, target, value <= target, anchor, how)


def interleave(arms: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Figures of each arm; the arms run in turn, so that drift of the machine hits them alike."""
    figures: list[list[float]] = [[] for _ in arms]
    for _ in range(rounds):
        for figure, arm in zip(figures, arms, strict=True):
            figure.append(arm())
    return figures


def ratio(mine: Sequence[float], floor: Sequence[float]) -> float:
    """Median of the ratios round by round."""
    return statistics.median(m / f for m, f in zip(mine, floor, strict=True))


def spread(mine: Sequence[float], best: Callable[[Sequence[float]], float], scale: float) -> str:
    """``best …, median …`` of absolute figures, for the ``how`` column."""
    return f"best {best(mine) * scale:.4g}, median {statistics.median(mine) * scale:.4g}"
