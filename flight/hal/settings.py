"""Checks of a board's settings: every refusal names the field, its value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any


def number(settings: Mapping[str, Any], field: str, default: float, lo: float, hi: float) -> float:
    """A real field, or ``default`` when absent. Raises ValueError outside ``lo`` to ``hi``."""
    value = settings.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{field} = {value!r}: a number from {lo:g} to {hi:g} is allowed")
    if not lo <= value <= hi:
        raise ValueError(f"{field} = {value!r}: {lo:g} to {hi:g} is allowed")
    return float(value)


def only(settings: Mapping[str, Any], where: str, allowed: Collection[str]) -> None:
    """Raises ValueError when a field is not among those allowed."""
    for field in settings:
        if field not in allowed:
            raise ValueError(
                f"{where}.{field} = {settings[field]!r}: allowed are {', '.join(sorted(allowed))}"
            )


def names(
    settings: Mapping[str, Any], field: str, default: tuple[str, ...], allowed: tuple[str, ...]
) -> tuple[str, ...]:
    """A list of names, or ``default`` when absent. Raises ValueError for any other value."""
    value = settings.get(field, default)
    if not isinstance(value, list | tuple) or not all(name in allowed for name in value):
        raise ValueError(f"{field} = {value!r}: a list of {', '.join(allowed)} is allowed")
    return tuple(value)


def table(settings: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """A sub-table, empty when absent. Raises ValueError when it is not a table."""
    value = settings.get(field, {})
    if not isinstance(value, Mapping):
        raise ValueError(f"{field} = {value!r}: a table is allowed")
    return value
