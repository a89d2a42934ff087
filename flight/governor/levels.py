"""What each budget level allows: the table that a board's settings may replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Any

from flight.dictionary.enums import BudgetLevel
from flight.hal import settings as checked


@dataclass(frozen=True, slots=True)
class Allowance:
    """Cores that may compute at the same time, share of time, and the power that this draws."""

    cores: int
    duty: float
    watts: float


Levels = Mapping[BudgetLevel, Allowance]

DEFAULT: Levels = {
    BudgetLevel.SURVIVAL: Allowance(0, 0.0, 0.0),
    BudgetLevel.CONSERVATIVE: Allowance(1, 0.5, 3.0),
    BudgetLevel.REDUCED: Allowance(2, 0.75, 8.0),
    BudgetLevel.FULL: Allowance(4, 1.0, 20.0),
}
_FIELDS = ("cores", "duty", "watts")
_MOST_CORES = 64
_MOST_WATTS = 1000.0


def _allowance(name: str, row: Mapping[str, Any]) -> Allowance:
    checked.only(row, name, _FIELDS)
    for field in _FIELDS:
        if field not in row:
            raise ValueError(f"{name}.{field} is missing: cores, duty and watts are needed")
    cores = row["cores"]
    if isinstance(cores, bool) or not isinstance(cores, int) or not 0 <= cores <= _MOST_CORES:
        raise ValueError(f"{name}.cores = {cores!r}: a whole number 0 to {_MOST_CORES} is allowed")
    try:
        duty = checked.number(row, "duty", 0.0, 0.0, 1.0)
        watts = checked.number(row, "watts", 0.0, 0.0, _MOST_WATTS)
    except ValueError as error:
        raise ValueError(f"{name}.{error}") from None
    return Allowance(cores, duty, watts)


def levels(settings: Mapping[str, Any]) -> Levels:
    """Level table of settings such as ``{"full": {"cores": 4, "duty": 1.0, "watts": 20.0}}``.

    Levels that are not named keep their default. Raises ValueError naming the field, its value and
    what is allowed; also when a lower level would allow more than a higher one.
    """
    names = {level.name.lower(): level for level in BudgetLevel}
    checked.only(settings, "levels", names)
    found = dict(DEFAULT)
    for name in settings:
        found[names[name]] = _allowance(name, checked.table(settings, name))
    ordered = [found[level] for level in sorted(BudgetLevel)]
    for level, (lower, higher) in enumerate(pairwise(ordered), start=1):
        for field, least, most in zip(_FIELDS, astuple(lower), astuple(higher), strict=True):
            if most < least:
                name = BudgetLevel(level).name.lower()
                raise ValueError(f"{name}.{field} = {most!r}: {least!r} or more is allowed")
    return found
