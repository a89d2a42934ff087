"""Operator input: what is understood, and what the refusals say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from dictionary_strategies import LINKED, label, messages
from hypothesis import given, settings

from flight.dictionary import layout
from flight.dictionary.commands import Ping, RunTask, SetParameter, SetSafeMode
from flight.dictionary.enums import Level, Reason
from flight.dictionary.fieldspec import fields
from flight.dictionary.parameters import ExecutorParameters
from flight.dictionary.registry import Item, Message

TASK = {"program": "cloud", "scene": "demo"}


@pytest.mark.parametrize("item", LINKED, ids=label)
def test_what_is_typed_out_is_what_is_built(item: Item[Any]) -> None:
    @settings(max_examples=10, deadline=None, derandomize=True)
    @given(messages(item.type))
    def check(message: Message) -> None:
        typed: dict[str, str] = {}
        for spec in fields(item.type):
            value = getattr(message, spec.name)
            typed[spec.name] = value.name.lower() if spec.enum else str(value)
        assert layout.build(item.type, typed) == message

    check()


@pytest.mark.parametrize(
    ("text", "level"),
    [("dmr", 2), ("DMR", 2), (" Tmr ", 3), ("0", 0), ("0x3", 3), ("02", 2)],
)
def test_members_by_name_or_number(text: str, level: int) -> None:
    assert layout.build(RunTask, TASK | {"level": text}).level is Level(level)


@pytest.mark.parametrize(
    ("text", "number"),
    [("9", 9), ("0x9", 9), ("0b101", 5), ("007", 7), (" 4 ", 4), ("0o7", 7), ("+3", 3)],
)
def test_integers(text: str, number: int) -> None:
    assert layout.build(RunTask, TASK | {"priority": text}).priority == number


@pytest.mark.parametrize("text", ["true", "TRUE", "on", "yes", "1"])
def test_true(text: str) -> None:
    assert layout.build(SetSafeMode, {"on": text}).on is True


@pytest.mark.parametrize("text", ["false", "Off", "no", "0"])
def test_false(text: str) -> None:
    assert layout.build(SetSafeMode, {"on": text}).on is False


@pytest.mark.parametrize(("text", "number"), [("2.5", 2.5), ("-1e3", -1000.0), ("3", 3.0)])
def test_reals(text: str, number: float) -> None:
    assert layout.build(SetParameter, {"name": "a.b", "value": text}).value == number


def test_nan_only_where_no_range_forbids_it() -> None:
    assert math.isnan(layout.build(SetParameter, {"name": "a.b", "value": "nan"}).value)
    with pytest.raises(layout.LayoutError) as caught:
        layout.build(ExecutorParameters, {"step_deadline": "nan"})
    assert caught.value.reason is Reason.RANGE


def test_defaults_and_commands_without_fields() -> None:
    assert layout.build(RunTask, TASK) == RunTask("cloud", "demo")
    assert layout.build(Ping, {}) == Ping()


@pytest.mark.parametrize(
    ("values", "reason", "words"),
    [
        (TASK | {"priority": "12"}, Reason.RANGE, ["priority=12", "0 to 9"]),
        (TASK | {"priority": "-1"}, Reason.RANGE, ["priority=-1", "0 to 9"]),
        (TASK | {"priority": "high"}, Reason.FORMAT, ["priority=high", "0 to 9"]),
        (TASK | {"priority": ""}, Reason.FORMAT, ["priority="]),
        (TASK | {"priority": "2.0"}, Reason.FORMAT, ["priority=2.0"]),
        (TASK | {"priority": "0x" + "f" * 9999}, Reason.RANGE, ["priority=0xfff", "..."]),
        (TASK | {"priority": "9" * 9999}, Reason.FORMAT, ["priority=999", "..."]),
        (TASK | {"level": "tmp"}, Reason.RANGE, ["level=tmp", "NONE, VERIFY", "did you mean TMR?"]),
        (TASK | {"level": "verfy"}, Reason.RANGE, ["did you mean VERIFY?"]),
        (TASK | {"level": "4"}, Reason.RANGE, ["level=4", "TMR"]),
        (TASK | {"level": "qqq"}, Reason.RANGE, ["level=qqq"]),
        (TASK | {"lvl": "dmr"}, Reason.FORMAT, ["no field 'lvl'", "did you mean level?"]),
        (TASK | {"xyzzy": "1"}, Reason.FORMAT, ["no field 'xyzzy'", "program, scene, level"]),
        ({"program": "cloud"}, Reason.FORMAT, ["scene is missing", "32 printable"]),
        (TASK | {"scene": "é"}, Reason.RANGE, ["scene=", "printable ASCII"]),
        (TASK | {"scene": "x" * 33}, Reason.RANGE, ["at most 32"]),
        (TASK | {"scene": "\x1b[2J"}, Reason.RANGE, [r"\x1b"]),
    ],
)
def test_refusals_name_field_value_and_what_is_allowed(
    values: dict[str, str], reason: Reason, words: list[str]
) -> None:
    with pytest.raises(layout.LayoutError) as caught:
        layout.build(RunTask, values)
    assert caught.value.reason is reason
    assert str(caught.value) == caught.value.detail
    assert [word for word in words if word not in caught.value.detail] == []
    assert len(caught.value.detail) < 300
    assert caught.value.detail.isprintable()


def test_refusals_of_flags_and_reals() -> None:
    with pytest.raises(layout.LayoutError, match="on=maybe: allowed is true or false"):
        layout.build(SetSafeMode, {"on": "maybe"})
    with pytest.raises(layout.LayoutError, match=r"step_deadline=1e9: allowed is 0\.1 to 600 s"):
        layout.build(ExecutorParameters, {"step_deadline": "1e9"})
    with pytest.raises(layout.LayoutError, match="value=warm: allowed is any number"):
        layout.build(SetParameter, {"name": "a.b", "value": "warm"})
    with pytest.raises(layout.LayoutError, match=r"Ping has no field 'x' \(fields: none\)"):
        layout.build(Ping, {"x": "1"})
