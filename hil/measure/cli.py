"""Start-up time of the commands against the bare interpreter."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from flight.runtime.clock import SystemClock
from hil.measure.result import Result, at_most, interleave, ratio, spread

ROUNDS = 15
CLOCK = SystemClock()


def _start(*arguments: str) -> float:
    began = CLOCK.now()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return CLOCK.now() - began


def measure() -> list[Result]:
    """``--help`` of each command."""
    names = ("flight", "ground", "hil")
    arms = [partial(_start, "-c", "pass")]
    arms += [partial(_start, "-m", name, "--help") for name in names]
    bare, *helps = interleave(arms, ROUNDS)
    return [
        at_most(
            f"cli.{name}_help_vs_bare", ratio(figures, bare), 3.0, "python -c pass",
            f"ms {spread(figures, min, 1e3)} against {spread(bare, min, 1e3)}; {ROUNDS} rounds",
        )
        for name, figures in zip(names, helps, strict=True)
    ]  # fmt: skip
