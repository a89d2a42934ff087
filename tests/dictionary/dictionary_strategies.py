"""Hypothesis strategies and small declarations, generated from the field specs."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from typing import Any, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from flight.dictionary.fieldspec import FieldSpec, fields
from flight.dictionary.registry import BY_ID, Item, Message

ITEMS = [BY_ID[key] for key in sorted(BY_ID)]
LINKED = [item for item in ITEMS if item.linked]
INT64 = st.integers(-(2**63), 2**63 - 1)
PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)


def label(item: Item[Any]) -> str:
    """Test id of an item."""
    return f"{item.kind}-{item.name}"


def declare(*declared: tuple[Any, ...], name: str = "Sample", doc: str = "A sample.") -> Any:
    """Declare a message type from (name, annotation[, default]) without registering it."""
    options = {"array_like": True, "forbid_unknown_fields": True, "frozen": True}
    return msgspec.defstruct(
        name, declared, bases=(Message,), namespace={"__doc__": doc}, **options
    )


_PLAIN: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
    int: lambda: INT64,
    float: lambda: st.floats(allow_nan=False),
    str: lambda: st.text(max_size=20),
    bytes: lambda: st.binary(max_size=20),
    bool: st.booleans,
}


def _annotated(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field that stays on the bus."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        key, value = map(_annotated, arguments)
        return st.dictionaries(key, value, max_size=4)
    if origin is tuple:
        return st.lists(_annotated(arguments[0]), max_size=4).map(tuple)
    if issubclass(annotation, IntEnum):
        return st.sampled_from(annotation)
    if issubclass(annotation, Message):
        return messages(annotation)
    return _PLAIN[annotation]()


def values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """All values that a field allows, NaN where no range forbids it left out."""
    if spec.wire is None or spec.wire in ("enum", "?"):
        return _annotated(spec.annotation)
    if spec.wire == "text":
        return st.text(PRINTABLE, max_size=spec.size)
    if spec.wire == "d":
        return st.floats(spec.lo, spec.hi, allow_nan=False)
    if spec.wire == "f":
        most = 3.4e38
        low = -most if spec.lo is None else spec.lo
        return st.floats(low, most if spec.hi is None else spec.hi)
    return st.integers(spec.lo, spec.hi)


def messages(kind: type[Message]) -> st.SearchStrategy[Any]:
    """All messages of a kind."""
    return st.builds(kind, **{spec.name: values(spec) for spec in fields(kind)})


def sample(kind: type[Message]) -> Any:
    """One message with the least value in every field of a linked kind."""
    least = {"?": False, "text": "", "f": 0.0, "d": 0.0}
    return kind(
        **{
            spec.name: next(iter(spec.enum))
            if spec.enum
            else (spec.lo if spec.lo is not None else least[str(spec.wire)])
            for spec in fields(kind)
        }
    )


def equal(one: Any, other: Any) -> bool:
    """Equality in which NaN equals NaN."""
    both_nan = isinstance(one, float) and isinstance(other, float) and math.isnan(one + other)
    return one == other or both_nan
