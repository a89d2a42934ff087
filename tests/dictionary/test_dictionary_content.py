"""Content: the hash tells what must agree, the pages tell everything."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from dictionary_strategies import ITEMS, declare, label

import flight
from flight.dictionary import content
from flight.dictionary.enums import Severity
from flight.dictionary.fields import choice, f32, internal, text, u8, u16
from flight.dictionary.fieldspec import fields
from flight.dictionary.registry import Delivery, Item


class Colour(IntEnum):
    """Colours."""

    RED = 0
    BLUE = 1


class Inner(IntEnum):
    """Deep."""

    A = 0


NESTED = declare(("i", Annotated[Inner, internal("")]), name="Nested")
X = ("x", Annotated[int, u8("V", "Volts", lo=0, hi=9)])
Y = ("y", Annotated[Colour, choice("Colour")])
N = ("n", Annotated[tuple[NESTED, ...], internal("")])
BASE = Item("telemetry", 1, "sample", declare(X, Y, N))


def typed(*declared: Any) -> Item[Any]:
    """The base item with other fields."""
    return dataclasses.replace(BASE, type=declare(*declared))


def members(**chosen: int) -> Any:
    """Another enumeration called Colour."""
    return IntEnum("Colour", chosen)


def nested(**chosen: int) -> Any:
    """The nested field with another innermost enumeration."""
    inner = declare(("i", Annotated[IntEnum("Inner", chosen), internal("")]), name="Nested")
    return ("n", Annotated[tuple[inner, ...], internal("")])


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(BASE, id=2),
        dataclasses.replace(BASE, name="other"),
        dataclasses.replace(BASE, kind="command"),
        dataclasses.replace(BASE, linked=True, type=BASE.type),
        typed(Y, X, N),
        typed(X, Y),
        typed(X, Y, N, ("z", Annotated[int, u8("", "")])),
        typed(("w", X[1]), Y, N),
        typed(("x", Annotated[int, u16("V", "Volts", lo=0, hi=9)]), Y, N),
        typed(("x", Annotated[int, u8("mV", "Volts", lo=0, hi=9)]), Y, N),
        typed(("x", Annotated[int, u8("V", "Volts", lo=1, hi=9)]), Y, N),
        typed(("x", Annotated[int, u8("V", "Volts", lo=0, hi=8)]), Y, N),
        typed(X, ("y", Annotated[members(RED=0, GREEN=1), choice("Colour")]), N),
        typed(X, ("y", Annotated[members(RED=0, BLUE=2), choice("Colour")]), N),
        typed(X, ("y", Annotated[members(RED=0, BLUE=1, PINK=2), choice("Colour")]), N),
        typed(X, ("y", Annotated[Colour, internal("Colour")]), N),
        typed(X, Y, ("n", Annotated[tuple[int, ...], internal("")])),
        typed(X, Y, nested(A=0, B=1)),
    ],
)
def test_the_hash_changes(other: Item[Any]) -> None:
    assert content.content_hash([other]) != content.content_hash([BASE])


@pytest.mark.parametrize(
    "other",
    [
        BASE,
        typed(("x", Annotated[int, u8("V", "Other words", lo=0, hi=9)]), Y, N),
        typed(X, ("y", Annotated[Colour, choice("Other words")]), N),
        typed(X, ("y", Annotated[members(BLUE=1, RED=0), choice("Colour")]), N),
        typed(X, Y, nested(A=0)),
        dataclasses.replace(BASE, type=declare(X, Y, N, name="Renamed", doc="Other words.")),
        dataclasses.replace(BASE, delivery=Delivery.LATEST, depth=9, recorded=True),
        dataclasses.replace(BASE, severity=Severity.FATAL, template="other"),
    ],
)
def test_the_hash_stays(other: Item[Any]) -> None:
    assert content.content_hash([other]) == content.content_hash([BASE])


def test_the_hash_ignores_defaults_and_how_a_bound_is_written() -> None:
    whole, real = (declare(("x", Annotated[float, f32("", "", hi=top)])) for top in (1, 1.0))
    preset = declare(("x", Annotated[float, f32("", "", hi=1.0)], 0.5))
    items = [dataclasses.replace(BASE, type=kind) for kind in (whole, real, preset)]
    assert len({content.content_hash([item]) for item in items}) == 1


@pytest.mark.parametrize("item", [item for item in ITEMS if fields(item.type)], ids=label)
def test_losing_or_renaming_any_field_changes_the_hash_of_the_dictionary(item: Item[Any]) -> None:
    specs = [
        (each.name, each.type) + (() if each.default is msgspec.NODEFAULT else (each.default,))
        for each in msgspec.structs.fields(item.type)
    ]
    others = [other for other in ITEMS if other is not item]
    seen = {content.content_hash()}
    assert content.content_hash([*others, item]) in seen
    for index, (name, *rest) in enumerate(specs):
        for changed in ([], [(name + "_", *rest)]):
            kind = declare(*specs[:index], *changed, *specs[index + 1 :])
            seen.add(content.content_hash([*others, dataclasses.replace(item, type=kind)]))
    assert len(seen) == 1 + 2 * len(specs)


def test_the_hash_does_not_depend_on_order_process_or_hash_seed() -> None:
    expected = content.content_hash()
    assert content.content_hash(reversed(ITEMS)) == expected
    code = "from flight.dictionary import content; print(content.content_hash().hex())"
    root = Path(str(flight.__file__)).parents[1]
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code]
        found = subprocess.check_output(command, cwd=root, env=environment, text=True, timeout=60)
        assert found.strip() == expected.hex()


def test_hash32_is_the_head_of_the_hash() -> None:
    assert content.hash32() == int.from_bytes(content.content_hash()[:4], "big")
    assert 0 <= content.hash32() < 2**32
    assert len(content.content_hash()) == 32


def test_json_describes_every_item_and_field() -> None:
    whole = json.loads(content.to_json())
    assert whole == json.loads(json.dumps(content.describe()))
    assert whole["hash"] == content.content_hash().hex()
    listed = [each for kind in whole["items"].values() for each in kind]
    assert len(listed) == len(ITEMS)
    by_key = {(each["kind"], each["id"]): each for each in listed}
    for item in ITEMS:
        each = by_key[item.kind, item.id]
        assert (each["name"], each["type"], each["summary"]) == (
            item.name,
            item.type.__name__,
            item.summary,
        )
        specs = fields(item.type)
        assert [field["name"] for field in each["fields"]] == [spec.name for spec in specs]
        for field, spec in zip(each["fields"], specs, strict=True):
            assert (field["wire"], field["unit"], field["lo"], field["hi"]) == (
                spec.wire,
                spec.unit,
                spec.lo,
                spec.hi,
            )
            assert field["description"] == spec.description != ""
            assert ("default" in field) is not spec.required


def test_json_says_how_items_are_handled() -> None:
    items = content.describe()["items"]
    run = items["command"][1]
    assert (run["name"], run["service"], run["size"]) == ("task.run", "executor", 236)
    offsets = [field["offset"] for field in run["fields"]]
    assert offsets == [0, 32, 64, 65, 66, 70, 198, 230, 231, 235]
    assert run["fields"][2]["default"] == "VERIFY"
    assert run["fields"][2]["members"] == {"NONE": 0, "VERIFY": 1, "DMR": 2, "TMR": 3}
    heartbeat = items["telemetry"][0]
    assert (heartbeat["delivery"], heartbeat["recorded"], heartbeat["size"]) == (
        "latest",
        False,
        None,
    )
    assert heartbeat["fields"][3]["type"] == "dict[int, int]"
    assert items["event"][0]["severity"] == "ACTIVITY"
    assert items["event"][0]["template"] == "node up, boot {boots}"


def test_structures_and_enumerations_behind_fields_are_listed() -> None:
    whole = content.describe()
    assert {"ArrayRef", "Reply"} <= set(whole["structures"])
    assert {"Severity", "Reason", "Mode"} <= set(whole["enumerations"])


def _cells(line: str) -> int:
    return line.replace("\\|", "").count("|")


def test_markdown_has_every_item_and_even_tables() -> None:
    page = content.to_markdown()
    lines = page.splitlines()
    for item in ITEMS:
        assert f"### {item.id} `{item.name}`" in lines
        for spec in fields(item.type):
            assert f"| `{spec.name}` | `{spec.type_name}` | {spec.unit}" in page
    heads = [line for line, rule in pairwise(lines) if rule.startswith("| ---")]
    assert len(heads) > len(ITEMS) / 2
    width = 0
    for line in lines:
        if line.startswith("|"):
            width = width or _cells(line)
            assert _cells(line) == width, line
        else:
            width = 0
    assert "9223372036854775807" in page
    assert "0.1 .. 600" in page


def test_markdown_tells_the_class_of_each_command() -> None:
    page = content.to_markdown()
    for item in ITEMS:
        if item.kind == "command":
            about = page.split(f"`{item.name}`\n")[1].split("###")[0]
            assert f"Class {item.category.name}, executed by `{item.service}`; " in about
    assert "Class HAZARDOUS, " in page


def test_a_pipe_in_a_description_does_not_break_the_table(monkeypatch: Any) -> None:
    kind = declare(("t", Annotated[str, text(4, "a | b")], ""))
    described: Callable[..., Any] = content.describe
    monkeypatch.setattr(
        content, "describe", lambda: described([dataclasses.replace(BASE, type=kind)])
    )
    assert r'| `t` | `text[4]` |  |  | `""` | a \| b |' in content.to_markdown()
