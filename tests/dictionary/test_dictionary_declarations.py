"""Contradictory declarations are refused, and the whole dictionary imports light."""

from __future__ import annotations

import json
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
from dictionary_strategies import ITEMS, declare
from msgspec import Meta

import flight
from flight.dictionary import layout
from flight.dictionary.enums import Mode
from flight.dictionary.fields import choice, f32, f64, flag, internal, text, u8
from flight.dictionary.fieldspec import fields
from flight.dictionary.registry import Item

HEAVY = {"numpy", "zmq", "onnxruntime", "onnx", "psutil", "PIL", "rich", "msgpack", "asyncio"}


class Wide(IntEnum):
    """An enumeration that does not fit one octet."""

    FAR = 256


def entry(kind: Any, what: str = "telemetry", linked: bool = True, template: str = "") -> Item[Any]:
    """An entry that is not in the registry."""
    return Item(what, 200, "sample", kind, linked, template=template)


def test_the_dictionary_itself_is_sound() -> None:
    layout.check()
    assert {item.kind for item in ITEMS} == {"command", "telemetry", "event", "parameter"}


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (("x", Annotated[int, internal("")]), "internal"),
        (("x", int), "annotate"),
        (("x", Annotated[int, Meta(ge=0)]), "annotate"),
        (("x", Annotated[int, u8("", ""), Meta(le=3)]), "annotate"),
        (("x", Annotated[float, u8("", "")]), "cannot carry float"),
        (("x", Annotated[int, f32("", "")]), "cannot carry int"),
        (("x", Annotated[int, flag("")]), "cannot carry int"),
        (("x", Annotated[bytes, text(4, "")]), "cannot carry bytes"),
        (("x", Annotated[int, choice("")]), "cannot carry int"),
        (("x", Annotated[Wide, choice("")]), "one octet"),
        (("x", Annotated[int, u8("", "", lo=5, hi=4)]), "empty range"),
        (("x", Annotated[int, u8("", "", hi=256)]), "does not fit"),
        (("x", Annotated[float, f32("", "", hi=1e39)]), "does not fit"),
        (("x", Annotated[int, u8("", "", hi=9)], 10), "default 10"),
        (("x", Annotated[float, f64("", "", lo=0.5)], 0.1), "default 0.1"),
        (("x", Annotated[Mode, choice("")], 1), "default 1"),
        (("x", Annotated[bool, flag("")], 1), "default 1"),
        (("x", Annotated[str, text(2, "")], "abc"), "default"),
    ],
)
def test_contradictions_in_a_linked_item_are_refused(declared: tuple[Any, ...], words: str) -> None:
    with pytest.raises(layout.DeclarationError, match=words):
        layout.check([entry(declare(declared))])


def test_an_internal_field_is_fine_on_the_bus() -> None:
    layout.check([entry(declare(("x", Annotated[dict[int, int], internal("")])), linked=False)])


def test_parameters_need_defaults() -> None:
    with pytest.raises(layout.DeclarationError, match="default"):
        layout.check([entry(declare(("x", Annotated[int, u8("", "")])), "parameter")])


@pytest.mark.parametrize("template", ["{y}", "{x.name}", "{m.value}", "{}", "{0}"])
def test_templates_name_fields(template: str) -> None:
    kind = declare(("x", Annotated[int, u8("", "")]), ("m", Annotated[Mode, choice("")]))
    layout.check([entry(kind, "event", template="{x} {m} {m.name}")])
    with pytest.raises(layout.DeclarationError, match="template"):
        layout.check([entry(kind, "event", template=template)])


def test_field_specs() -> None:
    kind = declare(
        ("m", Annotated[Mode, choice("Mode")]),
        ("t", Annotated[str, text(12, "Text")]),
        ("n", Annotated[tuple[int, ...], internal("Shape")]),
        ("x", Annotated[float, f32("degC", "Warm", lo=0, hi=90)], 20.0),
    )
    mode, label, shape, warm = fields(kind)
    assert (mode.wire, mode.enum, mode.size, mode.type_name) == ("enum", Mode, 1, "Mode")
    assert (label.wire, label.size, label.type_name, label.required) == (
        "text",
        12,
        "text[12]",
        True,
    )
    assert (shape.wire, shape.size, shape.type_name) == (None, 0, "tuple[int, ...]")
    assert (warm.unit, warm.lo, warm.hi, warm.default, warm.size) == ("degC", 0.0, 90.0, 20.0, 4)
    assert warm.allowed == "0 to 90 degC"
    assert fields(kind) is fields(kind)


def test_importing_the_dictionary_loads_nothing_heavy() -> None:
    code = (
        "import json, sys; import flight.dictionary; registry = flight.dictionary.registry;"
        "count = len(registry.ITEMS);"
        "from flight.dictionary import codec, content, layout, ledger, product, rendering;"
        "print(json.dumps([count, sorted(sys.modules)]))"
    )
    root = Path(str(flight.__file__)).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    count, modules = json.loads(done.stdout)
    assert count == len(ITEMS), "importing the package registers everything"
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
