"""The scrub map as telemetry: one character per cell, so that it can be read as it is. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flight.dictionary.radiation import ScrubMap

CELLS = 64
OLDEST = "z"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def scrub_map(region: str, ages: Sequence[float], hits: Sequence[int]) -> ScrubMap:
    """Map of a region's blocks: the oldest age and the sum of corrections in each cell.

    ``ages`` in s, ``hits`` are corrections, both per block. A cell is one block, or as many as
    make 64 cells.
    """
    per_cell = max(1, math.ceil(len(ages) / CELLS))
    starts = range(0, len(ages), per_cell)
    return ScrubMap(
        region[:32],
        len(ages),
        per_cell,
        "".join(age_letter(max(ages[at : at + per_cell])) for at in starts),
        "".join(str(min(9, sum(hits[at : at + per_cell]))) for at in starts),
    )


def age_letter(age: float) -> str:
    """``a`` below 1 s, then one letter on with each doubling, ``z`` at the end."""
    step = 0 if age < 1 else math.floor(math.log2(age)) + 1
    return _LETTERS[min(step, len(_LETTERS) - 1)]
