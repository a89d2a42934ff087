"""The level table of the settings."""

from __future__ import annotations

from typing import Any

import pytest

from flight.dictionary.enums import BudgetLevel
from flight.governor.levels import DEFAULT, Allowance, levels

ROW: dict[str, Any] = {"cores": 3, "duty": 0.9, "watts": 12.0}


def test_named_levels_replace_the_default() -> None:
    assert levels({}) == DEFAULT
    table = levels({"reduced": ROW})
    assert table[BudgetLevel.REDUCED] == Allowance(3, 0.9, 12.0)
    assert table[BudgetLevel.FULL] == DEFAULT[BudgetLevel.FULL]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"extreme": ROW}, ["levels.extreme", "conservative, full, reduced, survival"]),
        ({"full": 5}, ["full", "5", "table"]),
        ({"full": {"cores": 4, "duty": 1.0}}, ["full.watts", "missing"]),
        ({"full": ROW | {"volts": 1}}, ["full.volts", "1", "cores, duty, watts"]),
        ({"full": ROW | {"cores": 65}}, ["full.cores", "65", "0 to 64"]),
        ({"full": ROW | {"cores": 2.5}}, ["full.cores", "2.5", "0 to 64"]),
        ({"full": ROW | {"cores": True}}, ["full.cores", "True"]),
        ({"full": ROW | {"duty": 1.1}}, ["full.duty", "1.1", "0 to 1"]),
        ({"full": ROW | {"watts": float("nan")}}, ["full.watts", "nan", "0 to 1000"]),
        ({"full": ROW | {"watts": "20"}}, ["full.watts", "'20'", "0 to 1000"]),
        ({"conservative": ROW}, ["reduced.cores", "2", "3 or more"]),
    ],
)
def test_refusals_name_field_value_and_what_is_allowed(
    settings: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ValueError) as refusal:
        levels(settings)
    for word in words:
        assert word in str(refusal.value)
