"""The ledger of ids: the checked-in one holds, mutated ones are caught."""

from __future__ import annotations

import copy
import dataclasses
import json
from importlib import resources
from typing import Annotated, Any

import pytest
from dictionary_strategies import ITEMS, declare

from flight.dictionary import ledger
from flight.dictionary.enums import Mode
from flight.dictionary.fields import choice, u8
from flight.dictionary.registry import Item


def mutated(kind: str, number: int, name: str | None) -> ledger.Ledger:
    """The checked-in ledger with one entry changed or removed."""
    changed = copy.deepcopy(ledger.load())
    if name is None:
        del changed[kind][number]
    else:
        changed[kind][number] = name
    return changed


def test_the_dictionary_keeps_to_the_ledger() -> None:
    assert ledger.check(ledger.load(), ITEMS) == []


def test_the_file_is_in_the_package_sorted_and_complete() -> None:
    raw = json.loads(resources.files("flight.dictionary").joinpath("ledger.json").read_text())
    assert {"command", "telemetry", "event", "parameter", "enum Reason", "enum Mode"} <= set(raw)
    for ids in raw.values():
        assert [int(each) for each in ids] == sorted(int(each) for each in ids)
        assert len(set(ids.values())) == len(ids), "one name, two ids"


@pytest.mark.parametrize("kind", ["command", "telemetry", "event", "parameter", "enum Reason"])
def test_every_single_mutation_is_caught(kind: str) -> None:
    for number, name in ledger.load()[kind].items():
        (missing,) = ledger.check(mutated(kind, number, None), ITEMS)
        assert missing == f"{kind} {number} {name!r} is not in ledger.json"
        (reused,) = ledger.check(mutated(kind, number, "former"), ITEMS)
        assert reused == f"{kind} {number} was 'former', it cannot become {name!r}"


def test_a_name_that_moved_to_a_new_id_is_caught() -> None:
    moved = [
        dataclasses.replace(item, id=99) if item.name == "task.run" else item for item in ITEMS
    ]
    assert ledger.check(ledger.load(), moved) == ["command 'task.run' was 2, it cannot become 99"]


def test_two_names_that_changed_places_are_caught() -> None:
    places = {"ping": 2, "task.run": 1}
    swapped = [dataclasses.replace(item, id=places.get(item.name, item.id)) for item in ITEMS]
    assert len(ledger.check(ledger.load(), swapped)) == 2


def test_a_retired_id_stays_taken() -> None:
    kept = [item for item in ITEMS if item.name != "task.run"]
    assert ledger.check(ledger.load(), kept) == []
    new: Item[Any] = Item("command", 2, "task.new", declare(("x", Annotated[int, u8("", "")])))
    assert ledger.check(ledger.load(), [*kept, new]) == [
        "command 2 was 'task.run', it cannot become 'task.new'"
    ]


def test_an_empty_ledger_misses_everything() -> None:
    assert len(ledger.check({}, ITEMS)) == sum(map(len, ledger.entries(ITEMS).values()))


def test_members_of_enumerations_are_ids_too() -> None:
    item: Item[Any] = Item("event", 1, "sample", declare(("m", Annotated[Mode, choice("")])))
    found = ledger.entries([item])
    assert found["event"] == {1: "sample"}
    assert found["enum Mode"] == {0: "BOOT", 1: "NOMINAL", 2: "SAFE"}
